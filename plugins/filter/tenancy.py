# SPDX-License-Identifier: BSD-3-Clause
"""Filters for shared machines: tenants, their files, and the hosts of a playbook."""

from __future__ import annotations

import sys
from collections.abc import Callable, Container, Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml
from ansible.errors import AnsibleFilterError
from ansible.release import __version__
from ansible_collections.addons.olympia.plugins.module_utils.checks import machine_checks as machine
from ansible_collections.addons.olympia.plugins.module_utils.core.problem import Problem
from ansible_collections.addons.olympia.plugins.module_utils.shared.people import Tenant
from ansible_collections.addons.olympia.plugins.plugin_utils.shared import moves, refused
from ansible_collections.addons.olympia.plugins.plugin_utils.shared.tenant_files import paths, render, tenants_of

COLLECTION = Path(__file__).resolve().parents[2]
# Where the reverse proxy writes who is asked for, a file for each instance.
WAKE_DIR = "/var/lib/olympia/wake"
# Groups of an inventory of shared machines; the plugin for tenants makes the second one.
MACHINES, INSTANCES = "olympia_machines", "olympia_instances"


def tenants(entries: Sequence[Mapping[str, Any]], names: Sequence[str]) -> list[dict[str, Any]]:
    """Return the tenants of a list with given names, with all attributes.

    Args:
        entries: The variable `olympia_tenants`.
        names: The names.

    Raises:
        AnsibleFilterError: The list is invalid.
    """
    try:
        return [_told(tenant) for tenant in tenants_of(entries) if tenant.name in names]
    except Problem as error:
        raise AnsibleFilterError(f"olympia_tenants: {error}") from error


def gone_tenants(entries: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Return the tenants of a list that are to be removed.

    Args:
        entries: The variable `olympia_tenants`.
    """
    return [
        _told(tenant) | {"paths": [*paths(tenant), f"{WAKE_DIR}/{tenant.instance}"]}
        for tenant in tenants_of(entries)
        if tenant.state != "present"
    ]


def move_plan(found: Mapping[str, Mapping[str, Any]], name: str, to: str, asked: str = "") -> dict[str, Any]:
    """Return what a move of a tenant is, as `moves.plan` says it; or `problem`, why they cannot be moved like that.

    Args:
        found: The answer of homes_info, by machine.
        name: The tenant.
        to: Where the list of tenants says that they live.
        asked: Where they are to be moved; empty if nobody has said it.
    """
    try:
        return moves.plan(found, name, to, asked)
    except Problem as error:
        return {"problem": str(error)}


def leaving(entries: Sequence[Mapping[str, Any]], name: str) -> dict[str, Any]:
    """Return one of a list as `gone_tenants` does, who leaves a machine without having left the list.

    Args:
        entries: The variable `olympia_tenants`.
        name: The tenant.
    """
    (tenant,) = (one for one in tenants_of(entries) if one.name == name)
    return _told(tenant) | {"paths": paths(tenant), "state": "absent"}


def listed(entries: Sequence[Mapping[str, Any]], names: Sequence[str]) -> list[dict[str, Any]]:
    """Return the attributes of tenants with given names that contain no secrets.

    Args:
        entries: The variable `olympia_tenants`.
        names: The names.
    """
    told = ("name", "instance", "memory_mb", "disk_gb", "expires")
    return [{key: tenant[key] for key in told} for tenant in tenants(entries, names)]


def _told(tenant: Tenant) -> dict[str, Any]:
    names = ("home", "http_port", "image", "last_port", "mount_unit", "socket", "subids")
    # Not asdict: that makes copies of the settings, which Ansible's own dictionaries do not bear.
    return vars(tenant) | {name: getattr(tenant, name) for name in names}


def tenant_files(
    entries: Sequence[Mapping[str, Any]], names: Sequence[str], settings: Mapping[str, Any]
) -> dict[str, Any]:
    """Return the files in /etc of a machine, by path.

    Args:
        entries: The variable `olympia_tenants`.
        names: The names of those who live on the machine.
        settings: The role's settings, by their short names.
    """
    return render([tenant for tenant in tenants_of(entries) if tenant.name in names], settings)


def supported(hosts: list[str], groups: Container[str]) -> list[str]:
    """Return the hosts of a playbook, if it can be run. Ansible itself would only warn of the problems that are refused here.

    Args:
        hosts: The hosts.
        groups: Ansible's variable of that name.

    Raises:
        AnsibleFilterError: This Ansible is older or newer than what meta/runtime.yml says, or the inventory is not whole.
    """
    # Comes with Ansible, and not with ansible-test's check of imports.
    from packaging.specifiers import SpecifierSet

    runtime = yaml.safe_load((COLLECTION / "meta/runtime.yml").read_text(encoding="utf-8"))
    if __version__ not in SpecifierSet(runtime["requires_ansible"], prereleases=True):
        raise AnsibleFilterError(
            f"addons.olympia supports ansible-core {runtime['requires_ansible']}, and this is {__version__} with Python "
            f"{'.'.join(map(str, sys.version_info[:2]))}. With Python 3.11 or newer: "
            f"pip install 'ansible-core{runtime['requires_ansible']}'. In the project's checkout, make brings its own."
        )
    if refused.inventories:
        reasons = " ".join(f"{path}: {reason}" for path, reason in refused.inventories.items())
        raise AnsibleFilterError(f"The inventory cannot be used, and nothing was run. {reasons}")
    if MACHINES in groups and INSTANCES not in groups:
        raise AnsibleFilterError(
            f"The inventory has the group {MACHINES} and no instances, and nothing was run. Put a file with the line "
            "'plugin: addons.olympia.tenants' beside that with the machines; where there is one, a warning of Ansible's says why "
            "it was not read."
        )
    return hosts


def instances(groups: Mapping[str, Sequence[str]], tenant: str = "") -> list[str]:
    """Return the hosts that a playbook about instances is for: all, but where people share machines only those of their instances.

    Args:
        groups: Ansible's variable of that name.
        tenant: The name of one whose instance it is about, or several with commas between them; empty for all.

    Raises:
        AnsibleFilterError: There is no such tenant.
    """
    everybody = supported([INSTANCES if INSTANCES in groups else "all"], groups)
    if not tenant:
        return everybody
    chosen = {name: f"tenant_{name.replace('-', '_')}" for name in tenant.split(",")}
    if wrong := [name for name, group in chosen.items() if group not in groups]:
        known = sorted(name.removeprefix("tenant_").replace("_", "-") for name in groups if name.startswith("tenant_"))
        raise AnsibleFilterError(
            f"There is no tenant {', '.join(wrong)}; the inventory has {', '.join(known) or 'none'}."
        )
    return list(chosen.values())


def machines(groups: Mapping[str, Sequence[str]]) -> list[str]:
    """Return the hosts that a playbook about engines is for: all, but where people share machines only those.

    Args:
        groups: Ansible's variable of that name.
    """
    return supported([MACHINES if MACHINES in groups else "all"], groups)


def examined(groups: Mapping[str, Sequence[str]], tenant: str = "", checks: str | Sequence[str] = ()) -> list[str]:
    """Return the hosts that the doctor is to look at: those of `instances`, and the machines that people share.

    Args:
        groups: Ansible's variable of that name.
        tenant: The name of one whose instance it is about, and no machine; empty for all.
        checks: Names of the checks, as the driver gives them; a host that none of them is about is left out.

    Raises:
        AnsibleFilterError: There is no such tenant, or no host that one of the checks is about.
    """
    names = set(checks.split(",") if isinstance(checks, str) else checks) - {""}
    chosen = instances(groups, tenant)
    of_machines = {check.name for check in machine.CHECKS}
    if names and names <= of_machines:
        chosen = []
    if MACHINES in groups and not tenant and (not names or names & of_machines):
        chosen.append(MACHINES)
    if not chosen:
        about = "it is asked about a tenant's instance" if tenant else "the inventory has none"
        raise AnsibleFilterError(f"{', '.join(sorted(names))}: about machines that people share, and {about}.")
    return chosen


class FilterModule:
    """Ansible's way to find the filters."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """Return the filters by name."""
        return {
            "examined": examined,
            "gone_tenants": gone_tenants,
            "instances": instances,
            "leaving": leaving,
            "listed": listed,
            "machines": machines,
            "move_plan": move_plan,
            "old_host": moves.old_host,
            "supported": supported,
            "tenant_files": tenant_files,
            "tenants": tenants,
        }
