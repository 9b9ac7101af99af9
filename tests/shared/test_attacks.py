# SPDX-License-Identifier: BSD-3-Clause
"""What a tenant may try against the others, and against root: each attack is made, and comes to nothing."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator

import pytest

from tests.e2e.stack import wait_until
from tests.fleet import Fleet, outcomes, two_people
from tests.hosts import docker

Serve = Callable[[str, str], None]
VM = "vm3.olympia.test"
ANA, BEN = f"ana.{VM}", f"ben.{VM}"
# Of the ten that ana's UID gives her, the one that the reverse proxy leads to.
SITE = 20010
# Seconds that no run takes in which nothing hangs; before, these waited for ever.
PATIENCE = 600
VISITOR = "visitor:open sesame"
SERVE = """#!/usr/bin/python3
import http.server, json, socket, sys

class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        for domain in ("Domain=%(vm)s", "domain = .%(vm)s"):
            self.send_header("Set-Cookie", f"session=stolen; Path=/; {domain}")
        self.end_headers()
        self.wfile.write(json.dumps(dict(self.headers)).encode())

class Server(http.server.ThreadingHTTPServer):
    address_family = socket.AF_INET6 if ":" in sys.argv[1] else socket.AF_INET

Server((sys.argv[1], int(sys.argv[2])), Handler).serve_forever()
""" % {"vm": VM}  # fmt: skip  # noqa: UP031 - braces are Python's
# In place of the engine: never ready, it takes connections and answers none.
DEAF = """[Service]
Type=notify
TimeoutStartSec=infinity
ExecStart=/usr/bin/python3 -c "import socket, time, os; s = socket.socket(socket.AF_UNIX); \\
p = os.environ['XDG_RUNTIME_DIR'] + '/docker.sock'; os.path.exists(p) and os.unlink(p); s.bind(p); s.listen(9); time.sleep(1e6)"
"""


pytestmark = pytest.mark.full


@pytest.fixture(scope="module")
def fleet(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Fleet]:
    """Return one machine with two tenants, of whom neither has an instance yet."""
    fleet = two_people(tmp_path_factory.mktemp("attacks"), VM)
    # Nothing is built or pulled here.
    fleet.settings = {
        "olympia_builds_enabled": False,
        "olympia_stack_image_origin": "registry",
        "olympia_proxy_users": {"visitor": "{PLAIN}open sesame"},
    }
    for tenant in fleet.tenants:
        tenant |= {"idle_minutes": 1, "disk_gb": 3}
    try:
        fleet.start([])
        done = fleet.run("olympia", "bootstrap")
        assert done.code == 0, done.output
        install(fleet, "/usr/local/bin/serve", SERVE)
        yield fleet
    finally:
        fleet.remove()


def install(fleet: Fleet, path: str, content: str, owner: str = "root") -> None:
    """Write a file on the machine that everybody may run."""
    options = ["-D", f"--owner={owner}", "/dev/stdin", path]
    docker("exec", "--interactive", VM, "install", *options, stdin=content)


@pytest.fixture
def serve(fleet: Fleet) -> Iterator[Serve]:
    """Return what lets a tenant listen on ana's port, and ends that after the test."""
    started: list[str] = []

    def start(name: str, address: str) -> None:
        unit = f"systemctl --user reset-failed serve; systemd-run --user --unit=serve serve {address} {SITE}"
        done = fleet.as_tenant(VM, name, unit)
        assert done.returncode == 0, done.stderr
        started.append(name)
        wait_until(lambda: str(SITE) in fleet.inside(VM, "ss", "--listening", "--tcp", "--numeric"), "it listens")

    yield start
    for name in started:
        fleet.as_tenant(VM, name, "systemctl --user stop serve")


def test_the_visitors_password_is_for_the_proxy_and_no_instance_gets_it(fleet: Fleet, serve: Serve) -> None:
    serve("ana", "127.0.0.1")
    assert fleet.page(VM, ANA, user="visitor:")[0] == 401
    status, got = fleet.page(VM, ANA, user=VISITOR)
    assert (status, json.loads(got)["Host"]) == (200, ANA)
    assert "Authorization" not in json.loads(got)


def test_an_instance_sets_no_cookie_for_another_one(fleet: Fleet, serve: Serve) -> None:
    serve("ana", "127.0.0.1")
    cookies = fleet.ask(VM, ANA, user=VISITOR).headers.get_all("Set-Cookie") or []
    assert len(cookies) == 2
    for cookie in cookies:
        assert cookie.lower().replace(" ", "").endswith(f"domain={ANA}"), cookie


def reload_rules(fleet: Fleet) -> None:
    """Load the tenants' rules again."""
    fleet.inside(VM, "systemctl", "reload", "olympia-tenants")


def reload_machines_rules(fleet: Fleet) -> None:
    """Start and reload the machine's own rules, which begin with emptying all tables."""
    fleet.inside(VM, "systemctl", "restart", "nftables")
    fleet.inside(VM, "systemctl", "reload", "nftables")


def boot(fleet: Fleet) -> None:
    """Boot the machine, with rules of its own."""
    fleet.inside(VM, "systemctl", "enable", "nftables")
    fleet.restart(VM)
    wait_until(
        lambda: fleet.as_tenant(VM, "ben", "systemctl --user is-active basic.target").returncode == 0, "it is up"
    )


@pytest.mark.parametrize(
    "after",
    [None, reload_rules, reload_machines_rules, boot],
    ids=lambda after: getattr(after, "__name__", "bootstrap"),
)
def test_who_listens_on_anothers_port_gets_none_of_the_visitors(
    fleet: Fleet, serve: Serve, after: Callable[[Fleet], None] | None
) -> None:
    if after:
        after(fleet)
    serve("ben", "127.0.0.1")
    status, text = fleet.page(VM, ANA, user=VISITOR)
    assert (status, "does not answer" in text) == (503, True), text


def test_nor_by_the_other_loopback_address(fleet: Fleet, serve: Serve) -> None:
    fleet.inside(VM, "sysctl", "--write", "net.ipv6.conf.lo.disable_ipv6=0")
    fetch = f"python3 -c 'import urllib.request as r; print(r.urlopen(\"http://[::1]:{SITE}/\", timeout=5).status)'"
    serve("ana", "::1")
    assert fleet.as_tenant(VM, "ana", fetch).stdout == "200\n"
    fleet.as_tenant(VM, "ana", "systemctl --user stop serve")
    serve("ben", "::1")
    assert "timed out" in fleet.as_tenant(VM, "ana", fetch).stderr


def test_the_doctor_and_up_name_who_listens_on_anothers_port(fleet: Fleet, serve: Serve) -> None:
    serve("ben", "127.0.0.1")
    told = fleet.run("olympia", "doctor", "--json", "tenant-ports")
    (check,) = json.JSONDecoder().raw_decode(told.output)[0]["hosts"][VM]["checks"]
    assert check["state"] == "failed"
    assert check["evidence"].startswith(f"port {SITE} of ana: serve, process ")
    assert check["evidence"].endswith(" of user ben")
    up = fleet.run("olympia", "up", "tenant=ana")
    words = " ".join(up.output.split())
    assert up.code != 0
    assert f"port {SITE} is taken" in words
    assert "a program of user ben listens on it" in words
    assert "'olympia doctor tenant-ports' names" in words


CONFIGURATION = "/home/ana/.docker/config.json"
# What may be in place of the docker client's configuration, and the command that makes it.
CONFIGURATIONS = {
    "a_list": "echo '[]' >",
    "a_nest": "python3 -c 'print(\"[\" * 10 ** 5)' >",
    "a_pipe": "mkfifo",
    "no_end": "ln -s /dev/zero",
}


@pytest.mark.parametrize("what", CONFIGURATIONS)
def test_a_tenants_configuration_stops_nobody_whatever_it_is(fleet: Fleet, what: str) -> None:
    keep, back = f"mv {CONFIGURATION} kept", f"rm {CONFIGURATION}; mv kept {CONFIGURATION}"
    done = fleet.as_tenant(VM, "ana", f"{keep} && {CONFIGURATIONS[what]} {CONFIGURATION}")
    assert done.returncode == 0, done.stderr
    try:
        told = fleet.run("olympia", "bootstrap", "--check", within=PATIENCE)
        assert told.code == 0, told.output
        said = f"{CONFIGURATION} cannot be read, and stays as it is"
        assert said in " ".join(told.output.split()), told.output
    finally:
        fleet.as_tenant(VM, "ana", back)


@pytest.fixture(scope="module")
def deaf(fleet: Fleet) -> Iterator[None]:
    """Give ana an engine that takes connections and never answers; ben has a container of an instance."""
    tiny = "tar --create --dereference /bin/sleep $(ldd /bin/sleep | grep -o '/[^ ]*') | docker import - tiny"
    site = "services: {web: {image: tiny, command: [/bin/sleep, infinity], stop_signal: SIGKILL}}"
    done = fleet.as_tenant(VM, "ben", f"{tiny} && echo '{site}' > compose.yml && docker compose -p ben up --detach")
    assert done.returncode == 0, done.stderr
    install(fleet, "/home/ana/.config/systemd/user/olympia-engine.service", DEAF, "ana")
    fleet.inside(VM, "chown", "-R", "ana:", "/home/ana/.config")
    swap = "systemctl --user daemon-reload; systemctl --user restart --no-block olympia-engine"
    fleet.as_tenant(VM, "ana", swap)

    def is_deaf() -> bool:
        asked = fleet.as_tenant(VM, "ana", "timeout 5 docker version; echo code $?")
        return "code 124" in asked.stdout

    wait_until(is_deaf, "ana's engine is deaf", seconds=120)
    yield
    fleet.as_tenant(VM, "ana", "rm .config/systemd/user/olympia-engine.service")
    fleet.as_tenant(VM, "ana", "systemctl --user daemon-reload; systemctl --user restart olympia-engine")


def runs(fleet: Fleet) -> bool:
    """Return whether ben's container runs."""
    return bool(fleet.as_tenant(VM, "ben", "docker ps --quiet").stdout.strip())


def test_an_engine_that_never_answers_keeps_no_other_instance_from_being_stopped(fleet: Fleet, deaf: None) -> None:
    def is_stopped() -> bool:
        # Not before it has run for a minute.
        fleet.inside(VM, "systemctl", "start", "--no-block", "olympia-idle")
        return not runs(fleet)

    wait_until(is_stopped, "ben's instance is stopped", seconds=400)


def test_an_engine_that_never_answers_keeps_no_other_instance_from_being_started(fleet: Fleet, deaf: None) -> None:
    fleet.as_tenant(VM, "ben", "docker compose -p ben stop")
    # As the reverse proxy does for each request, ana's the first.
    fleet.inside(VM, "sh", "-c", "cd /var/lib/olympia/wake && echo x > ana && echo x > ben")
    wait_until(lambda: runs(fleet), "ben's instance is started", seconds=120)


def test_an_engine_that_never_answers_is_named_by_the_doctor_and_the_others_are_examined(
    fleet: Fleet, deaf: None
) -> None:
    told = fleet.run("olympia", "doctor", "--json", within=PATIENCE)
    hosts = json.JSONDecoder().raw_decode(told.output[told.output.index("{") :])[0]["hosts"]
    assert {VM, BEN} <= set(hosts), told.output
    found = {check["name"]: check for check in hosts[VM]["checks"]}
    assert (found["engines"]["state"], found["engines"]["evidence"]) == ("failed", "no answer: ana")
    assert found["tenant-ports"]["state"] == "ok"


def test_an_engine_that_never_answers_is_named_by_bootstrap_and_the_others_are_made_ready(
    fleet: Fleet, deaf: None
) -> None:
    fleet.as_tenant(VM, "ben", "systemctl --user stop olympia-engine")
    fleet.tenants[1]["cpus"] = 1.5
    fleet.write()
    told = fleet.run("ansible-playbook", "playbooks/bootstrap.yml", within=PATIENCE)
    assert told.code == 2, told.output
    assert outcomes(told.output) == {VM: "ok", BEN: "ok", ANA: "failed"}, told.output
    assert f"ana on {VM}: its engine does not start: no answer within" in " ".join(told.output.split()), told.output
    assert fleet.as_tenant(VM, "ben", "docker version").returncode == 0
    shown = fleet.inside(VM, "systemctl", "show", "user-2002.slice", "--property=CPUQuotaPerSecUSec")
    assert shown == "CPUQuotaPerSecUSec=1.500000s"
