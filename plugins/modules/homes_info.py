#!/usr/bin/python
# SPDX-License-Identifier: BSD-3-Clause

from __future__ import annotations

DOCUMENTATION = r"""
module: homes_info
short_description: Tenants' home directories on a machine, and the free space
description:
  - Lists the files of home directories, without opening them.
  - Only reads, and needs root.
author: The Olympia provisioner authors (!UNKNOWN)
extends_documentation_fragment:
  - addons.olympia.reading
options:
  disks_dir:
    description: Folder of the files that are mounted as home directories. It need not exist.
    type: path
    required: true
"""

EXAMPLES = r"""
- name: List the home directories
  addons.olympia.homes_info:
    disks_dir: /var/lib/olympia/tenants
  become: true
"""

RETURN = r"""
homes:
  description: The files of home directories, by name.
  returned: success
  type: list
  elements: dict
  contains:
    name:
      description: Whose it is.
      type: str
    id:
      description: Its unique ID.
      type: str
    account:
      description: Whether there is an account of that name.
      type: bool
    size:
      description: Size of the home directory, in bytes.
      type: int
    taken:
      description: Disk space that the file uses, in bytes.
      type: int
kept:
  description: Files of home directories that O(disks_dir) keeps of tenants who have moved to another machine.
  returned: success
  type: list
  elements: str
moves:
  description: Progress of unfinished moves of tenants to this machine, by name.
  returned: success
  type: dict
free:
  description: Free space on the file system of O(disks_dir), in bytes.
  returned: success
  type: int
memory_mb:
  description: The machine's memory, in MiB.
  returned: success
  type: int
"""

import pwd
from pathlib import Path

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.addons.olympia.plugins.module_utils.host import system
from ansible_collections.addons.olympia.plugins.module_utils.shared import homes


def main() -> None:
    """Run the module."""
    module = AnsibleModule(
        argument_spec={"disks_dir": {"type": "path", "required": True}},
        supports_check_mode=True,
    )
    disks = Path(module.params["disks_dir"])
    accounts = {entry.pw_name for entry in pwd.getpwall()}
    module.exit_json(
        changed=False,
        homes=[one | {"account": one["name"] in accounts} for one in homes.found(disks)],
        kept=[str(path) for path in sorted((disks / homes.KEPT).glob("*.img"))],
        moves={path.stem: homes.progress(path.stem) for path in homes.MOVES.glob("*.json")},
        free=homes.room(disks).free,
        memory_mb=system.memory_mb(),
    )


if __name__ == "__main__":
    main()
