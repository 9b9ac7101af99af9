# SPDX-License-Identifier: BSD-3-Clause
"""More of what a tenant may try, with files of others and of the machine: each attack is made, and comes to nothing."""

from __future__ import annotations

import subprocess
from itertools import pairwise

import pytest

from tests.e2e.stack import wait_until
from tests.fleet import OPERATOR, Fleet

from .attacking import ANA, ANAS, BUILDS, COMMON, PATIENCE, VM, Serve, fails, works

pytestmark = pytest.mark.full

# Each way in which a tenant's program may run.
WAYS = {
    "session": "{}",
    "service": "systemd-run --user --quiet --pipe --wait --collect {}",
    # Its root's group memberships are gone, and it sees the machine's files as the engine does.
    "container": (
        "f=$(mktemp) && tar --create --dereference --file=$f /usr/bin/find $(ldd /usr/bin/find | grep -o '/[^ ]*') 2> /dev/null && "
        "docker import $f finder > /dev/null && docker run --rm --network=none --volume=/:/machine finder {}"
    ),
}


@pytest.mark.parametrize("way", WAYS)
def test_no_folder_of_the_machines_own_disk_can_be_written_to(fleet: Fleet, way: str) -> None:
    root = "/machine" if way == "container" else "/"
    # -writable asks the kernel. What is mounted there is named, too, with a device of its own.
    find = f"find {root} -xdev -type d '(' -path {root} -or -writable ')' -printf '%D:%p\\n'"
    told = fleet.as_tenant(VM, "ana", WAYS[way].format(find))
    assert told.returncode in (0, 1), told.stderr
    first, *others = (line.split(":", 1) for line in told.stdout.splitlines())
    assert first[1] == root
    assert [path for device, path in others if device == first[0]] == []
    assert "Permission denied" in told.stderr, "it has looked"


@pytest.mark.parametrize("folder", ["/tmp", "/var/tmp"])
def test_what_is_written_for_a_while_counts_as_what_is_at_home(fleet: Fleet, folder: str) -> None:
    assert "No space left on device" in fails(
        fleet, "ana", f"fallocate --length=3G {folder}/big; code=$?; rm {folder}/big; exit $code"
    )


@pytest.mark.parametrize("folder", ["/tmp", "/var/tmp", "/dev/shm"])
def test_nobody_else_sees_what_a_tenant_writes_there(fleet: Fleet, folder: str) -> None:
    both = f"umask 0 && echo secret > {folder}/mine && ls {folder}/mine"
    assert works(fleet, "ana", both).strip() == f"{folder}/mine"
    assert "No such file" in fails(fleet, "ben", f"cat {folder}/mine")
    assert "mine" not in fleet.inside(VM, "ls", folder).split()


def test_a_tenants_sessions_and_services_have_the_same(fleet: Fleet) -> None:
    works(fleet, "ana", "echo here > /tmp/shared")
    assert works(fleet, "ana", "cat /tmp/shared /var/tmp/shared") == "here\nhere\n"
    assert works(fleet, "ana", "systemd-run --user --quiet --pipe --wait cat /tmp/shared") == "here\n"


def test_nobody_fills_the_machines_memory_for_shared_files(fleet: Fleet) -> None:
    # More than the machine's own has room for.
    fleet.as_tenant(VM, "ana", "dd if=/dev/zero of=/dev/shm/full bs=1M count=80; sleep 0")
    works(fleet, "ben", "dd if=/dev/zero of=/dev/shm/one bs=1M count=1")
    fleet.inside(VM, "dd", "if=/dev/zero", "of=/dev/shm/one", "bs=1M", "count=1")
    fleet.inside(VM, "rm", "/dev/shm/one")


def test_a_link_in_place_of_the_folder_for_temporary_files_leads_root_nowhere(fleet: Fleet) -> None:
    place = "/var/lib/olympia/tmp/ana"
    # Behind a folder that is closed to ana: what is mounted from there would be open to her.
    fleet.inside(VM, "sh", "-c", "mkdir -p /root/closed/open && chmod 0777 /root/closed/open")
    swap = "cd; while :; do mv .olympia-tmp kept; ln -s /root/closed/open .olympia-tmp; rm .olympia-tmp; mv kept .olympia-tmp; done"
    works(fleet, "ana", f"systemd-run --user --unit=swap sh -c '{swap}'")
    try:
        for _ in range(15):
            done = subprocess.run(
                ["docker", "exec", VM, "systemctl", "restart", "olympia-tmp@ana"], capture_output=True, check=False
            )
            mounted = fleet.inside(VM, "sh", "-c", f"findmnt --noheadings --output=SOURCE {place} || true")
            assert "closed" not in mounted, (done.returncode, mounted)
            fleet.inside(VM, "sh", "-c", "systemctl reset-failed olympia-tmp@ana || true")
    finally:
        works(fleet, "ana", "systemctl --user stop swap")
        fleet.inside(VM, "sh", "-c", "cd /home/ana && rm -rf kept .olympia-tmp")
        fleet.inside(VM, "systemctl", "restart", "olympia-tmp@ana", "user@2001")
        wait_until(lambda: fleet.as_tenant(VM, "ana", "docker version").returncode == 0, "ana's engine is back")
    assert "[/.olympia-tmp/all]" in fleet.inside(VM, "findmnt", "--noheadings", "--output=SOURCE", place)
    # Or nobody could log in as ana any more.
    fails(fleet, "ana", "rm -rf ~/.olympia-tmp")
    works(fleet, "ana", "echo x > /tmp/x")


def test_what_the_operator_starts_as_a_tenant_has_the_tenants_limits(fleet: Fleet) -> None:
    groups = "sudo --user={} cat /proc/self/cgroup"
    assert "/user.slice/user-2001.slice/" in works(fleet, OPERATOR, groups.format("ana"))
    assert "user-2001" not in works(fleet, OPERATOR, groups.format("root"))


def test_root_follows_no_link_of_a_home_directory(fleet: Fleet) -> None:
    kept = "/etc/olympia/proxy"
    before = fleet.inside(VM, "find", kept, "/etc/olympia", "-printf", "%p %U %m %T@\n")
    swap = f"mv ~/.docker ~/kept && ln -s {kept} ~/.docker && ln -s /etc ~/.ssh"
    works(fleet, "ana", swap)
    try:
        told = fleet.run("ansible-playbook", "playbooks/bootstrap.yml", within=PATIENCE)
        assert "its docker client cannot be set" in " ".join(told.output.split()), told.output
        assert fleet.inside(VM, "find", kept, "/etc/olympia", "-printf", "%p %U %m %T@\n") == before
        assert fleet.inside(VM, "stat", "--format=%U", "/etc", "/etc/shadow").split() == ["root", "root"]
    finally:
        works(fleet, "ana", "rm ~/.docker ~/.ssh && mv ~/kept ~/.docker")


def test_nobody_makes_a_hard_link_to_what_belongs_to_root(fleet: Fleet) -> None:
    fleet.inside(VM, "sh", "-c", "echo root > /home/ana/roots")
    assert "Operation not permitted" in fails(fleet, "ana", "ln ~/roots ~/linked && chmod 600 ~/linked")
    assert "Invalid cross-device link" in fails(fleet, "ana", "ln /etc/passwd ~/passwd")


# What only root may ask of the machine, over D-Bus or otherwise.
ASKED = (
    "systemctl stop olympia-tenants",
    "systemctl start olympia-wake@2002",
    "systemctl reload nginx",
    "systemctl set-property user-2001.slice MemoryMax=infinity",
    "systemd-run --quiet --wait --uid=0 true",
    "systemd-run --quiet --wait --uid=ben true",
    "loginctl terminate-user ben",
    "loginctl enable-linger ben",
    "systemctl --machine=ben@.host --user is-active olympia-engine",
    "busctl --address=unix:path=/run/user/2002/bus list",
    "systemctl set-environment LD_PRELOAD=/x",
    "loginctl kill-user ben",
    "sudo --non-interactive --user=ben true",
    "sudo --non-interactive --edit /etc/hosts",
    "su --command=true ben < /dev/null",
    "/usr/sbin/nft list ruleset",
    "/usr/sbin/losetup --detach /dev/loop0",
    "mount --bind /etc /home/ana/.docker",
    "echo 2002 > /sys/fs/cgroup/user.slice/user-2002.slice/cgroup.freeze",
    "echo $$ > /sys/fs/cgroup/user.slice/cgroup.procs",
    "echo max > /sys/fs/cgroup/user.slice/user-2001.slice/memory.max",
    "journalctl --rotate",
    "/usr/sbin/ip link set lo down",
)


@pytest.mark.parametrize("command", ASKED)
def test_the_machine_does_nothing_that_a_tenant_may_not_ask_for(fleet: Fleet, command: str) -> None:
    fails(fleet, "ana", command)


# Secrets of the machine's and of others', and what makes other programs do something.
FILES = {
    "read": (
        "/etc/olympia/proxy/ca.key",
        "/etc/olympia/proxy/proxy.key",
        "/etc/olympia/proxy/htpasswd/ben",
        "/etc/olympia/proxy/passwords/ben",
        f"/etc/olympia/proxy/builds-{COMMON}",
        "/var/log/nginx/olympia-ben.log",
        "/home/olympia-build/.docker/config.json",
        "/proc/1/environ",
    ),
    "write": (
        "/var/lib/olympia/wake/ben",
        "/etc/olympia/instances",
        "/etc/olympia/tenants/ana/authorized_keys",
        "/etc/olympia/tenants/ana/daemon.json",
        "/etc/systemd/user/olympia-engine.service",
        f"{BUILDS}/{COMMON}/index.json",
        f"{BUILDS}/new",
        "/var/lib/olympia/tmp/ben/x",
        "/run/nologin",
    ),
}


@pytest.mark.parametrize("path", FILES["read"])
def test_a_tenant_reads_no_secret_of_the_machines_or_of_others(fleet: Fleet, path: str) -> None:
    fleet.inside(VM, "test", "-e", path)
    fails(fleet, "ana", f"cat {path}")


@pytest.mark.parametrize("path", FILES["write"])
def test_a_tenant_changes_nothing_that_others_read(fleet: Fleet, path: str) -> None:
    fails(fleet, "ana", f"echo x >> {path}")


# Programs of a tenant's own, and what puts them before the machine's.
FAKES = """
mkdir -p bin .local/bin .config/environment.d .docker/cli-plugins
for one in bin/docker .local/bin/docker .docker/cli-plugins/docker-compose; do
    printf '#!/bin/sh\\ntouch /home/ana/was-run\\n' > $one
    chmod +x $one
done
echo PATH=/home/ana/bin:/usr/bin | tee .config/environment.d/x.conf > .profile
systemctl --user daemon-reload
"""


def test_a_tenants_own_programs_take_the_place_of_none_that_root_runs_as_the_tenant(fleet: Fleet) -> None:
    works(fleet, "ana", FAKES)
    try:
        fleet.inside(VM, "systemctl", "start", "olympia-wake@2001", "olympia-idle@2001")
        told = fleet.run("olympia", "doctor", "--json", "engines", within=PATIENCE)
        assert '"state": "ok"' in told.output, told.output
        assert fails(fleet, "ana", "ls ~/was-run")
    finally:
        works(
            fleet,
            "ana",
            "rm -r bin .local/bin .config/environment.d .docker/cli-plugins .profile; systemctl --user daemon-reload",
        )


def test_no_two_tenants_have_a_uid_in_their_containers(fleet: Fleet) -> None:
    for path in ("/etc/subuid", "/etc/subgid"):
        lines = [line.split(":") for line in fleet.inside(VM, "cat", path).splitlines()]
        ranges = sorted((int(first), int(first) + int(count), name) for name, first, count in lines)
        assert {"ana", "ben", "cay", "dan", "olympia-build"} <= {name for _first, _end, name in ranges}
        assert all(end <= first for (_first, end, _name), (first, _end, _other) in pairwise(ranges))
        bens = next(first for first, _end, name in ranges if name == "ben")
        tool = "newuidmap" if path.endswith("subuid") else "newgidmap"
        for wanted in (0, 2002, bens):
            inside = "until [ $(readlink /proc/$!/ns/user) != $(readlink /proc/$$/ns/user) ]; do :; done"
            command = f"unshare --user sleep 9 > /dev/null 2>&1 & {inside}; {tool} $! 0 {wanted} 1"
            assert "not allowed" in fails(fleet, "ana", command)


@pytest.mark.parametrize("address", ["0.0.0.0", "::"])
def test_who_listens_on_all_addresses_gets_none_of_the_visitors(fleet: Fleet, serve: Serve, address: str) -> None:
    serve("ben", address)
    assert fleet.page(VM, ANA, user="visitor:open sesame")[0] == 503


def test_no_tenant_reaches_anothers_port_by_the_ssh_server(fleet: Fleet, serve: Serve) -> None:
    serve("ana", "127.0.0.1")

    def forwarded(name: str) -> str:
        ssh = ["ssh", "-o", "BatchMode=yes", "-o", "IdentitiesOnly=yes", "-i", str(fleet.folder / name)]
        ssh += ["-o", f"UserKnownHostsFile={fleet.folder}/known_hosts", "-W", f"127.0.0.1:{ANAS}"]
        done = subprocess.run(
            [*ssh, f"{name}@{fleet.addresses[VM]}"], input="GET / HTTP/1.0\r\n\r\n", capture_output=True, text=True, timeout=60,
            check=False,
        )  # fmt: skip
        return done.stdout

    assert "200 OK" in forwarded("ana")
    assert forwarded("ben") == ""


def test_no_program_of_a_tenants_listens_where_names_belong_to_nobody(fleet: Fleet) -> None:
    # Abstract sockets have no owner and no mode: whoever knows the name connects.
    listening = fleet.inside(VM, "ss", "--unix", "--listening", "--processes", "--no-header")
    uids = "|".join(f"{pid}" for pid in fleet.inside(VM, "pgrep", "--uid", "ana,ben,olympia-build").split())
    ours = [
        line
        for line in listening.splitlines()
        if " @" in line and any(f"pid={pid}," in line for pid in uids.split("|"))
    ]
    assert ours == []


def test_nobody_reads_anothers_log_or_writes_in_anothers_name(fleet: Fleet) -> None:
    assert "olympia-engine" in fleet.inside(VM, "journalctl", "--no-pager", "_UID=2002")
    told = fleet.as_tenant(
        VM, "ana", "journalctl --no-pager --quiet _UID=2002; journalctl --no-pager --quiet --unit=nginx"
    )
    assert told.stdout == ""
    send = "import socket; s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM); s.connect('/run/systemd/journal/socket'); "
    works(fleet, "ana", f"python3 -c \"{send}s.send(b'MESSAGE=forged\\\\n_UID=2002\\\\n')\"")
    wait_until(lambda: "forged" in fleet.inside(VM, "journalctl", "--no-pager", "_UID=2001"), "it is written")
    assert "forged" not in fleet.inside(VM, "journalctl", "--no-pager", "_UID=2002")
