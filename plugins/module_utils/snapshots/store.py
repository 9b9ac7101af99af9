# SPDX-License-Identifier: BSD-3-Clause
"""Snapshots on a host's disk: location, manifest, verification, retention.

A snapshot is a folder `<snapshots>/<instance>/<name>` with a manifest and a compressed archive for each part. It is written under
another name and renamed when it is complete and on disk: what has a snapshot's name is complete.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import re
import shutil
import tempfile
from collections.abc import Collection, Iterable, Iterator, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

from ..core.problem import Problem

FORMAT = 1  # of the manifest; docs/snapshots.md describes it
MANIFEST = "manifest.json"
AUTOMATIC = "auto-"
NIGHTLY = "nightly"  # suffix of the automatic ones of nights; they are counted separately
UNFINISHED = ".unfinished-"
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")
CHUNK = 2**20  # bytes


def time_name(now: datetime) -> str:
    """Return the name of a snapshot without a given name; names sort by time.

    Args:
        now: The time, in UTC.
    """
    return now.strftime("%Y%m%d-%H%M%S")


def automatic_name(before: str, now: datetime) -> str:
    """Return the name of an automatic snapshot.

    Args:
        before: What it is made before, or NIGHTLY.
        now: The time, in UTC.
    """
    return f"{AUTOMATIC}{time_name(now)}-{before}"


def locate(root: Path, instance: str, name: str) -> Path:
    """Return the folder of a snapshot, which need not exist.

    Args:
        root: The folder of all snapshots.
        instance: The instance whose snapshot a bare name means.
        name: Its name, or `INSTANCE/NAME`.

    Raises:
        Problem: The name is invalid.
    """
    owner, slash, own = name.rpartition("/")
    if not NAME.fullmatch(own) or (slash and not NAME.fullmatch(owner)):
        raise Problem(
            f"'{name}' cannot name a snapshot: use up to 100 of a-z, A-Z, 0-9, '.', '_' and '-', the first of them a letter or "
            "a digit; another instance's snapshot is INSTANCE/NAME.",
            kind="settings",
        )
    return root / (owner or instance) / own


def read_manifest(folder: Path) -> dict[str, Any]:
    """Return the manifest of a snapshot.

    Args:
        folder: The snapshot.

    Raises:
        Problem: It is missing, damaged, or has another format.
    """
    if not folder.is_dir():
        raise Problem(
            f"There is no snapshot {folder.parent.name}/{folder.name} in {folder.parents[1]}. olympia snapshot list shows those "
            "that there are.",
            kind="settings",
        )
    try:
        manifest = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
        known = manifest["format"] == FORMAT
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise Problem(f"{folder / MANIFEST} cannot be read: {error}. The snapshot is damaged.") from error
    if not known:
        raise Problem(
            f"{folder} is of format {manifest.get('format')}, and this release reads {FORMAT}. Restore it with the "
            "release that made it."
        )
    return dict(manifest)


def found(root: Path) -> list[dict[str, Any]]:
    """Return the snapshots of all instances, by instance and time.

    Args:
        root: The folder of all snapshots; it need not exist.
    """
    snapshots = []
    for folder in root.glob("*/*"):
        if not folder.is_dir() or not NAME.fullmatch(folder.name):
            continue
        one = {"instance": folder.parent.name, "name": folder.name, "path": str(folder), "problem": ""}
        try:
            manifest = read_manifest(folder)
        except Problem as error:
            snapshots.append(one | {"created": "", "bytes": 0, "automatic": False, "problem": str(error)})
            continue
        size = sum(part["bytes"] for part in manifest["parts"])
        snapshots.append(
            one | {"created": manifest["created"], "bytes": size, "automatic": folder.name.startswith(AUTOMATIC)}
        )
    return sorted(snapshots, key=lambda one: (one["instance"], one["created"], one["name"]))


def newest(root: Path, instance: str) -> str:
    """Return the name of the last snapshot that was not saved automatically.

    Args:
        root: The folder of all snapshots.
        instance: Whose.

    Raises:
        Problem: There is none.
    """
    names = [
        one["name"]
        for one in found(root)
        if one["instance"] == instance and not one["automatic"] and not one["problem"]
    ]
    if not names:
        raise Problem(
            f"Nobody has saved a snapshot of the instance {instance}. olympia snapshot list shows those of others and the "
            "automatic ones, which have to be named.",
            kind="settings",
        )
    return str(names[-1])


def superfluous(names: Iterable[str], kept: int, nightly: bool = False) -> list[str]:
    """Return the automatic snapshots that exceed the number to keep, the oldest first.

    Args:
        names: Names of an instance's snapshots.
        kept: How many of the automatic ones are kept.
        nightly: Whether to count those of nights, or all others: neither displace the others.
    """
    automatic = sorted(name for name in names if name.startswith(AUTOMATIC))
    counted = [name for name in automatic if name.endswith(f"-{NIGHTLY}") == nightly]
    return counted[: max(0, len(counted) - kept)]


def checksum(path: Path) -> str:
    """Return the SHA-256 of a file, in hexadecimal."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while chunk := file.read(CHUNK):
            digest.update(chunk)
    return digest.hexdigest()


def check_whole(folder: Path, manifest: Mapping[str, Any]) -> None:
    """Refuse a snapshot whose parts have changed since it was saved.

    Args:
        folder: The snapshot.
        manifest: Its manifest.

    Raises:
        Problem: A part is missing, or has changed.
    """
    for part in manifest["parts"]:
        path = folder / part["file"]
        try:
            size, digest = path.stat().st_size, checksum(path)
        except OSError as error:
            raise Problem(f"{path} cannot be read: {error.strerror}. The snapshot is damaged.") from error
        if (size, digest) != (part["bytes"], part["sha256"]):
            raise Problem(
                f"{path} is not what was saved: {size} bytes with the SHA-256 {digest}, and the manifest says {part['bytes']} "
                f"bytes with {part['sha256']}. The snapshot is damaged; nothing was changed."
            )


def verify(folder: Path) -> None:
    """Verify a new snapshot, and remove it if it is damaged.

    Args:
        folder: The snapshot.

    Raises:
        Problem: It was damaged, and is removed.
    """
    try:
        check_whole(folder, read_manifest(folder))
    except Problem:
        remove(folder)
        raise


def newer_migrations(manifest: Mapping[str, Any], known: Collection[str]) -> list[str]:
    """Return the migrations of a snapshot that are unknown to an instance's code: its schema is newer.

    Args:
        manifest: The snapshot's manifest.
        known: The migrations that the code has, as `app.name`.
    """
    return sorted(set(manifest["migrations"]) - set(known))


def synchronize(path: Path) -> None:
    """Flush a file or a folder to disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def write_whole(path: Path, content: str) -> None:
    """Write a file atomically, readable for its owner only.

    Args:
        path: The file.
        content: What is to be in it.
    """
    descriptor, temporary = tempfile.mkstemp(dir=path.parent, prefix=f"{path.name}.")
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        Path(temporary).replace(path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise
    synchronize(path.parent)


def remove(folder: Path) -> None:
    """Remove a snapshot, after renaming it so that nobody takes it for a complete one.

    Args:
        folder: The snapshot.
    """
    doomed = folder.with_name(f"{UNFINISHED}{os.getpid()}-{folder.name}")
    folder.replace(doomed)
    shutil.rmtree(doomed)


def sweep(root: Path, instance: str) -> None:
    """Remove incomplete snapshots of interrupted runs.

    Args:
        root: The folder of all snapshots.
        instance: Whose.
    """
    for left in (root / instance).glob(f"{UNFINISHED}*"):
        process = left.name.removeprefix(UNFINISHED).partition("-")[0]
        if not Path("/proc", process).exists():
            shutil.rmtree(left, ignore_errors=True)


@contextlib.contextmanager
def making(folder: Path) -> Iterator[Path]:
    """Yield a folder to fill. It is renamed to the snapshot when it is complete and on disk, and removed on failure.

    Args:
        folder: The snapshot.

    Raises:
        Problem: The name is taken, or the snapshot cannot be written.
    """
    if folder.exists():
        raise Problem(
            f"There is a snapshot {folder.name} already, in {folder}. Choose another name, or remove it: olympia snapshot rm "
            f"{folder.name}",
            kind="settings",
        )
    unfinished = folder.with_name(f"{UNFINISHED}{os.getpid()}-{folder.name}")
    try:
        for needed in (folder.parents[1], folder.parent, unfinished):
            needed.mkdir(mode=0o700, parents=True, exist_ok=True)
        yield unfinished
        for path in unfinished.iterdir():
            path.chmod(0o600)
            synchronize(path)
        synchronize(unfinished)
        unfinished.rename(folder)
        synchronize(folder.parent)
    except OSError as error:
        raise Problem(
            f"The snapshot cannot be written to {error.filename or folder}: {error.strerror}. Make room there, or set "
            "SNAPSHOTS_DIR to another folder."
        ) from error
    finally:
        shutil.rmtree(unfinished, ignore_errors=True)
