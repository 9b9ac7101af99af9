# SPDX-License-Identifier: BSD-3-Clause
"""A real registry for tests, and a gate before it that can fall shut."""

from __future__ import annotations

import contextlib
import socket
import socketserver
import subprocess
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

# The user "ci", whose password nobody here says.
HTPASSWD = "ci:$2y$05$JgjnbUTzj1mScV.1lWmcCOnpnsoHiowBxw2T4sXac.Cez4E1ORXwC\n"
CHUNK = 65536


def free_port() -> int:
    """Return a port that nothing listens on."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port: int = probe.getsockname()[1]
        return port


def unpack_program(folder: Path) -> Path:
    """Return Debian's docker-registry, unpacked from its package: installed, it would want to be a service.

    Args:
        folder: Where to put it.
    """
    fetch = ["apt-get", "-qq", "-o", "APT::Sandbox::User=root", "download", "docker-registry"]
    subprocess.run(fetch, cwd=folder, check=True)
    (package,) = folder.glob("*.deb")
    subprocess.run(["dpkg-deb", "--extract", package, folder / "root"], check=True)
    return folder / "root/usr/bin/docker-registry"


def answers(address: str) -> bool:
    """Return whether a registry answers, in whatever way."""
    try:
        urllib.request.urlopen(f"http://{address}/v2/", timeout=5).close()
    except urllib.error.HTTPError:
        return True
    except OSError:
        return False
    return True


@dataclass
class Registry:
    """A registry on loopback, with its data in a folder.

    Attributes:
        program: The registry's program.
        folder: Where its data and its configuration are.
        closed: Whether it wants a password.
        port: Where it listens.
    """

    program: Path
    folder: Path
    closed: bool = False
    port: int = field(default_factory=free_port)
    process: subprocess.Popen[bytes] | None = None

    @property
    def address(self) -> str:
        """Host and port."""
        return f"127.0.0.1:{self.port}"

    def start(self) -> None:
        """Start it, and wait until it answers."""
        self.folder.mkdir(exist_ok=True)
        lines = [
            "version: 0.1",
            f"storage: {{filesystem: {{rootdirectory: {self.folder / 'data'}}}}}",
            f"http: {{addr: {self.address}}}",
        ]
        if self.closed:
            (self.folder / "htpasswd").write_text(HTPASSWD)
            lines.append(f"auth: {{htpasswd: {{realm: test, path: {self.folder / 'htpasswd'}}}}}")
        configuration = self.folder / "config.yml"
        configuration.write_text("\n".join(lines))
        self.process = subprocess.Popen(
            [self.program, "serve", configuration], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        deadline = time.monotonic() + 30
        while not answers(self.address):
            assert self.process.poll() is None and time.monotonic() < deadline, "the registry does not start"
            time.sleep(0.05)

    def stop(self) -> None:
        """End it."""
        if self.process:
            self.process.terminate()
            self.process.wait()
            self.process = None

    def __enter__(self) -> Registry:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()


class Gate(socketserver.ThreadingTCPServer):
    """Passes connections on to a registry. It can take the registry away in the middle of an answer, and bring it back."""

    daemon_threads = True
    allow_reuse_address = True

    def __init__(self, registry: Registry, host: str = "127.0.0.1") -> None:
        """Make one that is open; use it as a context.

        Args:
            registry: The registry behind it.
            host: The address to listen at.
        """
        super().__init__((host, 0), _Passage)
        self.registry = registry
        # Bytes of answers after which the registry is ended; None for never.
        self.allowance: int | None = None
        # How many more connections find it away until it is started again.
        self.turned_away = 0
        self.lock = threading.Lock()

    @property
    def port(self) -> int:
        """Where it listens."""
        port: int = self.server_address[1]
        return port

    @contextlib.contextmanager
    def standing(self) -> Iterator[Gate]:
        """Pass connections on meanwhile."""
        thread = threading.Thread(target=self.serve_forever)
        thread.start()
        try:
            yield self
        finally:
            self.shutdown()
            self.server_close()
            thread.join()

    def take_away(self, after: int, turn_away: int) -> None:
        """Plan to end the registry.

        Args:
            after: Bytes of answers that still pass.
            turn_away: Connections that then find nobody.
        """
        self.allowance, self.turned_away = after, turn_away

    def admit(self) -> bool:
        """Return whether the registry is there for a new connection, and start it when it has been away for long enough."""
        with self.lock:
            if self.registry.process:
                return True
            if self.turned_away:
                self.turned_away -= 1
                return False
            self.registry.start()
            return True

    def passed(self, count: int) -> bool:
        """Count bytes of an answer; return whether they may pass, and end the registry when they may not."""
        with self.lock:
            if self.allowance is None:
                return True
            self.allowance -= count
            if self.allowance > 0:
                return True
            self.allowance = None
            self.registry.stop()
            return False


class _Passage(socketserver.BaseRequestHandler):
    server: Gate

    def handle(self) -> None:
        if not self.server.admit():
            return
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", self.server.registry.port)) as inside:
            asking = threading.Thread(target=self._ask, args=(inside,), daemon=True)
            asking.start()
            while data := inside.recv(CHUNK):
                if not self.server.passed(len(data)):
                    break
                self.request.sendall(data)
            # The asking side may still wait for more.
            self.request.shutdown(socket.SHUT_RDWR)
            asking.join()

    def _ask(self, inside: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while data := self.request.recv(CHUNK):
                inside.sendall(data)
            inside.shutdown(socket.SHUT_WR)
