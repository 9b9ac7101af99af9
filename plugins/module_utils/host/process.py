# SPDX-License-Identifier: BSD-3-Clause
"""Commands that run on a host, in an environment that is made here."""

from __future__ import annotations

import subprocess

from ..core.command_environment import commands
from .liveness import watched


def run(arguments: list[str]) -> tuple[int, str, str]:
    """Run a command and return its return code (127: not found), output and errors. Safe to call from several threads.

    Args:
        arguments: The command and its arguments. One that waits for an engine which no longer answers is ended.
    """
    try:
        process = subprocess.Popen(arguments, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=commands())
    except (FileNotFoundError, PermissionError) as error:
        # The latter where a folder of PATH may not be searched, and none of the others has the program.
        return 127, "", str(error)
    with process, watched(process) as gave_up:
        output, errors = process.communicate()
    return process.returncode, output, errors + "".join(gave_up)
