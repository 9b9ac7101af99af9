# SPDX-License-Identifier: BSD-3-Clause
"""The service images, made by the role, started, used through their protocols, stopped and recreated."""

from __future__ import annotations

import json
import subprocess
import sys
import time
import uuid
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.addons.olympia.plugins.module_utils.stack.service_images import (
    bake_project,
    image_files,
    image_tags,
    made_here,
    package_sources,
)

from .conftest import ROOT, docker

ROLE = ROOT / "roles/olympia_images"
SERVICES = made_here(image_files(ROLE / "files"))
DATA = {"mysqld": "/var/lib/mysql", "redis": "/data", "rabbitmq": "/var/lib/rabbitmq"}
AWKWARD = """it's a "pass\\word" with $dollars & `ticks`"""
NGINX = """
server {
    listen 80;
    location = /slow { proxy_pass http://127.0.0.1:81; }
    location / { return 200 "hello from nginx"; }
}
server { listen 81; location / { return 444; } }
"""


@dataclass
class Containers:
    """Containers, volumes and a network of one test, under names of its own."""

    tags: dict[str, str]
    prefix: str = field(default_factory=lambda: f"imgdev-{uuid.uuid4().hex[:8]}")

    def volume(self, service: str) -> str:
        """Return the name of the volume with a service's data."""
        return f"{self.prefix}-{service}"

    def start(self, service: str, *options: str, **environment: str) -> str:
        """Start a service on its volume, as Compose would, and return the container's name.

        Args:
            service: The service.
            options: More options of `docker run`.
            environment: The container's environment.
        """
        name = f"{self.prefix}-{service}"
        variables = [f"--env={key}={value}" for key, value in environment.items()]
        volume = [f"--volume={self.volume(service)}:{DATA[service]}"] if service in DATA else []
        docker("run", "--detach", f"--name={name}", f"--network={self.prefix}", f"--network-alias={service}",
               *volume, *variables, *options, self.tags[service])  # fmt: skip
        return name

    def recreate(self, service: str, **environment: str) -> str:
        """Replace a service's container by a new one on the same volume."""
        docker("rm", "--force", f"{self.prefix}-{service}")
        return self.start(service, **environment)

    def remove(self) -> None:
        """Remove everything."""
        for name in docker("ps", "--all", "--quiet", f"--filter=name={self.prefix}-").split():
            docker("rm", "--force", "--volumes", name)
        for name in docker("volume", "ls", "--quiet", f"--filter=name={self.prefix}-").split():
            docker("volume", "rm", name)
        docker("network", "rm", self.prefix, check=False)


def wait_healthy(name: str, seconds: float = 90) -> None:
    """Wait until a container's own healthcheck passes; fail with its log if it does not or has ended."""
    deadline = time.monotonic() + seconds
    while (
        state := docker("inspect", "--format", "{{.State.Status}} {{.State.Health.Status}}", name)
    ) != "running healthy":
        if time.monotonic() > deadline or state.startswith("exited"):
            logs = subprocess.run(["docker", "logs", name], capture_output=True, text=True, check=False)
            pytest.fail(f"{name} is {state}:\n{logs.stdout[-4000:]}{logs.stderr[-4000:]}")
        time.sleep(0.2)


def wait_ended(name: str) -> tuple[int, str]:
    """Wait until a container ends by itself; return its exit code and what it said."""
    code = int(subprocess.run(["docker", "wait", name], capture_output=True, text=True, check=True, timeout=60).stdout)
    logs = subprocess.run(["docker", "logs", name], capture_output=True, text=True, check=True)
    return code, logs.stdout + logs.stderr


def query(container: str, sql: str, password: str, host: str = "mysqld", check: bool = True) -> str:
    """Run SQL as root over TCP, as another container would, and return the result."""
    client = ["mariadb", f"--host={host}", "--user=root", f"--password={password}", "--batch", "--skip-column-names"]
    return docker("exec", container, *client, f"--execute={sql}", check=check)


def ask(container: str, request: str) -> str:
    """Send a request to the search service from inside a container, and return the answer's status line and body."""
    script = 'exec 3<>/dev/tcp/127.0.0.1/9200; printf "%s" "$0" >&3; cat <&3'
    return docker("exec", container, "bash", "-c", script, request)


def http(method: str, path: str, body: str = "", kind: str = "application/json") -> str:
    """Return the text of an HTTP request."""
    head = [f"{method} {path} HTTP/1.0", "Host: localhost", f"Content-Type: {kind}", f"Content-Length: {len(body)}"]
    return "\r\n".join([*head, "", body])


def run_role(folder: Path, *options: str, **variables: Any) -> tuple[int, str]:
    """Run the role, and return the exit code and everything that it said.

    Args:
        folder: Where to write the playbook.
        options: More options of ansible-playbook.
        variables: Variables of the role; `include` holds more arguments of `include_role`.
    """
    task = {"include_role": {"name": "addons.olympia.olympia_images"} | variables.pop("include", {}), "vars": variables}
    playbook = folder / "play.json"
    playbook.write_text(json.dumps([{"hosts": "localhost", "gather_facts": False, "tasks": [task]}]))
    program = str(Path(sys.executable).with_name("ansible-playbook"))
    done = subprocess.run(
        [program, "--inventory=inventories/local", str(playbook), *options],
        cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False,
    )  # fmt: skip
    return done.returncode, done.stdout


def own_images() -> set[str]:
    """Return the tags of the base image and the service images that are there."""
    repositories = [f"--filter=reference=olympia/{name}" for name in ("base", *SERVICES)]
    return set(docker("image", "ls", *repositories, "--format={{.Repository}}:{{.Tag}}").split())


@pytest.fixture(scope="session")
def tags(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Have the role make what is missing, and return the images' tags."""
    code, output = run_role(tmp_path_factory.mktemp("images"))
    assert code == 0, output
    return image_tags(image_files(ROLE / "files"), "bookworm", package_sources("bookworm"))


@pytest.fixture
def containers(tags: dict[str, str]) -> Iterator[Containers]:
    """Return this test's containers."""
    own = Containers(tags)
    docker("network", "create", own.prefix)
    yield own
    own.remove()


@pytest.fixture(scope="module")
def stack(tags: dict[str, str], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Containers]:
    """Return one healthy container of every service."""
    own = Containers(tags)
    docker("network", "create", own.prefix)
    conf = tmp_path_factory.mktemp("nginx") / "test.conf"
    conf.write_text(NGINX)
    conf.chmod(0o644)
    conf.parent.chmod(0o755)
    try:
        own.start("mysqld", MYSQL_ROOT_PASSWORD=AWKWARD, MYSQL_DATABASE="olympia")
        own.start(
            "rabbitmq", RABBITMQ_DEFAULT_USER="olympia", RABBITMQ_DEFAULT_PASS=AWKWARD, RABBITMQ_DEFAULT_VHOST="olympia"
        )
        own.start("nginx", f"--volume={conf}:/etc/nginx/conf.d/test.conf:ro")
        own.start("redis", REDISCLI_AUTH=AWKWARD)
        for service in ("memcached", "elasticsearch"):
            own.start(service)
        for service in SERVICES:
            wait_healthy(f"{own.prefix}-{service}")
        yield own
    finally:
        own.remove()


def test_the_role_has_nothing_to_do_where_the_images_are(tags: dict[str, str], tmp_path: Path) -> None:
    before = own_images()
    assert set(tags.values()) <= before
    code, output = run_role(tmp_path)
    assert code == 0 and "changed=0" in output, output
    assert own_images() == before


def test_check_mode_foretells_the_images_and_makes_none(tmp_path: Path) -> None:
    before = own_images()
    code, output = run_role(tmp_path, "--check", olympia_images_mirror="http://mirror.invalid/debian")
    assert code == 0 and "changed=2" in output, output
    assert own_images() == before


@pytest.mark.full
def test_a_mirror_that_does_not_answer_is_named_and_leaves_no_image(tmp_path: Path) -> None:
    before = own_images()
    # Nothing listens on that port.
    code, output = run_role(tmp_path, olympia_images_mirror="http://127.0.0.1:9/debian")
    assert code != 0
    assert "mmdebstrap cannot build the base image" in output and "127.0.0.1:9" in output
    assert own_images() == before


def test_a_host_without_a_mirror_is_told_so(tmp_path: Path) -> None:
    host = {"sources": [], "present": [], "tools": ["mmdebstrap"]}
    code, output = run_role(tmp_path, include={"tasks_from": "base.yml"}, __olympia_images_host=host)
    assert code != 0
    assert "Set olympia_images_mirror" in output


@pytest.mark.parametrize("service", SERVICES)
def test_no_process_is_root(stack: Containers, service: str) -> None:
    status = docker("exec", f"{stack.prefix}-{service}", "bash", "-c", "cat /proc/[0-9]*/status")
    uids = {line.split()[1] for line in status.splitlines() if line.startswith("Uid:")}
    assert uids and "0" not in uids


@pytest.mark.parametrize("service", SERVICES)
def test_the_image_says_what_it_is(tags: dict[str, str], service: str) -> None:
    config = json.loads(docker("image", "inspect", "--format", "{{json .Config}}", tags[service]))
    assert config["Labels"]["addons.olympia.service"] == service
    assert config["Labels"]["org.opencontainers.image.title"] == f"olympia/{service}"
    health = config["Healthcheck"]
    assert health["Interval"] == 90e9 and health["StartInterval"] == 1e9 and health["StartPeriod"] > 0
    assert set(config.get("Volumes") or {}) >= {DATA[service]} if service in DATA else True


def test_the_hosts_secrets_are_in_no_layer(
    tags: dict[str, str], run_module: Callable[..., dict[str, Any]], tmp_path: Path
) -> None:
    mark = f"mark-{uuid.uuid4().hex}"
    bundle = tmp_path / "bundle.pem"
    bundle.write_text(f"# {mark}\n{Path('/etc/ssl/certs/ca-certificates.crt').read_text()}")
    tag = f"imgdev-{uuid.uuid4().hex[:8]}/redis:1"
    project = bake_project(
        image_files(ROLE / "files"), {**tags, "redis": tag}, ca_bundle=str(bundle), with_pip_config=True
    )
    secrets = {"PIP_CONF": f"# {mark}\n"}
    options = {"targets": ["redis"], "allow_read": [str(bundle)], "no_cache": True, "builder": "default"}
    try:
        result = run_module("bake", {"project_files": project, "secrets": secrets, **options})
        assert result.get("changed"), result
        saved = subprocess.run(["docker", "save", tag], capture_output=True, check=True).stdout
    finally:
        docker("image", "rm", "--force", tag, check=False)
    assert b"redis-server" in saved
    assert mark.encode() not in saved


def test_the_database_lets_root_in_with_the_password_only(stack: Containers) -> None:
    mysqld = f"{stack.prefix}-mysqld"
    assert query(mysqld, "SELECT 1", AWKWARD) == "1"
    assert query(mysqld, "SELECT 1", AWKWARD, host="localhost") == "1"
    for password in ("", "wrong"):
        for host in ("mysqld", "127.0.0.1", "localhost"):
            assert query(mysqld, "SELECT 1", password, host=host, check=False) == ""
    assert query(mysqld, "USE olympia; SELECT @@character_set_database", AWKWARD) == "utf8mb4"


def test_memcached_keeps_a_value(stack: Containers) -> None:
    script = r"exec 3<>/dev/tcp/127.0.0.1/11211; printf 'set key 0 60 5\r\nvalue\r\nget key\r\nquit\r\n' >&3; cat <&3"
    assert "VALUE key 0 5\nvalue" in docker("exec", f"{stack.prefix}-memcached", "bash", "-c", script)


@pytest.mark.parametrize(
    ("password", "answer"), [(AWKWARD, "PONG"), ("wrong", "NOAUTH Authentication required.")], ids=["right", "wrong"]
)
def test_redis_is_reached_by_other_containers_with_the_password_only(
    stack: Containers, password: str, answer: str
) -> None:
    client = ["run", "--rm", f"--network={stack.prefix}", f"--env=REDISCLI_AUTH={password}", "--entrypoint=redis-cli"]
    assert docker(*client, stack.tags["redis"], "-h", "redis", "ping") == answer


def test_nginx_serves_what_its_configuration_says(stack: Containers) -> None:
    nginx = f"{stack.prefix}-nginx"
    script = r"exec 3<>/dev/tcp/127.0.0.1/80; printf 'GET / HTTP/1.0\r\n\r\n' >&3; cat <&3"
    assert "hello from nginx" in docker("exec", nginx, "bash", "-c", script)
    assert '"GET / HTTP/1.0" 200' in docker("logs", nginx)


def test_the_search_service_finds_what_was_indexed(stack: Containers) -> None:
    search = f"{stack.prefix}-elasticsearch"
    mapping = '{"mappings": {"properties": {"name": {"type": "text"}}}}'
    assert " 200 " in ask(search, http("PUT", "/addons", mapping))
    documents = {"1": "Tab counter", "2": "Ad blocker"}
    lines = "".join(
        f'{{"index": {{"_index": "addons", "_id": "{key}"}}}}\n{{"name": "{name}"}}\n'
        for key, name in documents.items()
    )
    assert '"errors":false' in ask(search, http("POST", "/_bulk?refresh=true", lines, "application/x-ndjson"))
    found = ask(search, http("POST", "/addons/_search", '{"query": {"match": {"name": "counter"}}}'))
    assert '"_id":"1"' in found and '"_id":"2"' not in found
    assert " 200 " in ask(search, http("DELETE", "/addons"))
    assert " 404 " in ask(search, http("GET", "/addons"))


def test_the_broker_knows_the_user_with_the_password_only(stack: Containers) -> None:
    rabbitmq = f"{stack.prefix}-rabbitmq"
    control = ["docker", "exec", rabbitmq, "rabbitmqctl", "--quiet"]
    with ThreadPoolExecutor() as pool:
        right, wrong, listing = pool.map(
            lambda arguments: subprocess.run([*control, *arguments], capture_output=True, text=True, check=False),
            (["authenticate_user", "olympia", AWKWARD], ["authenticate_user", "olympia", "wrong"], ["list_users"]),
        )
    assert right.returncode == 0, right.stderr
    assert wrong.returncode != 0
    assert listing.stdout.split() == ["user", "tags", "olympia", "[administrator]"]


def test_every_service_stops_at_its_signal(stack: Containers) -> None:
    """A container that ignores its signal is killed after ten seconds, and then says so by its exit code."""
    names = [f"{stack.prefix}-{service}" for service in SERVICES]
    docker("stop", *names)
    codes = {name: int(docker("inspect", "--format", "{{.State.ExitCode}}", name)) for name in names}
    assert 137 not in codes.values(), codes


@pytest.mark.full
def test_data_survive_recreation_and_a_new_password_counts(containers: Containers) -> None:
    first = {"MYSQL_ROOT_PASSWORD": "first", "MYSQL_DATABASE": "olympia"}
    broker = {"RABBITMQ_DEFAULT_USER": "olympia", "RABBITMQ_DEFAULT_VHOST": "olympia"}
    names = [
        containers.start("mysqld", **first),
        containers.start("redis", REDISCLI_AUTH="first"),
        containers.start("rabbitmq", "--hostname=one", RABBITMQ_DEFAULT_PASS="first", **broker),
    ]
    for name in names:
        wait_healthy(name)
    mysqld, redis, rabbitmq = names
    query(mysqld, "CREATE TABLE olympia.t (id INT); INSERT INTO olympia.t VALUES (42)", "first")
    docker("exec", redis, "redis-cli", "set", "key", "value")
    docker("exec", rabbitmq, "rabbitmqctl", "--quiet", "add_vhost", "kept")
    docker("stop", redis)

    containers.recreate("mysqld", MYSQL_ROOT_PASSWORD="second", MYSQL_DATABASE="another")
    containers.recreate("redis", REDISCLI_AUTH="second")
    containers.recreate("rabbitmq", RABBITMQ_DEFAULT_PASS="second", **broker)
    for name in names:
        wait_healthy(name)
    assert query(mysqld, "SELECT id FROM olympia.t", "second") == "42"
    assert "another" in query(mysqld, "SHOW DATABASES", "second").split()
    assert query(mysqld, "SELECT 1", "first", check=False) == ""
    assert docker("exec", redis, "redis-cli", "get", "key") == "value"
    assert "kept" in docker("exec", rabbitmq, "rabbitmqctl", "--quiet", "list_vhosts").split()
    docker("exec", rabbitmq, "rabbitmqctl", "--quiet", "authenticate_user", "olympia", "second")


def in_volume(containers: Containers, script: str) -> str:
    """Run a script on the database's volume, without the server."""
    volume = f"--volume={containers.volume('mysqld')}:/var/lib/mysql"
    return docker(
        "run", "--rm", volume, "--workdir=/var/lib/mysql", "--entrypoint=bash", containers.tags["mysqld"], "-ec", script
    )


def test_a_first_start_that_was_cut_off_is_finished_by_the_next(containers: Containers) -> None:
    """Killed while it makes the database, and killed while it moves the finished one into place."""
    name = containers.start("mysqld", MYSQL_ROOT_PASSWORD="secret")
    deadline = time.monotonic() + 60
    while docker("exec", name, "bash", "-c", "ls -A /var/lib/mysql", check=False) == "":
        assert time.monotonic() < deadline
    docker("kill", name)
    assert in_volume(containers, "ls -A") == ".unfinished"
    # The state in the middle of the move.
    in_volume(containers, "touch ibdata1 aria_log_control && chmod 600 ibdata1 aria_log_control")
    docker("start", name)
    wait_healthy(name)
    assert query(name, "SELECT 1", "secret") == "1"
    assert ".unfinished" not in in_volume(containers, "ls -A")


@pytest.mark.parametrize(
    ("state", "said"),
    [
        ("mkdir mysql && touch ibdata1 mysql.ibd precious", "MySQL"),
        ("touch ibdata1 precious", "damaged"),
    ],
)
def test_data_that_it_cannot_use_are_left_alone(containers: Containers, state: str, said: str) -> None:
    in_volume(containers, state)
    before = in_volume(containers, "ls -A")
    code, log = wait_ended(containers.start("mysqld", MYSQL_ROOT_PASSWORD="secret"))
    assert code == 1
    assert said in log and "/var/lib/mysql" in log
    assert in_volume(containers, "ls -A") == before


@pytest.mark.parametrize(
    ("service", "variable"),
    [("mysqld", "MYSQL_ROOT_PASSWORD"), ("rabbitmq", "RABBITMQ_DEFAULT_PASS"), ("redis", "REDISCLI_AUTH")],
)
def test_without_a_password_it_does_not_start(containers: Containers, service: str, variable: str) -> None:
    code, log = wait_ended(containers.start(service))
    assert code == 1
    assert variable in log
