# SPDX-License-Identifier: BSD-3-Clause
"""A stack that runs already, here or on another host, as these tests see it. They read and change nothing."""

from __future__ import annotations

import json
import shlex
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import pytest
from testinfra.host import Host

PROJECT_LABEL = "com.docker.compose.project"
SERVICE_LABEL = "com.docker.compose.service"
SECRETS = ("MYSQL_ROOT_PASSWORD", "RABBITMQ_PASSWORD", "REDIS_PASSWORD", "SECRET_KEY")
LOG_LINES = 20


@dataclass(frozen=True)
class Stack:
    """An instance on a host, known by what its engine says of it.

    Attributes:
        host: The host.
        instance: The instance's name.
    """

    host: Host
    instance: str

    def run(self, *command: str) -> str:
        """Run a command on the host; it must succeed. Return its output."""
        done = self.host.run(shlex.join(command))
        assert done.rc == 0, f"{shlex.join(command)}\n{self.masked(done.stdout + done.stderr)}"
        output: str = done.stdout
        return output.strip()

    def exec(self, service: str, *command: str) -> str:
        """Run a command in a service's container as its image's user; it must succeed."""
        return self.run("docker", "exec", self.containers[service]["Id"], *command)

    @cached_property
    def containers(self) -> dict[str, dict[str, Any]]:
        """What the engine says of the containers, by service."""
        listed = self.run("docker", "ps", "--all", "--quiet", f"--filter=label={PROJECT_LABEL}={self.instance}")
        assert listed, (
            f"There is no container of an instance {self.instance}. Is its name right, and has it been brought up?"
        )
        found = json.loads(self.run("docker", "inspect", *listed.split()))
        services = {one["Config"]["Labels"][SERVICE_LABEL]: one for one in found}
        # A run of the site's tests that goes on is no service.
        return {name: one for name, one in services.items() if name != "tests"}

    @cached_property
    def project(self) -> str:
        """The project directory."""
        label = f"{PROJECT_LABEL}.working_dir"
        (directory,) = {one["Config"]["Labels"][label] for one in self.containers.values()}
        return str(directory)

    @cached_property
    def env(self) -> dict[str, str]:
        """The values of the project directory's `.env`."""
        lines = self.host.file(f"{self.project}/.env").content_string.splitlines()
        pairs = (line.partition("=") for line in lines if not line.startswith("#"))
        return {name: value.strip("'\"") for name, separator, value in pairs if separator}

    @property
    def closed(self) -> bool:
        """Whether the image is all that there is, as in CI."""
        return "docker-compose.ci.yml" in self.env["COMPOSE_FILE"].split(":")

    def masked(self, text: str) -> str:
        """Return a text without the stack's secrets."""
        for name in SECRETS:
            if value := self.env.get(name):
                text = text.replace(value, "***")
        return text

    def compose(self, *arguments: str) -> str:
        """Run plain `docker compose` in the project directory; it must succeed."""
        return self.run(
            "sh", "-c", f"cd {shlex.quote(self.project)} && {shlex.join(['docker', 'compose', *arguments])}"
        )

    def get(self, path: str) -> tuple[int, str]:
        """Ask the site as its host does, through the published port, and return status and body.

        Args:
            path: Path and query.
        """
        ((bound, *_),) = self.containers["nginx"]["HostConfig"]["PortBindings"].values()
        address = {"": "127.0.0.1", "0.0.0.0": "127.0.0.1", "::": "[::1]"}.get(bound["HostIp"], bound["HostIp"])
        code = (
            "import http.client, sys;"
            "connection = http.client.HTTPConnection(sys.argv[1], timeout=30);"
            "connection.request('GET', sys.argv[3], headers={'Host': sys.argv[2]});"
            "answer = connection.getresponse();"
            "print(answer.status);"
            "print(answer.read().decode())"
        )
        name = self.env["OLYMPIA_SITE_URL"].partition("://")[2]
        status, _, body = self.run("python3", "-c", code, f"{address}:{bound['HostPort']}", name, path).partition("\n")
        return int(status), body

    def owners(self, service: str) -> dict[str, str]:
        """Return the UID of every process of a service, the container's init left out, by its command line."""
        lines = self.run("docker", "top", self.containers[service]["Id"], "-eo", "pid,uid,args").splitlines()[1:]
        processes = (line.split(None, 2) for line in lines)
        return {command: uid for _, uid, command in processes if "docker-init" not in command}

    def evidence(self, service: str) -> str:
        """Return why a service may be unwell: its state, its last healthcheck, the end of its log."""
        container = self.containers[service]
        state = container["State"]
        health = (state.get("Health") or {}).get("Log") or [{"Output": "none"}]
        log = self.host.run(f"docker logs --tail {LOG_LINES} {container['Id']}")
        return self.masked(
            f"{service} is {state['Status']}, exit code {state['ExitCode']}\n"
            f"last healthcheck: {health[-1]['Output'].strip()}\n"
            f"log:\n{log.stdout}{log.stderr}"
        )


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the instance to pytest's options; the host is Testinfra's own `--hosts`."""
    parser.addoption("--instance", default="addons-server", help="name of the instance that is looked at")


@pytest.fixture(scope="module")
def stack(host: Host, request: pytest.FixtureRequest) -> Stack:
    """Return the stack, asked once for all tests of a module."""
    return Stack(host, request.config.getoption("--instance"))
