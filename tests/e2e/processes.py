# SPDX-License-Identifier: BSD-3-Clause
"""What anybody on a host can see of its processes."""

from __future__ import annotations

import threading
from pathlib import Path

# A new process is read in this many rounds, and then once in as many.
LOOKS = 25


class ProcessList(threading.Thread):
    """Looks again and again at the command line of every process, as anybody on the host can (proc(5))."""

    def __init__(self) -> None:
        super().__init__(daemon=True)
        self.seen: set[bytes] = set()
        self.ended = threading.Event()

    def run(self) -> None:
        """Look, until it is told to end."""
        looks: dict[str, int] = {}
        # Paced, or it would take the processor from the run that it watches.
        while not self.ended.wait(0.02):
            running = [process.name for process in Path("/proc").glob("[0-9]*")]
            looks = {name: looks.get(name, 0) + 1 for name in running}
            # A process may become another program, mostly soon after its start.
            for name in (name for name in running if looks[name] <= LOOKS or looks[name] % LOOKS == 0):
                try:
                    self.seen.add(Path("/proc", name, "cmdline").read_bytes())
                except OSError:
                    continue

    def __enter__(self) -> ProcessList:
        self.start()
        return self

    def __exit__(self, *_error: object) -> None:
        self.ended.set()
        self.join()
