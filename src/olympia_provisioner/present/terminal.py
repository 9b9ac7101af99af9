# SPDX-License-Identifier: BSD-3-Clause
"""What a run looks like on a terminal: its phases, and inside them what goes on, redrawn in place."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Any, TextIO

from rich.console import Console as RichConsole
from rich.live import Live
from rich.table import Table
from rich.text import Text

from ..errors import ExitCode
from .board import Board
from .outcome import Report

# What Ansible prints of these is worth reading besides.
SPOKEN = ("runner_on_unreachable", "warning", "deprecated")
STYLES = {
    "running": "cyan",
    "done": "green",
    "changed": "green",
    "cached": "dim",
    "failed": "bold red",
    "waiting": "dim",
    "stopped": "yellow",
}
MARKS = {
    "running": "\N{BLACK CIRCLE}",
    "cached": "\N{CHECK MARK}",
    "failed": "\N{BALLOT X}",
    "waiting": " ",
    "stopped": "-",
}
ASCII_MARKS = {"running": "*", "cached": "+", "failed": "x", "waiting": " ", "stopped": "-"}


class Terminal:
    """Draws a run as it goes on."""

    def __init__(self, report: Report, stream: TextIO, clock: Callable[[], float] = time.monotonic) -> None:
        """Make one; nothing is drawn before the first event.

        Args:
            report: The run; it sees each event before the terminal does.
            stream: The terminal.
            clock: Returns the time in seconds.
        """
        self._report = report
        self._clock = clock
        self._board = Board()
        # It knows of NO_COLOR, and of how wide the terminal is.
        self._rich = RichConsole(file=stream, highlight=False, markup=False, emoji=False)
        self._marks = MARKS if self._rich.encoding.startswith("utf") else ASCII_MARKS
        self._live = Live(get_renderable=self._draw, console=self._rich, auto_refresh=False)
        self._tasks = self._failures = 0

    def see(self, event: Mapping[str, Any]) -> None:
        """Take an event of ansible-runner into account."""
        self._live.start()
        self._board.turn_to(self._report.phase, self._report.task, self._clock())
        for task in self._report.tasks[self._tasks :]:
            self._board.see_task(task.host, task.status, self._clock())
        self._tasks = len(self._report.tasks)
        for failure in self._report.failures[self._failures :]:
            place = f"{failure['phase']} failed on {failure['host']}: {failure['task']}"
            self._rich.print(Text(place, style="bold red"), Text.from_ansi(failure["message"]), sep="\n")
        self._failures = len(self._report.failures)
        if text := spoken(event):
            self._rich.print(Text.from_ansi(text))
        self._live.refresh()

    def progress(self, event: Mapping[str, Any]) -> None:
        """Take what a module tells into account."""
        self._board.see_progress(event, self._clock())

    def beat(self) -> None:
        """Draw: times have gone on."""
        if self._live.is_started:
            self._live.refresh()

    def close(self) -> None:
        """Draw a last time, and leave it there."""
        if self._report.code is ExitCode.INTERRUPTED:
            self._board.stop(self._clock())
        self._board.turn_to("", "", self._clock())
        self._live.stop()

    def fail(self) -> None:
        """Leave the drawing: what has failed was printed above it."""
        self.close()

    def _draw(self) -> Table:
        table = Table.grid(expand=True, padding=(0, 1))
        table.add_column(ratio=1, no_wrap=True, overflow="ellipsis")
        table.add_column(justify="right", no_wrap=True)
        for line in self._board.lines(self._clock()):
            mark = self._marks.get(line.state, self._marks["cached"])
            style = STYLES[line.state]
            left = Text.assemble(
                "  " * line.depth, (mark, style), " ", (line.text, "dim" if line.state == "cached" else "")
            )
            table.add_row(left, Text(line.right, style="dim"))
        return table


def spoken(event: Mapping[str, Any]) -> str:
    """Return what of an event is printed besides the drawing; the empty string for most.

    Args:
        event: An event of ansible-runner.
    """
    data = event.get("event_data") or {}
    if event.get("event") in SPOKEN:
        return str(event.get("stdout") or "").replace("\r\n", "\n").strip("\n")
    if event.get("event") == "runner_on_ok" and str(data.get("task_action", "")).endswith("debug"):
        message = (data.get("res") or {}).get("msg", "")
        return "\n".join(str(line) for line in message) if isinstance(message, list) else str(message)
    return ""
