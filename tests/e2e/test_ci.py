# SPDX-License-Identifier: BSD-3-Clause
"""A CI job's stack: the image is a closed system."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

import pytest
from ansible_collections.addons.olympia.plugins.module_utils.client_config import pip_config

from .conftest import Stack

# Part of the package settings that the build sees.
CANARY = "canary.example.org"


@pytest.fixture(scope="module")
def stack(make_stack: Callable[..., Stack]) -> Iterator[Stack]:
    """Return a running stack of the ci inventory."""
    trusted = re.search(r"^trusted-host = (.*)$", pip_config(), re.MULTILINE)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PIP_TRUSTED_HOST", " ".join([*(trusted[1].split() if trusted else []), CANARY]))
        made = make_stack(inventory="ci", settings={"commit": "abc123", "build": "https://ci.example/7"})
        made.up()
        yield made


def test_nothing_of_the_host_is_mounted(stack: Stack) -> None:
    for service in ("web", "worker", "nginx"):
        assert {mount["Type"] for mount in stack.container(service)["Mounts"]} == {"volume"}


def test_the_application_runs_as_9500(stack: Stack) -> None:
    assert stack.inside("web", "id", "-u", "olympia") == "9500"
    assert stack.inside("web", "stat", "--format=%u", "/proc/self/fd/0") == "0"
    owners = stack.docker("top", stack.container("web")["Id"], "-eo", "pid,uid,args").splitlines()[1:]
    assert {line.split()[1] for line in owners if "uwsgi" in line and "init" not in line} == {"9500"}


def test_the_image_has_what_production_needs_and_no_more(stack: Stack) -> None:
    packages = stack.inside("web", "python3", "-m", "pip", "list", "--format=freeze")
    assert "Django==" in packages
    assert "pytest" not in packages
    assert stack.inside("web", "find", "locale", "-name", "django.mo").count("django.mo") == 2
    code, home = stack.get("/")
    assert code == 200
    stylesheet = home.partition('rel="stylesheet" href="')[2].partition('"')[0]
    assert stack.get(stylesheet)[0] == 200


def test_what_the_image_was_built_from_is_told(stack: Stack) -> None:
    version = stack.get("/__version__")[1]
    assert '"commit": "abc123"' in version
    assert '"build": "https://ci.example/7"' in version
    assert '"target": "production"' in version
    labels = stack.container("web")["Config"]["Labels"]
    assert (labels["org.opencontainers.image.revision"], labels["org.opencontainers.image.version"]) == (
        "abc123",
        "local",
    )
    assert labels["addons.olympia.build"] == "https://ci.example/7"


def test_what_the_image_was_built_from_is_in_no_environment(stack: Stack) -> None:
    for service in ("web", "worker"):
        names = {entry.partition("=")[0] for entry in stack.container(service)["Config"]["Env"]}
        assert "DJANGO_SETTINGS_MODULE" in names
        assert not names & {"DOCKER_BUILD", "DOCKER_COMMIT", "DOCKER_VERSION"}


def test_no_secret_of_the_build_is_in_the_image(stack: Stack) -> None:
    assert CANARY in (stack.project / "secrets/pip.conf").read_text()
    container = stack.container("web")
    search = f"find / -xdev -type f -exec grep --files-with-matches --fixed-strings {CANARY} {{}} + || true"
    assert stack.docker("exec", "--user=root", container["Id"], "sh", "-c", search) == ""
    history = stack.docker("history", "--no-trunc", container["Image"])
    assert CANARY not in history and "CERTIFICATE" not in history


def test_debug_is_off_and_services_are_well(stack: Stack) -> None:
    assert stack.get("/no-such-page/")[0] == 404
    assert "DEBUG = True" not in stack.get("/no-such-page/")[1]
    assert stack.get("/services/monitor.json")[0] == 200


def test_a_second_up_changes_nothing(stack: Stack) -> None:
    assert stack.up().changed == 0


def test_the_choice_of_compose_files_persists(stack: Stack) -> None:
    # A local inventory, and once, on the command line, the files of ci: the choice outlives the command.
    stack.inventory = "local"
    run = stack.up(compose_file="docker-compose.yml:docker-compose.ci.yml", target="production", debug=False)
    assert {mount["Type"] for mount in stack.container("web")["Mounts"]} == {"volume"}, run.output
    assert "COMPOSE_FILE=docker-compose.yml:docker-compose.ci.yml" in (stack.project / ".env").read_text()
    assert stack.up().changed == 0
    stack.up(compose_file="", target="")
    assert {mount["Type"] for mount in stack.container("web")["Mounts"]} == {"volume", "bind"}
