#!/usr/bin/python
# SPDX-License-Identifier: BSD-3-Clause
"""Update apt's package lists, even if some sources fail."""

from __future__ import annotations

DOCUMENTATION = r"""
---
module: package_lists
short_description: Update apt's package lists, even if some sources fail
description:
  - Runs C(apt-get update), and reports which sources failed. The lists of all others are up to date then.
  - Fails only if apt cannot read its sources at all.
  - The action M(addons.olympia.packages) runs it before it installs anything.
author: The Olympia provisioner authors (!UNKNOWN)
options:
  valid_for:
    description: Age in seconds up to which lists are not updated.
    type: int
    default: 0
  lock_timeout:
    description: How long to wait for another program that is updating the lists, in seconds.
    type: int
    default: 600
attributes:
  check_mode:
    description: Updates nothing.
    support: full
  diff_mode:
    description: Package lists are not part of a host's configuration.
    support: none
"""

EXAMPLES = r"""
- name: Update the package lists
  addons.olympia.package_lists:
    valid_for: 60
  become: true
"""

RETURN = r"""
apt:
  description: Whether the host has apt.
  returned: success
  type: bool
updated:
  description: Whether C(apt-get update) was run.
  returned: success
  type: bool
failures:
  description: The sources that failed.
  returned: success
  type: list
  elements: dict
  contains:
    uri:
      description: The address; empty if apt does not name it.
      type: str
    path:
      description: The file that names it.
      type: str
    seen:
      description: The first message of apt about it.
      type: str
"""

import os
import time
from pathlib import Path

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.addons.olympia.plugins.module_utils.host import apt_lists as package_lists
from ansible_collections.addons.olympia.plugins.module_utils.host.apt_sources import read_host_sources

LISTS = Path("/var/lib/apt/lists")
LOCK_INTERVAL = 1.0  # seconds between two attempts


def main() -> None:
    """Run the module."""
    module = AnsibleModule(
        argument_spec={
            "valid_for": {"type": "int", "default": 0},
            "lock_timeout": {"type": "int", "default": 600},
        },
        supports_check_mode=True,
    )
    program = module.get_bin_path("apt-get")
    if program is None or module.check_mode or _age() < module.params["valid_for"]:
        module.exit_json(changed=False, apt=program is not None, updated=False, failures=[])
    deadline = time.monotonic() + module.params["lock_timeout"]
    while True:
        code, _output, errors = module.run_command([program, "update", "--quiet"], environ_update={"LC_ALL": "C"})
        if not (code and package_lists.is_locked(errors)) or time.monotonic() > deadline:
            break
        time.sleep(LOCK_INTERVAL)
    failures = package_lists.source_failures(errors, read_host_sources())
    if code and package_lists.is_unreadable(errors):
        module.fail_json(msg=package_lists.unreadable(failures), rc=code)
    if not failures:
        # Lists that had not changed keep their time.
        os.utime(LISTS)
    module.exit_json(changed=False, apt=True, updated=True, failures=[failure._asdict() for failure in failures])


def _age() -> float:
    """Return for how many seconds the lists have been as they are."""
    try:
        return time.time() - LISTS.stat().st_mtime
    except OSError:
        return float("inf")


if __name__ == "__main__":
    main()
