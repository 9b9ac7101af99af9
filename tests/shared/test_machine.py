# SPDX-License-Identifier: BSD-3-Clause
"""A machine that two people share: what each has, and what neither has of the other's."""

from __future__ import annotations

import json
import socket
import subprocess
from collections.abc import Iterator

import pytest

from tests.e2e.stack import wait_until
from tests.fleet import Fleet, changes, two_people
from tests.hosts import BUILD_CACHE, make_service_images

VM = "vm1.olympia.test"
ANA = "ana.vm1.olympia.test"
PROJECT = "/home/ana/.local/state/olympia/ana"
SOCKET = "/run/user/2001/docker.sock"
# Of the ten that ana's UID gives her.
SITE, DATABASE, OWN = 20010, 20012, 20019


@pytest.fixture(scope="module")
def fleet(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Fleet]:
    """Return one machine with two tenants, of whom ana's instance is up."""
    fleet = two_people(tmp_path_factory.mktemp("shared"), VM, {"olympia_stack_mysql_port": DATABASE})
    # For what is built for both.
    fleet.settings = {"olympia_stack_cache_from": [f"type=local,src={BUILD_CACHE}/development"]}
    try:
        fleet.start(list(make_service_images().values()))
        planned = fleet.run("olympia", "bootstrap", "--check")
        assert planned.code == 0, planned.output
        assert "create the account ana" in planned.output
        assert "ana" not in fleet.inside(VM, "ls", "/home").split()
        done = fleet.run("olympia", "bootstrap")
        assert done.code == 0, done.output
        done = fleet.run("olympia", "up", "tenant=ana")
        assert done.code == 0, done.output
        assert f"The site is at https://{ANA}" in done.output
        yield fleet
    finally:
        fleet.remove()


def test_a_second_time_nothing_changes(fleet: Fleet) -> None:
    again = fleet.run("ansible-playbook", "playbooks/bootstrap.yml")
    assert (again.code, set(changes(again.output).values())) == (0, {0}), again.output
    again = fleet.run("ansible-playbook", "playbooks/up.yml", "-e", "tenant=ana")
    assert (again.code, changes(again.output)) == (0, {ANA: 0}), again.output


def test_the_proxy_leads_to_the_instance_and_to_no_other(fleet: Fleet) -> None:
    status, text = fleet.page(VM, ANA)
    assert status == 200, text
    assert "version" in json.loads(text)
    status, text = fleet.page(VM, "ben.vm1.olympia.test")
    assert (status, "`olympia up` brings it up" in text) == (503, True), text
    status, text = fleet.page(VM, "eve.vm1.olympia.test")
    assert (status, text.strip()) == (404, f"{VM} has no such instance.")


def test_an_instance_opens_to_its_tenant_alone(fleet: Fleet) -> None:
    word = "cat /etc/olympia/proxy/passwords/{}"
    anas, bens = (fleet.as_tenant(VM, name, word.format(name)).stdout.strip() for name in ("ana", "ben"))
    assert fleet.page(VM, ANA, user=f"ana:{anas}")[0] == 200
    for stranger in (f"ben:{bens}", f"ana:{bens}", "ana:"):
        assert fleet.page(VM, ANA, user=stranger)[0] == 401, stranger
    refused = fleet.as_tenant(VM, "ben", word.format("ana"))
    assert "Permission denied" in refused.stderr, refused.stdout


def test_what_both_run_is_built_once_and_read_from_a_cache_that_neither_writes(fleet: Fleet) -> None:
    metadata = json.loads(fleet.inside(VM, "cat", f"{PROJECT}/build-metadata.json"))
    made = [step["name"] for step in metadata["steps"] if "RUN" in step["name"] and not step["cached"]]
    assert not made, made
    assert "Permission denied" in fleet.as_tenant(VM, "ana", f"ls {BUILD_CACHE}").stderr
    (folder,) = fleet.inside(VM, "sh", "-c", "echo /var/lib/olympia/builds/*").split()
    owners = set(fleet.inside(VM, "find", folder, "-printf", "%u\n").split())
    assert owners == {"olympia-build"}, "neither root nor a tenant has built it"
    assert not fleet.inside(VM, "docker", "image", "ls", "--quiet", "--filter", "label=addons.olympia.created-by")
    assert fleet.as_tenant(VM, "ana", f"cat {folder}/index.json").returncode == 0
    assert "Permission denied" in fleet.as_tenant(VM, "ana", f"touch {folder}/index.json").stderr


def test_what_the_container_writes_belongs_to_the_tenant(fleet: Fleet) -> None:
    write = "docker exec ana-web-1 olympia-entrypoint sh -c 'echo x > src/written && stat --format=%u:%g src/written'"
    assert fleet.as_tenant(VM, "ana", write).stdout.strip() == "0:0"
    assert fleet.inside(VM, "stat", "--format=%U:%G", f"{PROJECT}/source/src/written") == "ana:ana"
    done = fleet.as_tenant(VM, "ana", f"echo more >> {PROJECT}/source/src/written && rm {PROJECT}/source/src/written")
    assert done.returncode == 0, done.stderr


def test_an_engine_has_no_other_tenants_home_directory_in_its_namespace(fleet: Fleet) -> None:
    for name, other in (("ana", "ben"), ("ben", "ana")):
        (engine,) = fleet.inside(VM, "pgrep", "--uid", name, "--exact", "dockerd").split()
        mounts = [line.split()[4] for line in fleet.inside(VM, "cat", f"/proc/{engine}/mountinfo").splitlines()]
        assert f"/home/{name}" in mounts
        assert [place for place in mounts if place.endswith((f"/home/{other}", f"/tmp/{other}"))] == []


# What ana may do to what is hers, and ben may not: each is tried by both.
REACHES = {
    "engine": f"docker --host unix://{SOCKET} ps",
    "containers": f"docker --host unix://{SOCKET} inspect ana-mysqld-1",
    "volumes": "ls /home/ana/.local/share/docker/volumes/ana_data_mysqld",
    "project directory": f"ls {PROJECT}",
    "secrets": f"cat {PROJECT}/.env",
    "home directory": "ls /home/ana",
    "site's port": f"python3 -c 'import socket; socket.create_connection((\"127.0.0.1\", {SITE}), 5)'",
    "database's port": f"python3 -c 'import socket; socket.create_connection((\"127.0.0.1\", {DATABASE}), 5)'",
    "processes": "pgrep --uid ana dockerd",
    "process arguments": "ps -u ana -o args= | grep dockerd",
}


@pytest.mark.parametrize("what", REACHES)
def test_a_tenant_reaches_what_is_hers_and_the_other_one_does_not(fleet: Fleet, what: str) -> None:
    own = fleet.as_tenant(VM, "ana", REACHES[what])
    assert own.returncode == 0, own.stderr
    other = fleet.as_tenant(VM, "ben", REACHES[what])
    assert other.returncode not in (0, 255), other.stdout


def test_nobody_else_reaches_what_a_tenant_serves_to_the_world_on_a_port_of_hers(fleet: Fleet) -> None:
    fleet.as_tenant(VM, "ana", f"systemd-run --user --unit=serves python3 -m http.server {OWN} --bind 0.0.0.0")

    def fetch(host: str) -> str:
        return f"python3 -c 'import urllib.request as r; print(r.urlopen(\"http://{host}:{OWN}/\").status)'"

    wait_until(lambda: fleet.as_tenant(VM, "ana", fetch("127.0.0.1")).returncode == 0, "the server serves")
    for host in ("127.0.0.1", fleet.addresses[VM]):
        assert fleet.as_tenant(VM, "ana", fetch(host)).stdout == "200\n"
        assert "Connection refused" in fleet.as_tenant(VM, "ben", fetch(host)).stderr
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection((fleet.addresses[VM], OWN), timeout=10)
    base = "$(docker image ls --format '{{.Repository}}:{{.Tag}}' olympia/base)"

    def dial(port: int) -> str:
        where = f"/dev/tcp/{fleet.addresses[VM]}/{port}"
        return f"docker run --rm --entrypoint timeout {base} 5 bash -c ': < {where}'"

    assert fleet.as_tenant(VM, "ana", dial(OWN)).returncode == 0
    assert fleet.as_tenant(VM, "ben", dial(443)).returncode == 0
    assert fleet.as_tenant(VM, "ben", dial(OWN)).returncode not in (0, 255)
    fleet.as_tenant(VM, "ana", "systemctl --user stop serves")


def test_a_tenants_root_in_a_container_is_nobody_on_the_machine(fleet: Fleet) -> None:
    base = "$(docker image ls --format '{{.Repository}}:{{.Tag}}' olympia/base)"
    inside = f"docker run --rm --volume /:/host --entrypoint cat {base}"
    assert fleet.as_tenant(VM, "ben", f"{inside} /host/etc/hostname").stdout.strip() == VM
    for path in (f"{PROJECT}/.env", "/etc/shadow", "/var/lib/olympia/tenants/ana.img"):
        done = fleet.as_tenant(VM, "ben", f"{inside} /host{path}")
        assert "Permission denied" in done.stderr, (path, done.stdout)


def test_a_tenant_can_neither_stop_the_others_processes_nor_become_root(fleet: Fleet) -> None:
    (dockerd,) = fleet.inside(VM, "pgrep", "--uid", "ana", "--exact", "dockerd").split()
    for command in (f"kill {dockerd}", "sudo --non-interactive true", "docker --host unix:///run/docker.sock ps"):
        done = fleet.as_tenant(VM, "ben", command)
        assert done.returncode not in (0, 255), command
    assert fleet.inside(VM, "pgrep", "--uid", "ana", "--exact", "dockerd").split() == [dockerd]


def test_a_key_opens_its_own_account_only(fleet: Fleet) -> None:
    assert fleet.as_tenant(VM, "ben", "id --user --name").stdout.strip() == "ben"
    refused = fleet.as_tenant(VM, "ana", "true", key="ben")
    assert (refused.returncode, "Permission denied" in refused.stderr) == (255, True)


def test_a_tenant_commits_under_her_own_name_and_with_the_agent_that_she_forwards(
    fleet: Fleet, monkeypatch: pytest.MonkeyPatch
) -> None:
    with subprocess.Popen(["ssh-agent", "-D", "-a", fleet.folder / "agent"]) as agent:
        wait_until((fleet.folder / "agent").exists, "the agent listens")
        monkeypatch.setenv("SSH_AUTH_SOCK", str(fleet.folder / "agent"))
        subprocess.run(["ssh-add", "-q", fleet.folder / "ana"], check=True)
        public = fleet.tenants[0]["keys"][0]
        seen = fleet.as_tenant(VM, "ana", "ssh-add -L", options=["-A"])
        agent.terminate()
    assert seen.stdout.split()[1] == public.split()[1], seen.stderr
    identity = "git config --global user.name Ana && git config --global user.email ana@example.org"
    commit = "cd $(mktemp --directory) && git init -q && git commit -q --allow-empty --message=mine && git log --format='%an <%ae>'"
    done = fleet.as_tenant(VM, "ana", f"{identity} && {commit}")
    assert done.stdout.strip() == "Ana <ana@example.org>", done.stderr


def test_a_tenant_has_no_more_than_the_limits(fleet: Fleet) -> None:
    shown = fleet.inside(VM, "systemctl", "show", "user-2002.slice", "--property=MemoryMax,CPUQuotaPerSecUSec")
    assert set(shown.split()) == {"MemoryMax=6442450944", "CPUQuotaPerSecUSec=2s"}
    full = fleet.as_tenant(VM, "ben", "fallocate --length 9G big; rm big")
    assert "No space left on device" in full.stderr


@pytest.mark.full
def test_a_tenant_works_with_her_own_instance_alone_and_without_root(fleet: Fleet) -> None:
    def olympia(command: str, code: int = 0) -> str:
        done = fleet.as_tenant(VM, "ana", f"olympia {command}", within=300)
        assert done.returncode == code, done.stdout + done.stderr
        return done.stdout + done.stderr

    assert "changed=0 " in olympia("up")
    assert "healthy" in olympia("status")
    assert "web" in olympia("logs --tail=1 web")
    assert olympia("exec web id --user --name").strip() == "root", "of an engine that ana owns"
    for setting in ("HTTP_PORT=10020", "IMAGE_ORIGIN=registry", "BIND_ADDRESS=0.0.0.0"):
        assert "is up to the operator of this machine" in olympia(f"up {setting}", code=2)

    def since(service: str) -> str:
        return fleet.as_tenant(VM, "ana", f"docker inspect --format={{{{.State.StartedAt}}}} ana-{service}-1").stdout

    before = since("redis"), since("web")
    olympia("restart")
    restarted = since("redis"), since("web")
    assert not {*before} & {*restarted}
    marker = f"{PROJECT}/deps/lib"
    assert fleet.as_tenant(VM, "ana", f"mv {marker} {PROJECT}/elsewhere").returncode == 0
    olympia("rebuild")
    assert fleet.as_tenant(VM, "ana", f"rm -r {PROJECT}/elsewhere && ls {marker}").stdout
    assert (since("redis"), since("web") != restarted[1]) == (restarted[0], True)
    assert fleet.page(VM, ANA)[0] == 200
    olympia("snapshot save mine")
    assert "mine" in olympia("snapshot list")
    again = fleet.run("ansible-playbook", "playbooks/up.yml", "-e", "tenant=ana")
    assert (again.code, changes(again.output)) == (0, {ANA: 0}), again.output


@pytest.mark.full
def test_status_and_url_tell_of_the_instances(fleet: Fleet) -> None:
    told = fleet.run("olympia", "status")
    assert told.code == 5, told.output
    rows = {line.split()[0]: line for line in told.output.splitlines() if "olympia.test" in line}
    assert "healthy" in rows[ANA]
    assert "down" in rows["ben.vm1.olympia.test"]
    assert fleet.run("olympia", "url", "tenant=ana").output.strip() == f"https://{ANA}"
    wrong = fleet.run("olympia", "url", "tenant=eve")
    assert "There is no tenant eve; the inventory has ana, ben." in " ".join(wrong.output.split())


def verdicts(fleet: Fleet, *checks: str) -> dict[str, dict[str, tuple[str, str]]]:
    """Return state and evidence of the doctor's checks, by host and name."""
    output = fleet.run("olympia", "doctor", "--json", *checks).output
    found = json.JSONDecoder().raw_decode(output)[0]
    return {
        host: {one["name"]: (one["state"], one["evidence"]) for one in about["checks"]}
        for host, about in found["hosts"].items()
    }


@pytest.mark.full
def test_the_doctor_tells_of_the_machine_and_sees_when_nothing_keeps_the_tenants_apart(fleet: Fleet) -> None:
    whole = verdicts(fleet)
    assert {ANA, "ben.vm1.olympia.test", VM} == set(whole)
    # Of an instance that runs.
    assert {name for name, (state, _evidence) in whole[ANA].items() if state == "failed"} == set(), whole[ANA]
    of_machine = {
        name: state for name, (state, _evidence) in whole[VM].items() if not name.startswith(("disk", "memory"))
    }
    assert of_machine == dict.fromkeys(("tenants", "fence", "engines", "door", "expired", "units"), "ok"), whole[VM]
    fleet.inside(VM, "nft", "delete", "table", "inet", "olympia_tenants")
    state, evidence = verdicts(fleet, "fence")[VM]["fence"]
    assert (state, "no table inet olympia_tenants" in evidence) == ("failed", True), evidence
    fleet.inside(VM, "systemctl", "restart", "olympia-tenants")
    assert verdicts(fleet, "fence") == {VM: {"fence": ("ok", "ports are closed, and processes hidden")}}


@pytest.mark.full
def test_the_memory_of_an_instance_is_told(fleet: Fleet) -> None:
    told = json.JSONDecoder().raw_decode(fleet.run("olympia", "list", "--json", "tenant=ana").output)[0]
    # More than nothing, and no more than all of the tenant's processes may have.
    assert {one["name"]: 10**8 < one["memory"] < 6144 << 20 for one in told[ANA]} == {"ana": True}


@pytest.mark.full
def test_after_a_boot_the_fence_stands_and_a_request_brings_the_instance_back(fleet: Fleet) -> None:
    fleet.restart(VM)
    assert "hidepid=invisible" in fleet.inside(VM, "findmnt", "--noheadings", "--output=OPTIONS", "/proc")
    assert str(SITE) in fleet.inside(VM, "nft", "list", "table", "inet", "olympia_tenants")
    again = fleet.run("ansible-playbook", "playbooks/bootstrap.yml")
    assert (again.code, set(changes(again.output).values())) == (0, {0}), again.output
    wait_until(lambda: fleet.page(VM, ANA)[0] == 200, "the instance is awake", seconds=180)
    up = fleet.run("olympia", "up", "tenant=ana")
    assert up.code == 0, up.output
