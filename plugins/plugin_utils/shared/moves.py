# SPDX-License-Identifier: BSD-3-Clause
"""Plan the move of a tenant to another machine: from where, and the steps that are done. Runs on the controller."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ansible_collections.addons.olympia.plugins.module_utils.core.problem import Problem

# How a host is reached, and how somebody becomes root or another user there.
REACHED = (
    "ansible_host",
    "ansible_port",
    "ansible_user",
    "ansible_connection",
    "ansible_ssh_",
    "ansible_python_",
    "ansible_become",
)


def plan(found: Mapping[str, Mapping[str, Any]], name: str, to: str, asked: str) -> dict[str, Any]:
    """Return what is to be done: from the machine `old`, which is empty if nothing is to be moved, to `new`; which home
    directory that is about, `id`; which of the steps is `done` already; and which `snapshot` the instance is to be given then.

    Args:
        found: The answer of homes_info, by machine.
        name: The tenant.
        to: Where the list of tenants says that they live.
        asked: Where they are to be moved; empty if nobody has said it.

    Raises:
        Problem: The list says something else, or there is not one place where the data is.
    """
    if asked and asked != to:
        raise Problem(
            f"The list of tenants says that {name} lives on {to}, and not on {asked}; nothing was changed. Set hosts: [{asked}] of "
            f"{name} in olympia_tenants, and begin again."
        )
    homes = {machine: {home["name"]: home for home in answer["homes"]} for machine, answer in found.items()}
    places = [machine for machine, there in homes.items() if name in there and machine != to]
    if not places and name not in homes[to]:
        raise Problem(
            f"{name} has no data on any machine: nothing is to be moved. olympia bootstrap makes the account on {to}."
        )
    if len(places) > 1:
        raise Problem(
            f"{name} has data on {' and on '.join(places)}, and it does not say which is to be moved. Rename the other one, "
            f"{name}.img, on its machine."
        )
    if not places:
        return {"old": "", "new": to, "id": "", "done": "", "snapshot": ""}
    (old,) = places
    home = homes[old][name]
    reached = found[to]["moves"].get(name, {})
    # Of another move, long ago.
    reached = reached if reached.get("id") == home["id"] else {}
    done = reached.get("done", "")
    if not home["account"] and done != "restored":
        raise Problem(
            f"{old} has the data of {name}, but no account that could read it. Set hosts: [{old}] in olympia_tenants, run olympia "
            "bootstrap, and begin again."
        )
    return {"old": old, "new": to, "id": home["id"], "done": done, "snapshot": reached.get("snapshot", "")}


def old_host(new: Mapping[str, Any], machine: Mapping[str, Any], name: str) -> dict[str, Any]:
    """Return the variables of the host that stands for an instance where it has been until now.

    Args:
        new: Those of the host that stands for it where it is to be.
        machine: Those of the machine where it has been.
        name: That machine.
    """
    kept = {key: new[key] for key in new if key.startswith("olympia_")}
    reached = {key: machine[key] for key in machine if key.startswith(REACHED)}
    become = {key: new[key] for key in ("ansible_become", "ansible_become_user")}
    return kept | {"ansible_host": name} | reached | become | {"olympia_machine": name}
