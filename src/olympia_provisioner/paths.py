# SPDX-License-Identifier: BSD-3-Clause
"""Where things are: the files of the collection, and the user's state directory."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path

from .errors import ExitCode, Problem

INSTANCE = "addons-server"
RECORD = "record.json"  # of a run, in its directory


def collection_root() -> Path:
    """Return the root of the collection: the checkout, or the copy in the wheel.

    Raises:
        Problem: The package is installed without the collection.
    """
    package = Path(__file__).resolve().parent
    roots = (package.parents[1], package / "collections/ansible_collections/addons/olympia")
    for root in roots:
        if (root / "galaxy.yml").is_file():
            return root
    raise Problem(
        "Cannot find the collection addons.olympia",
        where=str(package),
        fix="Run the command from a checkout (scripts/bootstrap creates .venv/bin/olympia), or install the wheel built by "
        "scripts/wheel",
    )


def collections_path(root: Path) -> Path:
    """Return the folder whose `ansible_collections` contains the collection.

    Args:
        root: The root of the collection. A checkout has a link to itself there; an installed collection is in it.
    """
    return root / "collections" if (root / "collections").is_dir() else root.parents[2]


def make_importable(root: Path) -> None:
    """Make the Python code of the collection importable as `ansible_collections.addons.olympia`.

    Args:
        root: The root of the collection.
    """
    collections = str(collections_path(root))
    if collections not in sys.path:
        sys.path.insert(0, collections)


def state_dir(environment: Mapping[str, str]) -> Path:
    """Return the folder for project directories, runs and locks.

    Args:
        environment: The process environment.

    Raises:
        Problem: The user has no home directory.
    """
    base = environment.get("XDG_STATE_HOME", "")
    try:
        # The XDG specification says to ignore relative paths.
        return (Path(base) if base.startswith("/") else Path.home() / ".local/state") / "olympia"
    except RuntimeError as error:
        raise Problem(
            "This user has no home directory",
            cause=str(error),
            fix="Set HOME, or set XDG_STATE_HOME to a folder that this user can write to",
        ) from error


def find_inventory(name: str, root: Path) -> Path:
    """Return the inventory that `-i` names.

    Args:
        name: The name of a folder in inventories/, or a path.
        root: The root of the collection.

    Raises:
        Problem: There is no such inventory.
    """
    named = root / "inventories" / name
    if "/" not in name and named.is_dir():
        return named
    path = Path(name).expanduser()
    if path.exists():
        return path.absolute()
    known = sorted(entry.name for entry in (root / "inventories").iterdir() if entry.is_dir())
    raise Problem(
        f"Inventory not found: {name}",
        where=str(path.absolute()),
        fix=f"Pass {', '.join(known)} or the path of your own inventory to -i",
        code=ExitCode.USAGE,
    )
