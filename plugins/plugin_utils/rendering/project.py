# SPDX-License-Identifier: BSD-3-Clause
"""The files of a project directory, rendered from the settings. Runs on the controller; pure but for reading templates."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ansible_collections.addons.olympia.plugins.module_utils.core import dotenv
from ansible_collections.addons.olympia.plugins.module_utils.core.masking import looks_secret
from ansible_collections.addons.olympia.plugins.module_utils.settings.sources import encode
from ansible_collections.addons.olympia.plugins.module_utils.shared.people import source_key
from ansible_collections.addons.olympia.plugins.module_utils.stack import services as catalogue
from ansible_collections.addons.olympia.plugins.module_utils.stack.derived import PRIVATE_FILE
from ansible_collections.addons.olympia.plugins.module_utils.stack.instance_names import PORT_BLOCK
from ansible_collections.addons.olympia.plugins.plugin_utils.rendering import compose_services
from ansible_collections.addons.olympia.plugins.plugin_utils.rendering.compose_services import checksum
from ansible_collections.addons.olympia.plugins.plugin_utils.rendering.templates import MANAGED
from ansible_collections.addons.olympia.plugins.plugin_utils.rendering.templates import environment as templates_of

PREFIX = "APPLICATION_"
SHORTEST_SECRET = 6


@dataclass(frozen=True)
class Rendered:
    """Where a rendered file comes from.

    Attributes:
        template: Path below the role's templates.
        mode: Permissions, in octal digits.
        needs: Name of the setting without which the file is not rendered; empty for always.
    """

    template: str
    mode: str = "0644"
    needs: str = ""


RENDERED: dict[str, Rendered] = {
    ".env": Rendered("env.j2", mode="0600"),
    "Dockerfile": Rendered("Dockerfile.j2"),
    "docker-compose.yml": Rendered("docker-compose.yml.j2"),
    "docker-compose.ci.yml": Rendered("docker-compose.ci.yml.j2"),
    PRIVATE_FILE: Rendered("docker-compose.private.yml.j2", needs="private"),
    "image/build.sh": Rendered("image/build.sh.j2", mode="0755"),
    "image/entrypoint.sh": Rendered("image/entrypoint.sh.j2", mode="0755"),
    "tests/Dockerfile": Rendered("tests/Dockerfile.j2"),
    "secrets/pip.conf": Rendered("secrets/pip.conf.j2", mode="0600", needs="pip_config"),
    "secrets/npmrc": Rendered("secrets/npmrc.j2", mode="0600", needs="npm_config"),
}


def render(
    templates: Path, settings: Mapping[str, Any], choices: Mapping[str, str], secrets: Mapping[str, str]
) -> dict[str, str]:
    """Return the content of every file of a project directory, by path.

    The same arguments give the same content.

    Args:
        templates: The role's templates directory.
        settings: Derived settings.
        choices: Persisted choices, by the name that `.env` uses.
        secrets: Passwords by name.

    Raises:
        jinja2.UndefinedError: A template reads a setting that does not exist; the message names it.
    """
    environment = templates_of(templates)
    environment.filters["dotenv"] = dotenv.quote
    environment.filters["compose_literal"] = compose_services.compose_literal
    environment.filters["compose_value"] = compose_services.compose_value
    environment.filters["compose_yaml"] = compose_services.compose_yaml
    environment.filters["shell_word"] = shlex.quote
    variables = {
        "settings": settings,
        "choices": choices,
        "secrets": secrets,
        "derived": {
            # Compose takes the last: a choice can be in words that only this collection knows, such as ~ for the home directory.
            name: value
            for name, value in compose_variables(settings).items()
            if choices.get(name) != value
        },
        "build_secrets": build_secrets(settings),
        "managed": MANAGED,
        # For the names of a build's cache mounts: what one source's build leaves there is for no other source's.
        "source": source_key(settings["source_repo"], settings["source_version"]),
        "application": [service.name for service in compose_services.present(settings) if service.application],
        "application_wants": compose_services.application_wants(settings),
        "environment": {name: f"${{{PREFIX}{name}?}}" for name in settings["environment"]},
        "given_to_application": compose_services.given_to_application(settings),
    }

    def text_of(config: catalogue.Config) -> str:
        if config.template:
            return environment.get_template(config.template).render(variables)
        return str(catalogue.fill(config.content, settings))

    return {
        name: environment.get_template(file.template).render(
            variables,
            entries=compose_services.entries(settings, name, text_of),
            additions=compose_services.additions(settings, name),
            text_of=text_of,
        )
        for name, file in RENDERED.items()
        if not file.needs or settings[file.needs]
    }


def differing(contents: Mapping[str, str], probed: Mapping[str, Mapping[str, str]]) -> list[str]:
    """Return the rendered files that are not on the host as they should be.

    Args:
        contents: Content by path, as `render` gives it.
        probed: Checksum and mode of what is there, by path.
    """

    def state(name: str) -> tuple[str, str]:
        return (probed[name]["sha256"], probed[name]["mode"]) if name in probed else ("", "")

    return [name for name, content in contents.items() if state(name) != (checksum(content), RENDERED[name].mode)]


def application_environment(variables: Mapping[str, str], secret: bool) -> dict[str, str]:
    """Return those of the variables that users give the application which are secret, or are not, as `.env` has them.

    There they have a prefix: none of them is Compose's own, such as COMPOSE_FILE.

    Args:
        variables: Value by name.
        secret: Whether to return those whose names say that they are secret.
    """
    # What is a word or two long would be masked wherever else it stands.
    chosen = {name: looks_secret(name) and len(value) >= SHORTEST_SECRET for name, value in variables.items()}
    return {f"{PREFIX}{name}": value for name, value in variables.items() if chosen[name] == secret}


def compose_variables(settings: Mapping[str, Any]) -> dict[str, str]:
    """Return what the Compose files read from `.env`, besides secrets.

    Args:
        settings: Derived settings.
    """
    return {
        "COMPOSE_FILE": ":".join(settings["compose_files"]),
        "COMPOSE_PROJECT_NAME": settings["instance"],
        "DATABASE": settings["database"],
        "DATA_BACKUP_SKIP": encode(settings["data_backup_skip"]),
        "DEBUG": encode(settings["debug"]),
        "DOCKER_BUILD": settings["build"],
        "DOCKER_COMMIT": settings["commit"],
        "DOCKER_IMAGE": settings["image"],
        "DOCKER_TARGET": settings["target"],
        "DOCKER_VERSION": settings["version"],
        "HOST_UID": str(settings["host_uid"]),
        "IMAGE_ORIGIN": settings["image_origin"],
        "LOOPBACK_URL": settings["loopback_url"],
        "OLYMPIA_SITE_URL": settings["site_url"],
        PORT_BLOCK: str(settings["port_block"]),
        "SOURCE_DIR": settings["source_dir"],
        **application_environment(settings["environment"], secret=False),
    }


def build_secrets(settings: Mapping[str, Any]) -> dict[str, str]:
    """Return the files that a build sees and no layer keeps, by the secret's name.

    Args:
        settings: Derived settings.
    """
    candidates = {
        "ca_bundle": settings["ca_bundle"],
        "pip_conf": settings["pip_config"] and "./secrets/pip.conf",
        "npmrc": settings["npm_config"] and "./secrets/npmrc",
    }
    return {name: path for name, path in candidates.items() if path}
