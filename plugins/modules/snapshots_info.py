#!/usr/bin/python
# SPDX-License-Identifier: BSD-3-Clause
"""Ansible module: list the snapshots of a host."""

from __future__ import annotations

DOCUMENTATION = r"""
module: snapshots_info
short_description: List the snapshots of a host
description:
  - Lists the snapshots of all instances, existing or destroyed. Needs no engine, and changes nothing.
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
- name: List the snapshots
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
      description: Disk space that it uses, in bytes.
      type: int
    automatic:
      description: Whether it was saved automatically, before an operation that replaces or removes data, or at night.
      type: bool
    problem:
      description: Why it cannot be restored, according to its manifest. Empty if it can.
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
