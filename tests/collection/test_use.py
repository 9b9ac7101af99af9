# SPDX-License-Identifier: BSD-3-Clause
"""The installed collection in use, away from the checkout: what it renders, and whether that is sound."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from .conftest import BIN, ROOT, Installation

PLAYBOOK = """
- name: A play of somebody else's
  hosts: all
  gather_facts: false
  tasks:
    - name: Show what would be rendered
      ansible.builtin.import_role:
        name: addons.olympia.olympia_stack
        tasks_from: show-render
"""


def rendered(installation: Installation, folder: Path, playbook: str, **settings: str) -> dict[str, str]:
    """Return what a run would render, by path below the project directory.

    Args:
        installation: The installed collection.
        folder: An empty folder, which the run has for its own.
        playbook: A playbook that ends with the role's show-render.
        settings: Settings of the role, by their short names.
    """
    given = {"instance": "olympia-test-elsewhere", "project_dir": str(folder / "project")} | settings
    (folder / "hosts").write_text(f"localhost ansible_connection=local ansible_python_interpreter={sys.executable}\n")
    shown = installation.run(
        "ansible-playbook",
        playbook,
        "--inventory=hosts",
        f"--extra-vars={json.dumps({f'olympia_stack_{name}': value for name, value in given.items()})}",
        cwd=folder,
        ANSIBLE_STDOUT_CALLBACK="ansible.posix.json",
        HOME=str(folder),
    )
    tasks: list[dict[str, Any]] = [task["hosts"]["localhost"] for task in json.loads(shown)["plays"][0]["tasks"]]
    differences, told = tasks[-2]["diff"], tasks[-1]["msg"]
    files: dict[str, str] = {one["after_header"]: one["after"] for one in differences}
    # Directories, which it names, too, have no difference to show.
    assert {name for name in told["files"] if not name.endswith("/")} == set(files)
    assert told["project_dir"] == given["project_dir"]
    return files


@pytest.mark.parametrize("playbook", ["play.yml", "addons.olympia.render"])
def test_an_installed_collection_needs_no_checkout(installation: Installation, tmp_path: Path, playbook: str) -> None:
    (tmp_path / "play.yml").write_text(PLAYBOOK)
    files = rendered(installation, tmp_path, playbook)
    compose = yaml.safe_load(files["docker-compose.yml"])
    assert {"web", "worker", "nginx", "mysqld", "redis", "rabbitmq", "elasticsearch"} <= set(compose["services"])
    environment = files[".env"].splitlines()
    assert "COMPOSE_PROJECT_NAME=olympia-test-elsewhere" in environment
    assert f"SOURCE_DIR={installation.collection / 'app'}" in environment
    assert not [name for name, text in files.items() if str(ROOT) in text]


@pytest.mark.parametrize("origin", ["packages", "registry"])
def test_hadolint_finds_nothing_in_the_rendered_dockerfiles(
    installation: Installation, tmp_path: Path, origin: str
) -> None:
    files = rendered(installation, tmp_path, "addons.olympia.render", image_origin=origin)
    for name in ("Dockerfile", "tests/Dockerfile"):
        assert hadolint("-", text=files[name]) == "", name


def test_hadolint_finds_nothing_in_the_service_images() -> None:
    dockerfiles = sorted(map(str, ROOT.glob("roles/olympia_images/files/*/Dockerfile")))
    assert dockerfiles
    assert hadolint(*dockerfiles) == ""


def hadolint(*files: str, text: str = "") -> str:
    """Return what hadolint finds, with the project's settings.

    Args:
        files: Dockerfiles; `-` is the text.
        text: A Dockerfile's content.
    """
    done = subprocess.run(
        [BIN / "hadolint", "--no-color", *files], cwd=ROOT, input=text, capture_output=True, text=True, check=False
    )
    return done.stdout + done.stderr
