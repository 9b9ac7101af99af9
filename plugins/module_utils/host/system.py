# SPDX-License-Identifier: BSD-3-Clause
"""Facts about a host: user, memory, disk and kernel settings; read without root."""

from __future__ import annotations

import os
import pwd
import shutil
from pathlib import Path

ENGINE_DATA = Path("/var/lib/docker")
CA_BUNDLE = Path("/etc/ssl/certs/ca-certificates.crt")  # Debian and Ubuntu


def invoking_uid() -> int:
    """Return the UID of the user who runs this process, also under sudo."""
    return int(os.environ.get("SUDO_UID", os.getuid()))


def project_directory(configured: str, instance: str) -> Path:
    """Return the project directory of an instance.

    Args:
        configured: The setting; empty for the default under the user's state directory (XDG base directory specification).
        instance: The instance's name.
    """
    if configured:
        return expanded(configured)
    state = os.environ.get("XDG_STATE_HOME", "")
    # The XDG base directory specification: a relative path is ignored.
    return (Path(state) if state.startswith("/") else expanded("~/.local/state")) / "olympia" / instance


def snapshots_directory(configured: str) -> Path:
    """Return the folder of all snapshots of this host.

    Args:
        configured: The setting; empty for the default beside the project directories.
    """
    return project_directory(configured, "snapshots")


def expanded(path: str) -> Path:
    """Return a path with the home directory in place of its ~, if there is such a one."""
    try:
        return Path(path).expanduser()
    except RuntimeError:
        return Path(path)


def memory_mb() -> int:
    """Return the host's memory in MiB."""
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // 2**20


def user_memory(uid: int, groups: Path = Path("/sys/fs/cgroup")) -> int:
    """Return the memory of all processes of a user, in bytes; 0 if no control group reports it.

    Without files that are only cached, as `docker stats` counts it. Everybody may read that.

    Args:
        uid: The user.
        groups: Where control groups are mounted, of version 2, or those of version 1 in folders of their own.
    """
    name = f"user.slice/user-{uid}.slice"
    for folder, usage, cached in (
        (groups / name, "memory.current", "inactive_file"),
        (groups / "memory" / name, "memory.usage_in_bytes", "total_inactive_file"),
    ):
        if used := read_text(folder / usage):
            counted = dict(line.split() for line in read_text(folder / "memory.stat").splitlines())
            return max(0, int(used) - int(counted.get(cached, 0)))
    return 0


def exists(path: Path) -> bool:
    """Return whether something is at a path, as far as this user can see."""
    try:
        return path.exists()
    except OSError:
        return False


def free_disk_mb(path: Path) -> int:
    """Return the free space in MiB where a path is, or would be."""
    while not exists(path):
        path = path.parent
    return shutil.disk_usage(path).free // 2**20


def kernel_setting(name: str) -> int:
    """Return a numeric kernel setting such as `vm.max_map_count`."""
    return int(Path("/proc/sys", *name.split(".")).read_text())


def user_name(uid: int) -> str:
    """Return how to name a user in messages: by account, or by UID if there is no account."""
    try:
        return f"user {pwd.getpwuid(uid).pw_name}"
    except KeyError:
        return f"user {uid}"


def read_text(path: Path) -> str:
    """Return the content of a small file, or the empty string if it cannot be read."""
    try:
        return path.read_text(encoding="utf-8", errors="replace").strip()
    except OSError:
        return ""


def local_names(hosts: Path = Path("/etc/hosts")) -> list[str]:
    """Return the names that the hosts file gives to this host's loopback addresses.

    Args:
        hosts: The hosts file.
    """
    entries = (line.split("#")[0].split() for line in read_text(hosts).splitlines())
    return [name for entry in entries if entry and entry[0] in ("127.0.0.1", "::1") for name in entry[1:]]
