# SPDX-License-Identifier: BSD-3-Clause
"""Days of developers who share a machine: whatever they do and whatever comes, nobody's work and nobody's data is lost.

The tests are one story, in this order.
"""

from __future__ import annotations

import subprocess
from collections.abc import Iterator

import pytest

from tests.e2e.stack import wait_until
from tests.fleet import Fleet, two_people
from tests.hosts import BUILD_CACHE, docker, make_service_images
from tests.parts import ROOT

pytestmark = pytest.mark.full
VM = "days.olympia.test"
ANA, BEN = f"ana.{VM}", f"ben.{VM}"
SOURCE = "/home/ana/.local/state/olympia/ana/source"
GIT = f"git -C {SOURCE} -c user.name=ana -c user.email=ana@example.org"
REPOSITORY = "/srv/app"


def publish() -> None:
    """Make a repository of the application on the machine, which everybody may clone."""
    archive = subprocess.run(["git", "archive", "HEAD:app"], cwd=ROOT, capture_output=True, check=True).stdout
    docker("exec", VM, "mkdir", REPOSITORY)
    subprocess.run(["docker", "exec", "--interactive", VM, "tar", "-xC", REPOSITORY], input=archive, check=True)
    identity = "-c user.name=upstream -c user.email=upstream@example.org"
    docker(
        "exec", VM, "sh", "-c", f"cd {REPOSITORY} && git init -qb main && git add . && git {identity} commit -qm one"
    )
    # It is root's, and git clones nobody else's.
    docker("exec", VM, "git", "config", "--system", "--add", "safe.directory", "*")


@pytest.fixture(scope="module")
def fleet(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Fleet]:
    """Return one machine with room for two, who both work on the same repository; ana's instance is up, and holds something."""
    folder = tmp_path_factory.mktemp("days")
    fleet = two_people(folder, VM)
    fleet.settings = {
        "olympia_machine_memory_mb": 13000,
        "olympia_nightly_alert": f"cat > {folder}/alert",
        "olympia_stack_cache_from": [f"type=local,src={BUILD_CACHE}/development"],
        "olympia_stack_source_repo": f"file://{REPOSITORY}",
    }
    try:
        fleet.start(list(make_service_images().values()))
        publish()
        done = fleet.run("olympia", "fleet", "tenant=ana")
        assert done.code == 0, done.output
        sql(fleet, "CREATE TABLE precious (id INT); INSERT INTO precious VALUES (7)")
        yield fleet
    finally:
        fleet.remove()


def ana(fleet: Fleet, command: str) -> str:
    """Return what a command of ana's prints; it must succeed."""
    done = fleet.as_tenant(VM, "ana", command)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def sql(fleet: Fleet, statement: str) -> str:
    """Return what the database of ana's instance answers."""
    client = "sh -c 'MYSQL_PWD=$MYSQL_ROOT_PASSWORD mariadb -uroot -N olympia -e \"$0\"'"
    return ana(fleet, f'docker exec ana-mysqld-1 {client} "{statement}"')


def up(fleet: Fleet) -> str:
    """Bring ana's instance up, and return what was said; it must serve, and hold what it held."""
    done = fleet.run("olympia", "up", "tenant=ana")
    assert done.code == 0, done.output
    assert fleet.page(VM, ANA)[0] == 200
    assert sql(fleet, "SELECT id FROM precious") == "7"
    return " ".join(done.output.split())


def test_the_operator_looks_into_an_instance(fleet: Fleet) -> None:
    # What follows the service is the command's own, also the inventory that `run` puts at the end.
    inside = fleet.run(
        "olympia", "exec", f"-i{fleet.inventory}", "tenant=ana", "web", "sh", "-c", "echo $1 '$(x)'; exit 3", "a"
    )
    assert (inside.code, inside.output) == (3, "-i $(x)\n"), inside.output
    logs = fleet.run("olympia", "logs", "--tail=3", "tenant=ana", "nginx")
    assert (logs.code, "nginx" in logs.output) == (0, True), logs.output
    wrong = fleet.run("olympia", "logs", "tenant=ana", "ngnix")
    assert (wrong.code, "Did you mean nginx?" in wrong.output) == (2, True), wrong.output
    assert fleet.run("olympia", "logs").code == 2, "there are two instances"


def test_an_edit_is_built_and_stays(fleet: Fleet) -> None:
    ana(fleet, f"echo '# mine' >> {SOURCE}/manage.py")
    assert "is built as it is: it has changes that are not committed" in up(fleet)
    assert ana(fleet, f"tail --lines=1 {SOURCE}/manage.py") == "# mine"


def test_a_commit_stays_although_the_repository_moves_on(fleet: Fleet) -> None:
    ana(fleet, f"{GIT} commit --quiet --all --message=mine")
    commit = ana(fleet, f"{GIT} rev-parse HEAD")
    identity = "-c user.name=upstream -c user.email=upstream@example.org"
    fleet.inside(VM, "sh", "-c", f"cd {REPOSITORY} && git {identity} commit -q --allow-empty -m two")
    up(fleet)
    assert ana(fleet, f"{GIT} rev-parse HEAD") == commit


def test_a_branch_stays(fleet: Fleet) -> None:
    ana(fleet, f"{GIT} switch --quiet --create feature")
    ana(fleet, f"echo '# of a feature' >> {SOURCE}/manage.py && {GIT} commit --quiet --all --message=feature")
    up(fleet)
    assert ana(fleet, f"{GIT} branch --show-current") == "feature"
    assert ana(fleet, f"{GIT} log --format=%s -2") == "feature\nmine"


def test_a_change_of_the_dependencies_is_built(fleet: Fleet) -> None:
    before = ana(fleet, "docker inspect --format={{.Image}} ana-web-1")
    ana(fleet, f"echo '# one more day' >> {SOURCE}/requirements/prod.txt")
    up(fleet)
    assert ana(fleet, "docker inspect --format={{.Image}} ana-web-1") != before
    assert ana(fleet, f"{GIT} diff --name-only") == "requirements/prod.txt"


def test_a_full_disk_is_told_and_prune_makes_room(fleet: Fleet) -> None:
    # To the last block.
    filled = fleet.as_tenant(VM, "ana", "dd if=/dev/zero of=full bs=64M; dd if=/dev/zero of=full.2 bs=4k; sync")
    assert "No space left on device" in filled.stderr
    assert ana(fleet, "df --output=avail ~ | tail --lines=1") == "0"
    pruned = fleet.run("olympia", "prune", "tenant=ana")
    assert pruned.code == 0, pruned.output
    assert int(ana(fleet, "df --output=avail ~ | tail --lines=1")) > 100_000
    ana(fleet, "rm full full.2")
    up(fleet)


def test_a_boot_of_the_machine_loses_nothing(fleet: Fleet) -> None:
    fleet.restart(VM)
    wait_until(lambda: fleet.page(VM, ANA)[0] == 200, "the instance is awake", seconds=180)
    up(fleet)
    assert ana(fleet, f"{GIT} log --format=%s -2") == "feature\nmine"
    assert ana(fleet, f"{GIT} diff --name-only") == "requirements/prod.txt"


def test_one_person_too_many_stops_nobodys_instance_and_fails_aloud(fleet: Fleet) -> None:
    alert = fleet.folder / "alert"
    fleet.tenants.append({"name": "cay", "uid": 2003, "keys": fleet.tenants[0]["keys"]})
    fleet.write()
    for verb in ("bootstrap", "nightly", "up"):
        done = fleet.run("olympia", verb)
        said = " ".join(done.output.split())
        assert (done.code != 0, "There is no room for cay" in said) == (True, True), said
        assert "lives here, and is to live on another machine" not in said
    assert "There is no room for cay" in alert.read_text()
    assert fleet.page(VM, ANA)[0] == 200
    fleet.tenants.pop()
    fleet.write()
    alert.unlink()


def test_a_night_beside_an_up_saves_both(fleet: Fleet) -> None:
    with fleet.started("olympia", "up", "tenant=ben") as other:
        assert other.stdout
        told = ""
        while "TASK" not in told:
            line = other.stdout.readline()
            assert line, told
            told += line
        with fleet.started("olympia", "nightly") as night:
            # Until its end: a full pipe would stop it.
            told += other.communicate()[0]
            said = night.communicate()[0]
    assert other.returncode == 0, told
    assert night.returncode == 0, said
    assert "Another run for the instance ben is in progress" in " ".join(said.split()), said
    for name in ("ana", "ben"):
        saved = fleet.inside(VM, "ls", f"/home/{name}/.local/state/olympia/snapshots/{name}").split()
        assert [one for one in saved if one.endswith("-nightly")], (name, said)
    assert not (fleet.folder / "alert").exists()


def test_whoever_leaves_takes_nothing_of_the_others_and_leaves_nothing(fleet: Fleet) -> None:
    assert fleet.page(VM, BEN)[0] == 200
    fleet.tenants[1]["state"] = "destroyed"
    fleet.write()
    gone = fleet.run("olympia", "bootstrap")
    assert gone.code == 0, gone.output
    assert fleet.inside(VM, "ls", "/var/lib/olympia/tenants").split() == ["ana.img"]
    assert "ben" not in fleet.inside(VM, "ls", "/var/lib/olympia/wake").split()
    loops = fleet.inside(VM, "losetup", "--list", "--noheadings", "--output=BACK-FILE")
    assert "ben.img" not in loops, loops
    up(fleet)
    assert ana(fleet, f"{GIT} log --format=%s -2") == "feature\nmine"
