# SPDX-License-Identifier: BSD-3-Clause
"""Random environments: what other programs and CI services read changes neither the settings nor a rendered file."""

from __future__ import annotations

import json
import os
import random
import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from .conftest import Commanded

pytestmark = pytest.mark.full
SUBSETS = 200
SIZE = 25
# By who reads them, with values that change something there. Not what docs/settings.md says that counts.
OTHERS = {
    "Ansible": {
        "ANSIBLE_CACHE_PLUGIN": "memory",
        "ANSIBLE_COLLECTIONS_PATH": "/nowhere",
        "ANSIBLE_CONFIG": "/nowhere/ansible.cfg",
        "ANSIBLE_DISPLAY_OK_HOSTS": "false",
        "ANSIBLE_DISPLAY_SKIPPED_HOSTS": "true",
        "ANSIBLE_FORKS": "2",
        "ANSIBLE_GATHERING": "smart",
        "ANSIBLE_INVENTORY": "/nowhere/hosts",
        "ANSIBLE_JINJA2_NATIVE": "true",
        "ANSIBLE_LIBRARY": "/nowhere",
        "ANSIBLE_NOCOWS": "0",
        "ANSIBLE_PIPELINING": "false",
        "ANSIBLE_ROLES_PATH": "/nowhere",
        "ANSIBLE_STRATEGY": "free",
        "ANSIBLE_TIMEOUT": "5",
    },
    "Docker": {
        "BUILDKIT_COLORS": "run=123",
        "BUILDKIT_PROGRESS": "quiet",
        "BUILDX_BUILDER": "somebody-elses",
        "BUILDX_NO_DEFAULT_LOAD": "true",
        "BUILDX_METADATA_PROVENANCE": "max",
        "DOCKER_BUILDKIT": "0",
        "DOCKER_CLI_HINTS": "false",
        "DOCKER_CONTENT_TRUST": "1",
        "DOCKER_DEFAULT_PLATFORM": "linux/arm64",
        "DOCKER_HIDE_LEGACY_COMMANDS": "1",
        "DOCKER_IMAGE": "shop:latest",
        "DOCKER_TAG": "shop:latest",
        "DOCKER_VERSION": "27.3.1",
        "SOURCE_DATE_EPOCH": "0",
    },
    "Compose": {
        "COMPOSE_ANSI": "always",
        "COMPOSE_BAKE": "true",
        "COMPOSE_COMPATIBILITY": "true",
        "COMPOSE_DISABLE_ENV_FILE": "1",
        "COMPOSE_ENV_FILES": "/nowhere/.env",
        "COMPOSE_IGNORE_ORPHANS": "true",
        "COMPOSE_PARALLEL_LIMIT": "1",
        "COMPOSE_PATH_SEPARATOR": ",",
        "COMPOSE_PROFILES": "tests",
        "COMPOSE_PROJECT_NAME": "shop",
        "COMPOSE_REMOVE_ORPHANS": "false",
    },
    "what the Compose file reads": {
        "CELERY_BROKER_URL": "amqp://elsewhere",
        "DEBUG": "",
        "LOOPBACK_URL": "http://elsewhere",
        "MYSQL_ROOT_PASSWORD": "from-ci",
        "OLYMPIA_SITE_URL": "http://elsewhere",
        "RABBITMQ_PASSWORD": "",
        "REDIS_PASSWORD": "from-ci",
        "SECRET_KEY": "",
        "SOURCE_DIR": "/nowhere",
    },
    "short names of settings": {
        "BASE_IMAGE": "scratch",
        "BUILD": "7",
        "HOST_NAME": "shop.example.org",
        "HTTP_PORT": "8085",
        "IMAGE": "shop",
        "INSTANCE": "shop",
        "PROJECT_DIR": "/nowhere",
        "REGISTRY": "registry.example.org",
        "RELOAD": "false",
        "SITE_URL": "http://shop.example.org",
        "SOURCE_REPO": "https://git.example.org/shop",
        "TARGET": "production",
        "VERSION": "3",
    },
    "pip and npm": {
        "NPM_CONFIG_CACHE": "/nowhere",
        "NPM_TOKEN": "secret",
        "PIP_CACHE_DIR": "/nowhere",
        "PIP_NO_CACHE_DIR": "1",
        "PIP_REQUIRE_VIRTUALENV": "true",
        "npm_config_loglevel": "silly",
    },
    "git": {
        "GIT_AUTHOR_NAME": "Somebody",
        "GIT_CONFIG_GLOBAL": "/nowhere",
        "GIT_DIR": "/nowhere",
        "GIT_INDEX_FILE": "/nowhere",
        "GIT_PAGER": "false",
        "GIT_WORK_TREE": "/nowhere",
    },
    "Python": {
        "PYTHONDONTWRITEBYTECODE": "1",
        "PYTHONHASHSEED": "7",
        "PYTHONIOENCODING": "latin-1",
        "PYTHONNOUSERSITE": "1",
        "PYTHONOPTIMIZE": "2",
        "PYTHONUNBUFFERED": "1",
        "PYTHONUTF8": "0",
        "VIRTUAL_ENV": "/nowhere",
    },
    "locales and terminals": {
        "COLUMNS": "20",
        "LANG": "de_DE.UTF-8",
        "LANGUAGE": "de:fr",
        "LC_ALL": "de_DE.UTF-8",
        "LC_TIME": "tr_TR.UTF-8",
        "TERM": "vt52",
        "TZ": "Pacific/Kiritimati",
    },
    "CI services": {
        "BUILD_NUMBER": "7",
        "CI": "true",
        "CIRCLECI": "true",
        "GITHUB_REF": "refs/heads/main",
        "GITHUB_SHA": "0123456789012345678901234567890123456789",
        "JENKINS_URL": "http://ci.example.org",
        "RUNNER_OS": "Linux",
    },
    "shells": {
        "CDPATH": "/nowhere",
        "BASH_ENV": "/nowhere",
        "ENV": "/nowhere",
        "IFS": ":",
        "PS1": "$ ",
        "SHELLOPTS": "braceexpand",
    },
}
ALL = {name: value for group in OTHERS.values() for name, value in group.items()}


@pytest.fixture(scope="module")
def instance(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Commanded]:
    """Return an instance that runs: its ports and its secrets are kept, whatever else is going on."""
    stack = Commanded(f"olympia-test-{uuid.uuid4().hex[:8]}", tmp_path_factory.mktemp("state"))
    assert stack.make("up").code == 0
    yield stack
    stack.destroy()


def seen(stack: Commanded, environment: dict[str, str]) -> dict[str, Any]:
    """Return what a run would go by: the settings with their sources, the rendered files, and how much it would change.

    Args:
        stack: The instance.
        environment: What is exported besides.
    """
    runs = {
        verb[0]: stack.make(*verb, **environment)
        for verb in (("explain", "--json", "--all"), ("up", "--check", "--diff"))
    }
    for verb, run in runs.items():
        assert run.code == 0, (environment, verb, run.output)
    return {
        "settings": json.loads(runs["explain"].output)["localhost"]["settings"],
        "changed": (runs["up"].changed, [line for line in runs["up"].output.splitlines() if line[:1] in ("+", "-")]),
    }


def test_random_environments_change_nothing(instance: Commanded) -> None:
    seed = random.SystemRandom().randrange(10**6)
    chance = random.Random(seed)
    expected = seen(instance, {})
    assert expected["changed"] == (0, [])
    subsets = [{name: ALL[name] for name in chance.sample(sorted(ALL), SIZE)} for _number in range(SUBSETS)]

    def check(number: int) -> None:
        found = seen(instance, subsets[number])
        assert found == expected, f"seed {seed}, subset {number}: {subsets[number]}"

    with ThreadPoolExecutor(os.cpu_count()) as pool:
        list(pool.map(check, range(SUBSETS)))


# What docs/settings.md says that counts.
COUNTS = {
    "HOST_UID": ("4321", "olympia_stack_host_uid"),
    "DATA_BACKUP_SKIP": ("true", "olympia_stack_data_backup_skip"),
    "DOCKER_TARGET": ("production", "olympia_stack_target"),
    "DOCKER_BUILD": ("42", "olympia_stack_build"),
    "DOCKER_COMMIT": ("c0ffee", "olympia_stack_commit"),
    "COMPOSE_FILE": ("docker-compose.yml:docker-compose.ci.yml", "olympia_stack_compose_file"),
    "OLYMPIA_STACK_RELOAD": ("false", "olympia_stack_reload"),
    "OLYMPIA_IMAGES_RELEASE": ("trixie", "olympia_images_release"),
}


@pytest.mark.parametrize("name", COUNTS)
def test_what_counts_has_its_effect(instance: Commanded, name: str) -> None:
    value, variable = COUNTS[name]
    run = instance.make("explain", "--json", "--all", **{name: value})
    settings = {one["variable"]: one for one in json.loads(run.output)["localhost"]["settings"].values()}
    assert settings[variable]["source"] == "environment"
    assert str(settings[variable]["value"]).lower() == value


# What docs/reference/environment.md says that counts besides: the doctor's check that sees it, and what that says.
REACHES = {
    "DOCKER_HOST": ("unix:///nowhere.sock", "daemon", "unix:///nowhere.sock"),
    "DOCKER_CONTEXT": ("nowhere", "daemon", "nowhere"),
    "https_proxy": ("http://127.0.0.1:9", "proxy", "http://127.0.0.1:9"),
    "no_proxy": ("example.org", "proxy", "example.org"),
    "PIP_INDEX_URL": ("http://127.0.0.1:9/simple", "mirrors", "127.0.0.1:9/simple"),
    "npm_config_registry": ("http://127.0.0.1:9/npm", "mirrors", "127.0.0.1:9/npm"),
}


@pytest.mark.parametrize("name", REACHES)
def test_what_leads_to_engine_and_network_has_its_effect(instance: Commanded, name: str) -> None:
    value, check, says = REACHES[name]
    assert says not in instance.make("doctor", check).output
    assert says in instance.make("doctor", check, **{name: value}).output.replace("\n            ", " ")
