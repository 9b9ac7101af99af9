# SPDX-License-Identifier: BSD-3-Clause
"""Action plugins that pass the progress of a module on to the driver. Runs on the controller."""

from __future__ import annotations

import contextlib
import os
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from ansible.plugins.action import ActionBase
from ansible_collections.addons.olympia.plugins.module_utils.core.progress_events import checked

# The driver sets it to a file that it follows.
PROGRESS = "OLYMPIA_PROGRESS"
INTERVAL = 0.5  # seconds between two looks at a host, at least
# Polling slows the host down: each poll is followed by a pause that is this many times as long.
PAUSE = 10
# Limits in bytes of a module's progress: of one poll, and in total.
LOOK, MOST = 2**20, 2**25


class LiveAction(ActionBase):
    """Runs the module of the same name, and passes its progress on to the driver.

    In the background (`async`), this works only for the local host.
    """

    TRANSFERS_FILES = False
    _supports_check_mode = True
    _supports_async = True

    def run(self, tmp: str | None = None, task_vars: dict[str, Any] | None = None) -> dict[str, Any]:
        """Run the module and return its result."""
        super().run(tmp, task_vars)
        task_vars = task_vars or {}
        file, host = os.environ.get(PROGRESS, ""), str(task_vars["inventory_hostname"])
        if not file or (self._task.async_val and self._connection.transport != "local"):
            return self.module(self._task.resolved_action, self._task.args, task_vars)
        if self._connection.transport == "local":
            telling = self._task.args | {"progress": {"file": file, "host": host}}
            return self.module(self._task.resolved_action, telling, task_vars)
        there = self._connection._shell.join_path(self._make_tmp_path(), "progress")
        telling = self._task.args | {"progress": {"file": there, "host": host}}
        with meanwhile(lambda offset: self._copy(there, Path(file), host, offset or 0)):
            return self.module(self._task.resolved_action, telling, task_vars)

    def module(self, name: str, arguments: dict[str, Any], task_vars: dict[str, Any]) -> dict[str, Any]:
        """Run a module and return its result.

        Args:
            name: The module.
            arguments: Its arguments.
            task_vars: The variables of the task.
        """
        result: dict[str, Any] = self._execute_module(
            module_name=name, module_args=arguments, task_vars=task_vars, wrap_async=bool(self._task.async_val)
        )
        return result

    def output_of(self, command: str) -> bytes:
        """Return what a command prints on the host; nothing if it fails.

        Args:
            command: The command, quoted for a shell.
        """
        code, output, _errors = self._connection.exec_command(command, in_data=None, sudoable=False)
        return b"" if code else bytes(output)

    def _copy(self, there: str, here: Path, host: str, offset: int) -> int:
        """Append what is new in a file on the host to one on the controller, and return up to where that is.

        Args:
            there: The file on the host.
            here: The file on the controller.
            host: The host's name. It does not tell for others.
            offset: What has been copied before, in bytes.
        """
        if offset > MOST:
            return offset
        # tail counts from 1. A line that is still being written is left for the next look.
        output = self.output_of(f"tail --bytes=+{offset + 1} {there} 2>/dev/null | head --bytes={LOOK}")
        whole = output[: output.rfind(b"\n") + 1]
        with here.open("ab") as file:
            file.writelines(checked(line, host) for line in whole.splitlines())
        return offset + len(whole)


def pause_after(took: float) -> float:
    """Return how long nobody looks at a host after a look that took some time; both in seconds."""
    return max(INTERVAL, PAUSE * took)


@contextlib.contextmanager
def meanwhile(look: Callable[[Any], Any]) -> Iterator[None]:
    """Look at a host again and again while something else is done, and a last time after it.

    Args:
        look: Takes what it returned the last time, at first nothing.
    """
    over = threading.Event()

    def repeat() -> None:
        seen = None
        last = False
        took = 0.0
        while not last:
            last = over.wait(pause_after(took))
            started = time.monotonic()
            seen = look(seen)
            took = time.monotonic() - started

    thread = threading.Thread(target=repeat, daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()
