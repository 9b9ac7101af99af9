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
from collections.abc import Callable
from pathlib import Path
from typing import Any

TIMEOUT = 60.0
# What an expression ends with when the page is left while it is looked at.
LEFT = ("Cannot find context", "Cannot find default execution context", "Execution context was destroyed", "navigated")
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
    """A browser with one tab. It reaches this machine's sites alone: whatever a page would load from elsewhere fails."""

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
                "--proxy-bypass-list=*.olympia.test",
                "--host-resolver-rules=MAP *.olympia.test 127.0.0.1, MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
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
        self._downloads: list[str] = []
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
        elif event == "Network.loadingFailed" and not data.get("canceled"):
            self.problems.append(data["errorText"])
        elif event == "Log.entryAdded":
            self.problems.append(f"{data['entry']['text']} {data['entry'].get('url', '')}".strip())
        elif event == "Runtime.exceptionThrown":
            self.problems.append(data["exceptionDetails"]["text"])
        elif event == "Runtime.consoleAPICalled":
            self.problems.append(" ".join(str(argument.get("value")) for argument in data["args"]))
        elif event == "Browser.downloadProgress" and data["state"] != "inProgress":
            self._downloads.append(data["state"])

    def open(self, url: str, width: int = 1280, height: int = 800, scheme: str = "light") -> None:
        """Open an address in a window of a size and a colour scheme, and forget what was seen before."""
        self.call(
            "Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=width < 600
        )
        self.call("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": scheme}])
        self.requests.clear()
        self.problems.clear()
        answer = self.call("Page.navigate", url=url)
        assert "errorText" not in answer, f"{url}: {answer['errorText']}"
        self.wait(f"document.readyState + location.href == {json.dumps('complete' + url)}")

    def js(self, expression: str) -> Any:
        """Return the value of an expression in the page."""
        answer = self.call("Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True)
        assert "exceptionDetails" not in answer, answer
        return answer["result"].get("value")

    def wait(self, expression: str) -> None:
        """Wait until an expression is true, in whatever page there is by then."""

        def holds() -> bool:
            try:
                return bool(self.js(expression))
            except AssertionError as error:
                if any(words in str(error) for words in LEFT):
                    return False
                raise

        self._until(holds, expression)

    def _until(self, condition: Callable[[], bool], what: str) -> None:
        deadline = time.monotonic() + TIMEOUT
        while not condition():
            assert time.monotonic() < deadline, f"waited {TIMEOUT:.0f} s in vain: {what}"
            time.sleep(0.05)

    def click(self, selector: str, text: str = "") -> None:
        """Click with the mouse on the first element of a selector that is labelled with a text."""
        found = self.js(
            f"(() => {{ const one = [...document.querySelectorAll({json.dumps(selector)})]"
            f".find(one => one.textContent.includes({json.dumps(text)}));"
            "if (!one) return null; one.scrollIntoView({block: 'center'});"
            "const {x, y, width, height} = one.getClientRects()[0];"
            "const at = [x + width / 2, y + height / 2];"
            "return one.contains(document.elementFromPoint(...at)) ? at : [] })()"
        )
        assert found is not None, f"there is no {selector} {text} on {self.js('location.href')}"
        assert found, f"{selector} {text} is covered on {self.js('location.href')}"
        for kind in ("mousePressed", "mouseReleased"):
            self.call("Input.dispatchMouseEvent", type=kind, x=found[0], y=found[1], button="left", clickCount=1)

    def type(self, text: str) -> None:
        """Type letters and spaces where the focus is."""
        for letter in text:
            self.press(letter, ord(letter.upper()), letter)

    def choose(self, selector: str, file: Path) -> None:
        """Choose a file in a form."""
        element = self.call("Runtime.evaluate", expression=f"document.querySelector({json.dumps(selector)})")["result"]
        self.call("DOM.setFileInputFiles", files=[str(file)], objectId=element["objectId"])

    def download(self, folder: Path, selector: str, text: str = "") -> Path:
        """Click on a link and return the file that comes of it, in an empty folder."""
        self.call("Browser.setDownloadBehavior", behavior="allow", downloadPath=str(folder), eventsEnabled=True)
        self._downloads.clear()
        self.click(selector, text)
        # Asking for anything brings the events that have come in the meantime.
        self._until(lambda: bool(self.js("true") and self._downloads), f"{selector} {text} is downloaded")
        assert self._downloads == ["completed"]
        (file,) = folder.iterdir()
        return file

    def press(self, key: str, code: int, text: str = "") -> None:
        """Press a key, which may write a text."""
        for kind, written in (("keyDown", text), ("keyUp", "")):
            self.call("Input.dispatchKeyEvent", type=kind, key=key, code=key, windowsVirtualKeyCode=code, text=written)

    def screenshot(self, path: Path, whole: bool = False) -> None:
        """Write what is seen as a PNG; the whole page, or the window."""
        data = self.call("Page.captureScreenshot", format="png", captureBeyondViewport=whole)["data"]
        path.write_bytes(base64.b64decode(data))

    def keep(self, place: Path) -> str:
        """Keep the window's picture and the page's source beside each other; return where they are, and what was seen."""
        place.parent.mkdir(parents=True, exist_ok=True)
        picture, source, seen = (place.with_suffix(suffix) for suffix in (".png", ".html", ".txt"))
        self.screenshot(picture)
        source.write_text(self.js("document.documentElement.outerHTML"))
        text = "\n".join([self.js("location.href"), *(self.problems or ["nothing in the console"])])
        seen.write_text(text + "\n")
        return f"{picture}\n{source}\n{seen}\n{text}"
