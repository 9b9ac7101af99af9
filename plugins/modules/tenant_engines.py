#!/usr/bin/python
# SPDX-License-Identifier: BSD-3-Clause

from __future__ import annotations

DOCUMENTATION = r"""
module: tenant_engines
short_description: Start the engines of the tenants of a shared machine
description:
  - Enables lingering for each tenant, starts the engine as a user unit, and configures the tenant's docker client to use it.
  - A tenant whose engine does not start or answer is reported, and the others continue. Root opens none of the tenants' files.
  - Needs root.
author: The Olympia provisioner authors (!UNKNOWN)
options:
  tenants:
    description: Tenants with their own engines, as the filter P(addons.olympia.tenants#filter) returns them.
    type: list
    elements: dict
    required: true
  plan:
    description: What each of them needs, by name, as in C(plan.tenants) of M(addons.olympia.tenants_info).
    type: dict
    required: true
attributes:
  check_mode:
    support: full
    description: Reports whether something would change.
  diff_mode:
    support: none
    description: Engines have no diff.
seealso:
  - module: addons.olympia.tenants_info
"""

EXAMPLES = r"""
- name: Start engines
  addons.olympia.tenant_engines:
    tenants: "{{ olympia_tenants | addons.olympia.tenants(['ana']) }}"
    plan:
      ana: {linger: true, engine: true, context: true}
  become: true
"""

RETURN = r"""
ailing:
  description: Why an engine does not work, by the tenant's name.
  returned: success
  type: dict
  sample: {ben: its engine gives no answer within 20 seconds}
"""

from concurrent.futures import ThreadPoolExecutor
from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.addons.olympia.plugins.module_utils.shared import as_tenant

# A first start makes the engine's folders.
START_SECONDS = 120
WORKERS = 4


def last_words(uid: int) -> str:
    """Return what a tenant's engine has said last.

    Args:
        uid: The tenant's UID.
    """
    command = ["journalctl", "--no-pager", "--output=cat", "--lines=15", f"_UID={uid}"]
    return as_tenant.bounded([*command, "_SYSTEMD_USER_UNIT=olympia-engine.service"], as_tenant.SECONDS)[1].strip()


def start(tenant: dict[str, Any]) -> str:
    """Start a tenant's engine. Return why it does not work; empty if it does.

    Args:
        tenant: The tenant.
    """
    name, uid = tenant["name"], tenant["uid"]
    # Before, there is no manager yet that could be asked.
    code, _output, errors = as_tenant.bounded(["systemctl", "start", f"user@{uid}.service"], START_SECONDS)
    if not code:
        unit = ["systemctl", "--user", "start", "olympia-engine"]
        code, _output, errors = as_tenant.run(name, uid, unit, START_SECONDS)
    if code:
        return f"its engine does not start: {errors.strip()}\n{last_words(uid)}".strip()
    code, _output, errors = as_tenant.engine(name, uid, ["version"])
    return f"its engine does not work: {errors.strip()}" if code else ""


def make_ready(tenant: dict[str, Any], needed: dict[str, Any]) -> str:
    """Do for a tenant what is needed. Return why that cannot be done; empty if it is done.

    Args:
        tenant: The tenant.
        needed: What is needed.
    """
    name, uid = tenant["name"], tenant["uid"]
    if needed["linger"]:
        code, _output, errors = as_tenant.bounded(["loginctl", "enable-linger", name], as_tenant.SECONDS)
        if code:
            return f"its systemd manager does not start: {errors.strip()}"
    if needed["engine"] and (why := start(tenant)):
        return why
    if needed["context"]:
        # A home directory that was kept has it already; the client of such a one says so, and that is not the client's last word.
        make = ["docker", "context", "create", "olympia", "--docker", f"host=unix://{tenant['socket']}"]
        as_tenant.run(name, uid, make)
        code, _output, errors = as_tenant.run(name, uid, ["docker", "context", "use", "olympia"])
        return f"its docker client cannot be set to the engine: {errors.strip()}" if code else ""
    return ""


def main() -> None:
    """Run the module."""
    module = AnsibleModule(
        argument_spec={
            "tenants": {"type": "list", "elements": "dict", "required": True},
            "plan": {"type": "dict", "required": True},
        },
        supports_check_mode=True,
    )
    plan = module.params["plan"]
    needing = [
        tenant
        for tenant in module.params["tenants"]
        if any(plan[tenant["name"]][key] for key in ("linger", "engine", "context"))
    ]
    ailing = {}
    if not module.check_mode:
        with ThreadPoolExecutor(WORKERS) as pool:
            found = pool.map(lambda tenant: make_ready(tenant, plan[tenant["name"]]), needing)
            ailing = {tenant["name"]: why for tenant, why in zip(needing, found, strict=True) if why}
    for name, why in ailing.items():
        module.warn(f"{name}: {why}")
    module.exit_json(changed=len(needing) > len(ailing), ailing=ailing)


if __name__ == "__main__":
    main()
