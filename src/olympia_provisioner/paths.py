# SPDX-License-Identifier: BSD-3-Clause
"""Where things are: the collection's files, and the user's state directory."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path

from .errors import ExitCode, OlympiaError

INSTANCE = "addons-server"


def collection_root() -> Path:
    """Return the collection whose playbooks, roles and inventories are run: the checkout, or the one that the wheel carries.

    Raises:
        OlympiaError: The package is installed apart from the collection.
    """
    package = Path(__file__).resolve().parent
    roots = (package.parents[1], package / "collections/ansible_collections/addons/olympia")
    for root in roots:
        if (root / "galaxy.yml").is_file():
            return root
    raise OlympiaError(
        "The collection addons.olympia is not beside this command",
        where=str(package),
        way_out="Run it from a checkout: scripts/bootstrap makes .venv/bin/olympia there. Or install the wheel of scripts/wheel",
    )


def collections_path(root: Path) -> Path:
    """Return the folder that holds `ansible_collections` with a collection in it.

    Args:
        root: The collection: the checkout, which has a link to itself there, or an installed one.
    """
    return root / "collections" if (root / "collections").is_dir() else root.parents[2]


def make_importable(root: Path) -> None:
    """Let `ansible_collections.addons.olympia`, the collection's own code, be imported.

    Args:
        root: The collection.
    """
    collections = str(collections_path(root))
    if collections not in sys.path:
        sys.path.insert(0, collections)


def state_dir(environment: Mapping[str, str]) -> Path:
    """Return the folder for what the provisioner keeps: project directories and runs.

    Args:
        environment: The process environment.

    Raises:
        OlympiaError: There is no place for it.
    """
    base = environment.get("XDG_STATE_HOME", "")
    try:
        # The XDG specification: a relative path is as good as none.
        return (Path(base) if base.startswith("/") else Path.home() / ".local/state") / "olympia"
    except RuntimeError as error:
        raise OlympiaError(
            "This user has no home directory",
            evidence=str(error),
            way_out="Set HOME, or XDG_STATE_HOME to a folder of theirs",
        ) from error


def find_inventory(name: str, root: Path) -> Path:
    """Return the inventory that `-i` means.

    Args:
        name: The name of one in inventories/, or a path.
        root: The checkout.

    Raises:
        OlympiaError: There is no such inventory.
    """
    named = root / "inventories" / name
    if "/" not in name and named.is_dir():
        return named
    path = Path(name).expanduser()
    if path.exists():
        return path.absolute()
    known = sorted(entry.name for entry in (root / "inventories").iterdir() if entry.is_dir())
    raise OlympiaError(
        f"There is no inventory {name}",
        where=str(path.absolute()),
        way_out=f"-i takes {', '.join(known)} or the path of an inventory of your own",
        code=ExitCode.USAGE,
    )
