# SPDX-License-Identifier: BSD-3-Clause
"""Three bare machines, six people: one command makes all of it, and what befalls one machine is no other's affair."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest

from tests.fleet import Fleet, changes, outcomes
from tests.hosts import docker

pytestmark = pytest.mark.full
MACHINES = [f"fleet{number}.olympia.test" for number in (1, 2, 3)]
PEOPLE = ("ana", "ben", "cay", "dan", "eli", "fay")
FIRST_UID = 2001


def machine_of(name: str) -> str:
    """Return where somebody lives: that follows from the list."""
    return MACHINES[PEOPLE.index(name) % 3]


def site_of(name: str) -> str:
    """Return the name of somebody's site."""
    return f"{name}.{machine_of(name)}"


SITES = [site_of(name) for name in PEOPLE]


@pytest.fixture(scope="module")
def fleet(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Fleet]:
    """Return three machines with two tenants each, brought up by one command."""
    people = [
        {"name": name, "uid": FIRST_UID + number, "disk_gb": 12, "memory_mb": 4096}
        for number, name in enumerate(PEOPLE)
    ]
    # Room for three on each.
    fleet = Fleet(tmp_path_factory.mktemp("fleet"), MACHINES, people, {"olympia_machine_memory_mb": 12288})
    try:
        fleet.start([])
        done = fleet.run("olympia", "fleet")
        assert done.code == 0, done.output
        yield fleet
    finally:
        fleet.remove()


def containers(fleet: Fleet, name: str) -> str:
    """Return which containers somebody has, and since when they run."""
    docker_of = ["docker", "--host", f"unix:///run/user/{FIRST_UID + PEOPLE.index(name)}/docker.sock"]
    running = fleet.inside(machine_of(name), *docker_of, "ps", "--quiet").split()
    return fleet.inside(machine_of(name), *docker_of, "inspect", "--format={{.Name}} {{.State.StartedAt}}", *running)


def test_everybody_works_through_the_proxy(fleet: Fleet) -> None:
    for name in PEOPLE:
        status, text = fleet.page(machine_of(name), site_of(name))
        assert status == 200, (name, text)


def test_a_second_time_nothing_changes_on_any_host(fleet: Fleet) -> None:
    again = fleet.run("ansible-playbook", "playbooks/fleet.yml")
    assert again.code == 0, again.output
    found = changes(again.output)
    assert {*MACHINES, *SITES} <= {*found}
    assert set(found.values()) == {0}, again.output


def test_one_table_has_all_of_them(fleet: Fleet) -> None:
    told = fleet.run("olympia", "status")
    assert told.code == 0, told.output
    rows = [line.split() for line in told.output.splitlines()]
    assert {row[0]: row[1] for row in rows if row and row[0] in SITES} == dict.fromkeys(SITES, "healthy")


def test_what_all_of_them_run_was_built_on_one_machine(fleet: Fleet) -> None:
    indexes = {
        machine: fleet.inside(machine, "sh", "-c", "cat /var/lib/olympia/builds/*/index.json") for machine in MACHINES
    }
    assert len(set(indexes.values())) == 1, indexes
    for name in PEOPLE:
        file = f"/home/{name}/.local/state/olympia/{name}/build-metadata.json"
        steps = json.loads(fleet.inside(machine_of(name), "cat", file))["steps"]
        assert [step["name"] for step in steps if "RUN" in step["name"] and not step["cached"]] == []


def test_a_machine_that_is_down_stops_no_other(fleet: Fleet) -> None:
    # The one that builds for the others.
    down = MACHINES[0]
    docker("stop", down)
    others = {site for name, site in zip(PEOPLE, SITES, strict=True) if machine_of(name) != down}
    try:
        told = fleet.run("olympia", "status", "-e", "ansible_ssh_timeout=5")
        assert told.code == 6, told.output
        assert {line.split()[0] for line in told.output.splitlines() if " healthy " in line} == others
        again = fleet.run("olympia", "fleet", "-e", "ansible_ssh_timeout=5")
        assert again.code == 6, again.output
        well = {*MACHINES, *others} - {down}
        found = outcomes(again.output)
        assert {name: found[name] for name in well} == dict.fromkeys(well, "ok"), again.output
        assert found[down] == "unreachable"
        found_changes = changes(again.output)
        assert {name: found_changes[name] for name in well} == dict.fromkeys(well, 0), again.output
    finally:
        fleet.restart(down)
    back = fleet.run("olympia", "fleet")
    assert back.code == 0, back.output
    test_everybody_works_through_the_proxy(fleet)


def test_a_machine_that_restarts_in_the_middle_of_a_run_stops_no_other_and_comes_back(fleet: Fleet) -> None:
    with fleet.started("ansible-playbook", "playbooks/fleet.yml", "-e", "ansible_ssh_timeout=5") as run:
        assert run.stdout
        told = ""
        while "Bring all instances up" not in told and "Bring the stack up" not in told:
            line = run.stdout.readline()
            assert line, told
            told += line
        docker("kill", MACHINES[1])
        told += run.stdout.read()
    assert run.returncode, told
    found = outcomes(told)
    for name in PEOPLE:
        assert (found[site_of(name)] == "ok") == (machine_of(name) != MACHINES[1]), told
    fleet.restart(MACHINES[1])
    back = fleet.run("olympia", "fleet")
    assert back.code == 0, back.output
    test_everybody_works_through_the_proxy(fleet)


def test_an_engine_is_upgraded_while_instances_run(fleet: Fleet) -> None:
    before = containers(fleet, "ana")
    fleet.inside(MACHINES[0], "apt-get", "update", "--quiet")
    # What an upgrade does besides: the package's scripts restart the machine's engine.
    packages = ["docker.io", "containerd", "runc"]
    fleet.inside(MACHINES[0], "apt-get", "install", "--reinstall", "--yes", "--quiet", *packages)
    assert fleet.page(MACHINES[0], site_of("ana"))[0] == 200
    again = fleet.run("olympia", "fleet")
    assert again.code == 0, again.output
    assert containers(fleet, "ana") == before


def test_who_comes_changes_and_leaves_disturbs_nobody(fleet: Fleet) -> None:
    others = {name: containers(fleet, name) for name in PEOPLE}
    gil = {"name": "gil", "uid": 2020, "disk_gb": 8, "memory_mb": 4096, "keys": fleet.tenants[0]["keys"]}
    fleet.tenants.append(gil)
    fleet.write()
    come = fleet.run("olympia", "fleet", "tenant=gil")
    assert come.code == 0, come.output
    site, machine = f"gil.{MACHINES[0]}", MACHINES[0]
    assert fleet.page(machine, site)[0] == 200
    gil["cpus"] = 1.5
    fleet.write()
    changed = fleet.run("ansible-playbook", "playbooks/bootstrap.yml")
    assert changed.code == 0, changed.output
    assert {name for name, count in changes(changed.output).items() if count} == {machine}
    shown = fleet.inside(machine, "systemctl", "show", "user-2020.slice", "--property=CPUQuotaPerSecUSec")
    assert shown == "CPUQuotaPerSecUSec=1.500000s"
    assert fleet.page(machine, site)[0] == 200
    gil["state"] = "destroyed"
    fleet.write()
    gone = fleet.run("ansible-playbook", "playbooks/bootstrap.yml")
    assert gone.code == 0, gone.output
    assert fleet.page(machine, site)[0] == 404
    assert "gil.img" not in fleet.inside(machine, "ls", "/var/lib/olympia/tenants").split()
    assert {name: containers(fleet, name) for name in PEOPLE} == others
