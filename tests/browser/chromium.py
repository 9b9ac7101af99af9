# SPDX-License-Identifier: BSD-3-Clause
"""A real browser, told what to do over its debugging pipe: no more than the tests of pages need."""

from __future__ import annotations

import base64
import itertools
import json
import os
import select
import shutil
import subprocess
import time
from pathlib import Path
from typing import Any

TIMEOUT = 60.0
# Where Chromium reads commands and writes answers with --remote-debugging-pipe.
READ, WRITE = 3, 4


def install() -> str:
    """Return the path of Chromium, which is installed from the distribution where it is missing."""
    if not shutil.which("chromium"):
        become = [] if os.geteuid() == 0 else ["sudo", "-n"]
        for arguments in (["update", "-q"], ["install", "-q", "-y", "--no-install-recommends", "chromium"]):
            environment = ["env", "DEBIAN_FRONTEND=noninteractive"]
            subprocess.run(
                [*become, *environment, "apt-get", "-o", "DPkg::Lock::Timeout=600", *arguments], check=True, timeout=600
            )
    found = shutil.which("chromium")
    assert found, "apt-get has installed chromium, but there is no such command"
    return found


class Chromium:
    """A browser with one tab. Names are never resolved: whatever a page would load from elsewhere fails."""

    def __init__(self, profile: Path) -> None:
        commands, self._commands = os.pipe()
        self._answers, answers = os.pipe()

        def connect() -> None:
            # Away from 3 and 4 first: either may be one of the two.
            high = [os.dup2(commands, 100), os.dup2(answers, 101)]
            os.dup2(high[0], READ)
            os.dup2(high[1], WRITE)

        self._process = subprocess.Popen(
            [
                install(),
                "--headless=new",
                "--no-sandbox",
                "--disable-gpu",
                "--hide-scrollbars",
                "--no-first-run",
                "--disable-background-networking",
                "--disable-component-update",
                "--proxy-server=127.0.0.1:1",
                "--host-resolver-rules=MAP * ~NOTFOUND",
                f"--user-data-dir={profile}",
                "--remote-debugging-pipe",
                "about:blank",
            ],
            preexec_fn=connect,
            pass_fds=(READ, WRITE),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        os.close(commands)
        os.close(answers)
        self._numbers = itertools.count(1)
        self._buffer = b""
        self._session = ""
        self.requests: list[str] = []
        self.problems: list[str] = []
        targets = self.call("Target.getTargets")["targetInfos"]
        page = next(target["targetId"] for target in targets if target["type"] == "page")
        self._session = self.call("Target.attachToTarget", targetId=page, flatten=True)["sessionId"]
        for domain in ("Page", "Network", "Runtime", "Log"):
            self.call(f"{domain}.enable")

    def close(self) -> None:
        """End the browser."""
        self._process.terminate()
        self._process.wait(TIMEOUT)
        os.close(self._commands)
        os.close(self._answers)

    def call(self, method: str, **params: Any) -> dict[str, Any]:
        """Give a command of the DevTools protocol and return its answer."""
        number = next(self._numbers)
        message = {"id": number, "method": method, "params": params}
        if self._session:
            message["sessionId"] = self._session
        os.write(self._commands, json.dumps(message).encode() + b"\0")
        while (answer := self._read()).get("id") != number:
            pass
        assert "error" not in answer, answer
        result: dict[str, Any] = answer["result"]
        return result

    def _read(self) -> dict[str, Any]:
        deadline = time.monotonic() + TIMEOUT
        while b"\0" not in self._buffer:
            assert select.select([self._answers], [], [], max(0.0, deadline - time.monotonic()))[0], "no answer"
            read = os.read(self._answers, 2**20)
            assert read, "the browser has ended"
            self._buffer += read
        text, _, self._buffer = self._buffer.partition(b"\0")
        message: dict[str, Any] = json.loads(text)
        self._see(message.get("method", ""), message.get("params", {}))
        return message

    def _see(self, event: str, data: dict[str, Any]) -> None:
        if event == "Network.requestWillBeSent":
            self.requests.append(data["request"]["url"])
        elif event == "Log.entryAdded":
            self.problems.append(data["entry"]["text"])

    def open(self, path: Path, width: int, height: int, scheme: str = "light") -> None:
        """Open a file in a window of a size and a colour scheme, and forget what was seen before."""
        self.call(
            "Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=width < 600
        )
        self.call("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": scheme}])
        self.requests.clear()
        self.problems.clear()
        self.call("Page.navigate", url=path.as_uri())
        deadline = time.monotonic() + TIMEOUT
        while self.js("document.readyState + location.href") != "complete" + path.as_uri():
            assert time.monotonic() < deadline, f"{path} does not load"
            time.sleep(0.05)

    def js(self, expression: str) -> Any:
        """Return the value of an expression in the page."""
        answer = self.call("Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True)
        assert "exceptionDetails" not in answer, answer
        return answer["result"].get("value")

    def press(self, key: str, code: int) -> None:
        """Press a key."""
        for kind in ("keyDown", "keyUp"):
            self.call("Input.dispatchKeyEvent", type=kind, key=key, code=key, windowsVirtualKeyCode=code)

    def screenshot(self, path: Path, whole: bool = False) -> None:
        """Write what is seen as a PNG; the whole page, or the window."""
        data = self.call("Page.captureScreenshot", format="png", captureBeyondViewport=whole)["data"]
        path.write_bytes(base64.b64decode(data))
