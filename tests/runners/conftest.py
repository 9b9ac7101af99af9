# SPDX-License-Identifier: BSD-3-Clause
"""Ephemeral runners as CI services offer them: systemd, an engine that is good enough, not one image.

Each is a container with an engine of its own. In its reach, at 127.0.0.1 as a registry without certificates has to be, are two
registries: one is open and is the engine's mirror of Docker Hub, with stand-ins for the service images under their names there;
the other one wants a password. Not every runner's kernel allows what Elasticsearch wants, and the stand-in does not ask for it.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import time
import uuid
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import pytest
from ansible_collections.addons.olympia.plugins.module_utils.images import image_files, image_tags, package_sources
from ansible_collections.addons.olympia.plugins.module_utils.stack import REGISTRY_IMAGES

from tests.registry import Gate, Registry, unpack_program

ROOT = Path(__file__).resolve().parents[2]
BIN = Path(sys.executable).parent
OPEN_PORT, CLOSED_PORT = 5000, 5001
SOCKET = "[Socket]\nListenStream=127.0.0.1:{port}\n"
SERVICE = "[Service]\nExecStart=/usr/lib/systemd/systemd-socket-proxyd {target}\n"
# What the official images have, and the images of the packages origin do without.
STAND_INS = """
FROM {base} AS python
RUN apt-get update && apt-get install --yes --no-install-recommends \
    python-is-python3 python3 python3-dev python3-pip python3-venv tzdata
FROM {elasticsearch} AS elasticsearch
USER root
RUN apt-get update && apt-get install --yes --no-install-recommends curl
USER elasticsearch
"""


def docker(*arguments: str, stdin: str | None = None) -> str:
    """Run a docker command; it must succeed. Return its output."""
    done = subprocess.run(["docker", *arguments], input=stdin, text=True, capture_output=True, check=False)
    assert done.returncode == 0, f"docker {' '.join(arguments)}: {done.stderr}"
    return done.stdout.strip()


@dataclass(frozen=True)
class Outcome:
    """A finished command: its exit code and what it printed."""

    code: int
    output: str

    def found(self, pattern: str) -> str:
        """Return what the first group of a pattern matches in the output, which has to."""
        found = re.search(pattern, self.output)
        assert found, self.output
        return found[1]


@dataclass
class Runner:
    """A runner, and the inventory that names it."""

    name: str
    folder: Path

    @property
    def inventory(self) -> Path:
        """The ci inventory, for this host."""
        return self.folder / "hosts.yml"

    def olympia(self, verb: str, *arguments: str) -> Outcome:
        """Run the command for this host."""
        environment = {
            name: value
            for name, value in os.environ.items()
            if not name.startswith(("OLYMPIA_", "COMPOSE_", "DOCKER_", "GITHUB_", "GITLAB_"))
        }
        done = subprocess.run(
            [str(BIN / "olympia"), verb, "-i", str(self.inventory), *arguments],
            cwd=self.folder,
            env=environment | {"XDG_STATE_HOME": str(self.folder)},
            text=True,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            check=False,
        )
        return Outcome(done.returncode, done.stdout)

    def inside(self, *command: str) -> str:
        """Run a command on the host as root; it must succeed."""
        return docker("exec", self.name, *command)

    def images(self) -> set[str]:
        """Return what names the images of its engine."""
        return set(self.inside("docker", "image", "ls", "--format", "{{.Repository}}:{{.Tag}}").split())

    def site(self, path: str) -> str:
        """Return a page of the site, as the host itself sees it."""
        code = f"import urllib.request; print(urllib.request.urlopen('http://127.0.0.1{path}').read().decode())"
        return self.inside("python3", "-c", code)

    def artifact(self, name: str) -> str:
        """Return the content of a file in the folder of the runner's artifacts."""
        return (self.folder / name).read_text()

    def project_file(self, name: str) -> str:
        """Return the content of a file in the project directory; the empty string where there is none."""
        path = f"/root/.local/state/olympia/addons-server/{name}"
        return self.inside("sh", "-c", f"! test -e {path} || cat {path}")


@pytest.fixture(scope="session")
def service_images() -> dict[str, str]:
    """Return the tags of the images of the packages origin, which are made where they are missing."""
    done = subprocess.run(
        [str(BIN / "ansible-playbook"), "tests/images.yml"],
        cwd=ROOT, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout
    return image_tags(image_files(ROOT / "roles/olympia_images/files"), "bookworm", package_sources("bookworm"))


@pytest.fixture(scope="session")
def gates(service_images: dict[str, str], tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Gate, Gate]]:
    """Return the ways from the runners to the open and to the closed registry; the open one has all service images."""
    folder = tmp_path_factory.mktemp("registry")
    bridge = docker("network", "inspect", "bridge", "--format", "{{(index .IPAM.Config 0).Gateway}}")
    program = unpack_program(folder)
    with (
        Registry(program, folder / "open") as registry,
        Registry(program, folder / "closed", closed=True) as closed,
        Gate(registry, bridge).standing() as open_gate,
        Gate(closed, bridge).standing() as closed_gate,
    ):
        dockerfile = STAND_INS.format(**service_images)
        names = []
        for service in ("base", "mysqld", "redis", "rabbitmq", "memcached", "nginx", "elasticsearch"):
            name = f"{registry.address}/library/{REGISTRY_IMAGES[service]}"
            target = {"base": "python"}.get(service, service)
            if f" AS {target}\n" in dockerfile:
                docker("build", "--tag", name, "--target", target, "-", stdin=dockerfile)
            else:
                docker("tag", service_images[service], name)
            docker("push", "--quiet", name)
            names.append(name)
        docker("image", "rm", *names)
        yield open_gate, closed_gate


@pytest.fixture(scope="session")
def host_image() -> str:
    """Return the image of a runner."""
    script = ROOT / "molecule/resources/test_image.py"
    done = subprocess.run([sys.executable, script, "trixie", "docker"], text=True, stdout=subprocess.PIPE, check=True)
    return done.stdout.strip()


@pytest.fixture(scope="module")
def make_runner(
    host_image: str, gates: tuple[Gate, Gate], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Callable[[], Runner]]:
    """Return a function that starts runners; all are thrown away in the end."""
    made: list[str] = []

    def make() -> Runner:
        runner = Runner(f"olympia-runner-{uuid.uuid4().hex[:8]}", tmp_path_factory.mktemp("runner"))
        made.append(runner.name)
        docker(
            "create", "--name", runner.name, "--hostname", runner.name, "--privileged", "--cgroupns=private",
            "--tmpfs=/run", "--tmpfs=/tmp", "--volume=/var/lib/docker", "--volume=/var/lib/containerd",
            "--label=addons.olympia.test=true", host_image, "/lib/systemd/systemd",
        )  # fmt: skip
        write_configuration(runner.folder / "root", gates)
        docker("cp", f"{runner.folder}/root/.", f"{runner.name}:/")
        docker("start", runner.name)
        wait_for_engine(runner.name)
        write_inventory(runner)
        return runner

    yield make
    # Side by side: each takes seconds.
    with ThreadPoolExecutor() as pool:
        list(pool.map(lambda name: docker("rm", "--force", "--volumes", name), made))


def write_configuration(root: Path, gates: tuple[Gate, Gate]) -> None:
    """Write what a runner finds when it starts: the ways to the registries, and an engine's settings."""
    files = {
        "etc/docker/daemon.json": json.dumps({"registry-mirrors": [f"http://127.0.0.1:{OPEN_PORT}"]}),
    }
    for port, gate in zip((OPEN_PORT, CLOSED_PORT), gates, strict=True):
        files[f"etc/systemd/system/registry-{port}.socket"] = SOCKET.format(port=port)
        target = ":".join(str(part) for part in gate.server_address[:2])
        files[f"etc/systemd/system/registry-{port}.service"] = SERVICE.format(target=target)
        wants = root / "etc/systemd/system/sockets.target.wants"
        wants.mkdir(parents=True, exist_ok=True)
        (wants / f"registry-{port}.socket").symlink_to(f"../registry-{port}.socket")
    for name, text in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)


def wait_for_engine(name: str) -> None:
    """Wait until a runner has started its engine."""
    deadline = time.monotonic() + 60
    ask = ["docker", "exec", name, "docker", "version"]
    while (done := subprocess.run(ask, capture_output=True, text=True, check=False)).returncode:
        assert time.monotonic() < deadline, done.stderr
        time.sleep(0.2)


def write_inventory(runner: Runner) -> None:
    """Write the ci inventory once more, for a host that is no localhost."""
    host = {
        "ansible_connection": "community.docker.docker",
        "ansible_host": runner.name,
        "ansible_python_interpreter": "/usr/bin/python3",
        "olympia_stack_min_map_count": 0,
    }
    runner.inventory.write_text(json.dumps({"all": {"hosts": {"runner": host}}}))
    (runner.folder / "group_vars").symlink_to(ROOT / "inventories/ci/group_vars")
