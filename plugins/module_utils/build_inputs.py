# SPDX-License-Identifier: BSD-3-Clause
"""What an application image is built from, as a fingerprint: while it stays the same, so does the image."""

from __future__ import annotations

import hashlib
import json
import os
import re
import stat
from collections.abc import Iterable, Iterator, Mapping
from fnmatch import fnmatchcase
from pathlib import Path

METADATA = "build-metadata.json"  # below the project directory: what bake tells of the last build
ANYWHERE = re.compile(r"\*\*/([^/\[\\]+)")
PLAIN = re.compile(r"[^*?\[\\]+")


class Ignored:
    """What a `.dockerignore` certainly leaves out of the build context.

    It knows plain paths and names that may be anywhere (`**/*.pyc`). What it does not know it takes for a part of the context:
    at worst an image is built that need not be.

    Source: Docker's reference of the Dockerfile, ".dockerignore file".
    """

    def __init__(self, text: str) -> None:
        self.paths: set[str] = set()
        self.names: list[str] = []
        for line in map(str.strip, text.splitlines()):
            pattern = line.strip("/")
            if line.startswith("!"):
                # It may bring back anything that was left out until here.
                self.paths, self.names = set(), []
            elif anywhere := ANYWHERE.fullmatch(pattern):
                self.names.append(anywhere[1])
            elif PLAIN.fullmatch(pattern) and not line.startswith("#"):
                self.paths.add(os.path.normpath(pattern))

    def __contains__(self, path: str) -> bool:
        name = path.rpartition("/")[2]
        return path in self.paths or any(fnmatchcase(name, pattern) for pattern in self.names)


def entries(folder: str, ignored: Ignored, below: str = "") -> Iterator[tuple[str, os.stat_result]]:
    """Yield path and state of everything in a folder, sorted.

    Args:
        folder: The folder.
        ignored: What is left out, with all that is in it.
        below: Where the folder is in the tree, with a slash at its end.

    Raises:
        OSError: It cannot be read.
    """
    with os.scandir(folder) as found:
        for entry in sorted(found, key=lambda one: one.name):
            path = below + entry.name
            if path not in ignored:
                yield path, entry.stat(follow_symlinks=False)
                if entry.is_dir(follow_symlinks=False):
                    yield from entries(entry.path, ignored, f"{path}/")


def tree_fingerprint(source: Path, ignore_files: Iterable[Path]) -> str:
    """Return a fingerprint of a build context; the empty string where it cannot be read.

    Of a file it takes what BuildKit goes by when it asks for what is new (mode, owner, size, time of modification), and besides
    the inode and the time of its last change, which no tool sets back.

    Args:
        source: The context.
        ignore_files: Where its ignore file may be: the first one counts.
    """
    ignore_file = next((path for path in ignore_files if path.is_file()), None)
    digest = hashlib.sha256()
    try:
        text = ignore_file.read_text(encoding="utf-8", errors="replace") if ignore_file else ""
        digest.update(text.encode())
        for path, state in entries(str(source), Ignored(text)):
            told = [path, state.st_mode, state.st_uid, state.st_gid]
            # A folder's own times tell of files that may be left out.
            if not stat.S_ISDIR(state.st_mode):
                told += [state.st_size, state.st_mtime_ns, state.st_ctime_ns, state.st_ino]
            digest.update(json.dumps(told).encode())
    except OSError:
        return ""
    return digest.hexdigest()


def build_inputs(tree: str, files: Mapping[str, str], base_image: str) -> str:
    """Return the fingerprint of all that an application image is made from; the empty string where not all is known.

    Args:
        tree: The fingerprint of its build context.
        files: Checksum by name of the files that say how it is built.
        base_image: ID of the image that it stands on; empty where that is not here yet.
    """
    parts = [tree, sorted(files.items()), base_image]
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest() if tree else ""


def last_build(project: Path) -> dict[str, str]:
    """Return the inputs of the last build and the ID of the image that it made; empty strings where that is not known.

    Args:
        project: The project directory.
    """
    try:
        metadata = json.loads((project / METADATA).read_text(encoding="utf-8"))
        return {"inputs": metadata["inputs"] or "", "image": metadata["images"]["web"] or ""}
    except (OSError, ValueError, KeyError, TypeError):
        return {"inputs": "", "image": ""}
