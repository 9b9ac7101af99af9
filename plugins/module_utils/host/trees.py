# SPDX-License-Identifier: BSD-3-Clause
"""Facts about the files of a source tree or a project directory: content, mode, owner, revision."""

from __future__ import annotations

import contextlib
import hashlib
import os
import re
import stat
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from ..core.command_environment import Run
from .system import exists

MANAGED_LINES = 3  # a rendered file carries its header in one of the first lines (a script has its interpreter first)
MANAGED_MARK = "managed by addons.olympia"


def rendered_files(directory: Path, names: Iterable[str]) -> dict[str, dict[str, Any]]:
    """Return checksum, mode and ownership of the rendered files that exist.

    Args:
        directory: The project directory.
        names: Paths below it.
    """
    found: dict[str, dict[str, Any]] = {}
    for name in names:
        path = directory / name
        try:
            content = path.read_bytes()
        except FileNotFoundError:
            continue
        except OSError as error:
            found[name] = {"sha256": "", "mode": "", "managed": True, "error": error.strerror}
            continue
        head = b"\n".join(content.splitlines()[:MANAGED_LINES])
        found[name] = {
            "sha256": hashlib.sha256(content).hexdigest(),
            "mode": f"{stat.S_IMODE(path.stat().st_mode):04o}",
            # A power failure can leave an empty file; overwriting it loses nothing.
            "managed": not content or MANAGED_MARK.encode() in head,
            "error": "",
        }
    return found


def checksums(directory: Path, names: Iterable[str]) -> dict[str, str]:
    """Return the checksums of the files that exist, by name; the empty string for one that cannot be read.

    Args:
        directory: Where they are.
        names: Paths below it.
    """
    return {name: entry["sha256"] for name, entry in rendered_files(directory, names).items()}


def unreadable_for_others(source: Path, names: Iterable[str]) -> list[str]:
    """Return the files, with their modes, that only their owner or group may read, as a umask of 077 makes them.

    Args:
        source: The source tree.
        names: Paths in it; those that are not there are left out.
    """
    modes = {name: (source / name).stat().st_mode for name in names if exists(source / name)}
    return [f"{name} has mode {stat.S_IMODE(mode):04o}" for name, mode in modes.items() if not mode & stat.S_IROTH]


def with_carriage_returns(source: Path, names: Iterable[str]) -> list[str]:
    """Return the text files with Windows line endings.

    Args:
        source: The source tree.
        names: Paths in it; those that cannot be read are left out.
    """
    found = []
    for name in names:
        with contextlib.suppress(OSError):
            if b"\r\n" in (source / name).read_bytes():
                found.append(name)
    return found


def foreign_files(directory: Path, uid: int, except_names: Iterable[str] = ()) -> list[Path]:
    """Return what below a directory, itself included, does not belong to a user; nothing if there is no directory.

    Args:
        directory: The directory. A link to one is not followed.
        uid: The user.
        except_names: Names of files that may belong to anybody.
    """
    if directory.is_symlink() or not directory.is_dir():
        return []
    paths = [directory, *(Path(base, name) for base, folders, files in os.walk(directory) for name in folders + files)]
    return [path for path in paths if path.name not in except_names and path.lstat().st_uid != uid]


def source_git(run: Run, source: Path) -> dict[str, str]:
    """Return the origin, without credentials, and the revision of a source tree.

    What is not known is empty: outside of a repository, without git, or where the tree belongs to another user. The revision
    ends with `-dirty` where files that git tracks were changed.

    Args:
        run: Runs a command.
        source: The source tree.
    """
    git = ["git", "-C", str(source)]
    _code, url, _errors = run([*git, "remote", "get-url", "origin"])
    _code, revision, _errors = run([*git, "describe", "--always", "--dirty", "--abbrev=40", "--exclude=*"])
    # A local path means nothing elsewhere.
    public = re.match(r"(?!file:)[a-z+]+://|[\w.-]+@[\w.-]+:", url)
    return {"url": re.sub(r"(?<=://)[^/@]*@", "", url.strip()) if public else "", "revision": revision.strip()}
