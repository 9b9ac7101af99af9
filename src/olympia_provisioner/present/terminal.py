# SPDX-License-Identifier: BSD-3-Clause
"""The live display of a run on a terminal: its phases and what is running in them, redrawn in place."""

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
from .console import Observer
from .outcome import Report

# The events whose output is printed above the display.
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


class Terminal(Observer):
    """Draws a run on a terminal."""

    def __init__(self, report: Report, stream: TextIO, clock: Callable[[], float] = time.monotonic) -> None:
        """Create the display; nothing is drawn before the first event.

        Args:
            report: Collects what happens in the run. It gets each event first.
            stream: The terminal.
            clock: Returns the current time in seconds.
        """
        self._report = report
        self._clock = clock
        self._board = Board()
        # rich handles NO_COLOR and the width of the terminal.
        self._rich = RichConsole(file=stream, highlight=False, markup=False, emoji=False)
        self._marks = MARKS if self._rich.encoding.startswith("utf") else ASCII_MARKS
        self._live = Live(get_renderable=self._draw, console=self._rich, auto_refresh=False)
        self._tasks = self._failures = 0

    def see(self, event: Mapping[str, Any]) -> None:
        """Update the display with an event of ansible-runner."""
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
        """Update the display with a progress event."""
        self._board.see_progress(event, self._clock())

    def beat(self) -> None:
        """Redraw, because the times have changed."""
        if self._live.is_started:
            self._live.refresh()

    def close(self) -> None:
        """Draw the final state."""
        if self._report.code is ExitCode.INTERRUPTED:
            self._board.stop(self._clock())
        self._board.turn_to("", "", self._clock())
        self._live.stop()

    def fail(self) -> None:
        """Draw the final state; the failures have been printed above it."""
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
    """Return the text of an event that is printed above the display; empty for most events.

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
