#!/usr/bin/python
# SPDX-License-Identifier: BSD-3-Clause

from __future__ import annotations

DOCUMENTATION = r"""
module: instance_hook
short_description: Run a hook of a source tree
description:
  - Runs an executable of the source tree before or after something is done to its instance, on the instance's host.
  - A hook never runs as root. Where the module does, the hook runs as O(uid).
author: The Olympia provisioner authors (!UNKNOWN)
extends_documentation_fragment:
  - addons.olympia.secrets
options:
  path:
    description: The hook.
    type: path
    required: true
  directory:
    description: Its working directory.
    type: path
    required: true
  environment:
    description: What it gets besides what every command of this collection gets.
    type: dict
    default: {}
  uid:
    description: The user that it runs as where the module runs as root.
    type: int
    required: true
attributes:
  check_mode:
    support: full
    description: Runs nothing, and says that it would.
  diff_mode:
    support: none
    description: Only the hook knows what it changes.
"""

EXAMPLES = r"""
- name: Run a hook
  addons.olympia.instance_hook:
    path: /home/me/addons-server/.olympia/hooks/post-up
    directory: /home/me/addons-server
    environment:
      OLYMPIA_ADDRESS: http://olympia.test
    uid: 9500
"""

RETURN = r"""
stdout:
  description: What it printed; in check mode nothing.
  returned: always
  type: str
rc:
  description: Its exit code.
  returned: failure
  type: int
"""

import os
import subprocess
from pathlib import Path
from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.addons.olympia.plugins.module_utils.core import command_environment as environment
from ansible_collections.addons.olympia.plugins.module_utils.host.process import tail

LINES = 20


def credentials(uid: int) -> dict[str, Any]:
    """Return the arguments that have a process run as another user; none where this one is an ordinary user's.

    Args:
        uid: That user.
    """
    return {} if os.geteuid() else {"user": uid, "group": uid, "extra_groups": []}


def run(path: Path, directory: Path, given: dict[str, str], uid: int) -> tuple[int, str]:
    """Run a hook, and return its exit code and what it printed.

    Args:
        path: The hook.
        directory: Its working directory.
        given: What its environment has besides.
        uid: The user that it runs as where this process is root's.

    Raises:
        OSError: It cannot be run.
    """
    other = credentials(uid)
    done = subprocess.run(
        [str(path)],
        cwd=directory,
        # Root's home directory is closed to others.
        env=environment.commands(given | ({"HOME": str(directory)} if other else {})),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        encoding="utf-8",
        errors="replace",
        check=False,
        **other,
    )
    return done.returncode, done.stdout


def main() -> None:
    """Run the module."""
    module = AnsibleModule(
        argument_spec={
            "path": {"type": "path", "required": True},
            "directory": {"type": "path", "required": True},
            "environment": {"type": "dict", "default": {}},
            "uid": {"type": "int", "required": True},
            "secrets": {"type": "list", "elements": "str", "default": [], "no_log": True},
        },
        supports_check_mode=True,
    )
    path, directory, given, uid = (module.params[name] for name in ("path", "directory", "environment", "uid"))
    name = Path(path).name
    if module.check_mode:
        module.exit_json(changed=True, stdout="")
    try:
        code, output = run(Path(path), Path(directory), {key: str(value) for key, value in given.items()}, uid)
    except OSError as error:
        module.fail_json(
            msg=f"The hook {name} cannot be run: {error.strerror}. Check that its user may execute it: chmod +x {path}",
            rc=126,
        )
    if code:
        module.fail_json(
            msg=f"The hook {name} failed with exit code {code}:\n{tail(output, LINES)}", rc=code, stdout=output
        )
    module.exit_json(changed=True, stdout=output)


if __name__ == "__main__":
    main()
