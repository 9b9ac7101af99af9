# SPDX-License-Identifier: BSD-3-Clause
"""Test hosts: containers with systemd and an engine of their own, driven from here over Ansible's docker connection."""

from __future__ import annotations

import hashlib
import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ansible_collections.addons.olympia.plugins.module_utils.stack.service_images import (
    image_files,
    image_tags,
    package_sources,
)

from tests.parts import ROOT, make_build_cache

# Where a test host finds the build cache of this machine, which only root may read.
BUILD_CACHE = "/var/cache/olympia-tests"
BIN = Path(sys.executable).parent


def docker(*arguments: str, stdin: str | None = None) -> str:
    """Run a docker command; it must succeed. Return its output."""
    done = subprocess.run(["docker", *arguments], input=stdin, text=True, capture_output=True, check=False)
    assert done.returncode == 0, f"docker {' '.join(arguments)}: {done.stderr}"
    return done.stdout.strip()


def mount_build_cache() -> str:
    """Return the option that mounts this machine's build cache into a test host."""
    # Not read-only: who reads it takes a lock in it.
    return f"--volume={make_build_cache()}:{BUILD_CACHE}"


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
class Host:
    """A test host, and the inventory that names it.

    Attributes:
        name: The container.
        folder: Where the inventory is, and what runs leave here.
        settings: Settings in the inventory, by variable.
    """

    name: str
    folder: Path
    settings: dict[str, Any] = field(default_factory=dict)

    @property
    def inventory(self) -> Path:
        """The ci inventory, for this host."""
        return self.folder / "hosts.yml"

    def command(self, verb: str, *arguments: str) -> list[str]:
        """Return the command line of a verb for this host."""
        return [str(BIN / "olympia"), verb, "-i", str(self.inventory), *arguments]

    @property
    def environment(self) -> dict[str, str]:
        """Process environment of that command."""
        return {**os.environ, "XDG_STATE_HOME": str(self.folder)}

    def olympia(self, verb: str, *arguments: str) -> Outcome:
        """Run the command for this host."""
        done = subprocess.run(
            self.command(verb, *arguments), cwd=self.folder, env=self.environment,
            text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False,
        )  # fmt: skip
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
        """Return the content of a file in the folder of the host's artifacts."""
        return (self.folder / name).read_text()

    def project_file(self, name: str) -> str:
        """Return the content of a file in the project directory; the empty string where there is none."""
        path = f"/root/.local/state/olympia/addons-server/{name}"
        return self.inside("sh", "-c", f"! test -e {path} || cat {path}")

    def start(self, image: str, files: Path | None = None) -> None:
        """Make and start it, and wait for its engine.

        Args:
            image: What `make_image` returns.
            files: A folder whose content it finds at its root when it starts.
        """
        docker(
            "create", "--name", self.name, "--hostname", self.name, "--privileged", "--cgroupns=private",
            "--tmpfs=/run", "--tmpfs=/tmp", "--volume=/var/lib/docker", "--volume=/var/lib/containerd",
            "--label=addons.olympia.test=true", mount_build_cache(), image, "/lib/systemd/systemd",
        )  # fmt: skip
        if files:
            docker("cp", f"{files}/.", f"{self.name}:/")
        docker("start", self.name)
        self.wait_for_engine()
        self.write_inventory()

    def write_inventory(self) -> None:
        """Write the inventory that names it."""
        host = {
            "ansible_connection": "community.docker.docker",
            "ansible_host": self.name,
            "ansible_python_interpreter": "/usr/bin/python3",
            **self.settings,
        }
        self.inventory.write_text(json.dumps({"all": {"hosts": {"runner": host}}}))
        (self.folder / "group_vars").symlink_to(ROOT / "inventories/ci/group_vars")

    def wait_for_engine(self) -> None:
        """Wait until its engine answers."""
        deadline = time.monotonic() + 60
        ask = ["docker", "exec", self.name, "docker", "version"]
        while (done := subprocess.run(ask, capture_output=True, text=True, check=False)).returncode:
            assert time.monotonic() < deadline, done.stderr
            time.sleep(0.2)

    def remove(self) -> None:
        """Throw it away."""
        docker("rm", "--force", "--volumes", self.name)


def make_image() -> str:
    """Return the image of a host that has an engine, which is made where it is missing."""
    script = ROOT / "molecule/resources/test_image.py"
    done = subprocess.run([sys.executable, script, "trixie", "docker"], text=True, stdout=subprocess.PIPE, check=True)
    return done.stdout.strip()


def load_images(host: str, images: Iterable[str]) -> None:
    """Give the engine of a test host images of this machine. What many hosts are given is read from the engine once.

    Args:
        host: The host's container.
        images: Their tags.
    """
    tags = sorted(images)
    archive = make_build_cache() / f"images-{hashlib.sha256(' '.join(tags).encode()).hexdigest()[:12]}.tar"
    if not archive.exists():
        for old in set(archive.parent.glob("images-*.tar")) - {archive}:
            old.unlink(missing_ok=True)
        unfinished = archive.with_suffix(f".{os.getpid()}")
        docker("save", f"--output={unfinished}", *tags)
        unfinished.rename(archive)
    docker("exec", host, "docker", "load", "--quiet", f"--input={BUILD_CACHE}/{archive.name}")


def make_service_images() -> dict[str, str]:
    """Return the tags of the images of the packages origin, which are made where they are missing."""
    done = subprocess.run(
        [str(BIN / "ansible-playbook"), "tests/images.yml"],
        cwd=ROOT, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout
    return image_tags(image_files(ROOT / "roles/olympia_images/files"), "bookworm", package_sources("bookworm"))
