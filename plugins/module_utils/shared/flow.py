# SPDX-License-Identifier: BSD-3-Clause
"""A pipe between two commands, one of which runs as a tenant: with limits of time and size, and without accepting partial data.

In `tar | restic`, restic would save a partial archive if tar dies, because it sees the same end of file.
"""

from __future__ import annotations

import contextlib
import os
import selectors
import subprocess
import time
from collections.abc import Mapping, Sequence
from typing import IO

from ..core import command_environment as environments
from ..core.problem import Problem
from ..host.process import tail

CHUNK = 1 << 20  # bytes
SAID = 1 << 14  # bytes of what a command has said last
SECONDS = 4 * 60 * 60  # a first copy of much data over a slow line
LINES = 10
# systemd takes an end by SIGTERM for a good one, and its exit code with it: so a command says itself that it has come to its end.
WHOLE = '"$@" && echo olympia-whole >&2'
DONE = b"olympia-whole\n"


def said_when_whole(command: Sequence[str]) -> list[str]:
    """Return a command that does the same, and reports to `flow` that it has finished.

    Args:
        command: The command and its arguments.
    """
    return ["sh", "-c", WHOLE, "sh", *command]


def flow(
    source: Sequence[str],
    sink: Sequence[str],
    limit: int,
    environment: Mapping[str, str] | None = None,
    seconds: float = SECONDS,
) -> None:
    """Pipe the output of a command to another one, which sees the end of file only if the first one succeeds.

    Args:
        source: The command that prints.
        sink: The command that reads; it is killed where not all has arrived.
        limit: How many bytes it may be.
        environment: What both need besides.
        seconds: How long it may take.

    Raises:
        Problem: Not all of it has arrived.
    """
    deadline = time.monotonic() + seconds
    variables = environments.commands(environment)
    pipe = subprocess.PIPE
    giver = subprocess.Popen(source, stdin=subprocess.DEVNULL, stdout=pipe, stderr=pipe, env=variables)
    taker = subprocess.Popen(sink, stdin=pipe, stdout=subprocess.DEVNULL, stderr=pipe, env=variables)
    try:
        _pump(giver, taker, limit, deadline)
    except (TimeoutError, subprocess.TimeoutExpired) as error:
        raise Problem(f"it has not ended within {seconds:g} seconds") from error
    finally:
        for process in (giver, taker):
            process.kill()
            process.wait()
        for stream in (giver.stdout, giver.stderr, taker.stdin, taker.stderr):
            with contextlib.suppress(BrokenPipeError):
                stream.close()  # type: ignore[union-attr]


def _pump(giver: subprocess.Popen[bytes], taker: subprocess.Popen[bytes], limit: int, deadline: float) -> None:
    if not (giver.stdout and giver.stderr and taker.stdin and taker.stderr):
        raise ValueError("the two processes need pipes")
    os.set_blocking(taker.stdin.fileno(), False)
    said: dict[IO[bytes], bytes] = {giver.stderr: b"", taker.stderr: b""}
    part, total = b"", 0
    with selectors.DefaultSelector() as waiting:
        for stream in (giver.stdout, *said):
            waiting.register(stream, selectors.EVENT_READ)
        while waiting.get_map():
            ready = waiting.select(max(0, deadline - time.monotonic()))
            if not ready:
                raise TimeoutError
            for key, _events in ready:
                if key.fileobj is giver.stdout:
                    waiting.unregister(giver.stdout)
                    part = os.read(key.fd, CHUNK)
                    total += len(part)
                    if total > limit:
                        raise Problem(f"it is more than {limit} bytes")
                    if part:
                        waiting.register(taker.stdin, selectors.EVENT_WRITE)
                        continue
                    code = giver.wait(max(0, deadline - time.monotonic()))
                    os.set_blocking(giver.stderr.fileno(), False)
                    with contextlib.suppress(BlockingIOError):
                        said[giver.stderr] += os.read(giver.stderr.fileno(), CHUNK)
                    if code or _cut_off(giver, said[giver.stderr]):
                        raise Problem(_words(giver, said[giver.stderr]))
                    taker.stdin.close()
                elif key.fileobj is taker.stdin:
                    try:
                        part = part[os.write(key.fd, part) :]
                    except BrokenPipeError:
                        # Nobody reads it any more; what the other one has said tells why.
                        waiting.unregister(taker.stdin)
                        if giver.stderr in waiting.get_map():
                            waiting.unregister(giver.stderr)
                        break
                    if not part:
                        waiting.unregister(taker.stdin)
                        waiting.register(giver.stdout, selectors.EVENT_READ)
                else:
                    text = os.read(key.fd, CHUNK)
                    said[key.fileobj] = (said[key.fileobj] + text)[-SAID:]  # type: ignore[index]
                    if not text:
                        waiting.unregister(key.fileobj)
    if taker.wait(max(0, deadline - time.monotonic())) or (taker.stdin.closed and _cut_off(taker, said[taker.stderr])):
        raise Problem(_words(taker, said[taker.stderr]))
    if not taker.stdin.closed:
        raise Problem("not all of it was read")


def _cut_off(process: subprocess.Popen[bytes], said: bytes) -> bool:
    return WHOLE in process.args and not said.endswith(DONE)  # type: ignore[operator]


def _words(process: subprocess.Popen[bytes], said: bytes) -> str:
    if not process.returncode:
        return "it was ended before it was done"
    return f"{tail(said.decode(errors='replace').strip(), LINES)} (code {process.returncode})"
