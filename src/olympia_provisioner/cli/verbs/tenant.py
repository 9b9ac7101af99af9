# SPDX-License-Identifier: BSD-3-Clause
"""The verb for the tenants of shared machines: listing them, and moving one to another machine."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from ...errors import ExitCode, Problem
from ...present.tables import expiry, readable, table, without_empty
from ..assignments import TENANT
from .base import Context, Verb

MIB, GIB = 1 << 20, 1 << 30


def document(answers: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    """Return the JSON document: machines with their free capacity, and tenants with their machine and the place of their data.

    Args:
        answers: The message of tenant_list.yml, by machine.
    """
    machines = {
        name: {
            "tenants": len(answer["tenants"]),
            "memory": answer["memory_mb"] * MIB,
            "memory_left": (answer["memory_mb"] - sum(one["memory_mb"] for one in answer["tenants"])) * MIB,
            "disk_free": answer["free"],
            # Home directories may still grow to their size.
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
        found: The document.
        now: The current time.
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
            f"{_left(one['disk_used'])} of {readable(one['disk'])}",
            expiry(one["expires"], now),
        )
        for one in found["tenants"]
    ]
    notes = [
        f"{one['name']} is assigned to {one['machine']}, but has data on {', '.join(one['elsewhere'])}: olympia tenant move "
        f"{one['name']} {one['machine']}"
        for one in found["tenants"]
        if one["elsewhere"]
    ]
    notes += [
        f"{name} has data of {one}, who is not a tenant of any machine."
        for name, names in found["left"].items()
        for one in names
    ]
    notes += [f"{name} keeps {path}." for name, one in found["machines"].items() for path in one["kept"]]
    return "\n".join([*table(machines), "", *table(without_empty(people, "EXPIRES")), *(["", *notes] if notes else [])])


def _left(size: int) -> str:
    """Return a size that may be 0 or negative."""
    return f"-{readable(-size)}" if size < 0 else readable(size) or "0"


def move(context: Context, name: str, machine: str) -> None:
    """Move a tenant with all data to the machine that the list of tenants assigns.

    Args:
        context: The command.
        name: The tenant.
        machine: That machine, as a safeguard against mistakes.

    Raises:
        Problem: The move failed or is incomplete; the same command continues it.
    """
    context.given |= {TENANT: name, "__olympia_tenant_move_to": machine}
    with context.alone():
        context.prepare("tenant_move").execute()


def run(context: Context) -> None:
    """List the tenants, or move one.

    Args:
        context: The command.

    Raises:
        Problem: The words are invalid, or the playbook failed.
    """
    match context.words:
        case ["move", name, machine]:
            move(context, name, machine)
        case ["list"]:
            now = datetime.now(UTC)
            context.show("tenant_list", document, lambda answers, _named: as_text(document(answers), now))
        case words:
            raise Problem(
                f"Invalid arguments for tenant: '{' '.join(words)}'",
                fix="olympia tenant list | move NAME MACHINE, with -i PATH",
                code=ExitCode.USAGE,
            )


VERBS = (
    Verb(
        "tenant",
        "list the tenants of shared machines, with the capacity left; move one to another machine",
        run,
        {
            "--check": {"action": "store_true", "help": "with move: report source and target, and do nothing"},
            "--json": {"action": "store_true", "help": "with list: print JSON"},
        },
        words="list|move NAME MACHINE",
    ),
)
