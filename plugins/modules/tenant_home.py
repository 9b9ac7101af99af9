#!/usr/bin/python
# SPDX-License-Identifier: BSD-3-Clause

from __future__ import annotations

DOCUMENTATION = r"""
module: tenant_home
short_description: Move the files of a tenant's home directory to another machine
description:
  - Packs them, without the data of the tenant's engine, and unpacks them elsewhere. The tenant reads and writes the files; root
    only transfers them.
  - Records the progress on the new machine, so that an interrupted move can be resumed.
  - The action M(addons.olympia.tenant_home) keeps them on the controller in between.
  - Needs root.
author: The Olympia provisioner authors (!UNKNOWN)
options:
  state:
    description:
      - V(packed) packs the files on the old machine.
      - V(unpacked) fills the home directory on the new machine from O(file).
      - V(restored) records that the instance there has its data.
      - V(left) sets the old home directory's file aside; the tenant must be gone from the machine.
    type: str
    choices: [packed, unpacked, restored, left]
    required: true
  account:
    description: The tenant.
    type: str
    required: true
  uid:
    description: The tenant's UID.
    type: int
    required: true
  id:
    description: The old home directory, as RV(addons.olympia.homes_info#module:homes.id) names it.
    type: str
    required: true
  snapshot:
    description: The snapshot among the files that the instance is to be given; empty without one.
    type: str
    default: ""
  reader:
    description: The user who fetches the packed files. The action sets it.
    type: str
    default: root
  file:
    description: The packed files on the new machine. The action sets it.
    type: path
  limit_gb:
    description: How large the packed files may be, in GiB.
    type: int
    default: 0
  disks_dir:
    description: Folder of the files that are mounted as home directories.
    type: path
    required: true
attributes:
  check_mode:
    support: none
    description: Not supported; moves are planned first.
  diff_mode:
    support: none
    description: Files have no diff.
seealso:
  - module: addons.olympia.homes_info
"""

EXAMPLES = r"""
- name: Pack the files
  addons.olympia.tenant_home:
    state: packed
    account: ana
    uid: 2001
    id: 8a6c1f0b0c5d4f1e9a7b3d2c1e0f9a8b
    limit_gb: 30
    disks_dir: /var/lib/olympia/tenants
  become: true
"""

RETURN = r"""
file:
  description: The packed files, or the file of the old home directory that was set aside.
  returned: success
  type: str
snapshot:
  description: As O(snapshot).
  returned: success
  type: str
"""

import os
import shutil
from pathlib import Path
from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.addons.olympia.plugins.module_utils.core.problem import Problem
from ansible_collections.addons.olympia.plugins.module_utils.shared import as_tenant, homes
from ansible_collections.addons.olympia.plugins.module_utils.shared.flow import SECONDS, flow, said_when_whole

# An engine's images, containers and volumes: what is in the instance's comes as a snapshot. And root's own folders: the file
# system's, and the one that holds the tenant's /tmp, which each machine makes.
LEFT_OUT = ("./.local/share/docker", "./lost+found", "./.olympia-tmp")
PROJECTS = ".local/state/olympia"


def pack(given: dict[str, Any], file: Path) -> Path:
    """Pack the files on the old machine.

    Args:
        given: The module's parameters.
        file: What they are packed in.

    Raises:
        Problem: Not all of them are packed.
    """
    unfinished = file.with_suffix(".part")
    left_out = [f"--exclude={path}" for path in LEFT_OUT]
    packing = ["tar", "--create", "--file=-", "--sparse", *left_out, f"--directory=/home/{given['account']}", "."]
    source = as_tenant.unit_of(given["account"], given["uid"], said_when_whole(packing), SECONDS)
    try:
        flow(source, ["dd", f"of={unfinished}", "bs=1M", "conv=fsync", "status=none"], given["limit_gb"] << 30)
    except Problem:
        unfinished.unlink(missing_ok=True)
        raise
    shutil.chown(unfinished, given["reader"])
    unfinished.rename(file)
    return file


def unpack(given: dict[str, Any], file: Path) -> Path:
    """Fill the home directory on the new machine.

    Args:
        given: The module's parameters.
        file: The file.

    Raises:
        Problem: It has an instance already, or not all has arrived.
    """
    name, uid, home = given["account"], given["uid"], f"/home/{given['account']}"
    reached = {"id": given["id"], "snapshot": given["snapshot"]}
    if homes.progress(name).get("id") != given["id"]:
        if not as_tenant.run(name, uid, ["test", "-e", f"{home}/{PROJECTS}"])[0]:
            raise Problem(
                f"{name} already has files of an instance here, which would be overwritten: rename {home}/{PROJECTS} there"
            )
        homes.write_progress(name, reached | {"done": "begun"})
    unpacking = ["tar", "--extract", "--file=-", f"--directory={home}"]
    flow(["cat", str(file)], as_tenant.unit_of(name, uid, said_when_whole(unpacking), SECONDS), file.stat().st_size)
    homes.write_progress(name, reached | {"done": "unpacked"})
    return file


def leave(given: dict[str, Any], file: Path) -> Path:
    """Set the old home directory's file aside.

    Args:
        given: The module's parameters.
        file: What was packed of it.
    """
    image = Path(given["disks_dir"]) / f"{given['account']}.img"
    kept = image.parent / homes.KEPT / f"{given['account']}-{given['id'][:8]}.img"
    kept.parent.mkdir(mode=0o700, exist_ok=True)
    file.unlink(missing_ok=True)
    image.rename(kept)
    return kept


def restored(given: dict[str, Any], file: Path) -> Path:
    """Remember that the instance has its data."""
    homes.write_progress(given["account"], {"id": given["id"], "snapshot": given["snapshot"], "done": "restored"})
    return file


def main() -> None:
    """Run the module."""
    module = AnsibleModule(
        argument_spec={
            "state": {"type": "str", "choices": ["packed", "unpacked", "restored", "left"], "required": True},
            "account": {"type": "str", "required": True},
            "uid": {"type": "int", "required": True},
            "id": {"type": "str", "required": True},
            "snapshot": {"type": "str", "default": ""},
            "reader": {"type": "str", "default": "root"},
            "file": {"type": "path"},
            "limit_gb": {"type": "int", "default": 0},
            "disks_dir": {"type": "path", "required": True},
        },
        required_if=[("state", "unpacked", ["file"])],
    )
    given: dict[str, Any] = module.params
    os.umask(0o077)
    homes.MOVES.mkdir(parents=True, exist_ok=True)
    # Whoever logs in to fetch a file may go through, and sees no other.
    homes.MOVES.chmod(0o711)
    work = {"packed": pack, "unpacked": unpack, "restored": restored, "left": leave}[given["state"]]
    try:
        file = work(given, Path(given["file"] or homes.MOVES / f"{given['account']}.tar"))
    except (Problem, OSError) as error:
        module.fail_json(
            msg=f"The files of {given['account']} are not {given['state']}: {error}. "
            "Run the same command again: it continues from here."
        )
    module.exit_json(changed=True, file=str(file), snapshot=given["snapshot"])


if __name__ == "__main__":
    main()
