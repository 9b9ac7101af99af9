# SPDX-License-Identifier: BSD-3-Clause
"""What the probe reads of a Compose project: the real Compose and the real engine decide."""

from __future__ import annotations

import subprocess
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest
from ansible_collections.addons.olympia.plugins.module_utils.host import engine_objects
from ansible_collections.addons.olympia.plugins.module_utils.host.process import run

from .conftest import docker

COMPOSE = """
name: {name}
services:
  idle: {{image: "{name}:1", pull_policy: never, command: [none], environment: [{variable}]}}
"""


def make_image(tag: str, comment: str) -> None:
    """Make an image without content; another comment makes another image."""
    empty = subprocess.run(["tar", "--create", "--files-from=/dev/null"], capture_output=True, check=True).stdout
    subprocess.run(["docker", "import", "--message", comment, "-", tag], input=empty, capture_output=True, check=True)


@pytest.fixture
def project(tmp_path: Path) -> Iterator[Path]:
    """Return the directory of a Compose project, named after it, whose only container was created and never started."""
    directory = tmp_path / f"probe-{uuid.uuid4().hex[:8]}"
    directory.mkdir()
    make_image(f"{directory.name}:1", "first")
    write(directory, "A=1")
    docker("compose", "--project-directory", str(directory), "create")
    yield directory
    docker("compose", "--project-directory", str(directory), "down", "--remove-orphans")
    docker("image", "rm", "--force", f"{directory.name}:1")


def write(project: Path, variable: str) -> None:
    """Write the project's Compose file."""
    (project / "docker-compose.yml").write_text(COMPOSE.format(name=project.name, variable=variable))


def hashes(project: Path) -> dict[str, str]:
    """Return what Compose says of the project's configuration now."""
    return engine_objects.service_hashes(run, project, ["docker-compose.yml"])


def test_a_container_is_told_from_one_of_another_configuration(project: Path) -> None:
    (container,) = engine_objects.containers(run, project.name)
    assert {container["service"]: container["config_hash"]} == hashes(project)
    write(project, "A=2")
    assert {container["service"]: container["config_hash"]} != hashes(project)


def test_a_container_is_told_from_one_of_another_image(project: Path) -> None:
    (container,) = engine_objects.containers(run, project.name)
    assert not container["image_replaced"]
    make_image(f"{project.name}:1", "second")
    (container,) = engine_objects.containers(run, project.name)
    assert container["image_replaced"]


def test_a_one_off_command_is_no_service(project: Path) -> None:
    compose = ("compose", "--project-directory", str(project))
    # The image holds nothing that could run, so the container stays behind.
    docker(*compose, "run", "--no-deps", "idle", "none", check=False)
    assert len(docker(*compose, "ps", "--all", "--quiet").split()) == 2
    assert len(engine_objects.containers(run, project.name)) == 1


def test_there_are_no_checksums_without_a_project(tmp_path: Path) -> None:
    assert hashes(tmp_path) == {}


def test_an_image_is_found_by_its_repository_with_its_id_and_no_other(project: Path) -> None:
    name = project.name
    identity = engine_objects.image_id(run, f"{name}:1")
    assert identity.startswith("sha256:")
    for reference in (name, f"{name}:other", f"docker.io/library/{name}:1@sha256:{'0' * 64}"):
        found = engine_objects.local_images(run, [reference, "no-such/image:1"])
        # Engines with a containerd image store give each image a digest, too.
        assert {one: found[one] for one in found if "@" not in one} == {f"{name}:1": identity}
        assert set(found.values()) == {identity}
    assert engine_objects.local_images(run, [f"{name}/1", "no-such/image:1"]) == {}
