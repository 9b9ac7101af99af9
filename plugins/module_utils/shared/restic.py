# SPDX-License-Identifier: BSD-3-Clause
"""A tenant's restic repository, for snapshots that are kept off the machine.

Root runs restic, because tenants must not know the password; the tenant reads and writes the snapshot, and root only transfers
it. Each tenant has a separate repository, so that a mistake, a lock or damage affects one tenant.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from ..core.problem import Problem
from ..snapshots.store import NAME
from . import as_tenant
from .flow import SECONDS, flow, said_when_whole

CACHE = "/var/cache/olympia/restic"
FILE = "/snapshot.tar"  # in the repository; of all snapshots the same, so that they are of one kind for retention
ANSWER = 1 << 24  # bytes that an answer may have
# restic's message for a missing repository, and for one that it cannot reach.
NONE_THERE = "Is there a repository at the following location?"
# Run as the tenant. What has a snapshot's name is whole. systemd has a meaning of its own for two dollar signs.
UNPACK = r"""
set -eu
umask 077
read -r process _rest < /proc/self/stat
unfinished=$1/.unfinished-$process-$2
mkdir -p "$1"
trap 'rm -rf "$unfinished"' EXIT
mkdir "$unfinished"
tar --extract --file=- --directory="$unfinished" --strip-components=1
sync --file-system "$unfinished"
mv --no-target-directory "$unfinished" "$1/$2"
"""


class Repository:
    """A tenant's repository."""

    def __init__(
        self, address: str, password: str, environment: Mapping[str, str], name: str, uid: int, limit: int
    ) -> None:
        """Name it.

        Args:
            address: Where the repositories of all tenants are, as restic writes it.
            password: Of all of them.
            environment: What restic needs besides, such as the keys of an object store.
            name: The tenant's account.
            uid: Its UID.
            limit: How many bytes a snapshot may have.
        """
        self.folder, self.name, self.uid, self.limit = address, name, uid, limit
        self.address = f"{address.rstrip('/')}/{name}"
        self.environment = {
            **environment,
            "RESTIC_REPOSITORY": self.address,
            "RESTIC_PASSWORD": password,
            "RESTIC_CACHE_DIR": CACHE,
        }

    def run(self, *arguments: str) -> str:
        """Run restic, and return its output.

        Args:
            arguments: Its arguments.

        Raises:
            Problem: It has failed.
        """
        command = ["restic", *arguments]
        code, output, errors = as_tenant.bounded(command, SECONDS, ANSWER, more=self.environment)
        if code:
            raise Problem(f"{' '.join(command)} for {self.address}: {errors.strip() or output.strip()}")
        return output

    def snapshots(self) -> list[dict[str, Any]]:
        """Return the snapshots in it, the oldest first.

        Raises:
            Problem: It cannot be read.
        """
        found = json.loads(self.run("snapshots", "--json", "--quiet"))
        told = [
            {
                "id": one["id"],
                "name": name,
                "machine": one["hostname"],
                "created": _utc(one["time"]),
                # Older releases of restic do not tell.
                "bytes": one.get("summary", {}).get("total_bytes_processed", 0),
            }
            for one in found
            for name in one.get("tags") or []
        ]
        return sorted(told, key=lambda one: str(one["created"]))

    def ensure(self) -> list[dict[str, Any]]:
        """Create it if it does not exist, and return the snapshots in it.

        Raises:
            Problem: It cannot be made, or read.
        """
        # A repository below a mount point without its file system would not be found later.
        if self.folder.startswith("/") and not Path(self.folder).is_dir():
            raise Problem(f"There is no directory {self.folder}: mount it, or make it.")
        try:
            return self.snapshots()
        except Problem as error:
            if NONE_THERE not in str(error):
                raise
        self.run("init")
        return []

    def save(self, directory: str, name: str, machine: str, keep: Mapping[str, int]) -> None:
        """Save a snapshot in it, and remove those that retention does not cover.

        Args:
            directory: The folder of the instance's snapshots.
            name: The snapshot.
            machine: Where it is.
            keep: How many snapshots are kept, by restic's words; with none of them all are.

        Raises:
            Problem: It is not saved.
        """
        tar = ["tar", "--create", "--file=-", f"--directory={directory}", name]
        pack = as_tenant.unit_of(self.name, self.uid, said_when_whole(tar), SECONDS)
        take = [
            "restic",
            "backup",
            "--quiet",
            "--stdin",
            f"--stdin-filename={FILE}",
            f"--tag={name}",
            f"--host={machine}",
        ]
        self._flow(pack, take, f"{directory}/{name} is not saved in {self.address}")
        counts = [f"--keep-{period}={count}" for period, count in keep.items() if count]
        if counts:
            # Locks of runs that were killed, no others.
            self.run("unlock", "--quiet")
            self.run("forget", "--quiet", "--group-by=", *counts, "--prune")

    def fetch(self, directory: str, snapshot: Mapping[str, Any]) -> bool:
        """Fetch a snapshot from it; return False where it is on the machine already.

        Args:
            directory: The folder of the instance's snapshots.
            snapshot: The snapshot, as `snapshots` gives it.

        Raises:
            Problem: It is not fetched.
        """
        name = str(snapshot["name"])
        if not NAME.fullmatch(name):
            raise Problem(f"'{name}' in {self.address} cannot name a snapshot.")
        if not as_tenant.run(self.name, self.uid, ["test", "-e", f"{directory}/{name}"])[0]:
            return False
        unpacking = said_when_whole(["sh", "-c", UNPACK, "sh", directory, name])
        unpack = as_tenant.unit_of(self.name, self.uid, unpacking, SECONDS)
        dump = ["restic", "dump", "--quiet", str(snapshot["id"]), FILE]
        self._flow(dump, unpack, f"{name} is not fetched from {self.address}")
        return True

    def _flow(self, source: Sequence[str], sink: Sequence[str], failed: str) -> None:
        try:
            flow(source, sink, self.limit, self.environment)
        except Problem as error:
            raise Problem(f"{failed}: {error}") from error


def _utc(time: str) -> str:
    # Python before 3.11 reads neither nine digits of a second nor Z.
    seconds, zone = time[:19], time[19:].lstrip(".0123456789").replace("Z", "+00:00")
    return datetime.fromisoformat(seconds + zone).astimezone(timezone.utc).isoformat(timespec="seconds")
