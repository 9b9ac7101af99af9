# SPDX-License-Identifier: BSD-3-Clause
"""What anybody on a host can see of its processes."""

from __future__ import annotations

import threading
from pathlib import Path


class ProcessList(threading.Thread):
    """Looks again and again at the command line of every process, as anybody on the host can (proc(5))."""

    def __init__(self) -> None:
        super().__init__(daemon=True)
        self.seen: set[bytes] = set()
        self.ended = threading.Event()

    def run(self) -> None:
        """Look, until it is told to end."""
        # Paced, or it would take the processor from the run that it watches.
        while not self.ended.wait(0.02):
            for process in Path("/proc").glob("[0-9]*/cmdline"):
                try:
                    self.seen.add(process.read_bytes())
                except OSError:
                    continue

    def __enter__(self) -> ProcessList:
        self.start()
        return self

    def __exit__(self, *_error: object) -> None:
        self.ended.set()
        self.join()
