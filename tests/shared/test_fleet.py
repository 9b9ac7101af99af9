# SPDX-License-Identifier: BSD-3-Clause
"""Three bare machines, six people: one command makes all of it, and what befalls one machine is no other's affair."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.fleet import Fleet, changes
from tests.hosts import docker, make_service_images

MACHINES = [f"vm{number}.olympia.test" for number in (1, 2, 3)]
PEOPLE = ("ana", "ben", "cay", "dan", "eli", "fay")


@pytest.fixture(scope="module")
def fleet(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Fleet]:
    """Return three machines with two tenants each, brought up by one command."""
    people = [
        {"name": name, "uid": 2001 + number, "disk_gb": 12, "memory_mb": 4096} for number, name in enumerate(PEOPLE)
    ]
    # Room for two on each.
    settings = {"olympia_machine_memory_mb": 8192}
    fleet = Fleet(tmp_path_factory.mktemp("fleet"), MACHINES, people, settings)
    try:
        fleet.start(list(make_service_images().values()))
        done = fleet.run("olympia", "fleet")
        assert done.code == 0, done.output
        yield fleet
    finally:
        fleet.remove()


def sites() -> dict[str, str]:
    """Return the machine of each site, by the site's name: who lives where follows from the list."""
    return {f"{name}.{MACHINES[number % 3]}": MACHINES[number % 3] for number, name in enumerate(PEOPLE)}


def test_everybody_works_through_the_door(fleet: Fleet) -> None:
    for site, machine in sites().items():
        status, text = fleet.page(machine, site)
        assert status == 200, (site, text)


def test_a_second_time_nothing_changes_on_any_host(fleet: Fleet) -> None:
    again = fleet.run("ansible-playbook", "playbooks/fleet.yml")
    assert again.code == 0, again.output
    assert changes(again.output) == dict.fromkeys([*MACHINES, *sites()], 0)


def test_one_table_has_all_of_them(fleet: Fleet) -> None:
    told = fleet.run("olympia", "status")
    assert told.code == 0, told.output
    assert {line.split()[0]: line.split()[1] for line in told.output.splitlines()[1:]} == dict.fromkeys(
        sites(), "healthy"
    )


def test_a_machine_that_is_down_stops_no_other(fleet: Fleet) -> None:
    docker("stop", MACHINES[2])
    try:
        told = fleet.run("olympia", "status", "-e", "ansible_ssh_timeout=5")
        assert told.code == 6, told.output
        healthy = [line.split()[0] for line in told.output.splitlines() if " healthy " in line]
        assert sorted(healthy) == sorted(site for site, machine in sites().items() if machine != MACHINES[2])
        up = fleet.run("olympia", "up", "-e", "ansible_ssh_timeout=5")
        assert up.code == 6, up.output
        assert [count for site, count in changes(up.output).items() if MACHINES[2] not in site] == [0, 0, 0, 0]
    finally:
        fleet.restart(MACHINES[2])
    back = fleet.run("olympia", "fleet")
    assert back.code == 0, back.output
    test_everybody_works_through_the_door(fleet)
