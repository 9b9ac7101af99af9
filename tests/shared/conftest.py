# SPDX-License-Identifier: BSD-3-Clause
"""The machine that most attacks are made on. Other modules of this folder have machines of their own, under the same name."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.e2e.stack import wait_until
from tests.fleet import Fleet
from tests.hosts import docker

from .attacking import ANAS, FORK, SERVE, VM, Serve


@pytest.fixture(scope="package")
def fleet(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Fleet]:
    """Return one machine with four tenants, two of them with each of two sources, neither of which can be built."""
    people = [
        {
            "name": name,
            "uid": 2001 + number,
            "disk_gb": 2,
            "memory_mb": 1024,
            "settings": {"olympia_stack_source_repo": FORK} if name in ("cay", "dan") else {},
        }
        for number, name in enumerate(("ana", "ben", "cay", "dan"))
    ]
    settings = {
        "olympia_stack_image_origin": "registry",
        "olympia_stack_registry": "127.0.0.1:9",
        "olympia_proxy_users": {"visitor": "{PLAIN}open sesame"},
    }
    fleet = Fleet(tmp_path_factory.mktemp("more-attacks"), [VM], people, settings)
    try:
        fleet.start([])
        done = fleet.run("olympia", "bootstrap")
        assert done.code == 0, done.output
        docker("exec", "--interactive", VM, "install", "/dev/stdin", "/usr/local/bin/serve", stdin=SERVE)
        yield fleet
    finally:
        fleet.remove()


@pytest.fixture
def serve(fleet: Fleet) -> Iterator[Serve]:
    """Return what lets a tenant listen on ana's port, and ends that after the test."""
    started: list[str] = []

    def start(name: str, address: str) -> None:
        unit = f"systemctl --user reset-failed serve; systemd-run --user --unit=serve serve {address} {ANAS}"
        done = fleet.as_tenant(VM, name, unit)
        assert done.returncode == 0, done.stderr
        started.append(name)
        wait_until(lambda: str(ANAS) in fleet.inside(VM, "ss", "--listening", "--tcp", "--numeric"), "it listens")

    yield start
    for name in started:
        fleet.as_tenant(VM, name, "systemctl --user stop serve")
