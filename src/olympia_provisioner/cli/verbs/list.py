# SPDX-License-Identifier: BSD-3-Clause
"""The verb that lists instances."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from ...present.tables import ago, expiry, readable, table, without_empty
from ...words import by_host
from .base import Context, Verb

COLUMNS = ("INSTANCE", "STATE", "AGE", "MEMORY", "DISK", "EXPIRES")


def state(instance: Mapping[str, Any]) -> str:
    """Return the state of an instance in a few words.

    Args:
        instance: One of the instances in a host's answer.
    """
    containers, running, healthy = (instance[key] for key in ("containers", "running", "healthy"))
    if not running:
        return "stopped" if containers else "down"
    return "healthy" if healthy == containers else f"{healthy} of {containers} healthy"


def as_text(answer: Mapping[str, Any], now: datetime) -> str:
    """Return the instances of a host for people.

    Args:
        answer: The message of list.yml.
        now: The current time.
    """
    if not answer["instances"]:
        return "There are no instances. olympia up creates one."
    rows: list[Sequence[str]] = [COLUMNS]
    rows += [_row(answer, one, now) for one in answer["instances"]]
    text, *lines = table(without_empty(rows, "EXPIRES"))
    # Address and source tree are long, and people copy them.
    places = [[one["loopback_url"], one["source_dir"]] for one in answer["instances"]]
    for line, place in zip(lines, places, strict=True):
        text += f"\n{line}" + "".join(f"\n  {one}" for one in place if one)
    return text


def as_table(answers: Mapping[str, Mapping[str, Any]], now: datetime) -> str:
    """Return the instances of several hosts for people.

    Args:
        answers: The message of list.yml, by host.
        now: The current time.
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
        Problem: A host did not answer.
    """

    def document(answer: Mapping[str, Any]) -> list[dict[str, Any]]:
        return [one | {"state": state(one), "expires": answer["expires"]} for one in answer["instances"]]

    def text(answers: Mapping[str, Any], named: bool) -> str:
        now = datetime.now(UTC)
        if len(answers) > 1:
            return as_table(answers, now)
        return by_host({host: as_text(answer, now) for host, answer in answers.items()}, named)

    context.show("list", lambda answers: {host: document(answer) for host, answer in answers.items()}, text)


VERBS = (
    Verb(
        "list",
        "list the instances, with state, address, source tree, age, memory and disk",
        run,
        {"--json": {"action": "store_true", "help": "print JSON, by host"}},
    ),
)
