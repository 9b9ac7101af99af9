# SPDX-License-Identifier: BSD-3-Clause
"""Snapshots and people that leave a shared machine: by SFTP to a backup and back from there, and from one machine to another."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest

from tests.fleet import OPERATOR, Fleet
from tests.hosts import make_service_images

pytestmark = pytest.mark.full
FIRST, SECOND = "first.olympia.test", "second.olympia.test"
ANA = f"ana.{FIRST}"
FOLDER = f"/home/{OPERATOR}/backup"
PASSWORD = "correct-horse-battery"
SOURCE = "/home/ana/.local/state/olympia/ana/source"
DISKS = "/var/lib/olympia/tenants"
SNAPSHOTS = "/home/ana/.local/state/olympia/snapshots/ana"


@pytest.fixture(scope="module")
def fleet(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Fleet]:
    """Return two machines: the first one has ana's instance, the second one the backup."""
    people = [
        {"name": "ana", "uid": 2001, "disk_gb": 12, "hosts": [FIRST]},
        {"name": "ben", "uid": 2002, "disk_gb": 8, "hosts": [FIRST]},
    ]
    settings = {
        "olympia_tenant_backup_address": f"sftp:{OPERATOR}@{SECOND}:{FOLDER}",
        "olympia_tenant_backup_password": PASSWORD,
        "olympia_tenant_backup_keep": {"last": 2},
    }
    fleet = Fleet(tmp_path_factory.mktemp("backup"), [FIRST, SECOND], people, settings)
    try:
        fleet.start(list(make_service_images().values()))
        for machine in fleet.machines:
            fleet.inside(
                machine,
                "sh",
                "-c",
                f"ssh-keygen -q -t ed25519 -N '' -f ~/.ssh/id_ed25519 && ssh-keyscan {SECOND} >> ~/.ssh/known_hosts",
            )
            key = fleet.inside(machine, "cat", "/root/.ssh/id_ed25519.pub")
            fleet.inside(SECOND, "sh", "-c", f"echo '{key}' >> /home/{OPERATOR}/.ssh/authorized_keys")
        done = fleet.run("olympia", "fleet", "tenant=ana")
        assert done.code == 0, done.output
        yield fleet
    finally:
        fleet.machines = [FIRST, SECOND]
        fleet.remove()


def sql(fleet: Fleet, machine: str, statement: str) -> str:
    """Return what the database of ana's instance answers."""
    client = "sh -c 'MYSQL_PWD=$MYSQL_ROOT_PASSWORD mariadb -uroot -N olympia -e \"$0\"'"
    done = fleet.as_tenant(machine, "ana", f'docker exec ana-mysqld-1 {client} "{statement}"')
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def copied(fleet: Fleet) -> list[str]:
    """Return the names of ana's snapshots in the backup, the oldest first."""
    told = fleet.run("olympia", "backup", "list", "--json", "tenant=ana")
    assert told.code == 0, told.output
    (found,) = json.JSONDecoder().raw_decode(told.output)[0].values()
    return [one["name"] for one in found]


def on_the_machine(fleet: Fleet) -> list[str]:
    """Return the names of ana's snapshots where her instance is."""
    return sorted(fleet.inside(FIRST, "ls", SNAPSHOTS).split())


def test_a_night_copies_what_it_saves_and_no_tenant_learns_the_password(fleet: Fleet) -> None:
    sql(fleet, FIRST, "CREATE TABLE precious (id INT)")
    done = fleet.run("olympia", "nightly")
    assert done.code == 0, done.output
    assert PASSWORD not in done.output
    assert copied(fleet) == on_the_machine(fleet)
    # Who has no data has no repository.
    assert fleet.inside(SECOND, "ls", FOLDER).split() == ["ana"]
    for name in ("ana", "ben"):
        found = fleet.inside(
            FIRST, "sh", "-c", f"grep --recursive --files-with-matches --text {PASSWORD} /home/{name} /tmp /etc || true"
        )
        assert found == "", found
        refused = fleet.as_tenant(FIRST, name, "ls /var/cache/olympia/restic /root")
        assert refused.stderr.count("Permission denied") == 2, refused.stderr


def test_retention_lets_the_oldest_go(fleet: Fleet) -> None:
    (first,) = copied(fleet)
    for _night in range(2):
        done = fleet.run("olympia", "nightly", "tenant=ana")
        assert done.code == 0, done.output
    assert copied(fleet) == on_the_machine(fleet)[1:]
    assert first in on_the_machine(fleet)


def test_a_copy_that_a_tenant_has_interrupted_is_no_snapshot(fleet: Fleet) -> None:
    before = copied(fleet)
    # Large enough that it takes a while, and cannot be compressed.
    large = "$HOME/.local/share/docker/volumes/ana_storage/_data/large"
    # By SIGTERM, which systemd takes for a good end. What packs for the backup, and not what packs in a container before.
    ends = 'until pkill --uid ana --full "[t]ar --create --file=- --directory=/home/ana"; do :; done'
    attack = f"head --bytes=400M /dev/urandom > {large} && systemd-run --user --collect --unit=ends sh -c '{ends}'"
    prepared = fleet.as_tenant(FIRST, "ana", attack)
    assert prepared.returncode == 0, prepared.stderr
    done = fleet.run("olympia", "nightly", "tenant=ana")
    fleet.as_tenant(FIRST, "ana", f"rm {large}")
    assert done.code != 0, done.output
    assert "is not saved in" in " ".join(done.output.split()), done.output
    assert copied(fleet) == before


def home_of_ana(fleet: Fleet) -> list[str]:
    """Return which home directories the first machine has of ana's."""
    return [name for name in fleet.inside(FIRST, "ls", DISKS).split() if name.startswith("ana")]


def test_the_list_of_tenants_says_where_somebody_is_moved(fleet: Fleet) -> None:
    refused = fleet.run("olympia", "tenant", "move", "ana", SECOND)
    assert refused.code != 0, refused.output
    assert f"Set hosts: [{SECOND}] of ana" in " ".join(refused.output.split()), refused.output
    nothing = fleet.run("olympia", "tenant", "move", "ana", FIRST)
    assert (nothing.code, "nothing is to be moved" in nothing.output) == (0, True), nothing.output
    assert fleet.page(FIRST, ANA)[0] == 200


@pytest.mark.parametrize(
    "at",
    ["PLAY [Pack the files]", "PLAY [Unpack the files]", "PLAY [Bring the instance up]", "Report what was restored"],
)
def test_a_move_that_is_interrupted_loses_nothing(fleet: Fleet, at: str) -> None:
    if fleet.tenants[0]["hosts"] != [SECOND]:
        fleet.as_tenant(FIRST, "ana", f"echo mine > notes && echo edited > {SOURCE}/edited.py && chmod 700 notes")
        fleet.tenants[0]["hosts"] = [SECOND]
        fleet.write()
    with fleet.started("ansible-playbook", "playbooks/tenant_move.yml", "-e", "tenant=ana") as run:
        assert run.stdout
        told = ""
        while at not in told:
            line = run.stdout.readline()
            assert line, told
            told += line
        run.terminate()
    assert home_of_ana(fleet) == ["ana.img"]
    assert fleet.inside(FIRST, "cat", "/home/ana/notes") == "mine"


def test_the_same_command_ends_the_move_and_all_of_it_is_there(fleet: Fleet) -> None:
    engine = fleet.inside(FIRST, "pgrep", "--uid", "ben", "--exact", "dockerd")
    done = fleet.run("olympia", "tenant", "move", "ana", SECOND)
    assert done.code == 0, done.output
    assert sql(fleet, SECOND, "SHOW TABLES LIKE 'precious'") == "precious"
    assert fleet.inside(SECOND, "stat", "--format=%U %a", "/home/ana/notes") == "ana 700"
    assert fleet.inside(SECOND, "cat", f"{SOURCE}/edited.py") == "edited"
    assert fleet.page(SECOND, f"ana.{SECOND}")[0] == 200
    assert fleet.page(FIRST, ANA)[0] == 404
    assert "\nana:" not in fleet.inside(FIRST, "cat", "/etc/passwd")
    assert home_of_ana(fleet) == []
    (kept,) = fleet.inside(FIRST, "ls", f"{DISKS}/moved").split()
    assert kept.startswith("ana-")
    # Nobody else notices, and nothing is on the way any more.
    assert fleet.inside(FIRST, "pgrep", "--uid", "ben", "--exact", "dockerd") == engine
    for machine in (FIRST, SECOND):
        assert fleet.inside(machine, "ls", "/var/lib/olympia/moves") == ""
    assert not [*fleet.folder.glob("state/olympia/moves/*")]
    again = fleet.run("ansible-playbook", "playbooks/bootstrap.yml")
    assert again.code == 0, again.output
    told = fleet.run("olympia", "tenant", "list", "--json")
    assert told.code == 0, told.output
    found = json.JSONDecoder().raw_decode(told.output)[0]
    where = {one["name"]: (one["machine"], one["elsewhere"]) for one in found["tenants"]}
    assert where == {"ana": (SECOND, []), "ben": (FIRST, [])}
    assert found["machines"][FIRST]["kept"] == [f"{DISKS}/moved/{kept}"]


def test_what_a_lost_machine_had_comes_back_on_another_one(fleet: Fleet) -> None:
    name = copied(fleet)[-1]
    # The second one is only the backup's server any more.
    fleet.machines = [FIRST]
    fleet.tenants[0]["hosts"] = [FIRST]
    fleet.write()
    fresh = fleet.run("olympia", "fleet", "tenant=ana")
    assert fresh.code == 0, fresh.output
    assert sql(fleet, FIRST, "SHOW TABLES LIKE 'precious'") == ""
    got = fleet.run("olympia", "backup", "fetch", "tenant=ana")
    assert got.code == 0, got.output
    assert fleet.inside(FIRST, "stat", "--format=%U %a", f"{SNAPSHOTS}/{name}") == "ana 700"
    back = fleet.run("olympia", "snapshot", "restore", name, "tenant=ana")
    assert back.code == 0, back.output
    assert sql(fleet, FIRST, "SHOW TABLES LIKE 'precious'") == "precious"
    assert fleet.page(FIRST, ANA)[0] == 200
