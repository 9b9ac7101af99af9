# SPDX-License-Identifier: BSD-3-Clause
"""What a source tree and a project directory add to a stack: Compose files and hooks."""

from __future__ import annotations

from pathlib import Path

from ansible_collections.addons.olympia.plugins.module_utils.host.system import exists, read_text

TREE_FOLDER = ".olympia"  # below the source tree
COMPOSE_D = "compose.d"  # below that folder, and below the project directory
HOOKS = tuple(f"{when}-{what}" for what in ("up", "down", "restore") for when in ("pre", "post"))


def compose_files(project: Path, source: Path) -> dict[str, str]:
    """Return the text of users' own Compose files by path, in the order of their names.

    Of two with one name the project directory's comes last, and so has the last word.

    Args:
        project: The project directory, below which paths are relative.
        source: The source tree.
    """
    tree = ((path.name, 0, str(path), path) for path in (source / TREE_FOLDER / COMPOSE_D).glob("*.yml"))
    own = ((path.name, 1, f"{COMPOSE_D}/{path.name}", path) for path in (project / COMPOSE_D).glob("*.yml"))
    return {shown: read_text(path) for _name, _place, shown, path in sorted([*tree, *own])}


def hooks(source: Path) -> list[str]:
    """Return the names of the hooks that a source tree has.

    Args:
        source: The source tree.
    """
    return [name for name in HOOKS if exists(source / TREE_FOLDER / "hooks" / name)]
