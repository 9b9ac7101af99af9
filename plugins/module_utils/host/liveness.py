# SPDX-License-Identifier: BSD-3-Clause
"""Whether an engine still answers, before a run and while a command waits for it."""

from __future__ import annotations

import contextlib
import http.client
import os
import re
import socket
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from ..core.command_environment import Run, commands
from .system import exists

ENGINE_SOCKET = "/var/run/docker.sock"
ENGINE_TIMEOUT = 10  # seconds that an engine may take to answer
# Seconds between two checks, and the number of failed ones after which a command is stopped: a disk may be slow for a while.
PAUSE, TRIES = 10.0, 2
STATES = {"T": "was stopped by a signal", "D": "waits for a disk", "Z": "has ended"}


class EngineConnection(http.client.HTTPConnection):
    """HTTP over the socket of an engine."""

    def __init__(self, path: str, timeout: int = ENGINE_TIMEOUT) -> None:
        """Make one.

        Args:
            path: The socket.
            timeout: Seconds that an answer may take.
        """
        super().__init__("localhost", timeout=timeout)
        self._path = path

    def connect(self) -> None:
        """Connect to the socket."""
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self._path)


def hanging_engine(path: str = ENGINE_SOCKET, timeout: int = ENGINE_TIMEOUT) -> str:
    """Return an error message if the engine accepts connections but does not answer; empty if it answers, or does not exist.

    Args:
        path: Its socket.
        timeout: Seconds that it may take.
    """
    connection = EngineConnection(path, timeout)
    try:
        connection.request("GET", "/_ping")
        connection.getresponse()
    except TimeoutError:
        how = "; ".join(_daemons()) or "no process dockerd is seen"
        restart = "it: sudo systemctl restart docker" if path == ENGINE_SOCKET else f"the one at {path}"
        return f"The engine does not answer within {timeout} seconds: {how}. Restart {restart}"
    except (OSError, http.client.HTTPException):
        return ""
    finally:
        connection.close()
    return ""


def _daemons() -> Iterator[str]:
    """Yield each process of an engine, and how it is (proc(5), /proc/pid/stat)."""
    for stat in Path("/proc").glob("[0-9]*/stat"):
        # It may have ended meanwhile.
        with contextlib.suppress(OSError):
            found = re.match(r"(\d+) \(dockerd\) (\S)", stat.read_text())
            if found:
                yield f"dockerd, process {found[1]}, {STATES.get(found[2], 'runs')}"


def engine_socket(run: Run) -> str:
    """Return the path of the socket of the engine that the docker command means, or the empty string if it has none.

    Args:
        run: Runs a command.
    """
    _code, host, _errors = run(["docker", "context", "inspect", "--format", "{{.Endpoints.docker.Host}}"])
    return host.strip().removeprefix("unix://") if host.startswith("unix://") else ""


def chosen_socket(run: Run) -> str:
    """Return the socket of the engine that is used: the machine's, or where the user has one, what the docker client is set to.

    Args:
        run: Runs a command.
    """
    own = exists(Path(f"/run/user/{os.getuid()}/docker.sock"))
    return (engine_socket(run) if own else "") or ENGINE_SOCKET


def _run(arguments: list[str]) -> tuple[int, str, str]:
    done = subprocess.run(arguments, env=commands(), capture_output=True, text=True, check=False)
    return done.returncode, done.stdout, done.stderr


@contextlib.contextmanager
def watched(
    process: subprocess.Popen[Any], run: Run = _run, pause: float = PAUSE, timeout: int = ENGINE_TIMEOUT
) -> Iterator[list[str]]:
    """Stop a docker command as soon as its engine no longer answers; yield a list that gets the error message then.

    Args:
        process: The command, which may take as long as it needs otherwise.
        run: Runs the command that tells the engine's socket; an engine elsewhere is not looked at.
        pause: Seconds between two looks.
        timeout: Seconds that the engine may take.
    """
    ended, said = threading.Event(), list[str]()

    def look() -> None:
        silent = 0
        while not ended.wait(pause):
            path = engine_socket(run)
            how = hanging_engine(path, timeout) if path else ""
            silent = silent + 1 if how else 0
            if silent == TRIES and not ended.is_set():
                said.append(how)
                process.kill()
                return

    arguments: Any = process.args
    if Path(arguments[0]).name == "docker":
        threading.Thread(target=look, daemon=True).start()
    try:
        yield said
    finally:
        ended.set()
