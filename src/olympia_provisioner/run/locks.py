# SPDX-License-Identifier: BSD-3-Clause
"""Locks: one run at a time for each instance."""

from __future__ import annotations

import contextlib
import fcntl
import getpass
import hashlib
import json
import os
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from urllib.parse import quote

from ..errors import ExitCode, Problem


def lock_file(state: Path, instance: str, inventory: str = "") -> Path:
    """Return the lock file of an instance.

    Args:
        state: The state directory.
        instance: The name of the instance. It has not been validated yet.
        inventory: The path of the inventory, if several inventories may have instances of the same name.
    """
    digest = f"-{hashlib.sha256(inventory.encode()).hexdigest()[:12]}" if inventory else ""
    return state / "locks" / f"{quote(instance, safe='')}{digest}.lock"


@contextlib.contextmanager
def held(state: Path, instance: str, verb: str, inventory: str = "") -> Iterator[None]:
    """Hold the lock of an instance inside this context. The kernel releases it with the process, however that ends.

    Args:
        state: The state directory.
        instance: The instance.
        verb: The verb that is run.
        inventory: As for `lock_file`.

    Raises:
        Problem: Another run is in progress, or the lock file cannot be created.
    """
    path = lock_file(state, instance, inventory)
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        # Do not truncate it: it may name another run that holds the lock.
        file = path.open("a+", encoding="utf-8")
    except OSError as error:
        raise Problem(
            "The lock file of the instance cannot be created",
            where=str(path),
            cause=str(error),
            fix="Free disk space or fix the owner of the folder, or set XDG_STATE_HOME to another folder",
        ) from error
    with file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            file.seek(0)
            raise _conflict(path, instance, file.read()) from None
        file.truncate(0)
        holder = {
            "verb": verb,
            "pid": os.getpid(),
            "since": datetime.now().astimezone().isoformat(timespec="seconds"),
            "user": user_name(),
        }
        # On a full disk, the lock works without its content.
        with contextlib.suppress(OSError):
            os.write(file.fileno(), f"{json.dumps(holder)}\n".encode())
        yield


@contextlib.contextmanager
def in_use(folder: Path) -> Iterator[None]:
    """Mark a folder as in use inside this context.

    Args:
        folder: The folder.

    Raises:
        BlockingIOError: Another process uses it.
        OSError: It cannot be opened.
    """
    handle = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield
    finally:
        os.close(handle)


def user_name() -> str:
    """Return the name of the user, or the UID without an account, as in many containers."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return f"UID {os.getuid()}"


def _conflict(path: Path, instance: str, text: str) -> Problem:
    try:
        holder = json.loads(text)
    except ValueError:
        # It was read between locking and writing.
        holder = {}
    known = "olympia {verb}, process {pid}, since {since}, started by {user}".format(**holder) if holder else ""
    return Problem(
        f"Another run for the instance {instance} is in progress",
        where=str(path),
        cause=known,
        fix=f"Wait until it has finished, or stop it: kill {holder['pid']}" if holder else "Wait until it has finished",
        code=ExitCode.CONFLICT,
    )
