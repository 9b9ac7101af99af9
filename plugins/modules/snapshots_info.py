#!/usr/bin/python
# SPDX-License-Identifier: BSD-3-Clause
"""Ansible module: the snapshots of a host."""

from __future__ import annotations

DOCUMENTATION = r"""
module: snapshots_info
short_description: The snapshots of a host
description:
  - Returns the snapshots of all instances that a host has or had. Needs no engine, and changes nothing.
author: The Olympia provisioner authors (!UNKNOWN)
extends_documentation_fragment:
  - addons.olympia.reading
options:
  directory:
    description: The folder of all snapshots. It need not exist.
    type: path
    required: true
"""

EXAMPLES = r"""
- name: Find the snapshots
  addons.olympia.snapshots_info:
    directory: /srv/olympia/snapshots
"""

RETURN = r"""
snapshots:
  description: The snapshots, by instance and time.
  returned: always
  type: list
  elements: dict
  contains:
    instance:
      description: Whose it is.
      type: str
    name:
      description: Its name.
      type: str
    path:
      description: Its folder.
      type: str
    created:
      description: When it was saved, in UTC (ISO 8601).
      type: str
    bytes:
      description: What it takes on the disk.
      type: int
    automatic:
      description: Whether nobody has asked for it. It was saved before something that replaces or removes data, or in a night.
      type: bool
    problem:
      description: Why it cannot be restored, as far as its manifest tells. Empty for one that can.
      type: str
"""

from pathlib import Path

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.addons.olympia.plugins.module_utils.snapshots import store as snapshots


def main() -> None:
    """Run the module."""
    module = AnsibleModule(argument_spec={"directory": {"type": "path", "required": True}}, supports_check_mode=True)
    module.exit_json(changed=False, snapshots=snapshots.found(Path(module.params["directory"])))


if __name__ == "__main__":
    main()
