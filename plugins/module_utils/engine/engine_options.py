# SPDX-License-Identifier: BSD-3-Clause
"""The settings of the role olympia_docker."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any

from .versions import MINIMUM, satisfies


@dataclass(frozen=True)
class EngineOptions:
    """The role's settings; each field `x` is the role variable `olympia_docker_x`."""

    source: str = "auto"
    repository_url: str = ""
    repository_key: str = ""
    version: str = ""
    restart: str = "idle"
    restart_projects: list[str] = field(default_factory=list)
    users: list[str] = field(default_factory=list)
    image_store: str = "auto"
    registry_mirrors: list[str] = field(default_factory=list)
    proxy: dict[str, str] = field(default_factory=dict)
    build_cache_limit: str = "20GB"
    log_max_size: str = "10m"
    log_max_files: int = 3
    daemon_options: dict[str, Any] = field(default_factory=dict)
    builder_driver: str = "docker"
    builder_name: str = "olympia"
    builder_endpoint: str = ""
    builder_options: dict[str, str] = field(default_factory=dict)


CHOICES = {
    "source": ("auto", "docker", "distribution"),
    "restart": ("idle", "always"),
    "image_store": ("auto", "containerd", "classic"),
    "builder_driver": ("docker", "docker-container", "remote", "kubernetes"),
}


def options_from_vars(variables: Mapping[str, Any]) -> EngineOptions:
    """Pick the role's settings out of variables.

    :param variables: any mapping; names other than those of the role's settings are ignored.
    :raises ValueError: a setting has a value that it does not accept; the message names both.
    """
    values: dict[str, Any] = {}
    for option in fields(EngineOptions):
        name = f"olympia_docker_{option.name}"
        if variables.get(name) is None:
            continue
        value = variables[name]
        choices = CHOICES.get(option.name)
        if choices and value not in choices:
            raise ValueError(f"{name} is '{value}', but must be one of {', '.join(choices)}")
        values[option.name] = value
    options = EngineOptions(**values)
    if options.version and not (
        re.fullmatch(r"\d+\.\d+\.\d+", options.version) and satisfies("engine", options.version)
    ):
        least = ".".join(str(number) for number in MINIMUM["engine"])
        raise ValueError(
            f"olympia_docker_version is '{options.version}', but must be {least}.0 or newer, in three numbers"
        )
    return options
