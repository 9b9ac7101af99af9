#!/usr/bin/python
# SPDX-License-Identifier: BSD-3-Clause

from __future__ import annotations

DOCUMENTATION = r"""
module: proxy_users
short_description: Configure who may open the instances of a shared machine
description:
  - Generates a password for each tenant, once, in C(passwords/NAME), which that tenant can read.
  - Writes the users who may open an instance to C(htpasswd/NAME).
  - Removes both for users who are not named.
  - Needs root.
author: The Olympia provisioner authors (!UNKNOWN)
options:
  directory:
    description: Folder of the files.
    type: path
    required: true
  tenants:
    description: Accounts of the tenants whose instances are not public.
    type: list
    elements: str
    required: true
  users:
    description: Password hashes of the users who may open every instance, by name.
    type: dict
    default: {}
  group:
    description: Group of the web server.
    type: str
    default: www-data
attributes:
  check_mode:
    support: full
    description: Reports which files it would write or remove.
  diff_mode:
    support: none
    description: The changes are secret.
seealso:
  - name: HTTP basic authentication in nginx
    description: The format of the files, with the scheme PLAIN.
    link: https://nginx.org/en/docs/http/ngx_http_auth_basic_module.html
"""

EXAMPLES = r"""
- name: Configure who may open which instance
  addons.olympia.proxy_users:
    directory: /etc/olympia/proxy
    tenants: [ana, ben]
  become: true
"""

RETURN = r"""
files:
  description: Paths of the files that were written or removed (in check mode, would be).
  returned: success
  type: list
  elements: str
  sample: [htpasswd/ana]
"""

import grp
import os
import pwd
import secrets
import stat
from pathlib import Path
from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.addons.olympia.plugins.module_utils.core.files import finish, write

PASSWORDS = "passwords"
USERS = "htpasswd"
# Only root writes them; the file's group reads it.
MODE = 0o640


def is_right(path: Path, content: str, group: int) -> bool:
    """Return whether a file is as it has to be.

    Args:
        path: The file.
        content: Its text.
        group: Its group's number.
    """
    try:
        status = path.stat()
        return (status.st_gid, stat.S_IMODE(status.st_mode), path.read_text(encoding="utf-8")) == (group, MODE, content)
    except OSError:
        return False


def group_of(name: str) -> int:
    """Return the number of an account's group; -1 where there is no such account, as in the plan of a first run.

    Args:
        name: The account.
    """
    try:
        return pwd.getpwnam(name).pw_gid
    except KeyError:
        return -1


def password(path: Path) -> str:
    """Return the password in a file, or a new one if there is no file.

    Args:
        path: The file.
    """
    return (path.read_text(encoding="utf-8").strip() if path.exists() else "") or secrets.token_urlsafe(18)


def wanted(module: AnsibleModule) -> dict[str, tuple[str, int]]:
    """Return content and group of each file, by its path in the directory.

    Args:
        module: The running module.
    """
    directory, server = Path(module.params["directory"]), grp.getgrnam(module.params["group"]).gr_gid
    common = "".join(f"{name}:{hashed}\n" for name, hashed in module.params["users"].items())
    files = {}
    for name in module.params["tenants"]:
        word = password(directory / PASSWORDS / name)
        files[f"{PASSWORDS}/{name}"] = (f"{word}\n", group_of(name))
        files[f"{USERS}/{name}"] = (f"{common}{name}:{{PLAIN}}{word}\n", server)
    return files


def apply(module: AnsibleModule) -> dict[str, Any]:
    """Write what differs, remove what is not wanted, and return the module's result.

    Args:
        module: The running module.
    """
    directory = Path(module.params["directory"])
    files = wanted(module)
    there = {f"{folder}/{path.name}" for folder in (PASSWORDS, USERS) for path in (directory / folder).glob("*")}
    differing = [name for name, (content, group) in files.items() if not is_right(directory / name, content, group)]
    unwanted = sorted(there - set(files))
    if not module.check_mode:
        for name in differing:
            content, group = files[name]
            write(directory / name, content, 0o600)
            os.chown(directory / name, 0, group)
            (directory / name).chmod(MODE)
        for name in unwanted:
            (directory / name).unlink()
    return {"changed": bool(differing or unwanted), "files": differing + unwanted}


def main() -> None:
    """Run the module."""
    module = AnsibleModule(
        argument_spec={
            "directory": {"type": "path", "required": True},
            "tenants": {"type": "list", "elements": "str", "required": True},
            "users": {"type": "dict", "default": {}, "no_log": True},
            "group": {"type": "str", "default": "www-data"},
        },
        supports_check_mode=True,
    )
    finish(module, apply, "Run it as root, and make room.")


if __name__ == "__main__":
    main()
