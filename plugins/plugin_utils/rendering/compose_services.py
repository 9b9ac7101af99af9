# SPDX-License-Identifier: BSD-3-Clause
"""Services as the Compose files have them. Runs on the controller; pure."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from ansible_collections.addons.olympia.plugins.module_utils.stack.services import Config, Service, fill, known

PLAIN_KEY = re.compile(r"[A-Za-z_][\w./-]*")


@dataclass(frozen=True)
class Entry:
    """A service of a Compose file.

    Attributes:
        service: The service.
        definition: What the file has of it, on top of what every container has.
        configs: Its files that the stack has, by the name that Compose knows them by.
    """

    service: Service
    definition: Mapping[str, Any]
    configs: Mapping[str, Config]


def entries(settings: Mapping[str, Any], file: str, text_of: Callable[[Config], str]) -> list[Entry]:
    """Return the services of a Compose file.

    Args:
        settings: Derived settings.
        file: The file's name.
        text_of: Returns the text of a service's file.
    """
    return [_entry(service, settings, text_of) for service in present(settings) if service.file == file]


def additions(settings: Mapping[str, Any], file: str) -> dict[str, dict[str, str]]:
    """Return what a Compose file has other files' services wait for: condition by service that is waited for, by service.

    Args:
        settings: Derived settings.
        file: The file's name.
    """
    found: dict[str, dict[str, str]] = {}
    for service in present(settings):
        for other, condition in service.wanted_by.items() if service.file == file else ():
            if known()[other].file != file:
                found.setdefault(other, {})[service.name] = condition
    return found


def present(settings: Mapping[str, Any]) -> list[Service]:
    """Return the services that the Compose files have; those of a profile, too, which no `up` starts.

    Args:
        settings: Derived settings.
    """
    return [service for name, service in known().items() if service.profile or name in settings["services"]]


def application_wants(settings: Mapping[str, Any]) -> dict[str, str]:
    """Return what everything that runs the application waits for: condition by service.

    Args:
        settings: Derived settings.
    """
    found = {service.name: service.wanted_by_application for service in present(settings)}
    return {name: condition for name, condition in sorted(found.items()) if condition}


def given_to_application(settings: Mapping[str, Any]) -> dict[str, str]:
    """Return what the application's environment has because of the services that there are.

    Args:
        settings: Derived settings.
    """
    given = {name: value for service in present(settings) for name, value in service.gives_application.items()}
    return dict(sorted(fill(given, settings, compose_literal).items()))


def conditions(settings: Mapping[str, Any]) -> list[str]:
    """Return the conditions that hold, in the order in which they change a service.

    Args:
        settings: Derived settings.
    """
    held = {"reload": settings["reload"], "forgetful": settings["volatile_services"] and settings["initialize"]}
    return [settings["image_origin"], *(name for name, holds in held.items() if holds)]


def _entry(service: Service, settings: Mapping[str, Any], text_of: Callable[[Config], str]) -> Entry:
    held = conditions(settings)
    definition = fill(service.definition(held), settings, compose_literal)
    configs = {name: config for name, config in service.configs.items() if not config.when or config.when in held}
    image = settings["images"].get(service.name, "") if service.image else ""
    first = {
        "image": compose_literal(image),
        "platform": settings["image_platforms"].get(image, ""),
        "profiles": [service.profile] if service.profile else [],
    }
    more = {
        "depends_on": _waits_for(service, settings),
        "configs": [{"source": name, "target": config.target} for name, config in configs.items()],
        "labels": {config.label: fingerprint(text_of(config)) for config in configs.values()},
        "ports": [*_ports(service, settings)],
        "volumes": [
            *definition.get("volumes", []),
            *(f"{name}:{volume.target}" for name, volume in service.volumes.items() if volume.target),
        ],
    }
    whole = first | definition | {key: value for key, value in more.items() if value}
    return Entry(service, {key: value for key, value in whole.items() if value not in ("", [], {})}, configs)


def _waits_for(service: Service, settings: Mapping[str, Any]) -> dict[str, dict[str, str]]:
    found = {name: condition for name, condition in service.depends_on.items() if name in settings["services"]}
    for other in present(settings):
        if service.name in other.wanted_by and other.file == service.file:
            found[other.name] = other.wanted_by[service.name]
    return {name: {"condition": condition} for name, condition in found.items()}


def _ports(service: Service, settings: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    ports = [(settings[setting], target) for setting, target in service.publishes.items()]
    ports += [(settings["http_port"] + distance, target) for distance, target in service.publishes_beside_site.items()]
    for port, target in ports:
        if port:
            # Not in one word: an IPv6 address has colons, too.
            address = compose_literal(settings["bind_address"])
            yield {"host_ip": address, "published": str(port), "target": target}


def compose_literal(text: str) -> str:
    """Return text that Compose's interpolation leaves as it is."""
    return text.replace("$", "$$")


def compose_value(value: str | list[str]) -> str:
    """Return a text, or a list of texts, as YAML that Compose's interpolation leaves as it is."""
    literal = [compose_literal(item) for item in value] if isinstance(value, list) else compose_literal(value)
    return json.dumps(literal, ensure_ascii=False)


def compose_yaml(value: Mapping[str, Any], indent: int) -> str:
    """Return a dictionary as YAML: a line for each key, lists and texts as JSON has them, on which all parsers agree.

    Args:
        value: The dictionary.
        indent: Number of spaces before each line.
    """
    lines = []
    for key, item in value.items():
        name = key if PLAIN_KEY.fullmatch(key) else json.dumps(key, ensure_ascii=False)
        if isinstance(item, Mapping) and item:
            lines += [f"{' ' * indent}{name}:", compose_yaml(item, indent + 2)]
        else:
            lines.append(f"{' ' * indent}{name}: {json.dumps(item, ensure_ascii=False)}")
    return "\n".join(lines)


def checksum(text: str) -> str:
    """Return the checksum of a file with a text, as the probe reckons it."""
    return hashlib.sha256(text.encode()).hexdigest()


def fingerprint(text: str) -> str:
    """Return a short checksum of a text."""
    return checksum(text)[:12]
