# SPDX-License-Identifier: BSD-3-Clause
"""The files that are mounted as home directories of tenants, and the disk space for them."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..host import system
from ..snapshots.store import write_whole

GIB = 1 << 30  # bytes
KEPT = "moved"  # folder, beside the others, of the files of tenants who have moved to another machine
MOVES = Path("/var/lib/olympia/moves")  # what is on its way from one machine to another, and how far that has got


@dataclass(frozen=True)
class Room:
    """The room of a file system, in bytes.

    Attributes:
        used: What is taken.
        free: What can be taken.
    """

    used: int
    free: int

    @property
    def share(self) -> float:
        """The share that is taken, as df has it."""
        return self.used / ((self.used + self.free) or 1)


def gib(size: int) -> str:
    """Return a size in bytes as people read it."""
    return f"{size / GIB:.1f} GiB"


def overcommitted(room: Room, growth: int, disks_dir: str) -> str:
    """Return a sentence if more space is promised to home directories than is free; empty otherwise.

    The files are sparse and rarely full, so this is the operator's decision, and not an error.

    Args:
        room: Where they are.
        growth: What they may take besides.
        disks_dir: Their folder.
    """
    if growth <= room.free:
        return ""
    return f"{gib(room.free)} are free at {disks_dir}, and the home directories may take {gib(growth)} more"


def room(path: Path) -> Room:
    """Return the room where a path is, or would be.

    Args:
        path: The path.
    """
    while not system.exists(path):
        path = path.parent
    found = os.statvfs(path)
    return Room((found.f_blocks - found.f_bfree) * found.f_frsize, found.f_bavail * found.f_frsize)


def found(folder: Path) -> list[dict[str, Any]]:
    """Return whose home directories there are, which, and their size and what they take of it, in bytes.

    Args:
        folder: Where their files are.
    """
    files = [(path, path.stat()) for path in sorted(folder.glob("*.img"))]
    return [
        # stat(2): blocks are of 512 bytes.
        {"name": path.stem, "id": identity(path), "size": file.st_size, "taken": file.st_blocks * 512}
        for path, file in files
    ]


def identity(image: Path) -> str:
    """Return the unique ID of a home directory: the UUID in its ext4 superblock.

    Args:
        image: Its file.
    """
    with image.open("rb") as file:
        file.seek(1024 + 0x68)
        return file.read(16).hex()


def progress(name: str) -> dict[str, Any]:
    """Return the progress of a move to this machine: the home directory, the snapshot, and the last step.

    Args:
        name: The tenant.
    """
    try:
        found = json.loads((MOVES / f"{name}.json").read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    return dict(found)


def write_progress(name: str, reached: dict[str, Any]) -> None:
    """Record the progress of a move to this machine.

    Args:
        name: The tenant.
        reached: As `progress` gives it.
    """
    write_whole(MOVES / f"{name}.json", json.dumps(reached) + "\n")


def growth(tenants: Iterable[Mapping[str, Any]], folder: Path) -> int:
    """Return how many bytes home directories may still grow, including those that do not exist yet.

    Args:
        tenants: The tenants, as the filter `tenants` gives them.
        folder: Where the home directories' files are.
    """
    left = 0
    for tenant in tenants:
        path = folder / tenant["image"]
        # stat(2): blocks are of 512 bytes.
        taken = path.stat().st_blocks * 512 if path.exists() else 0
        left += max(0, tenant["disk_gb"] * GIB - taken)
    return left
