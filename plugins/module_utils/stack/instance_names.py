# SPDX-License-Identifier: BSD-3-Clause
"""What keeps the instances of one host apart where nobody has said how: their names and their ports."""

from __future__ import annotations

import re
import zlib
from collections.abc import Collection, Iterable, Mapping
from pathlib import Path
from typing import Any

from ansible_collections.addons.olympia.plugins.module_utils.core import dotenv
from ansible_collections.addons.olympia.plugins.module_utils.host.system import exists, read_text

DEFAULT_INSTANCE = "addons-server"
# What every addons-server checkout has, and the build and the start need.
SOURCE_MARKS = ("Makefile-docker", "manage.py", "docker/uwsgi.ini", "requirements/prod.txt", "package-lock.json")
# Those of them that steps of the build read as the application's own user, and one more that only some checkouts have.
READ_IN_BUILDS = ("Makefile-docker", "requirements/prod.txt", "package-lock.json", "docker/debian_packages.txt")
PORT_BLOCK = "PORT_BLOCK"  # in an instance's `.env`

# The default instance's ports are addons-server's own; those of all others are in blocks of ten.
FIRST_BLOCK = {"olympia_stack_http_port": 80, "olympia_stack_frontend_port": 7011}
BLOCKS = 200
LOWEST_PORT = 8100
BLOCK_SIZE = 10


def linked_worktree(path: Path) -> tuple[Path, str] | None:
    """Return root and name of the linked git worktree that a path is in; None in a main worktree and outside of any.

    A linked worktree's `.git` is a file that names `.git/worktrees/NAME` of the main one (gitrepository-layout(5)).

    Args:
        path: A folder; it need not exist.
    """
    root = next((folder for folder in (path, *path.parents) if exists(folder / ".git")), None)
    if root is None or (root / ".git").is_dir():
        return None
    target = Path(read_text(root / ".git").removeprefix("gitdir:").strip())
    return (root, target.name) if target.parent.name == "worktrees" else None


def instance_of(source: Path) -> str:
    """Return the instance that a source tree has where nobody names one: each linked worktree has its own.

    Args:
        source: The source tree.
    """
    worktree = linked_worktree(source)
    word = re.sub(r"[^a-z0-9]+", "-", worktree[1].lower()).strip("-") if worktree else ""
    # Docker's names, and a host name's part, end after 63 characters.
    return f"{DEFAULT_INSTANCE}-{word}"[:63].rstrip("-") if word else DEFAULT_INSTANCE


def ports(block: int) -> dict[str, int]:
    """Return the ports of a block, by the setting that each stands for.

    Args:
        block: Its number; 0 is the default instance's.
    """
    if block == 0:
        return dict(FIRST_BLOCK)
    lowest = LOWEST_PORT + (block - 1) * BLOCK_SIZE
    return {variable: lowest + place for place, variable in enumerate(FIRST_BLOCK)}


def choose_block(instance: str, taken: Collection[int]) -> int:
    """Return the first block with free ports only, from the one on that the instance's name means.

    By the name, so that an instance that is made again, or two that are made at the same time, find the same block again, or
    different ones.

    Args:
        instance: The instance's name.
        taken: Ports that others have.
    """
    first = zlib.crc32(instance.encode()) % BLOCKS
    named = [1 + (first + step) % BLOCKS for step in range(BLOCKS)]
    candidates = [0, *named] if instance == DEFAULT_INSTANCE else named
    used = frozenset(taken)
    # With all of them taken the preflight says by whom.
    return next((one for one in candidates if used.isdisjoint(ports(one).values())), candidates[0])


def kept_block(derived: Mapping[str, str]) -> int | None:
    """Return the block that an instance keeps, if it has one.

    Args:
        derived: The derived section of its `.env`.
    """
    text = derived.get(PORT_BLOCK, "")
    return int(text) if text.isdecimal() and int(text) <= BLOCKS else None


def kept_ports(folder: Path) -> list[int]:
    """Return the ports that instances keep, running or not.

    Args:
        folder: Where the project directories are.
    """
    kept: list[int] = []
    for path in folder.glob("*/.env"):
        # One that cannot be read keeps none: that instance's own preflight says what is wrong with it.
        sections, _error = dotenv.read(path)
        block = kept_block(sections[dotenv.DERIVED])
        chosen = sections[dotenv.CHOICES].get("HTTP_PORT", "")
        kept += [*(ports(block).values() if block is not None else ()), *([int(chosen)] if chosen.isdecimal() else [])]
    return kept


def size(text: str) -> int:
    """Return the number of bytes that the engine's words for a size mean; 0 for what is no size.

    Args:
        text: Such as `1.5GiB`, or `12.3MB`; those are powers of 1024, these of 1000.
    """
    match = re.fullmatch(r"([0-9.]+)([kKMGT]?)(i?)B", text)
    if not match:
        return 0
    number, prefix, binary = match.groups()
    base = 1024.0 if binary else 1000.0
    return round(float(number) * base ** " KMGT".index(prefix.upper() or " "))


def alone(found: Iterable[dict[str, Any]]) -> dict[str, Any] | None:
    """Return the instance that runs; None where none does, or several do.

    Args:
        found: The instances of an engine.
    """
    running = [one for one in found if one["running"]]
    return running[0] if len(running) == 1 else None
