# SPDX-License-Identifier: BSD-3-Clause
"""Filter of the role olympia_stack: the embedded application as data, to be written to a host in one step."""

from __future__ import annotations

from collections.abc import Callable
from fnmatch import fnmatch
from pathlib import Path
from typing import Any


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


class FilterModule:
    """Ansible's way to find the filter."""

    def filters(self) -> dict[str, Callable[..., Any]]:
        """Return the filters by name."""
        return {"source_files": source_files}
