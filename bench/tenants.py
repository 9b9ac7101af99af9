# SPDX-License-Identifier: BSD-3-Clause
"""Runs with nothing changed on a machine that three people share, against the same on an instance of this machine's own."""

from __future__ import annotations

import tempfile
from pathlib import Path

from tests.fleet import Fleet
from tests.hosts import make_service_images

from .local import INSTANCE, instance, unchanged
from .measuring import CommandError, Found, Row, Work, in_turn, run

MACHINE = "bench3.olympia.test"
PEOPLE = ("ana", "ben", "cay")


def measure(rounds: int, port: int) -> Found:
    """Return rows 14, 15 and 16.

    Args:
        rounds: How often each is measured.
        port: The port of the instance on this machine.
    """

    def ask(*command: str) -> None:
        done = fleet.run(*command)
        if done.code:
            raise CommandError(f"{' '.join(command)} returned {done.code}:\n{done.output[-3000:]}")

    people = [{"name": who, "uid": 2001 + number, "disk_gb": 12} for number, who in enumerate(PEOPLE)]
    with tempfile.TemporaryDirectory() as folder, instance(port) as up:
        fleet = Fleet(Path(folder), [MACHINE], people)
        try:
            fleet.start(list(make_service_images().values()))
            ask("olympia", "fleet")
            found = in_turn(
                rounds,
                {
                    "local up": Work(lambda: unchanged(up)),
                    "up": Work(lambda: ask("ansible-playbook", "playbooks/up.yml", "-e", "tenant=ana")),
                    "bootstrap": Work(lambda: ask("ansible-playbook", "playbooks/bootstrap.yml")),
                    "local status": Work(lambda: run(["olympia", "status", f"INSTANCE={INSTANCE}"])),
                    "status": Work(lambda: ask("olympia", "status")),
                },
            )
        finally:
            fleet.remove()
    local_up, local_status = "up of an instance of this machine", "status of an instance of this machine"
    return Found(
        [
            Row(14, "up of one tenant of three, nothing changed", local_up, 2, found["up"], found["local up"]),
            Row(15, "status of three tenants", local_status, 2, found["status"], found["local status"]),
            Row(16, "bootstrap, nothing changed", local_up, 3, found["bootstrap"], found["local up"]),
        ]
    )
