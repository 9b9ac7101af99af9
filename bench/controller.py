# SPDX-License-Identifier: BSD-3-Clause
"""What a run takes of the controller: memory, processes, and modules."""

from __future__ import annotations

import ctypes
import os
import struct
import subprocess
import tempfile
from pathlib import Path
from typing import Any

from .measuring import ROOT, environment, run

# acct(5), struct acct_v3: flag, version, tty, exit code, uid, gid, pid, ppid, begin, elapsed, user and system time, ..., command.
RECORD = struct.Struct("<BBHIIIIIIfHHHHHHHH16s")


def accounted(command: list[str]) -> int:
    """Return how many processes a command starts, itself included, on whichever side of a connection to this machine. Needs root.

    Args:
        command: The command.
    """
    libc = ctypes.CDLL(None, use_errno=True)
    with tempfile.NamedTemporaryFile() as file:
        if libc.acct(file.name.encode()):
            raise OSError(ctypes.get_errno(), "acct")
        try:
            with subprocess.Popen(command, cwd=ROOT, env=environment(), stdout=subprocess.DEVNULL) as process:
                process.wait()
        finally:
            libc.acct(None)
        data = Path(file.name).read_bytes()
    records = [RECORD.unpack_from(data, offset) for offset in range(0, len(data), RECORD.size)]
    parents = {record[6]: record[7] for record in records}
    family = {process.pid}
    # A child ends, and is written down, before or after its parent.
    while new := {pid for pid, parent in parents.items() if parent in family} - family:
        family |= new
    return len(family)


def peak_memory(command: list[str]) -> float:
    """Return the most memory that one process of a command holds, in MiB.

    Args:
        command: The command.
    """
    process = subprocess.Popen(command, cwd=ROOT, env=environment(), stdout=subprocess.DEVNULL)
    _pid, _status, usage = os.wait4(process.pid, 0)
    return round(usage.ru_maxrss / 1024, 1)


def taken_of_the_controller(command: list[str]) -> dict[str, Any]:
    """Return peak memory in MiB, the number of processes, and that of modules that ran.

    Args:
        command: A playbook's command.
    """
    return {
        "peak_memory_mib": peak_memory(command),
        "processes": accounted(command),
        "modules": run([*command, "-vvv"]).count("Using module file "),
    }
