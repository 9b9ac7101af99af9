# SPDX-License-Identifier: BSD-3-Clause
"""The files that are mounted as home directories of tenants, and the room for them."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from ansible_collections.addons.olympia.plugins.module_utils import host
from ansible_collections.addons.olympia.plugins.module_utils.machine import Room

KEPT = "moved"  # folder, beside the others, of the files of tenants who have moved to another machine


def room(path: Path) -> Room:
    """Return the room where a path is, or would be.

    Args:
        path: The path.
    """
    while not host.exists(path):
        path = path.parent
    found = os.statvfs(path)
    return Room((found.f_blocks - found.f_bfree) * found.f_frsize, found.f_bavail * found.f_frsize)


def found(folder: Path) -> list[dict[str, Any]]:
    """Return whose home directories there are, with their size and what they take of it, in bytes.

    Args:
        folder: Where their files are.
    """
    files = [(path.stem, path.stat()) for path in sorted(folder.glob("*.img"))]
    # stat(2): blocks are of 512 bytes.
    return [{"name": name, "size": file.st_size, "taken": file.st_blocks * 512} for name, file in files]


def growth(folder: Path) -> int:
    """Return how many bytes the files of home directories do not take yet of those that they have.

    Args:
        folder: Where they are.
    """
    return sum(max(0, one["size"] - one["taken"]) for one in found(folder))
