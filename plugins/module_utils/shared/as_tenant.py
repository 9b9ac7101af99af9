# SPDX-License-Identifier: BSD-3-Clause
"""Commands on behalf of a tenant of a shared machine.

A tenant's files and engine may hang, be endless, or be links to elsewhere. So root neither opens nor follows them: the tenant's
user does, within the tenant's limits, and root waits for a limited time, and reads a limited amount.
"""

from __future__ import annotations

import os
import selectors
import subprocess
import time
from collections.abc import Mapping, Sequence
from typing import IO

from ..core import command_environment as environment

SECONDS = 20  # that an answer may take
GRACE = 5  # seconds for systemd to end the command
LIMIT = 1 << 20  # bytes that it may have
MEMORY = "1G"  # for the command, within the tenant's own limit
# Root's and without `config.json`: the tenant's own can be anything, and names programs that the client would run.
DOCKER = ("docker", "--config", "/etc/olympia")
TIMED_OUT, TOO_LONG = 124, 125  # 124 as timeout(1) has it


def unit_of(name: str, uid: int, command: Sequence[str], seconds: int) -> list[str]:
    """Return the command line that runs a command as a tenant, with nothing of the environment of whoever calls it.

    Args:
        name: The account.
        uid: Its UID.
        command: The command and its arguments.
        seconds: How long it may take; systemd ends it then.
    """
    return [
        "systemd-run", "--quiet", "--collect", "--pipe", "--wait", f"--uid={name}", f"--slice=user-{uid}.slice",
        f"--setenv=XDG_RUNTIME_DIR=/run/user/{uid}", f"--property=RuntimeMaxSec={seconds}", "--property=KillSignal=SIGKILL",
        "--property=TimeoutStopSec=1", f"--property=MemoryMax={MEMORY}", "--property=NoNewPrivileges=yes", "--", *command,
    ]  # fmt: skip


def run(
    name: str, uid: int, command: Sequence[str], seconds: int = SECONDS, stdin: IO[bytes] | None = None
) -> tuple[int, str, str]:
    """Run a command as a tenant. Return its code, output and errors, which say why where there was no usable answer.

    Args:
        name: The account.
        uid: Its UID.
        command: The command and its arguments.
        seconds: How long it may take.
        stdin: Its standard input; empty if None.
    """
    unit = unit_of(name, uid, command, seconds)
    began = time.monotonic()
    # systemd ends all that the command has left; whoever holds its output open elsewhere is not waited for.
    code, output, errors = bounded(unit, seconds + GRACE, stdin=stdin)
    if code and time.monotonic() - began >= seconds:
        return TIMED_OUT, "", f"no answer within {seconds} seconds"
    return code, output, errors


def engine(
    name: str, uid: int, arguments: Sequence[str], seconds: int = SECONDS, stdin: IO[bytes] | None = None
) -> tuple[int, str, str]:
    """Ask a tenant's own engine. Return code, output and errors.

    Args:
        name: The account.
        uid: Its UID.
        arguments: Arguments of the docker command.
        seconds: How long it may take.
        stdin: Its standard input; empty if None.
    """
    return run(name, uid, [*DOCKER, "--host", f"unix:///run/user/{uid}/docker.sock", *arguments], seconds, stdin)


def bounded(
    command: Sequence[str],
    seconds: float,
    limit: int = LIMIT,
    stdin: IO[bytes] | None = None,
    more: Mapping[str, str] | None = None,
) -> tuple[int, str, str]:
    """Run an untrusted command with limits of time and output. Return its code, output and errors.

    Args:
        command: The command and its arguments.
        seconds: How long it may take, with all that has its output open.
        limit: How many bytes it may print, output and errors together.
        stdin: Its standard input; empty if None.
        more: What its environment has besides.
    """
    deadline = time.monotonic() + seconds
    try:
        process = subprocess.Popen(
            command,
            stdin=stdin or subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=environment.commands(more),
        )
    except (FileNotFoundError, PermissionError) as error:
        return 127, "", str(error)
    said = {process.stdout: b"", process.stderr: b""}
    try:
        with selectors.DefaultSelector() as waiting:
            for stream in said:
                waiting.register(stream, selectors.EVENT_READ)  # type: ignore[arg-type]
            while waiting.get_map():
                ready = waiting.select(max(0, deadline - time.monotonic()))
                if not ready:
                    return TIMED_OUT, "", f"no answer within {seconds:g} seconds"
                for key, _events in ready:
                    part = os.read(key.fd, 1 << 16)
                    said[key.fileobj] += part  # type: ignore[index]
                    if not part:
                        waiting.unregister(key.fileobj)
                if sum(map(len, said.values())) > limit:
                    return TOO_LONG, "", f"an answer of more than {limit} bytes"
        code = process.wait(max(0, deadline - time.monotonic()))
    except subprocess.TimeoutExpired:
        return TIMED_OUT, "", f"no answer within {seconds:g} seconds"
    finally:
        process.kill()
        for stream in said:
            stream.close()  # type: ignore[union-attr]
    output, errors = (text.decode(errors="replace") for text in said.values())
    return code, output, errors
