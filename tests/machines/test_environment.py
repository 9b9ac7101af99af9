# SPDX-License-Identifier: BSD-3-Clause
"""What people export for other purposes changes nothing of a stack, and what counts is said."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.stack import SERVICES
from tests.parts import ROOT

from .conftest import Commanded

NO_ACCOUNT = 54321


@pytest.fixture(scope="module")
def exported(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Return what is in the environment of somebody with many projects."""
    folder = tmp_path_factory.mktemp("others")
    (folder / "ansible.cfg").write_text("[defaults]\n")
    return {
        "ANSIBLE_COLLECTIONS_PATH": str(folder),
        "ANSIBLE_CONFIG": str(folder / "ansible.cfg"),
        "BUILDX_BUILDER": "somebody-elses",
        "COMPOSE_DISABLE_ENV_FILE": "1",
        "COMPOSE_ENV_FILES": str(folder / "other.env"),
        "COMPOSE_IGNORE_ORPHANS": "true",
        "COMPOSE_PROFILES": "tests",
        "COMPOSE_PROJECT_NAME": "shop",
        "DOCKER_IMAGE": "shop:latest",
        "DOCKER_VERSION": "27.3.1",
        "HTTP_PORT": "8085",
        "LC_ALL": "de_DE.UTF-8",
        "MYSQL_ROOT_PASSWORD": "from-ci",
        "OLYMPIA_SITE_URL": "http://shop.example.org",
        "SECRET_KEY": "",
        "SOURCE_DIR": str(folder),
    }


def test_a_stack_is_what_was_rendered_whatever_is_exported(stack: Commanded, exported: dict[str, str]) -> None:
    run = stack.make("up", **exported)
    assert run.code == 0, run.output
    # What the collection's own callback says, which another configuration does not know.
    assert "Seconds by phase" in run.output
    assert stack.healthy() == SERVICES
    web = stack.container("web")
    assert web["Name"] == f"/{stack.instance}-web-1"
    environment = dict(line.split("=", 1) for line in web["Config"]["Env"])
    assert environment["SECRET_KEY"] == stack.secrets["SECRET_KEY"]
    assert environment["OLYMPIA_SITE_URL"] != exported["OLYMPIA_SITE_URL"]
    assert str(stack.source) in {mount["Source"] for mount in web["Mounts"]}
    assert f"MYSQL_ROOT_PASSWORD={stack.secrets['MYSQL_ROOT_PASSWORD']}" in stack.container("mysqld")["Config"]["Env"]


def test_a_playbook_finds_its_roles_without_the_driver(stack: Commanded, exported: dict[str, str]) -> None:
    explain = [
        str(Path(sys.executable).with_name("ansible-playbook")),
        "playbooks/explain.yml",
        "-i",
        "inventories/local",
    ]
    others = {name: value for name, value in exported.items() if name.startswith("ANSIBLE_")}
    done = subprocess.run(
        explain, cwd=ROOT, env=stack.environment | others, text=True, capture_output=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_what_does_not_count_is_named(stack: Commanded, exported: dict[str, str]) -> None:
    run = stack.make("up", **exported)
    assert run.code == 0, run.output
    assert "DOCKER_VERSION is set in the environment, where it does not count" in run.output
    assert "SOURCE_DIR is set" not in run.output, "it was given on the command line, too"
    assert stack.make("up").changed == 0


def test_a_choice_of_the_environment_is_told(stack: Commanded) -> None:
    run = stack.make("up", "--check", DATA_BACKUP_SKIP="true")
    assert run.code == 0, run.output
    assert "DATA_BACKUP_SKIP=true comes from the environment, and is kept" in run.output
    refused = stack.make("up", "--check", COMPOSE_FILE="/srv/shop/compose.yml")
    assert "[olympia_stack_compose_file, of the environment]" in refused.output


def test_a_proxy_of_the_clients_is_not_asked_for_the_stack_itself(stack: Commanded, tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text(json.dumps({"proxies": {"default": {"httpProxy": "http://127.0.0.1:9"}}}))
    assert stack.make("down").code == 0
    run = stack.make("up", "WAIT_TIMEOUT=60", DOCKER_CONFIG=str(tmp_path))
    assert run.code == 0, run.output
    assert "http_proxy=http://127.0.0.1:9" in stack.container("web")["Config"]["Env"]
    assert stack.healthy() == SERVICES


def test_commands_inside_know_which_stack_is_meant(stack: Commanded, exported: dict[str, str]) -> None:
    # The setting that the method adds becomes the shell's $0.
    command = ["web", "sh", "-c", "echo $MYSQL_DATABASE"]
    run = stack.olympia("exec", f"INSTANCE={stack.instance}", *command, **exported)
    assert (run.code, run.output.strip()) == (0, "olympia")


def test_a_reason_that_ansible_gives_before_any_task_is_shown_on_a_terminal(stack: Commanded, tmp_path: Path) -> None:
    (tmp_path / "hosts.yml").write_text("all: [")
    command = [str(Path(sys.executable).with_name("olympia")), "up", "-i", str(tmp_path / "hosts.yml")]
    done = subprocess.run(
        ["script", "--quiet", "--return", "--command", " ".join(command), "/dev/null"],
        cwd=ROOT, env=stack.environment, text=True, capture_output=True, check=False,
    )  # fmt: skip
    assert done.returncode != 0
    assert "hosts.yml" in done.stdout
    assert "pars" in done.stdout.lower(), done.stdout


@pytest.fixture
def nobodys_home() -> Iterator[Path]:
    """Return the home directory of a user who has a number, and no account."""
    folder = Path(tempfile.mkdtemp())
    os.chown(folder, NO_ACCOUNT, NO_ACCOUNT)
    yield folder
    shutil.rmtree(folder)


def test_a_user_without_an_account_has_a_name_and_is_told_of_a_missing_home(nobodys_home: Path) -> None:
    shutil.copytree(ROOT / "src/olympia_provisioner", nobodys_home / "olympia_provisioner")

    def as_nobody(code: str, *environment: str) -> str:
        """Return what code of the driver prints; with the system's Python, for not everybody may run the virtual environment's."""
        user = [
            "setpriv",
            f"--reuid={NO_ACCOUNT}",
            f"--regid={NO_ACCOUNT}",
            "--clear-groups",
            "env",
            "-i",
            *environment,
        ]
        done = subprocess.run(
            [*user, "/usr/bin/python3", "-c", code], cwd=nobodys_home, text=True, capture_output=True, check=False
        )
        return done.stdout + done.stderr

    imports = "import os; from olympia_provisioner import paths; from olympia_provisioner.run import locks; "
    assert as_nobody(f"{imports} print(locks.user_name())") == f"UID {NO_ACCOUNT}\n"
    assert "This user has no home directory" in as_nobody(f"{imports} paths.state_dir(os.environ)")
    state = as_nobody(f"{imports} print(paths.state_dir(os.environ))", f"HOME={nobodys_home}")
    assert state == f"{nobodys_home}/.local/state/olympia\n"
