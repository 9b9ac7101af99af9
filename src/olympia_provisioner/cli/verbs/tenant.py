# SPDX-License-Identifier: BSD-3-Clause
"""The people who share machines: who lives where, and how somebody gets elsewhere."""

from __future__ import annotations

import argparse
import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from ...errors import ExitCode, OlympiaError
from ..given import TENANT
from .base import Context, Verb, words_and_assignments
from .list import readable
from .status import expiry, table, without_empty

ACTIONS = ("list", "move")
MIB, GIB = 1 << 20, 1 << 30


def document(answers: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    """Return the JSON document: machines with the room left, and people with where they live and where their data is.

    Args:
        answers: The message of tenant_list.yml, by machine.
    """
    machines = {
        name: {
            "tenants": len(answer["tenants"]),
            "memory": answer["memory_mb"] * MIB,
            "memory_left": (answer["memory_mb"] - sum(one["memory_mb"] for one in answer["tenants"])) * MIB,
            "disk_free": answer["free"],
            # The home directories may still take what they do not take yet.
            "disk_left": answer["free"] - sum(max(0, home["size"] - home["taken"]) for home in answer["homes"]),
            "kept": answer["kept"],
        }
        for name, answer in answers.items()
    }
    homes = {name: {home["name"]: home["taken"] for home in answer["homes"]} for name, answer in answers.items()}
    people = [
        {
            "name": one["name"],
            "machine": name,
            "instance": f"{one['instance']}.{name}",
            "memory": one["memory_mb"] * MIB,
            "disk": one["disk_gb"] * GIB,
            "disk_used": homes[name].get(one["name"], 0),
            "expires": one["expires"],
            "elsewhere": [other for other, there in homes.items() if other != name and one["name"] in there],
        }
        for name, answer in answers.items()
        for one in answer["tenants"]
    ]
    from ansible_collections.addons.olympia.plugins.module_utils.shared.people import BUILDER

    known = {BUILDER, *(one["name"] for one in people)}
    left = {name: [one for one in there if one not in known] for name, there in homes.items()}
    return {"machines": machines, "tenants": people, "left": {name: names for name, names in left.items() if names}}


def as_text(found: Mapping[str, Any], now: datetime) -> str:
    """Return the document for people.

    Args:
        found: As `document` gives it.
        now: The time now.
    """
    machines: list[Sequence[str]] = [("MACHINE", "TENANTS", "MEMORY LEFT", "DISK LEFT", "DISK FREE")]
    machines += [
        (
            name,
            str(one["tenants"]),
            f"{_left(one['memory_left'])} of {readable(one['memory'])}",
            _left(one["disk_left"]),
            _left(one["disk_free"]),
        )
        for name, one in found["machines"].items()
    ]
    people: list[Sequence[str]] = [("TENANT", "MACHINE", "MEMORY", "DISK", "EXPIRES")]
    people += [
        (
            one["name"],
            one["machine"],
            readable(one["memory"]),
            f"{readable(one['disk_used']) or '0'} of {readable(one['disk'])}",
            expiry(one["expires"], now),
        )
        for one in found["tenants"]
    ]
    notes = [
        f"{one['name']} is to live on {one['machine']}, and has data on {', '.join(one['elsewhere'])}: olympia tenant move "
        f"{one['name']} {one['machine']}"
        for one in found["tenants"]
        if one["elsewhere"]
    ]
    notes += [
        f"{name} keeps the data of {one}, who does not live here."
        for name, names in found["left"].items()
        for one in names
    ]
    notes += [f"{name} keeps {path}." for name, one in found["machines"].items() for path in one["kept"]]
    return "\n".join([*table(machines), "", *table(without_empty(people, "EXPIRES")), *(["", *notes] if notes else [])])


def _left(size: int) -> str:
    return readable(size) if size > 0 else f"-{readable(-size)}" if size else "0"


def move(context: Context, name: str, machine: str) -> None:
    """Take somebody, with all data, to the machine where the list of tenants says that they live.

    Args:
        context: The command.
        name: The tenant.
        machine: That machine, so that nobody is moved by mistake.

    Raises:
        OlympiaError: It was not done, or not to its end: the same command goes on.
    """
    context.given |= {TENANT: name, "__olympia_tenant_move_to": machine}
    with context.alone():
        context.prepare("tenant_move").execute()


def run(context: Context) -> None:
    """Do with tenants what the words say.

    Args:
        context: The command.

    Raises:
        OlympiaError: The words say nothing, or it was not done.
    """
    match context.words:
        case ["move", name, machine]:
            move(context, name, machine)
            return
        case ["list"]:
            pass
        case words:
            raise OlympiaError(
                f"'{' '.join(words)}' does not say what is to be done with tenants",
                way_out="olympia tenant list | move NAME MACHINE, with -i PATH",
                code=ExitCode.USAGE,
            )
    answers, error = context.prepare("tenant_list").ask_each()
    found = document(answers)
    print(json.dumps(found, indent=2) if context.arguments.json else as_text(found, datetime.now(UTC)))
    if error:
        raise error


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of `tenant`.

    Args:
        parser: Its parser.
    """
    parser.add_argument("--check", action="store_true", help="with move: say from where to where, and do nothing")
    parser.add_argument("--json", action="store_true", help="with list: for a program")


VERBS = (
    Verb(
        "tenant",
        "list who lives on which shared machine, with the room left; move somebody to another one",
        run,
        add_arguments,
        divide=words_and_assignments,
        words="list|move NAME MACHINE",
    ),
)
