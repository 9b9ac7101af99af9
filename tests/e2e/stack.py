# SPDX-License-Identifier: BSD-3-Clause
"""A stack on this machine's real engine, under a name and a port of the tests' own, and what people do with its site."""

from __future__ import annotations

import http.client
import io
import json
import os
import re
import shutil
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
import uuid
import zipfile
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
SERVICES = {"web", "worker", "nginx", "mysqld", "redis", "rabbitmq", "elasticsearch", "memcached"}
SECRETS = re.compile(r"^(\w+_PASSWORD|SECRET_KEY)=(.+)$", re.MULTILINE)
RECAP = re.compile(r"^\S+\s+: ok=\d+\s+changed=(\d+)\s+unreachable=(\d+)\s+failed=(\d+)", re.MULTILINE)


def free_port() -> int:
    """Return a TCP port that nothing listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def wait_until(condition: Callable[[], Any], what: str, seconds: float = 60) -> Any:
    """Return the first truthy value of a condition.

    Args:
        condition: What is asked again and again.
        what: What is waited for, for the message.
        seconds: Patience.
    """
    deadline = time.monotonic() + seconds
    while not (value := condition()):
        assert time.monotonic() < deadline, f"waited {seconds} s in vain: {what}"
        time.sleep(0.2)
    return value


@dataclass(frozen=True)
class Run:
    """A finished playbook run."""

    code: int
    output: str

    @property
    def changed(self) -> int:
        """Number of tasks that reported a change."""
        recap = RECAP.search(self.output)
        assert recap, self.output
        return int(recap[1])


@dataclass
class Stack:
    """An instance of the stack, as a user has it: a name, a port, a state directory, playbooks."""

    instance: str
    state: Path
    inventory: str = "local"
    port: int = field(default_factory=free_port)
    source: Path = ROOT / "app"
    settings: dict[str, Any] = field(default_factory=dict)

    @property
    def project(self) -> Path:
        """The project directory."""
        return self.state / "olympia" / self.instance

    @property
    def url(self) -> str:
        """The site's address."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def secrets(self) -> dict[str, str]:
        """The instance's secrets by name."""
        found = dict(SECRETS.findall((self.project / ".env").read_text()))
        assert set(found) == {"MYSQL_ROOT_PASSWORD", "RABBITMQ_PASSWORD", "REDIS_PASSWORD", "SECRET_KEY"}
        return found

    @property
    def environment(self) -> dict[str, str]:
        """Process environment of a run."""
        plain = {"ANSIBLE_NOCOLOR": "1", "ANSIBLE_FORCE_COLOR": "0"}
        return {**os.environ, "XDG_STATE_HOME": str(self.state), **plain}

    def command(self, verb: str, *arguments: str, **settings: Any) -> list[str]:
        """Return the command line of a playbook.

        Args:
            verb: Name of the playbook.
            arguments: More arguments.
            settings: Settings besides the instance's own; those of the stack role without prefix.
        """
        given = (
            {"instance": self.instance, "http_port": self.port, "source_dir": str(self.source)}
            | self.settings
            | settings
        )
        prefixes = {name: "" if name.startswith("olympia_") else "olympia_stack_" for name in given}
        variables = json.dumps({f"{prefixes[name]}{name}": value for name, value in given.items()})
        playbook = [str(Path(sys.executable).with_name("ansible-playbook")), f"playbooks/{verb}.yml"]
        return [*playbook, "--inventory", f"inventories/{self.inventory}", "--extra-vars", variables, *arguments]

    def play(self, verb: str, *arguments: str, **settings: Any) -> Run:
        """Run a playbook, whatever comes of it."""
        done = subprocess.run(
            self.command(verb, *arguments, **settings),
            cwd=ROOT, env=self.environment, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False,
        )  # fmt: skip
        return Run(done.returncode, done.stdout)

    def up(self, *arguments: str, **settings: Any) -> Run:
        """Bring the stack up; it must succeed."""
        run = self.play("up", *arguments, **settings)
        assert run.code == 0, run.output
        return run

    def olympia(self, *arguments: str, stdin: str = "", **environment: str) -> Run:
        """Run the command `olympia` for this instance, whatever comes of it."""
        done = subprocess.run(
            [str(Path(sys.executable).with_name("olympia")), *arguments, f"INSTANCE={self.instance}"],
            cwd=ROOT, env=self.environment | environment, input=stdin, text=True,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False,
        )  # fmt: skip
        return Run(done.returncode, done.stdout)

    def get(self, path: str, data: bytes | None = None, headers: dict[str, str] | None = None) -> tuple[int, str]:
        """Ask nginx, and return status and body.

        Args:
            path: Path and query.
            data: Body of a POST.
            headers: More headers.
        """
        request = urllib.request.Request(f"{self.url}{path}", data=data, headers=headers or {})
        try:
            with urllib.request.urlopen(request, timeout=30) as answer:
                return answer.status, answer.read().decode(errors="replace")
        except urllib.error.HTTPError as error:
            return error.code, error.read().decode(errors="replace")
        except (OSError, http.client.HTTPException) as error:
            return 0, str(error)

    def docker(self, *arguments: str) -> str:
        """Run a docker command in the project directory; it must succeed. Return its output."""
        cwd = self.project if self.project.exists() else None
        done = subprocess.run(["docker", *arguments], cwd=cwd, text=True, capture_output=True, check=False)
        assert done.returncode == 0, f"docker {' '.join(arguments)}: {done.stderr}"
        return done.stdout.strip()

    def inside(self, service: str, *command: str) -> str:
        """Run a command in a service's container, as its exec user."""
        return self.docker("compose", "exec", "-T", service, *command)

    def ask_database(self, sql: str) -> str:
        """Return what the database answers to SQL."""
        client = "$(command -v mariadb || command -v mysql) -uroot --batch --skip-column-names"
        return self.inside("mysqld", "sh", "-c", f'MYSQL_PWD=$MYSQL_ROOT_PASSWORD exec {client} olympia -e "$0"', sql)

    def container(self, service: str) -> dict[str, Any]:
        """Return what the engine says of a service's container."""
        identity = self.docker("ps", "--all", "--quiet", *self._filters(service))
        found: dict[str, Any] = json.loads(self.docker("inspect", identity))[0]
        return found

    def healthy(self) -> set[str]:
        """Return the services that run and are healthy."""
        lines = self.docker(
            "ps", "--format", '{{.Label "com.docker.compose.service"}} {{.Status}}', *self._filters()
        ).splitlines()
        return {line.split()[0] for line in lines if "(healthy)" in line}

    def destroy(self) -> None:
        """Remove everything of the instance, its data too: it belongs to the tests."""
        mine = ("--quiet", "--filter", f"label=addons.olympia.instance={self.instance}")
        named = ("--quiet", "--filter", f"name=^{self.instance}_")
        for listing, removal in (
            (("ps", "--all", "--quiet", *self._filters()), ("rm", "--force", "--volumes")),
            (("network", "ls", *named), ("network", "rm")),
            (("volume", "ls", *named), ("volume", "rm")),
            (("image", "ls", *mine), ("image", "rm", "--force")),
        ):
            if found := set(self.docker(*listing).split()):
                self.docker(*removal, *found)
        shutil.rmtree(self.project, ignore_errors=True)

    def _filters(self, service: str = "") -> list[str]:
        labels = [f"com.docker.compose.project={self.instance}"] + (
            [f"com.docker.compose.service={service}"] if service else []
        )
        return [argument for label in labels for argument in ("--filter", f"label={label}")]


def xpi(name: str, guid: str, files: int = 0, **manifest: Any) -> bytes:
    """Return a valid add-on.

    Args:
        name: The add-on's name.
        guid: Its identity.
        files: Number of files in it besides its manifest.
        manifest: More keys of the manifest.
    """
    buffer = io.BytesIO()
    content = {
        "manifest_version": 2,
        "name": name,
        "version": "1.0",
        "browser_specific_settings": {"gecko": {"id": guid}},
    }
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("manifest.json", json.dumps(content | manifest))
        for number in range(files):
            archive.writestr(f"{number}.js", f"// {number}\n")
    return buffer.getvalue()


def send_upload(stack: Stack, content: bytes) -> str:
    """Upload an add-on as the site's form does, and return the address that says what has come of it.

    Raises:
        urllib.error.URLError: The site did not take it.
    """
    _, page = stack.get("/upload/")
    token = re.search(r'name="csrfmiddlewaretoken" value="([^"]+)"', page)
    assert token, page
    boundary = uuid.uuid4().hex
    body = (
        f'--{boundary}\r\nContent-Disposition: form-data; name="csrfmiddlewaretoken"\r\n\r\n{token[1]}\r\n'
        f'--{boundary}\r\nContent-Disposition: form-data; name="xpi"; filename="sample.xpi"\r\n\r\n'
    ).encode() + content + f"\r\n--{boundary}--\r\n".encode()  # fmt: skip
    headers = {"Content-Type": f"multipart/form-data; boundary={boundary}", "Cookie": f"csrftoken={token[1]}"}
    request = urllib.request.Request(f"{stack.url}/upload/", data=body, headers=headers)
    with urllib.request.urlopen(request, timeout=30) as answer:
        # The site leads on to the page of this upload.
        return str(answer.url).removeprefix(stack.url) + "status.json"


def outcome(stack: Stack, status: str) -> dict[str, str] | None:
    """Return what has come of an upload; None as long as the worker has not processed it.

    Args:
        stack: The stack.
        status: What `send_upload` has returned.
    """
    found: dict[str, str] = json.loads(stack.get(status)[1])
    return found if found["status"] != "pending" else None
