# SPDX-License-Identifier: BSD-3-Clause
"""Files that are written on a host."""

from __future__ import annotations

import tempfile
from pathlib import Path


def write(path: Path, content: str, mode: int) -> None:
    """Write a file so that a reader sees the old or the new one, and nobody else a secret in between.

    Args:
        path: The file.
        content: Its text.
        mode: Its permissions.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.NamedTemporaryFile("w", encoding="utf-8", dir=path.parent, prefix=".new-", delete=False) as temporary:
        temporary.write(content)
    try:
        Path(temporary.name).chmod(mode)
        Path(temporary.name).replace(path)
    except OSError:
        Path(temporary.name).unlink()
        raise
