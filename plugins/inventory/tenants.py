# SPDX-License-Identifier: BSD-3-Clause
"""Inventory: the instances of the people who share machines."""

from __future__ import annotations

DOCUMENTATION = r"""
name: tenants
short_description: The instances of the people who share machines
description:
  - Reads the machines, group C(olympia_machines) of the sources before it, and their variable C(olympia_tenants), which
    R(the role olympia_tenant,ansible_collections.addons.olympia.olympia_tenant_role) describes.
  - Adds a host for each tenant, named INSTANCE.MACHINE, in the groups C(olympia_instances) and C(tenant_NAME).
  - It is reached like its machine, and becomes the tenant there.
  - Its variables C(olympia_tenant_name), C(olympia_tenant_uid) and C(olympia_tenant_disk_gb) are the tenant's.
  - Its variable C(olympia_tenant_expires) is the day from which on the tenant is reported as expired, if there is one.
  - Gives each machine C(olympia_machine_tenants), the names of the tenants who live there, and C(olympia_machine_builds), what of
    theirs is built once, with C(key), C(machine), which builds it, C(cache), its folder, and C(readers), those of them who have it.
  - Adds a host for each source and version that more than one tenant has, named olympia-build-KEY.MACHINE, in the group
    C(olympia_builds). It writes a build cache, and the instances of these tenants read it. C(olympia_builds_enabled=false) leaves
    that out.
  - A tenant without C(hosts) is placed on the machine with the most memory left, by the variable C(olympia_machine_memory_mb).
  - An invalid list, or a tenant for whom there is no room, is only a warning for Ansible. The collection's playbooks then fail with
    the reason, before they change anything on a host.
author: The Olympia provisioner authors (!UNKNOWN)
options:
  plugin:
    description: The name of this plugin.
    type: str
    required: true
    choices: [addons.olympia.tenants]
notes:
  - The file has to come after those with the machines; Ansible reads the files of a folder by the order of their names.
"""

EXAMPLES = r"""
# inventories/shared/instances.yml, beside hosts.yml
plugin: addons.olympia.tenants
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ansible.errors import AnsibleParserError
from ansible.inventory.data import InventoryData
from ansible.inventory.helpers import get_group_vars, sort_groups
from ansible.inventory.host import Host
from ansible.parsing.dataloader import DataLoader
from ansible.plugins.inventory import BaseInventoryPlugin
from ansible.utils.vars import combine_vars, load_extra_vars
from ansible.vars.plugins import get_vars_from_inventory_sources
from ansible_collections.addons.olympia.plugins.module_utils.core.problem import Problem
from ansible_collections.addons.olympia.plugins.module_utils.settings.sources import PREFIXES
from ansible_collections.addons.olympia.plugins.module_utils.shared.people import (
    BUILDER,
    CACHE_FROM,
    CACHE_TO,
    Build,
    Tenant,
    builds,
    place,
)
from ansible_collections.addons.olympia.plugins.plugin_utils.shared import refused
from ansible_collections.addons.olympia.plugins.plugin_utils.shared.tenant_files import tenants_of

MACHINES = "olympia_machines"
INSTANCES = "olympia_instances"
BUILDS = "olympia_builds"
# What says where snapshots of the instances are copied to.
BACKUP = "olympia_tenant_backup_"
# Of a machine that does not say how much memory its tenants may have, in MiB: as much as anybody wants.
UNLIMITED_MB = 1 << 30
# The role olympia_proxy was olympia_door. The old names of its settings are read for one release.
RENAMED = {f"olympia_door_{name}": f"olympia_proxy_{name}" for name in ("enabled", "certificate", "key", "users")}
# Of an instance that never runs; below those of tenants.
UNUSED_PORT = 9998


class InventoryModule(BaseInventoryPlugin):
    """Ansible's way to find the plugin."""

    NAME = "addons.olympia.tenants"

    def parse(self, inventory: InventoryData, loader: DataLoader, path: str, cache: bool = True) -> None:
        """Add the instances to an inventory.

        Args:
            inventory: It has the machines.
            loader: Ansible's.
            path: The file that names this plugin.
            cache: Not used: there is nothing that would take long.
        """
        super().parse(inventory, loader, path)
        refused.inventories.pop(path, None)
        try:
            self._parse(inventory, loader, path)
        except Exception as error:
            refused.inventories[path] = str(error)
            raise

    def _parse(self, inventory: InventoryData, loader: DataLoader, path: str) -> None:
        self._read_config_data(path)
        # Otherwise the groups have no parents yet, not even 'all'.
        inventory.reconcile_inventory()
        machines = inventory.groups[MACHINES].get_hosts() if MACHINES in inventory.groups else []
        if not machines:
            raise AnsibleParserError(
                f"The group {MACHINES} has no host. Name the machines in a file that Ansible reads before this one."
            )
        # The folder that this file is in has not been read to its end yet, so that it is not among those.
        sources = [*inventory.processed_sources, str(Path(path).parent)]
        variables = {machine.name: self._variables(machine, loader, sources) for machine in machines}
        given = load_extra_vars(loader)
        for name, found in variables.items():
            self._rename(inventory, name, found, given)
        entries, *others = (found.get("olympia_tenants") or [] for found in variables.values())
        if any(one != entries for one in others):
            raise AnsibleParserError("The machines do not have the same olympia_tenants: put it into group_vars/all.")
        try:
            tenants = tenants_of(entries)
            memory = {
                name: int(found.get("olympia_machine_memory_mb", UNLIMITED_MB)) for name, found in variables.items()
            }
            placed = place(tenants, memory)
        except Problem as error:
            raise AnsibleParserError(f"olympia_tenants: {error}") from error
        for group in (INSTANCES, BUILDS):
            inventory.add_group(group)
        common = next(iter(variables.values()))
        shared = builds(tenants, placed, common) if common.get("olympia_builds_enabled", True) else []
        for machine in machines:
            here = [name for name, where in placed.items() if where == machine.name]
            inventory.set_variable(machine.name, "olympia_machine_tenants", here)
            of_here = [
                {"key": build.key, "machine": build.machine, "cache": build.cache, "readers": readers}
                for build in shared
                if (readers := [name for name in build.tenants if name in here])
            ]
            inventory.set_variable(machine.name, "olympia_machine_builds", of_here)
        for build in shared:
            self._add_build(inventory, build, variables[build.machine])
        for tenant in (one for one in tenants if one.name in placed):
            caches = [f"type=local,src={build.cache}" for build in shared if tenant.name in build.tenants]
            self._add(inventory, tenant, placed[tenant.name], variables[placed[tenant.name]], caches)

    @staticmethod
    def _variables(machine: Host, loader: DataLoader, sources: list[str]) -> dict[str, Any]:
        """Return the variables of a machine, those of its groups' files included."""
        groups = sort_groups(machine.get_groups())
        found = combine_vars(get_group_vars(groups), get_vars_from_inventory_sources(loader, sources, groups, "all"))
        found = combine_vars(found, get_vars_from_inventory_sources(loader, sources, [machine], "all"))
        every: dict[str, Any] = combine_vars(found, machine.get_vars())
        return every

    def _rename(
        self, inventory: InventoryData, machine: str, variables: dict[str, Any], given: Mapping[str, Any]
    ) -> None:
        """Give a machine the settings that it, or the command line, has under their old names."""
        for old, new in RENAMED.items():
            if old in given or (old in variables and new not in variables):
                self.display.warning(f"{old} is now called {new}. Use that name: the next release ignores the old one.")
                variables[new] = given[old] if old in given else variables[old]
                inventory.set_variable(machine, new, variables[new])

    @staticmethod
    def _reached_as(machine: str, variables: dict[str, Any]) -> dict[str, Any]:
        """Return the variables of a host that is reached as a machine is."""
        kept = {key: value for key, value in variables.items() if key.startswith(("ansible_", BACKUP, *PREFIXES))}
        return kept | {
            "ansible_host": variables.get("ansible_host", machine),
            "ansible_become": True,
            "olympia_machine": machine,
        }

    def _add_build(self, inventory: InventoryData, build: Build, variables: dict[str, Any]) -> None:
        """Add the host that stands for a build: an instance of the builder's engine, which never runs."""
        own = {
            "ansible_become_user": BUILDER,
            "olympia_stack_instance": build.instance,
            "olympia_stack_http_port": UNUSED_PORT,
            "olympia_stack_frontend_port": UNUSED_PORT + 1,
            # It stays among machines that are near each other, where compressing would take longest.
            CACHE_TO: [f"type=local,dest={build.cache},compression=uncompressed"],
        }
        name = f"{build.instance}.{build.machine}"
        inventory.add_host(name, BUILDS)
        for key, value in (self._reached_as(build.machine, variables) | build.settings | own).items():
            inventory.set_variable(name, key, value)

    def _add(
        self, inventory: InventoryData, tenant: Tenant, machine: str, variables: dict[str, Any], caches: list[str]
    ) -> None:
        """Add the host that stands for a tenant's instance."""
        name = f"{tenant.instance}.{machine}"
        group = f"tenant_{tenant.name.replace('-', '_')}"
        inventory.add_group(group)
        for one in (INSTANCES, group):
            inventory.add_host(name, one)
        own = {
            "ansible_become_user": tenant.name,
            "olympia_tenant_name": tenant.name,
            "olympia_tenant_uid": tenant.uid,
            "olympia_tenant_disk_gb": tenant.disk_gb,
            "olympia_stack_instance": tenant.instance,
            "olympia_stack_host_name": name,
            "olympia_stack_http_port": tenant.http_port,
            "olympia_stack_frontend_port": tenant.frontend_port,
            # In memory, and closed to others: a full home directory would fail what makes room in it.
            **({"ansible_remote_tmp": f"/run/user/{tenant.uid}/ansible"} if tenant.rootless else {}),
            **({"olympia_tenant_expires": tenant.expires} if tenant.expires else {}),
            **({"olympia_stack_site_url": f"https://{name}"} if variables.get("olympia_proxy_enabled", True) else {}),
        }
        found = self._reached_as(machine, variables) | own | tenant.settings
        if caches:
            found[CACHE_FROM] = [*found.get(CACHE_FROM, []), *caches]
        for key, value in found.items():
            inventory.set_variable(name, key, value)
