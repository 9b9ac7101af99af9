# SPDX-License-Identifier: BSD-3-Clause
"""Ephemeral runners as CI services offer them: systemd, an engine that is good enough, not one image.

Each is a container with an engine of its own. In its reach, at 127.0.0.1 as a registry without certificates has to be, are two
registries: one is open and is the engine's mirror of Docker Hub, with the contract images under their names there; the other one
wants a password.
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.hosts import Host, docker, make_image
from tests.registry import Gate, Registry, unpack_program
from tests.registry_origin.images import push_images

OPEN_PORT, CLOSED_PORT = 5000, 5001
SOCKET = "[Socket]\nListenStream=127.0.0.1:{port}\n"
SERVICE = "[Service]\nExecStart=/usr/lib/systemd/systemd-socket-proxyd {target}\n"


@pytest.fixture(scope="session")
def gates(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Gate, Gate]]:
    """Return the ways from the runners to the open and to the closed registry; the open one has all service images."""
    folder = tmp_path_factory.mktemp("registry")
    bridge = docker("network", "inspect", "bridge", "--format", "{{(index .IPAM.Config 0).Gateway}}")
    program = unpack_program(folder)
    with (
        Registry(program, folder / "open") as registry,
        Registry(program, folder / "closed", closed=True) as closed,
        Gate(registry, bridge).standing() as open_gate,
        Gate(closed, bridge).standing() as closed_gate,
    ):
        push_images(registry.address, "library")
        yield open_gate, closed_gate


@pytest.fixture(scope="module")
def make_runner(gates: tuple[Gate, Gate], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[], Host]]:
    """Return a function that starts runners; all are thrown away in the end."""
    image = make_image()
    made: list[Host] = []

    def make() -> Host:
        runner = Host(f"olympia-runner-{uuid.uuid4().hex[:8]}", tmp_path_factory.mktemp("runner"))
        made.append(runner)
        write_configuration(runner.folder / "root", gates)
        runner.start(image, runner.folder / "root")
        return runner

    yield make
    # Side by side: each takes seconds.
    with ThreadPoolExecutor() as pool:
        list(pool.map(Host.remove, made))


def write_configuration(root: Path, gates: tuple[Gate, Gate]) -> None:
    """Write what a runner finds when it starts: the ways to the registries, and an engine's settings."""
    files = {
        "etc/docker/daemon.json": json.dumps({"registry-mirrors": [f"http://127.0.0.1:{OPEN_PORT}"]}),
    }
    for port, gate in zip((OPEN_PORT, CLOSED_PORT), gates, strict=True):
        files[f"etc/systemd/system/registry-{port}.socket"] = SOCKET.format(port=port)
        target = ":".join(str(part) for part in gate.server_address[:2])
        files[f"etc/systemd/system/registry-{port}.service"] = SERVICE.format(target=target)
        wants = root / "etc/systemd/system/sockets.target.wants"
        wants.mkdir(parents=True, exist_ok=True)
        (wants / f"registry-{port}.socket").symlink_to(f"../registry-{port}.socket")
    for name, text in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)
