# SPDX-License-Identifier: BSD-3-Clause
"""Lists of checksums in the format of sha256sum(1): the files that were copied to a host."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from pathlib import Path

# A file's path, and the checksum of its content.
Sum = tuple[str, str]
HEAD = """\
# The files of the folder beside this one, as 'up' has copied them. What was changed there since stays as it is; in the folder,
# 'sha256sum --check --quiet ../source.sha256' names it.
"""


def sum_of(content: bytes) -> str:
    """Return the checksum of a file's content."""
    return hashlib.sha256(content).hexdigest()


def record_of(directory: Path) -> Path:
    """Return the list that belongs to a folder: beside it, for what is in it is built."""
    return directory.with_name(f"{directory.name}.sha256")


def write_list(sums: Iterable[Sum]) -> str:
    """Return a list as text; the same files give the same text.

    Args:
        sums: Each file's path and checksum.
    """
    return HEAD + "".join(f"{checksum}  {name}\n" for name, checksum in sorted(sums))


def read_list(text: str) -> set[Sum]:
    """Return what a list has; it may have a path more than once.

    Args:
        text: The list.
    """
    pairs = (line.partition("  ") for line in text.splitlines() if not line.startswith("#"))
    return {(name, checksum) for checksum, mark, name in pairs if mark}
