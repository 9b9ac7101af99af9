# SPDX-License-Identifier: BSD-3-Clause
"""A fingerprint of an application image's inputs: as long as it does not change, the image is current."""

from __future__ import annotations

import hashlib
import json
import os
import re
import stat
from collections.abc import Iterable, Iterator, Mapping
from fnmatch import fnmatchcase
from pathlib import Path

METADATA = "build-metadata.json"  # below the project directory: bake's metadata of the last build
# BuildKit reads a path with a bracket or a wildcard as a regular expression of its own making, which has surprises: `**` in the
# middle of a name is for whole folders, `^` for the beginning.
ANYWHERE = re.compile(r"\*\*/((?:[^/*\[\]\\^]|\*(?!\*))+)")
PLAIN = re.compile(r"[^*?\[\]\\]+")


class Ignored:
    """What a `.dockerignore` certainly leaves out of the build context.

    It knows plain paths and names that may be anywhere (`**/*.pyc`). What it does not know it takes for a part of the context:
    at worst an image is built that need not be.

    Source: Docker's reference of the Dockerfile, ".dockerignore file".
    """

    def __init__(self, text: str) -> None:
        self.paths: set[str] = set()
        self.names: list[str] = []
        lines = [line for line in text.split("\n") if line.strip() and not line.startswith("#")]
        # An exception may bring back anything, and has been seen to do so in spite of a line after it that leaves out the folder.
        if any("!" in line for line in lines):
            return
        for line in lines:
            pattern = os.path.normpath(line.strip()).lstrip("/").strip()
            if anywhere := ANYWHERE.fullmatch(pattern):
                self.names.append(anywhere[1])
            elif PLAIN.fullmatch(pattern):
                self.paths.add(pattern)

    def __contains__(self, path: str) -> bool:
        name = path.rpartition("/")[2]
        # BuildKit's `**` ends at a line break.
        return path in self.paths or ("\n" not in path and any(fnmatchcase(name, pattern) for pattern in self.names))


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
    """Return a fingerprint of a build context; the empty string if it cannot be read.

    Of a file it takes what BuildKit goes by when it asks for what is new (mode, owner, size, time of modification), and besides
    the inode and the time of its last change, which no tool sets back.

    Args:
        source: The context.
        ignore_files: Where its ignore file may be: the first one counts.
    """
    digest = hashlib.sha256()
    try:
        ignore_file = next((path for path in ignore_files if path.is_file()), None)
        written = ignore_file.read_bytes() if ignore_file else b""
        digest.update(written)
        # BuildKit follows no link that leads elsewhere.
        text = "" if ignore_file and ignore_file.is_symlink() else os.fsdecode(written)
        for path, state in entries(str(source), Ignored(text)):
            told = [path, state.st_mode, state.st_uid, state.st_gid]
            # A folder's own times tell of files that may be left out.
            if not stat.S_ISDIR(state.st_mode):
                told += [state.st_size, state.st_mtime_ns, state.st_ctime_ns, state.st_ino]
            digest.update(json.dumps(told).encode())
    except OSError:
        return ""
    return digest.hexdigest()


def not_utf8(source: Path) -> list[str]:
    """Return the paths in a source tree that are not UTF-8, which newer versions of BuildKit refuse without naming them.

    Args:
        source: The source tree; what git keeps of its own is left out.
    """
    try:
        paths = [path for path, _state in entries(str(source), Ignored(".git"))]
    except OSError:
        return []
    return [
        repr(os.fsencode(path))[1:] for path in paths if any("\udc80" <= character <= "\udcff" for character in path)
    ]


def build_inputs(tree: str, files: Mapping[str, str], base_image: str) -> str:
    """Return the fingerprint of all that an application image is made from; the empty string where not all is known.

    Args:
        tree: The fingerprint of its build context.
        files: Checksum by name of the files that say how it is built.
        base_image: ID of the image that it stands on; empty if that is not here yet.
    """
    parts = [tree, sorted(files.items()), base_image]
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest() if tree else ""


def last_build(project: Path, service: str) -> dict[str, str]:
    """Return the inputs of the last build and the ID of the image that it made; empty strings where that is not known.

    Args:
        project: The project directory.
        service: The service that the image is built for.
    """
    try:
        metadata = json.loads((project / METADATA).read_text(encoding="utf-8"))
        return {"inputs": metadata["inputs"] or "", "image": metadata["images"][service] or ""}
    except (OSError, ValueError, KeyError, TypeError):
        return {"inputs": "", "image": ""}
