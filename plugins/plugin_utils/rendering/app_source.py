# SPDX-License-Identifier: BSD-3-Clause
"""The embedded application as data, and as it is copied to a host. Runs on the controller."""

from __future__ import annotations

from collections.abc import Mapping
from fnmatch import fnmatch
from pathlib import Path

from ansible_collections.addons.olympia.plugins.module_utils.core.checksums import record_of, write_list
from ansible_collections.addons.olympia.plugins.plugin_utils.rendering.compose_services import checksum

# Below the project directory.
COPY = Path("source")


def source_files(directory: str) -> dict[str, dict[str, str]]:
    """Return content and mode of a source tree's files, by path, without what its `.dockerignore` leaves out.

    Args:
        directory: The source tree; its files are text.
    """
    root = Path(directory)
    lines = (root / ".dockerignore").read_text(encoding="utf-8").split()
    # Docker's patterns start at the root; `**/` before one means any depth.
    patterns = [pattern for line in lines for pattern in (line, line.removeprefix("**/"))]

    def ignored(path: Path) -> bool:
        return any(fnmatch(str(part), pattern) for part in (path, *path.parents) for pattern in patterns)

    names = sorted(path.relative_to(root) for path in root.rglob("*") if path.is_file())
    return {
        name.as_posix(): {
            "content": (root / name).read_text(encoding="utf-8"),
            "mode": "0755" if (root / name).stat().st_mode & 0o100 else "0644",
        }
        for name in names
        if not ignored(name)
    }


def copied(files: Mapping[str, Mapping[str, str]]) -> dict[str, Mapping[str, str]]:
    """Return content and mode of what a project directory has where nobody has changed anything: the copy, and the record of it.

    Args:
        files: As `source_files` gives them.
    """
    record = write_list((name, checksum(file["content"])) for name, file in files.items())
    return {(COPY / name).as_posix(): file for name, file in files.items()} | {
        record_of(COPY).name: {"content": record, "mode": "0644"}
    }


def is_there(files: Mapping[str, Mapping[str, str]], probed: Mapping[str, Mapping[str, str]]) -> bool:
    """Return whether a host has all files as they should be.

    Args:
        files: Content and mode by path.
        probed: Checksum and mode of what is there, by path.
    """
    return all(
        name in probed and (probed[name]["sha256"], probed[name]["mode"]) == (checksum(file["content"]), file["mode"])
        for name, file in files.items()
    )
