# SPDX-License-Identifier: BSD-3-Clause
"""A rendered project directory, and what Compose and Bake make of it."""

from __future__ import annotations

import functools
import json
import os
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

import yaml
from ansible_collections.addons.olympia.plugins.action.preflight import load_specs
from ansible_collections.addons.olympia.plugins.module_utils.checks import preflight_checks as checks
from ansible_collections.addons.olympia.plugins.module_utils.core.files import write
from ansible_collections.addons.olympia.plugins.module_utils.settings import sources as settings
from ansible_collections.addons.olympia.plugins.module_utils.stack import derived as stack
from ansible_collections.addons.olympia.plugins.module_utils.stack.service_images import image_files, made_here
from ansible_collections.addons.olympia.plugins.module_utils.stack.services import known
from ansible_collections.addons.olympia.plugins.plugin_utils.rendering import project

ROOT = Path(__file__).parents[2]
ROLES = ROOT / "roles"
SPECS = load_specs(ROLES)
SECRETS = {
    "MYSQL_ROOT_PASSWORD": "mysql-secret",
    "RABBITMQ_PASSWORD": "rabbitmq-secret",
    "REDIS_PASSWORD": "redis-secret",
    "SECRET_KEY": "key-secret",
}
PACKAGE_IMAGES = {
    name: f"olympia/{name}:made-here"
    for name in ("base", *made_here(image_files(ROLES / "olympia_images/files"), known()))
}


@dataclass(frozen=True)
class Project:
    """A rendered project directory.

    Attributes:
        directory: Where its files are.
        settings: The derived settings that it was rendered from.
        files: Content by path.
    """

    directory: Path
    settings: Mapping[str, Any]
    files: Mapping[str, str]

    @property
    def model(self) -> Any:
        """What Compose makes of the files that COMPOSE_FILE in `.env` names, the services of all profiles included."""
        # It prints what its interpolation would read back.
        return unescaped(json.loads(self.ask("compose", "--profile=*", "config", "--format=json")))

    def target(self, name: str) -> Any:
        """Return what Bake would build for a service, and how."""
        files = [f"--file={name}" for name in self.settings["compose_files"]]
        return json.loads(self.ask("buildx", "bake", "--print", *files, name))["target"][name]

    def ask(self, plugin: str, *arguments: str) -> str:
        """Run a plugin of Docker in the directory, with nothing of the tests' environment that Compose would read."""
        environment = {"PATH": os.environ["PATH"], "HOME": os.environ["HOME"], "BUILDX_NO_DEFAULT_ATTESTATIONS": "1"}
        command = [plugins()[plugin], *arguments]
        done = subprocess.run(command, cwd=self.directory, env=environment, capture_output=True, text=True, check=False)
        assert done.returncode == 0, f"docker {plugin} {arguments[0]}: {done.stderr}"
        return done.stdout


@functools.cache
def plugins() -> dict[str, str]:
    """Return the programs of Docker's plugins by name; run directly, each takes half as long as behind `docker`."""
    # Older clients fail without an engine, but print this all the same.
    command = ["docker", "info", "--format={{json .ClientInfo.Plugins}}"]
    shown = subprocess.run(command, capture_output=True, text=True, check=False).stdout
    return {plugin["Name"]: plugin["Path"] for plugin in json.loads(shown)}


def unescaped(value: Any) -> Any:
    """Return what Compose printed with each doubled dollar sign as the one that it stands for."""
    if isinstance(value, dict):
        return {unescaped(key): unescaped(item) for key, item in value.items()}
    if isinstance(value, list):
        return [unescaped(item) for item in value]
    return value.replace("$$", "$") if isinstance(value, str) else value


def inventory(environment: str) -> dict[str, Any]:
    """Return the settings of one of the project's own inventories."""
    file = ROOT / "inventories" / environment / "group_vars/all/main.yml"
    found: dict[str, Any] = yaml.safe_load(file.read_text(encoding="utf-8"))
    return found


def resolve(given: Mapping[str, Any], environment: str = "local") -> settings.Resolution:
    """Return the settings of a run, with all problems of theirs.

    Args:
        given: What is given on the command line, by variable.
        environment: The inventory.
    """
    resolution = settings.resolve({"command line": given, "inventory": inventory(environment)}, SPECS)
    resolution.problems.extend(checks.check_values(resolution.values))
    return resolution


def host(directory: Path, **changed: Any) -> dict[str, Any]:
    """Return what a probe finds on a host where nothing is wrong, as far as rendering reads it; some of it changed."""
    return {
        "project_dir": str(directory),
        "source_dir": str(directory.parent / "source"),
        "source_git": {"url": "https://git.example.org/addons-server", "revision": "c0ffee"},
        "application": {"registry": ""},
        "engine": {"builder": {"driver": "docker"}, "docker": {"containerd_store": True, "rootless": False}},
        "image_origin": "registry",
        "database": {"chosen": "mariadb"},
        "autograph": "signers: []\npassword: $ecret\n",
        "uid": 1000,
        "ca_bundle": "",
        "compose_d": {},
        "pip_config": "",
        "machine": "",
        "npm_config": "",
        "local_names": [],
        "port_block": 0,
        "restore": False,
        "client_error": "",
        "client_path": "/usr/bin/docker",
        "networks": None,
        "site_error": "",
        "snapshots_dir": "/home/me/.local/state/olympia/snapshots",
    } | changed


def rendered(
    resolution: settings.Resolution, facts: Mapping[str, Any], secrets: Mapping[str, str] = MappingProxyType(SECRETS)
) -> Project:
    """Render the project directory, and write it as a run does."""
    derived = stack.derive(resolution.values, facts, PACKAGE_IMAGES)
    choices = {settings.short_name(name): settings.encode(value) for name, value in resolution.choices.items()}
    files = project.render(ROLES / "olympia_stack/templates", derived, choices, secrets)
    directory = Path(derived["project_dir"])
    for name, content in files.items():
        write(directory / name, content, int(project.RENDERED[name].mode, 8))
    return Project(directory, derived, files)
