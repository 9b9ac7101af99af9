#!/usr/bin/python
# SPDX-License-Identifier: BSD-3-Clause

from __future__ import annotations

DOCUMENTATION = r"""
module: project_files
short_description: Write a whole directory of rendered files at once
description:
  - Writes files below one directory, each atomically, and removes those that are no longer rendered.
  - It is the module half of the action M(addons.olympia.project_render), which is what a playbook calls.
author: The Olympia provisioner authors (!UNKNOWN)
options:
  directory:
    description: The directory. It is created if it does not exist.
    type: path
    required: true
  files:
    description: Content and mode (octal digits) of each file, by its path below O(directory).
    type: dict
    required: true
  absent:
    description: Paths below O(directory) to remove.
    type: list
    elements: str
    default: []
  directories:
    description:
      - Directories to mount at, relative to O(directory) or absolute.
      - The engine creates those that this user may not create.
    type: list
    elements: str
    default: []
  secrets:
    description: Texts that are always masked.
    type: list
    elements: str
    default: []
attributes:
  check_mode:
    support: full
    description: Reports what would be written.
  diff_mode:
    support: full
    description: Shows the change of each file, secrets masked.
"""

EXAMPLES = r"""
- name: Write two files
  addons.olympia.project_files:
    directory: /srv/example
    files:
      .env: {content: "PASSWORD=swordfish\n", mode: "0600"}
      run.sh: {content: "#!/bin/sh\n", mode: "0755"}
    secrets: [swordfish]
"""

RETURN = r"""
files:
  description: Paths of the files that were written or removed (in check mode, would be).
  returned: always
  type: list
  elements: str
  sample: [.env]
"""

import stat
from pathlib import Path
from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.addons.olympia.plugins.module_utils.core.files import finish, write


def current(path: Path) -> tuple[str, int]:
    """Return the content and mode of a file; an empty text and mode 0 if there is none.

    Args:
        path: The file.
    """
    try:
        return path.read_text(encoding="utf-8", errors="replace"), stat.S_IMODE(path.stat().st_mode)
    except FileNotFoundError:
        return "", 0


def make(path: Path, check: bool) -> bool:
    """Make a directory, and return whether it was missing.

    Args:
        path: The directory. It is a place to mount something at: where this user may not make it, the engine will.
        check: Whether to do no more than look.
    """
    if path.is_dir():
        return False
    if not check:
        try:
            path.mkdir(parents=True)
        except PermissionError:
            return False
    return True


def apply(module: AnsibleModule) -> dict[str, Any]:
    """Write what differs and return the module's result.

    Args:
        module: The running module.
    """
    directory = Path(module.params["directory"])
    changed: list[str] = []
    diff: list[dict[str, str]] = []
    for name, file in module.params["files"].items():
        before, before_mode = current(directory / name)
        mode = int(file["mode"], 8)
        if (before, before_mode) == (file["content"], mode):
            continue
        changed.append(name)
        diff.append({"before_header": name, "after_header": name, "before": before, "after": file["content"]})
        if not module.check_mode:
            write(directory / name, file["content"], mode)
    for name in module.params["absent"]:
        if (directory / name).exists():
            changed.append(name)
            diff.append(
                {"before_header": name, "after_header": name, "before": current(directory / name)[0], "after": ""}
            )
            if not module.check_mode:
                (directory / name).unlink()
    made = [name for name in module.params["directories"] if make(directory / name, module.check_mode)]
    return {"changed": bool(changed or made), "files": changed + [f"{name}/" for name in made], "diff": diff}


def main() -> None:
    """Run the module."""
    module = AnsibleModule(
        argument_spec={
            "directory": {"type": "path", "required": True},
            "files": {"type": "dict", "required": True},
            "absent": {"type": "list", "elements": "str", "default": []},
            "directories": {"type": "list", "elements": "str", "default": []},
            "secrets": {"type": "list", "elements": "str", "default": [], "no_log": True},
        },
        supports_check_mode=True,
    )
    finish(module, apply, "Free some space, fix the permissions, or choose another olympia_stack_project_dir.")


if __name__ == "__main__":
    main()
