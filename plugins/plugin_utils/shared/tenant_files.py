# SPDX-License-Identifier: BSD-3-Clause
"""The files of a machine with tenants, rendered from their list. Runs on the controller."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ansible.module_utils.common.yaml import yaml_load
from ansible_collections.addons.olympia.plugins.module_utils.shared.people import GROUP, Tenant, read
from ansible_collections.addons.olympia.plugins.plugin_utils.rendering.templates import MANAGED, environment

ROLE = Path(__file__).parents[3] / "roles/olympia_tenant"
# www-data, Debian's and Ubuntu's (Debian Policy 9.2.2: ids from 0 to 99 are the same on every system).
WEB_SERVER_UID = 33

MACHINE = {
    "/etc/olympia/fence.nft": "machine/fence.nft.j2",
    # Read by the scripts olympia-idle, olympia-instance and olympia-wake: a tenant, UID, instance and number of minutes a line.
    "/etc/olympia/instances": "machine/instances.j2",
    "/etc/security/namespace.d/olympia.conf": "machine/namespace.conf.j2",
    "/etc/security/namespace.d/olympia-homes": "machine/homes.sh.j2",
    "/etc/ssh/sshd_config.d/olympia-tenants.conf": "machine/sshd.conf.j2",
    "/etc/systemd/system/nftables.service.d/olympia.conf": "machine/nftables.conf.j2",
    "/etc/systemd/system/olympia-idle.service": "machine/olympia-idle.service.j2",
    "/etc/systemd/system/olympia-idle@.service": "machine/olympia-idle@.service.j2",
    "/etc/systemd/system/olympia-idle.timer": "machine/olympia-idle.timer.j2",
    "/etc/systemd/system/olympia-tenants.service": "machine/olympia-tenants.service.j2",
    "/etc/systemd/system/olympia-tmp@.service": "machine/olympia-tmp@.service.j2",
    "/etc/systemd/system/olympia-wake.path": "machine/olympia-wake.path.j2",
    "/etc/systemd/system/olympia-wake.service": "machine/olympia-wake.service.j2",
    "/etc/systemd/system/olympia-wake@.service": "machine/olympia-wake@.service.j2",
    "/etc/systemd/user/olympia-engine.service": "machine/olympia-engine.service.j2",
    "/usr/local/bin/olympia": "machine/olympia.sh.j2",
    "/usr/local/libexec/olympia-idle": "machine/idle.sh.j2",
    "/usr/local/libexec/olympia-instance": "machine/instance.sh.j2",
    "/usr/local/libexec/olympia-slice": "machine/slice.sh.j2",
    "/usr/local/libexec/olympia-tmp": "machine/tmp.py.j2",
    "/usr/local/libexec/olympia-wake": "machine/wake.sh.j2",
    "/usr/share/pam-configs/olympia": "machine/pam.j2",
}
TENANT = {
    "/etc/olympia/tenants/{name}/authorized_keys": "tenant/authorized_keys.j2",
    "/etc/systemd/system/{unit}": "tenant/home.mount.j2",
    "/etc/systemd/system/user-{uid}.slice.d/olympia.conf": "tenant/slice.conf.j2",
    "/etc/systemd/system/user@{uid}.service.d/olympia.conf": "tenant/manager.conf.j2",
}
# Written by the role once the account is there, which may read it.
INVENTORY = "/etc/olympia/tenants/{name}/inventory.yml"
DAEMON_JSON = "/etc/olympia/tenants/{name}/daemon.json"


def tenants_of(entries: Sequence[Mapping[str, Any]]) -> list[Tenant]:
    """Return the tenants of a list, as the role's specification has them.

    Args:
        entries: The variable `olympia_tenants`.

    Raises:
        Problem: The list makes no sense.
    """
    specification = yaml_load((ROLE / "meta/argument_specs.yml").read_text(encoding="utf-8"))
    return read(entries, specification["argument_specs"]["main"]["options"]["olympia_tenants"]["options"])


def paths(tenant: Tenant) -> list[str]:
    """Return where a tenant's files are, the configuration of the engine last.

    Args:
        tenant: The tenant.
    """
    words = {"name": tenant.name, "uid": tenant.uid, "unit": tenant.mount_unit}
    return [path.format(**words) for path in (*TENANT, INVENTORY, DAEMON_JSON)]


def render(tenants: Sequence[Tenant], settings: Mapping[str, Any]) -> dict[str, dict[str, str]]:
    """Return content and mode of every file, by path, as the module project_files takes them.

    Args:
        tenants: Those who live on the machine.
        settings: The role's settings, by their short names.

    Raises:
        jinja2.UndefinedError: A template reads a setting that does not exist; the message names it.
    """
    templates = environment(ROLE / "templates")
    common = {"managed": MANAGED, "tenants": tenants, "group": GROUP, "web_server_uid": WEB_SERVER_UID, **settings}
    files = {path: templates.get_template(name).render(common) for path, name in MACHINE.items()}
    for tenant in tenants:
        for path, name in zip(paths(tenant), TENANT.values(), strict=False):
            files[path] = templates.get_template(name).render(common, tenant=tenant)
        if tenant.rootless:
            files[paths(tenant)[-1]] = json.dumps(daemon_json(settings), indent=2) + "\n"
    return {
        path: {"content": content, "mode": "0755" if content.startswith("#!") else "0644"}
        for path, content in files.items()
    }


def daemon_json(settings: Mapping[str, Any]) -> dict[str, Any]:
    """Return the configuration of a tenant's engine.

    Args:
        settings: The role's settings, by their short names.
    """
    return {
        "builder": {
            "gc": {"enabled": True, "policy": [{"all": True, "keepStorage": settings["build_cache_limit"]}]},
        },
        "features": {"containerd-snapshotter": True},
        # Where nothing is said, a published port is for the machine alone.
        "ip": "127.0.0.1",
        "log-driver": "json-file",
        "log-opts": {"max-file": str(settings["log_max_files"]), "max-size": settings["log_max_size"]},
    }
