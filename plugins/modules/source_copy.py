#!/usr/bin/python
# SPDX-License-Identifier: BSD-3-Clause
"""Ansible module: a copied source tree that people work in."""

from __future__ import annotations

DOCUMENTATION = r"""
module: source_copy
short_description: Copy a source tree, and keep the copy current without touching anybody's work
description:
  - Writes files below one directory, each atomically. A record beside the directory, which has its name and ends in C(.sha256),
    contains the checksum of each file as it was written.
  - A file that was changed since is left alone. So is one that is a link, is in a folder that is a link, or existed
    before.
  - Missing files are written, so moving a file away restores the given version. Files that are not given are left
    alone.
version_added: 0.3.0
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
  earlier:
    description: Checksums of earlier releases, which left no record, as C(sha256sum) writes them. A path may occur more than once.
    type: str
    default: ""
attributes:
  check_mode:
    support: full
    description: Reports what would be written.
  diff_mode:
    support: full
    description: Shows the change of each file.
seealso:
  - module: addons.olympia.source_checkout
"""

EXAMPLES = r"""
- name: Copy a source tree
  addons.olympia.source_copy:
    directory: /srv/example/source
    files:
      manage.py: {content: "print()\n", mode: "0755"}
"""

RETURN = r"""
files:
  description: Paths of the files that were written (in check mode, would be).
  returned: success
  type: list
  elements: str
  sample: [manage.py]
kept:
  description: Paths of the files that differ because somebody has changed them.
  returned: success
  type: list
  elements: str
  sample: [settings.py]
"""

import stat
from pathlib import Path
from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.addons.olympia.plugins.module_utils.core.checksums import (
    read_list,
    record_of,
    sum_of,
    write_list,
)
from ansible_collections.addons.olympia.plugins.module_utils.core.files import finish, write

MISSING = ""
# Of what is no file, or cannot be read.
UNREADABLE = "unreadable"


def found(path: Path) -> str:
    """Return the checksum of a file, or one of MISSING and UNREADABLE.

    Args:
        path: The file.
    """
    try:
        return sum_of(path.read_bytes())
    except FileNotFoundError:
        return UNREADABLE if path.is_symlink() else MISSING
    except OSError:
        return UNREADABLE


def apply(module: AnsibleModule) -> dict[str, Any]:
    """Write what differs and is nobody's work, and return the module's result.

    Args:
        module: The running module.
    """
    directory, files = Path(module.params["directory"]), module.params["files"]
    record = record_of(directory)
    recorded = record.read_text(encoding="utf-8") if record.exists() else ""
    given = {(name, sum_of(file["content"].encode())) for name, file in files.items()}
    ours = read_list(recorded) | read_list(module.params["earlier"]) | given
    written: list[str] = []
    kept: list[str] = []
    diff: list[dict[str, str]] = []
    for name, file in files.items():
        path, there = directory / name, found(directory / name)
        linked = path.resolve() != directory.resolve() / name
        if (name, there) in given and (linked or stat.S_IMODE(path.stat().st_mode) == int(file["mode"], 8)):
            continue
        if linked or (there != MISSING and (name, there) not in ours):
            kept.append(name)
            continue
        written.append(name)
        before = "" if there == MISSING else path.read_text(encoding="utf-8", errors="replace")
        diff.append({"before_header": name, "after_header": name, "before": before, "after": file["content"]})
    # Of a file that stays, it goes on to say what was copied.
    sums = {one for one in given if one[0] not in kept} | {one for one in read_list(recorded) if one[0] in kept}
    changed = bool(written) or write_list(sums) != recorded
    if changed and not module.check_mode:
        # Whatever is interrupted on the way stays known for ours.
        write(record, write_list(ours), 0o644)
        for name in written:
            write(directory / name, files[name]["content"], int(files[name]["mode"], 8))
        write(record, write_list(sums), 0o644)
    return {"changed": changed, "files": written, "kept": kept, "diff": diff}


def main() -> None:
    """Run the module."""
    module = AnsibleModule(
        argument_spec={
            "directory": {"type": "path", "required": True},
            "files": {"type": "dict", "required": True},
            "earlier": {"type": "str", "default": ""},
        },
        supports_check_mode=True,
    )
    finish(module, apply, "Free some space, or fix the permissions.")


if __name__ == "__main__":
    main()
