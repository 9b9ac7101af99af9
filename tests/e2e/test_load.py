# SPDX-License-Identifier: BSD-3-Clause
"""A bounded load, while the worker is restarted and while 'up' has nothing to do."""

from __future__ import annotations

import functools
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

import pytest

from .stack import Stack, outcome, send_upload, wait_until, xpi

DURATION = 60  # seconds
READERS, UPLOADERS = 4, 1
THINKING = 0.5  # seconds, of a visitor between two things
MANY = 4900  # files; an add-on may have 5000


@dataclass
class Load:
    """What visitors did meanwhile.

    Attributes:
        over: Ends it.
        failures: Requests that did not succeed.
        pages: Number of pages that did.
        uploads: Where to see what came of each upload, by its name.
    """

    over: threading.Event = field(default_factory=threading.Event)
    failures: list[str] = field(default_factory=list)
    pages: int = 0
    uploads: dict[str, str] = field(default_factory=dict)

    def read(self, stack: Stack) -> None:
        """Open pages and search, one after the other, until it is over."""
        while not self.over.wait(THINKING):
            for path in ("/", "/search/?q=tab", "/addon/tab-gardener/"):
                code, text = stack.get(path)
                if code == 200:
                    self.pages += 1
                else:
                    self.failures.append(f"{path}: {code} {text[:200]}")

    def upload(self, stack: Stack) -> None:
        """Upload one add-on after the other, until it is over."""
        while not self.over.wait(THINKING):
            name = f"Load {len(self.uploads)}"
            try:
                self.uploads[name] = send_upload(stack, xpi(name, f"{name.lower().replace(' ', '-')}@example.org"))
            except OSError as error:
                self.failures.append(f"{name}: {error}")


def containers(stack: Stack) -> dict[str, str]:
    """Return since when each container but the worker's runs, by its ID."""
    listed = stack.docker("compose", "ps", "--all", "--quiet", "--no-trunc").split()
    worker = stack.container("worker")["Id"]
    since = "{{.Id}} {{.State.StartedAt}}"
    lines = stack.docker("inspect", "--format", since, *(one for one in listed if one != worker)).splitlines()
    return dict(line.split() for line in lines)


@pytest.mark.full
def test_visitors_notice_neither_a_restarted_worker_nor_an_up_without_change(stack: Stack) -> None:
    before = containers(stack)
    load = Load()
    with ThreadPoolExecutor() as pool:
        visitors = [pool.submit(load.read, stack) for _number in range(READERS)]
        visitors += [pool.submit(load.upload, stack) for _number in range(UPLOADERS)]
        end = time.monotonic() + DURATION
        try:
            wait_until(lambda: len(load.uploads) >= 3, "the load is on")
            # The worker needs a moment for so many files, and ends in the middle of them.
            load.uploads["Large"] = send_upload(stack, xpi("Large", "large@example.org", files=MANY))
            stack.docker("compose", "restart", "--timeout=0", "worker")
            wait_until(lambda: len(stack.healthy()) == 8, "the worker is healthy again")
            assert stack.up().changed == 0
            load.over.wait(max(0, end - time.monotonic()))
        finally:
            load.over.set()
    for visitor in visitors:
        visitor.result()
    assert load.failures == []
    assert load.pages > 0
    assert containers(stack) == before
    for name, status in load.uploads.items():
        result = wait_until(functools.partial(outcome, stack, status), f"the worker processes {name}")
        assert result["status"] == "valid", (name, result)
