#!/usr/bin/python
# SPDX-License-Identifier: BSD-3-Clause

from __future__ import annotations

DOCUMENTATION = r"""
module: snapshot_backup
short_description: Copy a tenant's snapshots off the machine, and back
description:
  - Keeps snapshots of M(addons.olympia.instance_snapshot) in a repository of restic, one for each tenant.
  - Root runs restic and knows the password. The tenant reads and writes the snapshot; root opens none of the tenant's files.
  - Needs root, and restic.
author: The Olympia provisioner authors (!UNKNOWN)
options:
  state:
    description:
      - V(saved) copies a snapshot to the repository, which is created if needed, and removes snapshots that O(keep) does not cover.
      - V(fetched) copies one from there to the machine.
      - V(listed) only lists them.
    type: str
    choices: [saved, fetched, listed]
    default: saved
  address:
    description: Location of the repositories of all tenants, in restic's notation. That of O(account) is a folder there.
    type: str
    required: true
  password:
    description: The password of the repositories.
    type: str
    required: true
  environment:
    description: Environment variables of restic, such as C(AWS_ACCESS_KEY_ID) and C(AWS_SECRET_ACCESS_KEY).
    type: dict
    default: {}
  account:
    description: The tenant.
    type: str
    required: true
  uid:
    description: The tenant's UID.
    type: int
    required: true
  machine:
    description: The machine's name, which is stored with a snapshot.
    type: str
    required: true
  directory:
    description: The folder of the instance's snapshots, with O(state=saved) and O(state=fetched).
    type: str
    default: ""
  name:
    description: The snapshot. By default V(fetched) takes the newest one.
    type: str
    default: ""
  keep:
    description: How many snapshots are kept, by C(last), C(daily), C(weekly), C(monthly) or C(yearly). Without any, all are.
    type: dict
    default: {}
  limit_gb:
    description: How large a snapshot may be, in GiB.
    type: int
    required: true
attributes:
  check_mode:
    support: full
    description: Reports what would be done.
  diff_mode:
    support: none
    description: Snapshots are copied as a whole.
seealso:
  - module: addons.olympia.instance_snapshot
"""

EXAMPLES = r"""
- name: Copy a snapshot off the machine
  addons.olympia.snapshot_backup:
    address: sftp:backup@backup.example.org:/srv/olympia
    password: "{{ backup_password }}"
    account: ana
    uid: 2001
    machine: vm1.example.org
    directory: /home/ana/.local/state/olympia/snapshots/ana
    name: before-the-migration
    keep: {daily: 7, weekly: 4}
    limit_gb: 30
  become: true
"""

RETURN = r"""
told:
  description: What was done (in check mode, would be), as a sentence.
  returned: success
  type: str
name:
  description: The snapshot; empty if there is none.
  returned: success
  type: str
snapshots:
  description: >-
    The snapshots that were in the repository, the oldest first, with C(name), C(machine), C(created) in UTC (ISO 8601), C(id), and
    C(bytes), which is 0 if restic does not report it.
  returned: success
  type: list
  elements: dict
"""

from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.addons.olympia.plugins.module_utils.core.problem import Problem
from ansible_collections.addons.olympia.plugins.module_utils.shared.restic import Repository
from ansible_collections.addons.olympia.plugins.module_utils.snapshots import store as snapshots

PERIODS = ("last", "daily", "weekly", "monthly", "yearly")


def save(module: AnsibleModule, repository: Repository) -> dict[str, Any]:
    """Save a snapshot in the repository."""
    name, directory = module.params["name"], module.params["directory"]
    found = repository.ensure() if not module.check_mode else []
    if any(one["name"] == name for one in found):
        return {
            "changed": False,
            "name": name,
            "snapshots": found,
            "told": f"{name} is in {repository.address} already",
        }
    if not module.check_mode:
        repository.save(directory, name, module.params["machine"], module.params["keep"])
    done = "would be" if module.check_mode else "is"
    return {"changed": True, "name": name, "snapshots": found, "told": f"{name} {done} copied to {repository.address}"}


def fetch(module: AnsibleModule, repository: Repository) -> dict[str, Any]:
    """Fetch a snapshot from the repository."""
    name, directory = module.params["name"], module.params["directory"]
    found = repository.snapshots()
    wanted = [one for one in found if name in ("", one["name"])]
    if not wanted:
        names = ", ".join(one["name"] for one in found) or "none"
        raise Problem(f"There is no snapshot {name or 'at all'} in {repository.address}; it has {names}.")
    one = wanted[-1]
    result = {"name": one["name"], "snapshots": found}
    if module.check_mode:
        return result | {"changed": True, "told": f"{one['name']} would be fetched to {directory}"}
    if not repository.fetch(directory, one):
        return result | {"changed": False, "told": f"{one['name']} is in {directory} already"}
    return result | {"changed": True, "told": f"{one['name']} is fetched to {directory}"}


def show(_module: AnsibleModule, repository: Repository) -> dict[str, Any]:
    """Tell which snapshots there are."""
    found = repository.snapshots()
    return {
        "changed": False,
        "name": "",
        "snapshots": found,
        "told": f"{repository.address} has {len(found)} snapshots",
    }


def main() -> None:
    """Run the module."""
    module = AnsibleModule(
        argument_spec={
            "state": {"type": "str", "choices": ["saved", "fetched", "listed"], "default": "saved"},
            "address": {"type": "str", "required": True},
            "password": {"type": "str", "required": True, "no_log": True},
            "environment": {"type": "dict", "default": {}, "no_log": True},
            "account": {"type": "str", "required": True},
            "uid": {"type": "int", "required": True},
            "machine": {"type": "str", "required": True},
            "directory": {"type": "str", "default": ""},
            "name": {"type": "str", "default": ""},
            "keep": {"type": "dict", "default": {}},
            "limit_gb": {"type": "int", "required": True},
        },
        required_if=[("state", "saved", ["directory", "name"]), ("state", "fetched", ["directory"])],
        supports_check_mode=True,
    )
    given: dict[str, Any] = module.params
    if not given["password"]:
        module.fail_json(
            msg="The repositories have no password: set olympia_tenant_backup_password, in a file of Ansible Vault."
        )
    if unknown := sorted(set(given["keep"]) - set(PERIODS)):
        module.fail_json(msg=f"olympia_tenant_backup_keep has {', '.join(unknown)}; it takes {', '.join(PERIODS)}.")
    if given["name"] and not snapshots.NAME.fullmatch(given["name"]):
        module.fail_json(msg=f"'{given['name']}' cannot name a snapshot.")
    environment = {name: str(value) for name, value in given["environment"].items()}
    repository = Repository(
        given["address"], given["password"], environment, given["account"], given["uid"], given["limit_gb"] << 30
    )
    try:
        result = {"saved": save, "fetched": fetch, "listed": show}[given["state"]](module, repository)
    except Problem as error:
        module.fail_json(msg=str(error))
    module.exit_json(**result)


if __name__ == "__main__":
    main()
