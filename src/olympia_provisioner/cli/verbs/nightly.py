# SPDX-License-Identifier: BSD-3-Clause
"""The verb that saves a snapshot of every instance, for an unattended timer."""

from __future__ import annotations

import contextlib
import sys
import time
from collections.abc import Sequence

from ...errors import ExitCode, Problem
from ..assignments import TENANT
from .base import Context, Verb

# Seconds between two attempts to get the locks of other runs.
POLL = 1


def save(context: Context, people: Sequence[str] = (), busy: str = "") -> Problem | None:
    """Save the instances, and return the problem if that failed.

    Args:
        context: The command.
        people: The tenants; if empty, those of the command line.
        busy: Why they cannot be saved, if another run is changing them. The playbook then only reports it.
    """
    context.given |= {TENANT: ",".join(people)} if people else {}
    context.given |= {"__olympia_stack_busy": busy} if busy else {}
    try:
        context.prepare("nightly").execute()
    except Problem as problem:
        return problem
    return None


def run(context: Context) -> None:
    """Save every instance. Those that another run is changing are saved when that run has ended.

    Args:
        context: The command.

    Raises:
        Problem: An instance was not saved.
    """
    if context.arguments.check:
        context.prepare("nightly").execute()
        return
    deadline = time.monotonic() + context.arguments.wait * 60
    people = context.people()
    waiting = people or [context.instance]
    failures: list[Problem | None] = []
    announced = False
    while waiting:
        busy: dict[str, Problem] = {}
        with contextlib.ExitStack() as held:
            for name in waiting:
                try:
                    held.enter_context(context.lock(name, bool(people)))
                except Problem as problem:
                    if problem.code is not ExitCode.CONFLICT:
                        raise
                    busy[name] = problem
            free = [name for name in waiting if name not in busy]
            if free:
                # A run without TENANT is for all tenants: the playbook then fails if nothing was saved.
                failures.append(save(context, free if people and len(free) < len(people) else ()))
        waiting = list(busy)
        if not waiting:
            break
        if time.monotonic() >= deadline:
            why = "\n".join(map(str, busy.values()))
            failures += [save(context, waiting if people else (), why), next(iter(busy.values()))]
            break
        if not (announced or context.quiet):
            announced = True
            limit = f"for at most {context.arguments.wait:g} minutes"
            print(f"Waiting {limit}: {'; '.join(map(str, busy.values()))}", file=sys.stderr, flush=True)
        time.sleep(POLL)
    if failed := [one for one in failures if one]:
        raise failed[-1]


VERBS = (
    Verb(
        "nightly",
        "save a snapshot of every instance that holds data, and remove the oldest nightly ones",
        run,
        {
            "--wait": {
                "type": float,
                "default": 60,
                "metavar": "MINUTES",
                "help": "how long to wait for an instance that another run is changing (default: 60)",
            }
        },
        changes=True,
    ),
)
