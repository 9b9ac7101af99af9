# SPDX-License-Identifier: BSD-3-Clause
"""TCP ports of a host, and the processes that listen on them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from ..core.command_environment import Run
from .system import read_text, user_name

LISTEN = "0A"  # the state of a listening socket in /proc/net/tcp


def _listening() -> Iterator[tuple[int, int, str]]:
    """Yield port, UID and inode of each listening TCP socket (proc(5), /proc/net/tcp)."""
    for table in (Path("/proc/net/tcp"), Path("/proc/net/tcp6")):
        for line in table.read_text().splitlines()[1:] if table.exists() else []:
            fields = line.split()
            if fields[3] == LISTEN:
                yield int(fields[1].rpartition(":")[2], 16), int(fields[7]), fields[9]


def listening_ports() -> list[int]:
    """Return the TCP ports that something on this host listens on."""
    return sorted({port for port, _uid, _inode in _listening()})


def foreign_listeners(ports: Iterable[int], uid: int) -> dict[int, str]:
    """Return who listens on ports that belong to a user, by port; except root and that user.

    Args:
        ports: The ports.
        uid: The user.
    """
    wanted = set(ports)
    return {
        port: _listener(other, inode) for port, other, inode in _listening() if port in wanted and other not in (0, uid)
    }


def port_owner(run: Run, port: int) -> str:
    """Return who listens on a TCP port, as far as this user can see; empty if nobody does.

    Args:
        run: Runs a command.
        port: The port.
    """
    code, output, _errors = run(["docker", "ps", "--filter", f"publish={port}", "--format", "{{.Names}}"])
    if not code and output.strip():
        return f"the container {output.split()[0]}"
    for other, uid, inode in _listening():
        if other == port:
            return _listener(uid, inode)
    return ""


def _listener(uid: int, inode: str) -> str:
    return _process_with(f"socket:[{inode}]") or f"a program of {user_name(uid)}"


def _process_with(open_file: str) -> str:
    for process in Path("/proc").glob("[0-9]*"):
        try:
            if any(str(file.readlink()) == open_file for file in (process / "fd").iterdir()):
                # A process may call itself anything, an escape sequence for instance.
                name = "".join(filter(str.isprintable, read_text(process / "comm")))
                return f"{name}, process {process.name} of {user_name(process.stat().st_uid)}"
        except OSError:
            # It has ended, or is another user's.
            continue
    return ""


def own_ports(found: Iterable[dict[str, Any]]) -> set[int]:
    """Return the ports that running containers of a project publish, and paused ones.

    Args:
        found: The project's containers.
    """
    return {port for container in found if container["state"] in ("running", "paused") for port in container["ports"]}
