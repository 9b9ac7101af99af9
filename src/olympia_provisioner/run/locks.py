# SPDX-License-Identifier: BSD-3-Clause
"""One run at a time for each instance."""

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

from ..errors import ExitCode, OlympiaError


def lock_file(state: Path, instance: str, inventory: str = "") -> Path:
    """Return the file that a run locks.

    Args:
        state: The folder for what the provisioner keeps.
        instance: The instance's name, as it was given: nobody has refused a wrong one yet.
        inventory: Whose instance of that name, where several inventories may have one: the path of the inventory.
    """
    digest = f"-{hashlib.sha256(inventory.encode()).hexdigest()[:12]}" if inventory else ""
    return state / "locks" / f"{quote(instance, safe='')}{digest}.lock"


@contextlib.contextmanager
def held(state: Path, instance: str, verb: str, inventory: str = "") -> Iterator[None]:
    """Be the one run of an instance meanwhile. The kernel ends it with the process, however that ends.

    Args:
        state: The folder for what the provisioner keeps.
        instance: The instance.
        verb: What is run.
        inventory: As `lock_file` takes it.

    Raises:
        OlympiaError: Another run is in progress, or the lock cannot be made.
    """
    path = lock_file(state, instance, inventory)
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        # Not truncated: it says who holds it, and that may be somebody else.
        file = path.open("a+", encoding="utf-8")
    except OSError as error:
        raise OlympiaError(
            "The lock of the instance cannot be made",
            where=str(path),
            evidence=str(error),
            way_out="Make room or give the folder to yourself, or set XDG_STATE_HOME to another one",
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
        # Without room for who holds it, it holds all the same.
        with contextlib.suppress(OSError):
            os.write(file.fileno(), f"{json.dumps(holder)}\n".encode())
        yield


@contextlib.contextmanager
def in_use(folder: Path) -> Iterator[None]:
    """Mark a folder as in use while in this context.

    Args:
        folder: The folder, which exists.

    Raises:
        BlockingIOError: Another one uses it.
        OSError: It cannot be opened.
    """
    handle = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield
    finally:
        os.close(handle)


def user_name() -> str:
    """Return the user's name; their number, where they have no account, as in many containers."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return f"UID {os.getuid()}"


def _conflict(path: Path, instance: str, text: str) -> OlympiaError:
    try:
        holder = json.loads(text)
    except ValueError:
        # It was read in the moment between locking and writing.
        holder = {}
    known = "olympia {verb}, process {pid}, since {since}, started by {user}".format(**holder) if holder else ""
    return OlympiaError(
        f"Another run for the instance {instance} is in progress",
        where=str(path),
        evidence=known,
        way_out=f"Wait for its end, or end it: kill {holder['pid']}" if holder else "Wait for its end",
        code=ExitCode.CONFLICT,
    )
