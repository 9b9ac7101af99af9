# SPDX-License-Identifier: BSD-3-Clause
"""The tenants in an inventory of shared machines, read without a playbook."""

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
    """Return whether an inventory has tenants, that is, whether a file names the inventory plugin for them.

    Args:
        inventory: A file, or a folder of files.
    """
    files = inventory.glob("*.y*ml") if inventory.is_dir() else [inventory]
    return any(PLUGIN in path.read_text(encoding="utf-8", errors="replace") for path in files if path.is_file())


def listed(inventory: Path, limit: str, environment: Mapping[str, str]) -> list[str]:
    """Return the names of the tenants, as Ansible reads the inventory; empty if it cannot.

    Args:
        inventory: The inventory.
        limit: A host pattern, or the empty string for all hosts.
        environment: The environment variables that Ansible needs besides the user's own.
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
    # The names of groups have no hyphens, and those of tenants no underscores.
    return sorted(name.replace("_", "-") for name in names)
