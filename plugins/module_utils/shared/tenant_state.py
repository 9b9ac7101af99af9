# SPDX-License-Identifier: BSD-3-Clause
"""The state of a tenant on a machine, and what has to change. Needs root."""

from __future__ import annotations

import json
import os
import pwd
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..core.problem import Problem
from ..host import system
from ..host.process import run
from . import as_tenant
from .homes import GIB
from .people import GROUP

LINGER = Path("/var/lib/systemd/linger")
EXT4_MAGIC = b"\x53\xef"
# Run as the tenant. Reads a regular file, and nothing that could lead elsewhere, block, or have no end.
READ = """
import os, stat, sys
try:
    file = os.open(sys.argv[1], os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
except FileNotFoundError:
    print("{}")
else:
    if not stat.S_ISREG(os.fstat(file).st_mode):
        raise SystemExit("it is no regular file")
    sys.stdout.buffer.write(os.read(file, 1 << 18))
"""


@dataclass(frozen=True)
class Found:
    """The state of a tenant on a machine.

    Attributes:
        uid: Of the account; None without one.
        taken_by: Another account that has the UID; empty if none has.
        groups: What the account is a member of.
        has_subids: Whether its containers have the UIDs that they are to have.
        disk: Size of its home directory's file system, in bytes; 0 if there is none.
        mounted: Whether that is mounted.
        lingers: Whether its systemd manager runs without a session.
        client: The docker client's configuration; None if it cannot be read.
        engine: Whether its engine answers.
    """

    uid: int | None
    taken_by: str
    groups: tuple[str, ...]
    has_subids: bool
    disk: int
    mounted: bool
    lingers: bool
    client: dict[str, Any] | None
    engine: bool


def file_system_size(image: Path) -> int:
    """Return the size of the ext4 file system in a file, in bytes; 0 without a file, the file's size where it has no such system.

    The file's own size would tell of a growth that has ended half-way as if it were done.

    Args:
        image: The file.

    Source: "The Super Block" in the Linux kernel's documentation of ext4 (docs.kernel.org/filesystems/ext4).
    """
    try:
        with image.open("rb") as file:
            file.seek(1024)
            block = file.read(1024)
    except FileNotFoundError:
        return 0

    def number(offset: int) -> int:
        return int.from_bytes(block[offset : offset + 4], "little")

    if block[0x38:0x3A] != EXT4_MAGIC:
        # Damaged, or somebody else's: never one to make anew.
        return image.stat().st_size
    blocks, log_block_size = number(0x150) << 32 | number(0x4), number(0x18)
    return blocks << (10 + log_block_size)


def client_config(tenant: dict[str, Any]) -> dict[str, Any] | None:
    """Return the configuration of a tenant's docker client, empty without one; None if it cannot be read.

    Args:
        tenant: The tenant.
    """
    reads = [sys.executable, "-I", "-c", READ, f"{tenant['home']}/.docker/config.json"]
    code, output, _errors = as_tenant.run(tenant["name"], tenant["uid"], reads)
    try:
        client = None if code else json.loads(output)
    except (ValueError, RecursionError):
        return None
    return client if isinstance(client, dict) else None


def look(tenant: dict[str, Any], disks: Path) -> Found:
    """Return the state of a tenant.

    Args:
        tenant: The tenant.
        disks: Folder of the home directories.
    """
    name, home = tenant["name"], Path(tenant["home"])
    accounts = {entry.pw_name: entry.pw_uid for entry in pwd.getpwall()}
    image, wanted = disks / tenant["image"], f"{name}:{tenant['subids']}"
    _code, groups, _errors = run(["id", "--name", "--groups", name])
    # The account may be another one's, which is a Problem; then nothing is run as it.
    is_there = accounts.get(name) == tenant["uid"]
    return Found(
        uid=accounts.get(name),
        taken_by=next((other for other, uid in accounts.items() if uid == tenant["uid"] and other != name), ""),
        groups=tuple(groups.split()),
        has_subids=all(
            [line for line in system.read_text(Path(path)).splitlines() if line.startswith(f"{name}:")] == [wanted]
            for path in ("/etc/subuid", "/etc/subgid")
        ),
        disk=file_system_size(image),
        mounted=os.path.ismount(home),
        lingers=(LINGER / name).exists(),
        client=client_config(tenant) if is_there else {},
        # One that hangs counts as none.
        engine=is_there and not as_tenant.engine(name, tenant["uid"], ["version"])[0],
    )


def assess(tenant: dict[str, Any], found: Found) -> tuple[list[str], list[Problem], dict[str, Any]]:
    """Return what has to change for a tenant: in sentences, as problems, and as a plan.

    Args:
        tenant: The tenant.
        found: The state.
    """
    name, rootless = tenant["name"], tenant["engine"] == "rootless"
    groups = [GROUP] if rootless else [GROUP, "docker"]
    size = tenant["disk_gb"] * GIB
    plan = {
        "account": found.uid is None or not {*groups} <= {*found.groups},
        "groups": groups,
        "subids": rootless and not found.has_subids,
        "disk": "make" if not found.disk else "grow" if found.disk < size else "",
        "mount": not found.mounted,
        "linger": rootless and not found.lingers,
        "engine": rootless and not found.engine,
        # One that cannot be read is the tenant's affair, and writing it anew would lose what is in it.
        "context": rootless and found.client is not None and not found.client.get("currentContext"),
    }
    sentences = {
        "account": f"create the account {name}",
        "subids": f"give {name} UIDs for containers",
        "disk": f"{plan['disk']} the home directory of {name}, {tenant['disk_gb']} GiB",
        "mount": f"mount the home directory of {name}",
        "linger": f"enable lingering for {name}",
        "engine": f"start the engine of {name}",
        "context": f"configure the docker client of {name} for that engine",
    }
    problems = []
    if found.taken_by or (found.uid is not None and found.uid != tenant["uid"]):
        problems.append(
            Problem(
                f"{name} cannot have the UID {tenant['uid']}",
                "/etc/passwd",
                f"{found.taken_by} has it" if found.taken_by else f"the account {name} has {found.uid}",
                "Give the tenant another UID, or another name.",
                "olympia_tenants",
            )
        )
    if found.disk > size:
        problems.append(
            Problem(
                f"The home directory of {name} cannot become smaller",
                f"{name}.img",
                f"it has {found.disk // GIB} GiB, and disk_gb is {tenant['disk_gb']}",
                f"Set disk_gb of {name} to {found.disk // GIB} or more.",
                "olympia_tenants",
            )
        )
    return [text for key, text in sentences.items() if plan[key]], problems, plan
