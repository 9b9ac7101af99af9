# SPDX-License-Identifier: BSD-3-Clause
"""The settings of a run: the sources of values, and which one takes precedence.

Pure functions, used on the controller (names, layers) and on the host (persisted choices, resolution).
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from ..core.problem import Problem
from ..core.suggestion import nearest

STACK_PREFIX = "olympia_stack_"
PREFIXES = (STACK_PREFIX, "olympia_docker_", "olympia_images_")

# Names that addons-server's users know, and that are not simply the upper-case suffix of a variable.
ALIASES: dict[str, str] = {
    "DOCKER_BUILD": "olympia_stack_build",
    "DOCKER_COMMIT": "olympia_stack_commit",
    "DOCKER_DIGEST": "olympia_stack_digest",
    "DOCKER_TAG": "olympia_stack_tag",
    "DOCKER_TARGET": "olympia_stack_target",
    "DOCKER_VERSION": "olympia_stack_version",
}
# Read from the process environment besides OLYMPIA_*: what addons-server's own scripts export. Other tools own most short names: CI
# images say with DOCKER_VERSION which engine they have, so what would pull an image is not among these.
ENVIRONMENT_NAMES = ("COMPOSE_FILE", "DATA_BACKUP_SKIP", "DOCKER_BUILD", "DOCKER_COMMIT", "DOCKER_TARGET", "HOST_UID")
# Common names that are no settings; builds and the doctor read them directly.
COMMON_NAMES = ("ENVIRONMENT", "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY")

# Ansible's marks in descriptions, such as C(production).
MARKUP = re.compile(r"\b[A-Z]\(([^)]*)\)")

# Strongest first.
SOURCES = ("command line", "environment", "persisted choice", "inventory", "host", "role default")

# Those that name a port of the host.
PORTS = ("olympia_stack_http_port", "olympia_stack_frontend_port", "olympia_stack_mysql_port")
# They locate the persisted choices, so they cannot be among them.
LOCATING = ("olympia_stack_instance", "olympia_stack_project_dir")


@dataclass(frozen=True)
class Resolution:
    """The resolved settings.

    Attributes:
        values: Value by variable name.
        sources: One of SOURCES by variable name.
        overruled: Values of weaker sources, strongest first, each with source and value, by variable name.
        choices: The choices to persist, by variable name.
        problems: Values that their specification refuses.
    """

    values: dict[str, Any]
    sources: dict[str, str]
    overruled: dict[str, list[dict[str, Any]]]
    choices: dict[str, Any]
    problems: list[Problem] = field(default_factory=list)


def variable_for(name: str, known: Iterable[str]) -> str | None:
    """Return the role variable for a name from a command line, or None.

    Args:
        name: A full variable name in any case, a short upper-case name (HTTP_PORT) or an alias (DOCKER_TARGET).
        known: All role variables.
    """
    variables = set(known)
    candidates = (name.lower(), ALIASES.get(name, ""), STACK_PREFIX + name.lower() if name.isupper() else "")
    return next((candidate for candidate in candidates if candidate in variables), None)


def short_name(variable: str) -> str:
    """Return the name that `.env` and the command line use for a variable of the stack role."""
    alias = next((alias for alias, target in ALIASES.items() if target == variable), None)
    return alias or variable.removeprefix(STACK_PREFIX).upper()


def unknown_settings(names: Iterable[str], known: Iterable[str]) -> list[Problem]:
    """Return a problem for each variable that carries a role's prefix and belongs to none of its settings."""
    variables = set(known)
    return [
        Problem(
            what=f"{name} is not a setting",
            setting=name,
            fix=nearest(name, variables) or "docs/settings.md lists all settings.",
        )
        for name in sorted(names)
        if name.startswith(PREFIXES) and name not in variables
    ]


def changed_by_others(resolution: Resolution, fixed: Iterable[str]) -> list[Problem]:
    """Return a problem for each setting that only the inventory may set, and that was set elsewhere.

    Args:
        resolution: The resolved settings.
        fixed: Their variables.
    """
    problems = []
    for name in (name for name in fixed if resolution.sources[name] in SOURCES[:3]):
        given = next(weaker["value"] for weaker in resolution.overruled[name] if weaker["source"] not in SOURCES[:3])
        if given != resolution.values[name]:
            problems.append(
                Problem(
                    what=f"{short_name(name)} is up to the operator of this machine",
                    setting=name,
                    cause=f"it is '{encode(given)}', and the {resolution.sources[name]} has '{encode(resolution.values[name])}'",
                    fix=f"Leave it out, or reset a persisted choice: olympia up {short_name(name)}=",
                )
            )
    return problems


def environment_layer(environment: Mapping[str, str], known: Iterable[str]) -> dict[str, str]:
    """Return the settings in a process environment: variables in upper case, and a few short names.

    Args:
        environment: Names and values of the process.
        known: All role variables.
    """
    variables = set(known)
    layer: dict[str, str] = {}
    for name, value in environment.items():
        if name in ENVIRONMENT_NAMES or name.startswith(tuple(prefix.upper() for prefix in PREFIXES)):
            variable = variable_for(name, variables)
            if variable:
                layer[variable] = value
    return layer


def ignored(environment: Mapping[str, str], known: Iterable[str]) -> list[str]:
    """Return the short names of settings in a process environment that are only valid on a command line.

    Args:
        environment: Names and values of the process.
        known: All role variables.
    """
    names = {short_name(variable) for variable in known if variable.startswith(STACK_PREFIX)}
    return sorted(names.intersection(environment).difference(ENVIRONMENT_NAMES, COMMON_NAMES))


def decode(text: str, kind: str) -> Any:
    """Return the value of a setting that a text (environment, `.env`, command line) stands for.

    Args:
        text: The text. For dict and list it is JSON. Else a list's elements have spaces between them, and what should be a
            dict stays as it is, for the specification to refuse.
        kind: The option's type.
    """
    if kind in ("dict", "list"):
        try:
            return json.loads(text)
        except ValueError:
            return text.split() if kind == "list" else text
    return text


def encode(value: Any) -> str:
    """Return the text that `decode` turns back into a value."""
    if isinstance(value, bool):
        return str(value).lower()
    return json.dumps(value) if isinstance(value, (dict, list)) else str(value)


def refusal(spec: Mapping[str, Any], value: Any, errors: Iterable[str]) -> str:
    """Return why a value is refused, in a sentence.

    Args:
        spec: The option's specification.
        value: The value.
        errors: Ansible's words for it.
    """
    choices = [str(choice) for choice in spec.get("choices", ()) if choice != ""]
    return f"'{value}' is not one of {', '.join(choices)}" if choices else "; ".join(errors)


def resolve(layers: Mapping[str, Mapping[str, Any]], specs: Mapping[str, Mapping[str, Any]]) -> Resolution:
    """Resolve the settings from their layers.

    An empty text on the command line or in the environment resets a persisted choice.

    Args:
        layers: Values by variable, by source (a name of SOURCES). A layer may be missing.
        specs: Option specification by variable, as in an argument specification; each has a default.
    """
    # Slow to import, and the driver needs only the names.
    from ansible.module_utils.common.arg_spec import ArgumentSpecValidator

    values: dict[str, Any] = {}
    sources: dict[str, str] = {}
    overruled: dict[str, list[dict[str, Any]]] = {}
    choices: dict[str, Any] = {}
    problems: list[Problem] = []
    for variable, spec in specs.items():
        # None, as of an inventory's key without a value, means not given.
        given = {source: layers.get(source, {}).get(variable) for source in SOURCES[:-1]}
        found = {source: value for source, value in given.items() if value is not None} | {
            "role default": spec["default"]
        }
        persists = variable not in LOCATING
        for source in SOURCES[:2]:
            if found.get(source) == "":
                del found[source]
                if persists:
                    found.pop("persisted choice", None)
        # They are in the order of SOURCES.
        (source, value), *weaker = (
            (source, decode(raw, spec["type"]) if isinstance(raw, str) else raw) for source, raw in found.items()
        )
        overruled[variable] = [{"source": name, "value": other} for name, other in weaker]
        validated = ArgumentSpecValidator({variable: dict(spec)}).validate({variable: value})
        if validated.error_messages:
            accepted = MARKUP.sub(r"\1", spec["description"])
            problems.append(
                Problem(
                    what=f"{variable} has a value that it does not accept",
                    setting=variable,
                    cause=f"{refusal(spec, value, validated.error_messages)} (from: {source})",
                    fix=f"{short_name(variable)} takes: {accepted}",
                )
            )
            values[variable] = spec["default"]
        else:
            value = validated.validated_parameters[variable]
            # The validator fills keys that nobody gave with None.
            values[variable] = (
                {key: item for key, item in value.items() if item is not None} if isinstance(value, dict) else value
            )
        sources[variable] = source
        if persists and source in SOURCES[:3]:
            choices[variable] = values[variable]
    return Resolution(values, sources, overruled, choices, problems)
