# SPDX-License-Identifier: BSD-3-Clause
"""What befalls a shared machine in time: nights, idle hours, another certificate, who comes with more rights, who leaves."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.e2e.stack import wait_until
from tests.fleet import Fleet, two_people
from tests.hosts import make_service_images

pytestmark = pytest.mark.full
VM = "vm2.olympia.test"
ANA = "ana.vm2.olympia.test"
SOCKET = "/run/user/2001/docker.sock"


@pytest.fixture(scope="module")
def fleet(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Fleet]:
    """Return one machine with two tenants, of whom ana's instance is up."""
    fleet = two_people(tmp_path_factory.mktemp("care"), VM)
    try:
        fleet.start(list(make_service_images().values()))
        done = fleet.run("olympia", "fleet", "tenant=ana")
        assert done.code == 0, done.output
        yield fleet
    finally:
        fleet.remove()


def sql(fleet: Fleet, statement: str) -> str:
    """Return what the database of ana's instance answers."""
    client = "sh -c 'MYSQL_PWD=$MYSQL_ROOT_PASSWORD mariadb -uroot -N olympia -e \"$0\"'"
    done = fleet.as_tenant(VM, "ana", f'docker exec ana-mysqld-1 {client} "{statement}"')
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_a_night_saves_who_has_data_and_what_is_lost_comes_back(fleet: Fleet) -> None:
    sql(fleet, "CREATE TABLE precious (id INT)")
    done = fleet.run("olympia", "nightly")
    told = " ".join(done.output.split())
    assert done.code == 0, done.output
    assert "No snapshot of ben is saved: it holds no data" in told, done.output
    folder = "/home/ana/.local/state/olympia/snapshots/ana"
    (name,) = fleet.inside(VM, "ls", folder).split()
    assert name.endswith("-nightly")
    assert fleet.inside(VM, "stat", "--format=%U %a", f"{folder}/{name}").strip() == "ana 700"
    sql(fleet, "DROP TABLE precious")
    back = fleet.run("olympia", "snapshot", "restore", name, "tenant=ana")
    assert back.code == 0, back.output
    assert sql(fleet, "SHOW TABLES LIKE 'precious'") == "precious"
    assert fleet.page(VM, ANA)[0] == 200


def test_an_instance_that_nobody_uses_is_stopped_and_the_first_request_starts_it(fleet: Fleet) -> None:
    ana = fleet.tenants[0]
    ana["idle_minutes"] = 1
    fleet.write()
    done = fleet.run("ansible-playbook", "playbooks/bootstrap.yml")
    assert done.code == 0, done.output
    # The timer may have been first: nobody has used it for a minute.
    wait_until(lambda: fleet.page(VM, ANA)[0] == 200, "the instance is awake", seconds=180)
    fleet.inside(VM, "systemctl", "start", "olympia-idle.service")
    assert fleet.page(VM, ANA)[0] == 200
    fleet.inside(VM, "touch", "--date=2 minutes ago", "/var/log/nginx/olympia-ana.log")

    def is_stopped() -> bool:
        # It was started longer ago than a minute, or will have been.
        fleet.inside(VM, "systemctl", "start", "olympia-idle.service")
        return not fleet.inside(VM, "docker", "--host", f"unix://{SOCKET}", "ps", "--quiet")

    wait_until(is_stopped, "the instance is stopped", seconds=120)
    status, text = fleet.page(VM, ANA)
    assert (status, "it starts now" in text) == (503, True), text
    wait_until(lambda: fleet.page(VM, ANA)[0] == 200, "the instance is awake", seconds=180)
    # The search index of this image origin is in memory.
    up = fleet.run("olympia", "up", "tenant=ana")
    assert up.code == 0, up.output
    told = fleet.run("olympia", "status", "tenant=ana")
    assert told.code == 0, told.output
    # From the next bootstrap on, nothing stops it any more.
    ana["idle_minutes"] = 0
    fleet.write()


def test_whom_the_operator_lets_use_the_machines_engine_is_said_to_be_as_much_as_root(fleet: Fleet) -> None:
    cay = {
        "name": "cay",
        "uid": 2003,
        "disk_gb": 2,
        "memory_mb": 1024,
        "engine": "shared",
        "keys": fleet.tenants[0]["keys"],
    }
    fleet.tenants.append(cay)
    fleet.write()
    done = fleet.run("ansible-playbook", "playbooks/bootstrap.yml")
    assert done.code == 0, done.output
    assert "own engine, and that is as much as root" in " ".join(done.output.split())
    assert "/var/lib/docker" in fleet.as_tenant(VM, "cay", "docker info --format={{.DockerRootDir}}", key="ana").stdout
    cay["state"] = "destroyed"
    fleet.write()
    done = fleet.run("ansible-playbook", "playbooks/bootstrap.yml")
    assert done.code == 0, done.output
    assert fleet.as_tenant(VM, "cay", "true", key="ana").returncode == 255


def test_the_proxy_takes_a_given_certificate_and_lets_in_whom_the_operator_names(fleet: Fleet) -> None:
    make = "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -noenc -days 2 -subj /CN=given"
    names = f"-addext subjectAltName=DNS:{VM},DNS:*.{VM} -addext keyUsage=digitalSignature,keyCertSign"
    files = "-keyout /root/given.key -out /root/given.crt"
    fleet.inside(VM, *f"{make} {names} {files}".split())
    authority = fleet.inside(VM, "cat", "/root/given.crt")
    word = fleet.inside(VM, "openssl", "passwd", "-apr1", "open sesame")
    fleet.settings = {
        "olympia_proxy_certificate": "/root/given.crt",
        "olympia_proxy_key": "/root/given.key",
        "olympia_proxy_users": {"visitor": word},
    }
    fleet.write()
    done = fleet.run("ansible-playbook", "playbooks/bootstrap.yml")
    assert done.code == 0, done.output
    assert fleet.page(VM, ANA, authority, user="visitor:wrong")[0] == 401

    def is_let_in() -> bool:
        # It may have been stopped in the minute before the last bootstrap.
        return fleet.page(VM, ANA, authority, user="visitor:open sesame")[0] == 200

    wait_until(is_let_in, "the instance is awake", seconds=180)
    fleet.settings = {}
    fleet.write()
    done = fleet.run("ansible-playbook", "playbooks/bootstrap.yml")
    assert done.code == 0, done.output
    assert fleet.page(VM, ANA)[0] == 200


def test_who_leaves_leaves_the_others_alone_and_finds_the_data_again(fleet: Fleet) -> None:
    fleet.as_tenant(VM, "ben", "echo kept > note")
    ben = fleet.tenants[1]
    ben["state"] = "absent"
    fleet.write()
    left = fleet.run("ansible-playbook", "playbooks/bootstrap.yml")
    assert left.code == 0, left.output
    assert "ben" not in fleet.inside(VM, "getent", "passwd").replace("\n", ":").split(":")
    assert fleet.as_tenant(VM, "ben", "true").returncode == 255
    assert fleet.page(VM, ANA)[0] == 200
    ben["state"] = "present"
    fleet.write()
    back = fleet.run("ansible-playbook", "playbooks/bootstrap.yml")
    assert back.code == 0, back.output
    assert fleet.as_tenant(VM, "ben", "cat note").stdout == "kept\n"
    assert fleet.as_tenant(VM, "ben", "docker image ls --quiet").stdout
    ben["state"] = "destroyed"
    fleet.write()
    gone = fleet.run("ansible-playbook", "playbooks/bootstrap.yml")
    assert gone.code == 0, gone.output
    assert fleet.inside(VM, "ls", "/var/lib/olympia/tenants").split() == ["ana.img"]
