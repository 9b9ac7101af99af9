# SPDX-License-Identifier: BSD-3-Clause
"""Which instances there are."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from ...present.words import by_host
from .base import Context, Verb
from .status import add_arguments, ago, expiry, table, without_empty

COLUMNS = ("INSTANCE", "STATE", "AGE", "MEMORY", "DISK", "EXPIRES")
UNITS = (("GB", 10**9), ("MB", 10**6))


def state(instance: Mapping[str, Any]) -> str:
    """Return how an instance is, in a word or two.

    Args:
        instance: As the host has answered.
    """
    containers, running, healthy = (instance[key] for key in ("containers", "running", "healthy"))
    if not running:
        return "stopped" if containers else "down"
    return "healthy" if healthy == containers else f"{healthy} of {containers} healthy"


def readable(size: int) -> str:
    """Return a size for people; empty for nothing.

    Args:
        size: In bytes.
    """
    return next((f"{size / unit:.1f} {name}" for name, unit in UNITS if size >= unit), "< 1 MB" if size else "")


def as_text(answer: Mapping[str, Any], now: datetime) -> str:
    """Return the instances of a host for people.

    Args:
        answer: The message of list.yml.
        now: The time now.
    """
    if not answer["instances"]:
        return "There is no instance. olympia up makes one."
    rows: list[Sequence[str]] = [COLUMNS]
    rows += [_row(answer, one, now) for one in answer["instances"]]
    text, *lines = table(without_empty(rows, "EXPIRES"))
    # Address and source tree are long, and for copying.
    places = [[one["loopback_url"], one["source_dir"]] for one in answer["instances"]]
    for line, place in zip(lines, places, strict=True):
        text += f"\n{line}" + "".join(f"\n  {one}" for one in place if one)
    return text


def as_table(answers: Mapping[str, Mapping[str, Any]], now: datetime) -> str:
    """Return the instances of several hosts for people.

    Args:
        answers: The message of list.yml, by host.
        now: The time now.
    """
    rows: list[Sequence[str]] = [("HOST", *COLUMNS)]
    rows += [(host, *_row(answer, one, now)) for host, answer in answers.items() for one in answer["instances"]]
    return "\n".join(table(without_empty(rows, "EXPIRES")))


def _row(answer: Mapping[str, Any], one: Mapping[str, Any], now: datetime) -> Sequence[str]:
    return (
        one["name"],
        state(one) if answer["engine"] else "no engine",
        ago(one["created"], now),
        readable(one["memory"]),
        readable(one["disk"]),
        expiry(answer["expires"], now),
    )


def run(context: Context) -> None:
    """Print the instances of each host.

    Args:
        context: The command.

    Raises:
        OlympiaError: A host did not answer.
    """
    answers, error = context.prepare("list").ask_each()
    if context.arguments.json:
        told = {
            host: [one | {"state": state(one), "expires": answer["expires"]} for one in answer["instances"]]
            for host, answer in answers.items()
        }
        print(json.dumps(told, indent=2))
    elif len(answers) > 1:
        print(as_table(answers, datetime.now(UTC)))
    else:
        print(by_host({host: as_text(answer, datetime.now(UTC)) for host, answer in answers.items()}))
    if error:
        raise error


VERBS = (
    Verb("list", "list the instances, with state, address, source tree, age, memory and disk", run, add_arguments),
)
