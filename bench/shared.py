# SPDX-License-Identifier: BSD-3-Clause
"""Machines that several people share, from nothing to everybody's healthy instance: built once, and built by each tenant."""

from __future__ import annotations

import tempfile
from functools import partial
from pathlib import Path

from tests.fleet import Fleet
from tests.hosts import make_service_images

from .measuring import CommandError, Found, seconds

MACHINES = ["bench1.olympia.test", "bench2.olympia.test"]
PEOPLE = ("ana", "ben", "cay", "dan")


def bring_up(fleet: Fleet) -> None:
    """Make machines ready, and everybody's instance healthy.

    Args:
        fleet: The machines.

    Raises:
        CommandError: That failed.
    """
    done = fleet.run("olympia", "fleet")
    if done.code:
        raise CommandError(f"olympia fleet returned {done.code}:\n{done.output[-3000:]}")


def measure(rounds: int) -> Found:
    """Return the seconds that two machines with two tenants each take, in both ways. Engine and service images are there.

    Args:
        rounds: How often.
    """
    images = list(make_service_images().values())
    took: dict[str, list[float]] = {"built_once": [], "built_by_each": []}
    for _ in range(rounds):
        for name, once in (("built_once", True), ("built_by_each", False)):
            people = [{"name": who, "uid": 2001 + number, "disk_gb": 12} for number, who in enumerate(PEOPLE)]
            with tempfile.TemporaryDirectory() as folder:
                fleet = Fleet(Path(folder), MACHINES, people, {"olympia_builds_enabled": once})
                try:
                    fleet.start(images)
                    took[name].append(seconds(partial(bring_up, fleet)))
                finally:
                    fleet.remove()
    return Found(facts={"shared": took})
