# SPDX-License-Identifier: BSD-3-Clause
"""Snapshots of every instance, for a timer that nobody watches."""

from __future__ import annotations

import argparse
import contextlib
import sys
import time
from collections.abc import Sequence

from ...errors import ExitCode, OlympiaError
from .. import given as settings
from .base import Context, Verb

# Seconds between two looks at what other runs are changing.
POLL = 1


def save(context: Context, people: Sequence[str] = (), busy: str = "") -> OlympiaError | None:
    """Save the instances, and return what has failed, if anything.

    Args:
        context: The command.
        people: The tenants; what the command line says where there are none.
        busy: Why they cannot be saved: another run is changing them. The playbook tells of it.
    """
    context.given |= {settings.TENANT: ",".join(people)} if people else {}
    context.given |= {"__olympia_stack_busy": busy} if busy else {}
    try:
        context.prepare("nightly").execute()
    except OlympiaError as error:
        return error
    return None


def run(context: Context) -> None:
    """Save every instance; those that another run is changing when that has ended.

    Args:
        context: The command.

    Raises:
        OlympiaError: Something was not saved.
    """
    if context.arguments.check:
        context.prepare("nightly").execute()
        return
    deadline = time.monotonic() + context.arguments.wait * 60
    people = context.people()
    waiting = people or [context.instance]
    failures: list[OlympiaError | None] = []
    told = False
    while waiting:
        busy: dict[str, OlympiaError] = {}
        with contextlib.ExitStack() as held:
            for name in waiting:
                try:
                    held.enter_context(context.lock(name, bool(people)))
                except OlympiaError as error:
                    if error.code is not ExitCode.CONFLICT:
                        raise
                    busy[name] = error
            free = [name for name in waiting if name not in busy]
            if free:
                # All of them in one run are a whole night, of which something has to be saved.
                failures.append(save(context, free if people and len(free) < len(people) else ()))
        waiting = list(busy)
        if waiting and time.monotonic() >= deadline:
            why = "\n".join(map(str, busy.values()))
            failures += [save(context, waiting if people else (), why), next(iter(busy.values()))]
            break
        if waiting and not told:
            told = True
            if not context.quiet:
                minutes = f"for at most {context.arguments.wait:g} minutes"
                print(f"Waiting {minutes}: {'; '.join(map(str, busy.values()))}", file=sys.stderr, flush=True)
        if waiting:
            time.sleep(POLL)
    if failed := [one for one in failures if one]:
        raise failed[-1]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of `nightly`.

    Args:
        parser: Its parser.
    """
    parser.add_argument(
        "--wait",
        type=float,
        default=60,
        metavar="MINUTES",
        help="how long to wait for an instance that another run is changing (default: 60)",
    )


VERBS = (
    Verb(
        "nightly",
        "save a snapshot of every instance that holds data, and remove the oldest nightly ones",
        run,
        add_arguments,
        changes=True,
    ),
)
