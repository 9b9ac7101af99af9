# SPDX-License-Identifier: BSD-3-Clause
"""The services of a stack, as roles/olympia_stack/vars/services.yml has them. Hosts have no such file: they get parameters."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

from ansible.module_utils.common.yaml import yaml_load

FILE = Path(__file__).parents[3] / "roles/olympia_stack/vars/services.yml"
BASE_FILE = "docker-compose.yml"
SERVICES = "__olympia_stack_services"
PLACE = re.compile(r"{{ (\w+) }}")


@dataclass(frozen=True)
class Volume:
    """A named volume.

    Attributes:
        target: Where the service mounts it; empty where the template of the application's containers does.
        part: What a snapshot calls it; empty where no snapshot holds it.
        external: Whether Compose neither makes nor removes it.
    """

    target: str = ""
    part: str = ""
    external: bool = False


@dataclass(frozen=True)
class Config:
    """A file that a container gets from the Compose file itself. A label with its checksum has Compose notice that it has changed.

    Attributes:
        target: Where the container has it.
        label: The label.
        template: The template that it is rendered from, below the role's templates.
        content: Its text, where it has no template.
        when: The condition without which it is left out; empty for none.
    """

    target: str
    label: str
    template: str = ""
    content: str = ""
    when: str = ""


@dataclass(frozen=True)
class Service:
    """A service.

    Attributes:
        name: Its name, which is its host name in the stack's network, too.
        role: What it is to the rest, where something asks for that: `site`, `proxy`, `database`, `search`, `cache` or `tests`.
        application: Whether it runs the application, from its image.
        image: Its image in a registry; empty for the application's own.
        platform: The one platform that the image is published for; empty where that does not matter.
        file: The Compose file that it is in.
        needs: The setting without which it is left out; empty for none.
        profile: The profile that it belongs to; a service with one is never started by `up`.
        port: Where it listens for the application, or for the proxy.
        build: The template of how its image is built; empty where nobody builds it with Compose.
        forgets: The image origin in which it forgets its data with every start; empty for none.
        publishes: Its ports that the host publishes, by the setting that has the host's port; 0 publishes none.
        publishes_beside_site: Those that the host publishes by their distance from the site's port; an instance has ten in a row.
        volumes: Its named volumes.
        configs: Its files, by the name that Compose knows them by.
        depends_on: Condition by service that it waits for; one that is left out is not waited for.
        wanted_by: Condition by service that waits for this one.
        wanted_by_application: The condition on which everything that runs the application waits for it; empty for none.
        gives_application: What the application's environment has because of it.
        compose: What the Compose file has of it.
        when: What that is changed by, by condition.
    """

    name: str
    role: str = ""
    application: bool = False
    image: str = ""
    platform: str = ""
    file: str = BASE_FILE
    needs: str = ""
    profile: str = ""
    port: int = 0
    build: str = ""
    forgets: str = ""
    publishes: Mapping[str, int] = field(default_factory=dict)
    publishes_beside_site: Mapping[int, int] = field(default_factory=dict)
    volumes: Mapping[str, Volume] = field(default_factory=dict)
    configs: Mapping[str, Config] = field(default_factory=dict)
    depends_on: Mapping[str, str] = field(default_factory=dict)
    wanted_by: Mapping[str, str] = field(default_factory=dict)
    wanted_by_application: str = ""
    gives_application: Mapping[str, str] = field(default_factory=dict)
    compose: Mapping[str, Any] = field(default_factory=dict)
    when: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)

    def definition(self, conditions: Iterable[str]) -> dict[str, Any]:
        """Return what the Compose file has of it under some conditions.

        Args:
            conditions: Those that hold.
        """
        found: Any = dict(self.compose)
        for condition in conditions:
            found = _merged(found, self.when.get(condition, {}))
        return dict(_flat(found))


def read(text: str) -> dict[str, Service]:
    """Return the services that a text in YAML has, by name.

    Args:
        text: As services.yml has it.

    Raises:
        TypeError: A service has a key that none has; the message names it.
    """
    found = {}
    for name, entry in yaml_load(text)[SERVICES].items():
        volumes = {volume: Volume(**(given or {})) for volume, given in entry.pop("volumes", {}).items()}
        configs = {config: Config(**given) for config, given in entry.pop("configs", {}).items()}
        found[name] = Service(name, volumes=volumes, configs=configs, **entry)
    return found


@cache
def known() -> dict[str, Service]:
    """Return every service by name, in the order of the file. On the controller only."""
    return read(FILE.read_text(encoding="utf-8"))


def started() -> tuple[str, ...]:
    """Return the names of the services that an `up` can start."""
    return tuple(name for name, service in known().items() if not service.profile)


def application() -> tuple[str, ...]:
    """Return the names of the services that run the application, and that an `up` starts."""
    return tuple(name for name in started() if known()[name].application)


def roles() -> dict[str, str]:
    """Return the name of the service that has a role, by role."""
    return {service.role: name for name, service in known().items() if service.role}


def database_volume() -> str:
    """Return the name of the volume that has the database, without the instance's."""
    (name,) = (name for name, volume in known()[roles()["database"]].volumes.items() if volume.part)
    return name


@cache
def registry_references() -> dict[str, str]:
    """Return the images that come from a registry, by service, and the application's base; settings are not filled in."""
    base: str = yaml_load(FILE.read_text(encoding="utf-8"))["__olympia_stack_base_image"]
    return {"base": base} | {name: service.image for name, service in known().items() if service.image}


def fill(value: Any, settings: Mapping[str, Any], escape: Callable[[str], str] = str) -> Any:
    """Return a value with settings in place of their names.

    Args:
        value: A text; or lists and dictionaries with texts in them.
        settings: Settings by name.
        escape: What is done to each setting before.

    Raises:
        KeyError: A name is no setting.
    """
    if isinstance(value, Mapping):
        return {key: fill(item, settings, escape) for key, item in value.items()}
    if isinstance(value, list):
        return [fill(item, settings, escape) for item in value]
    if isinstance(value, str):
        return PLACE.sub(lambda match: escape(str(settings[match[1]])), value)
    return value


def _merged(one: Any, other: Any) -> Any:
    """Return a value that is changed by another: dictionaries key by key, everything else as a whole."""
    if isinstance(one, Mapping) and isinstance(other, Mapping):
        return dict(one) | {key: _merged(one.get(key), item) for key, item in other.items()}
    return other


def _flat(value: Any) -> Any:
    """Return a value whose lists have their items in place of lists within them."""
    if isinstance(value, Mapping):
        return {key: _flat(item) for key, item in value.items()}
    if isinstance(value, list):
        return [one for item in value for one in (item if isinstance(item, list) else [item])]
    return value
