# SPDX-License-Identifier: BSD-3-Clause
"""Interrupting a run, and all processes that it started."""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType

# Seconds that Ansible has to end its workers and their children before they are killed.
GRACE = 10.0


def parents() -> dict[int, int]:
    """Return the parent of every living process, from /proc; empty without /proc."""
    found: dict[int, int] = {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):
            # The name in parentheses may contain anything; state and parent follow it.
            state, parent = stat.read_text().rpartition(")")[2].split()[:2]
            if state != "Z":
                found[int(stat.parent.name)] = int(parent)
    return found


def descendants() -> set[int]:
    """Return the child processes of this process, their children, and so on."""
    parent_of = parents()
    found: set[int] = set()
    while new := {pid for pid, parent in parent_of.items() if parent in found | {os.getpid()}} - found:
        found |= new
    return found


@dataclass
class Interruption:
    """Handles Ctrl-C, SIGTERM and SIGHUP during a run.

    The first signal is passed on to Ansible, which ends its workers and their children, each in its own session. Processes that
    do not end in time, or before a second signal, are killed.

    Attributes:
        quiet: Print nothing.
        since: When the first signal came, in seconds of the clock; 0 before.
        impatient: Whether there was a second signal.
        started: The processes that were running at the first signal.
        clock: Returns the current time in seconds.
    """

    quiet: bool = False
    since: float = 0.0
    impatient: bool = False
    started: set[int] = field(default_factory=set)
    clock: Callable[[], float] = time.monotonic

    def __call__(self, _number: int, _frame: FrameType | None) -> None:
        """Handle a signal."""
        if self.since:
            self.impatient = True
            return
        self.since = self.clock()
        if not self.quiet:
            # The terminal may be gone.
            with contextlib.suppress(OSError):
                print("\nInterrupted: stopping the run (again to kill it) ...", file=sys.stderr, flush=True)
        self.started = descendants()
        for pid, parent in parents().items():
            if parent == os.getpid():
                os.kill(pid, signal.SIGINT)

    def overdue(self) -> bool:
        """Return whether to kill the remaining processes now."""
        return bool(self.since) and (self.impatient or self.clock() - self.since > GRACE)

    def finish(self) -> None:
        """Wait for the processes that Ansible left behind, and kill them when they are overdue."""
        while left := self.started & parents().keys():
            if self.overdue():
                for pid in left:
                    with contextlib.suppress(ProcessLookupError, PermissionError):
                        os.kill(pid, signal.SIGKILL)
                return
            time.sleep(0.05)

    @contextlib.contextmanager
    def handled(self) -> Iterator[None]:
        """Handle the signals inside this context. Outside the main thread, Python cannot; then this does nothing."""
        if threading.current_thread() is not threading.main_thread():
            yield
            return
        before = {number: signal.signal(number, self) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)
