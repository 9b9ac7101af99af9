# SPDX-License-Identifier: BSD-3-Clause
"""The tenants of an inventory of shared machines, without a run of a playbook."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

PLUGIN = "addons.olympia.tenants"
GROUP = "tenant_"


def names_plugin(inventory: Path) -> bool:
    """Return whether an inventory has tenants: a file that names the plugin for them.

    Args:
        inventory: A file, or a folder of files.
    """
    files = inventory.glob("*.y*ml") if inventory.is_dir() else [inventory]
    return any(PLUGIN in path.read_text(encoding="utf-8", errors="replace") for path in files if path.is_file())


def listed(inventory: Path, limit: str, environment: Mapping[str, str]) -> list[str]:
    """Return the names of the tenants, as Ansible reads the inventory; none where it cannot.

    Args:
        inventory: The inventory.
        limit: Pattern of hosts, or the empty string for all.
        environment: What Ansible needs of the environment besides the user's own.
    """
    program = str(Path(sys.executable).with_name("ansible-inventory"))
    done = subprocess.run(
        [program, f"--inventory={inventory}", "--list", *([f"--limit={limit}"] if limit else [])],
        env=os.environ | environment,
        capture_output=True,
        text=True,
        check=False,
    )
    groups = {} if done.returncode else json.loads(done.stdout)
    names = (
        name.removeprefix(GROUP) for name, group in groups.items() if name.startswith(GROUP) and group.get("hosts")
    )
    # A group's name has no hyphen, and a tenant's no underscore.
    return sorted(name.replace("_", "-") for name in names)
