# SPDX-License-Identifier: BSD-3-Clause
"""Files from a host, written to the controller. The host determines neither their location nor their kind."""

from __future__ import annotations

import contextlib
import os
import re
from pathlib import Path
from typing import Any

from ansible_collections.addons.olympia.plugins.module_utils.build.build_inputs import METADATA
from ansible_collections.addons.olympia.plugins.module_utils.stack.application import DIGEST
from ansible_collections.addons.olympia.plugins.plugin_utils.rendering.project import RENDERED

PROJECT = (*RENDERED, METADATA, "published.env")
NAMES = frozenset({"health.json", "image.json", "settings.json", *(f"project/{name}" for name in PROJECT)})
# Named after services, and by the site's tests.
NAMED = re.compile(r"(logs|tests)/[A-Za-z0-9][A-Za-z0-9_.-]{0,99}")
# CI services read variables of later jobs from it.
PUBLISHED = re.compile(f"DOCKER_DIGEST={DIGEST.pattern}\n")
FILE_LIMIT = 8 * 1024**2  # bytes of one file
LIMIT = 64 * 1024**2  # bytes of all files of a host
MOST = 200  # files of a host, and lines about those that are left out
NOTES = "left-out.txt"


def choose(answer: Any) -> dict[str, bytes]:
    """Return content by path of what is written of a host's answer, with a file that says what is left out.

    Args:
        answer: Texts by path; from an untrusted host it can be anything.
    """
    files: dict[str, bytes] = {}
    notes: list[str] = []
    room = LIMIT
    for name, text in answer.items() if isinstance(answer, dict) else ():
        if not (name in NAMES or NAMED.fullmatch(str(name))) or not isinstance(text, str):
            notes.append(f"{ascii(name)[:200]}: refused, not a file that is collected")
        elif name == "project/published.env" and not PUBLISHED.fullmatch(text):
            notes.append(f"{name}: refused, it has more than a digest")
        elif len(files) >= MOST:
            notes.append(f"{name}: left out, there are more than {MOST} files")
        else:
            content = text.encode(errors="replace")
            # The end of a log says most.
            cut = max(0, len(content) - min(FILE_LIMIT, room))
            if cut:
                notes.append(f"{name}: the first {cut} of {len(content)} bytes are left out")
            files[name] = content[cut:]
            room -= len(files[name])
    if notes:
        more = [f"{len(notes) - MOST} more lines like these"] if len(notes) > MOST else []
        files[NOTES] = "".join(f"{note}\n" for note in notes[:MOST] + more).encode()
    return files


def write(path: str, content: bytes, folder: int) -> None:
    """Write a file that only this user can read, through no link; a file, or link, of that name is replaced.

    Args:
        path: Relative to the folder. Folders on the way are made.
        content: Its content.
        folder: File descriptor of the folder.

    Raises:
        OSError: A folder on the way is a link, or it cannot be written.
    """
    first, _slash, rest = path.partition("/")
    if rest:
        with contextlib.suppress(FileExistsError):
            os.mkdir(first, 0o700, dir_fd=folder)
        below = os.open(first, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW, dir_fd=folder)
        try:
            write(rest, content, below)
        finally:
            os.close(below)
        return
    with contextlib.suppress(FileNotFoundError):
        os.unlink(first, dir_fd=folder)
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW
    with os.fdopen(os.open(first, flags, 0o600, dir_fd=folder), "wb") as file:
        file.write(content)


def write_all(directory: Path, files: dict[str, bytes]) -> None:
    """Write files below a directory, which is no link itself.

    Args:
        directory: The directory.
        files: Content by path.

    Raises:
        OSError: One of them cannot be written.
    """
    directory = directory.absolute()
    directory.parent.mkdir(parents=True, exist_ok=True)
    folder = os.open(directory.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        for path, content in files.items():
            write(f"{directory.name}/{path}", content, folder)
    finally:
        os.close(folder)
