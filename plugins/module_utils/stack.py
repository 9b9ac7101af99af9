# SPDX-License-Identifier: BSD-3-Clause
"""From resolved settings and a probed host to what the templates and the phases read, and to what stands in the way.

Pure functions.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from ansible_collections.addons.olympia.plugins.module_utils.host import initialization_state
from ansible_collections.addons.olympia.plugins.module_utils.settings import Problem, short_name

BASE_FILE = "docker-compose.yml"
CI_FILE = "docker-compose.ci.yml"
PRIVATE_FILE = "docker-compose.private.yml"

OLYMPIA_UID = 9500
MAX_UID = 2**32 - 2
MAX_PORT = 65535
DEFAULT_INSTANCE = "addons-server"
SITE_DOMAIN = "olympia.test"
RESERVED_NAMES = ("runs",)  # the driver's directory beside those of the instances
# Compose's own rule for project names, and a container name has at least two characters.
INSTANCE_NAME = re.compile(r"[a-z0-9][a-z0-9_-]+")
ELASTICSEARCH_MAX_MAP_COUNT = 262144

# What addons-server's own Compose files name.
REGISTRY_IMAGES = {
    "base": "python:3.11-slim-bookworm",
    "mysqld": "mysql:8.0",
    "redis": "redis:6.2",
    "rabbitmq": "rabbitmq:3.12",
    "memcached": "memcached:1.6",
    "nginx": "nginx:1.25",
    "elasticsearch": "elasticsearch:7.17.24",
    "autograph": "mozilla/autograph:7.2.0",
    "addons-frontend": "mozilla/addons-frontend:latest",
    "customs": "mozilla/customs-server:production",
}
SERVICES = ("web", "worker", "nginx", "mysqld", "redis", "rabbitmq", "elasticsearch", "memcached")
REGISTRY_SERVICES = ("autograph", "addons-frontend")  # no package holds them
# Debian's Python, for a base image that has none.
PACKAGES_BASE_PACKAGES = ["python-is-python3", "python3", "python3-dev", "python3-pip", "python3-venv", "tzdata"]


def derive(values: Mapping[str, Any], facts: Mapping[str, Any], package_images: Mapping[str, str]) -> dict[str, Any]:
    """Return the settings as templates and phases read them: short names, nothing left to decide.

    Args:
        values: Resolved settings by variable.
        facts: What the probe found.
        package_images: Tags of the images of the `packages` origin, by service.
    """
    short = {
        name.removeprefix("olympia_stack_"): value
        for name, value in values.items()
        if name.startswith("olympia_stack_")
    }
    instance = short["instance"]
    compose_files = [name for name in short["compose_file"].split(":") if name]
    closed = CI_FILE in compose_files
    origin = image_origin(values, facts)
    # No package holds what only a registry has, so the other origin's references stand for those.
    images = REGISTRY_IMAGES | (dict(package_images) if origin == "packages" else {}) | short["service_images"]
    host_name = short["host_name"] or (SITE_DOMAIN if instance == DEFAULT_INSTANCE else f"{instance}.{SITE_DOMAIN}")
    port = "" if short["http_port"] == 80 else f":{short['http_port']}"
    site_url, loopback_url = f"http://{host_name}{port}", f"http://{short['bind_address']}{port}"
    private = PRIVATE_FILE in compose_files
    services = [*SERVICES, *(REGISTRY_SERVICES if origin == "registry" else ()), *(("customs",) if private else ())]
    return short | {
        "project_dir": facts["project_dir"],
        "source_dir": facts["source_dir"],
        "compose_files": compose_files,
        "closed": closed,
        "target": short["target"] or ("production" if closed else "development"),
        "image": f"{short['image'] or f'olympia/{instance}'}:{short['version']}",
        "image_origin": origin,
        "images": images,
        "base_image": short["base_image"] or images["base"],
        "base_packages": short["base_packages"] or (PACKAGES_BASE_PACKAGES if origin == "packages" else []),
        # 'down' goes on with a value that 'up' refuses.
        "host_uid": int(uid) if (uid := short["host_uid"]).isdecimal() else OLYMPIA_UID if closed else facts["uid"],
        "host_name": host_name,
        "site_url": site_url,
        "ca_bundle": facts["ca_bundle"] if short["ca_bundle"] == "auto" else short["ca_bundle"],
        "pip_config": facts["pip_config"],
        "npm_config": facts["npm_config"],
        "reload": short["reload"] and not closed,
        "private": private,
        "services": services,
        # The stand-in keeps its index in memory.
        "volatile_services": ["elasticsearch"] if origin == "packages" else [],
        "url_hint": url_hint(site_url, loopback_url, host_name in facts["local_names"]),
        "volume": f"{instance}_data_mysqld",
    }


def url_hint(site_url: str, loopback_url: str, resolves: bool) -> str:
    """Return the sentence that says where the site is.

    Args:
        site_url: The site's own address.
        loopback_url: The address that works on the host without a name.
        resolves: Whether the hosts file knows the site's name.
    """
    if resolves:
        return f"The site is at {site_url}"
    name = site_url.removeprefix("http://").partition(":")[0]
    return f"The site is at {loopback_url} (and at {site_url} once /etc/hosts has the line '127.0.0.1 {name}')"


def source_kind(values: Mapping[str, Any], facts: Mapping[str, Any]) -> str:
    """Return where the source tree comes from: `given` on the host, a `repository`, or `embedded` and to be copied there.

    Args:
        values: Resolved settings by variable.
        facts: What the probe found.
    """
    if values["olympia_stack_source_repo"]:
        return "repository"
    return "embedded" if facts["source_dir"] == f"{facts['project_dir']}/source" else "given"


def healthy(settings: Mapping[str, Any], facts: Mapping[str, Any]) -> bool:
    """Return whether every service ran and was healthy when the host was probed.

    Args:
        settings: Derived settings.
        facts: What the probe found.
    """
    good = {
        entry["service"]
        for entry in facts["containers"]
        if entry["state"] == "running" and entry["health"] == "healthy"
    }
    return good.issuperset(settings["services"])


def started(facts: Mapping[str, Any]) -> bool:
    """Return whether Compose would find nothing to do with the project as it was probed.

    That is so when each service has one running container, made from its configuration and its image of now, and no
    other service has one: the comparison that `docker compose up` itself makes.

    Args:
        facts: What the probe found.
    """
    containers = facts["containers"]
    return (
        bool(containers)
        and {entry["service"]: entry["config_hash"] for entry in containers} == facts["service_hashes"]
        and len(containers) == len(facts["service_hashes"])
        and all(entry["state"] == "running" and not entry["image_replaced"] for entry in containers)
    )


def initialized(settings: Mapping[str, Any], facts: Mapping[str, Any]) -> bool:
    """Return whether the database, the image and the index are the ones that were initialized last.

    Args:
        settings: Derived settings.
        facts: What the probe found.
    """
    state = initialization_state(facts["volume_created"], facts["containers"], "web", settings["volatile_services"])
    return bool(facts["initialized"] == state)


def image_origin(values: Mapping[str, Any], facts: Mapping[str, Any]) -> str:
    """Return `registry` or `packages`, or `auto` as long as no engine is there to ask.

    Args:
        values: Resolved settings by variable.
        facts: What the probe found.
    """
    configured: str = values["olympia_stack_image_origin"]
    return configured if configured != "auto" else facts["image_origin"] or "auto"


def check_host(values: Mapping[str, Any], facts: Mapping[str, Any]) -> list[Problem]:
    """Return every reason, seen from the host, why a run with these settings cannot succeed.

    Args:
        values: Resolved settings by variable.
        facts: What the probe found.
    """
    return [
        *_check_files(values, facts),
        *_check_source(values, facts),
        *_check_ports(values, facts),
        *_check_room(values, facts),
        *_check_builder(values, facts),
        *(Problem(**{key: text or "" for key, text in found.items()}) for found in facts["engine"]["problems"]),
    ]


def check_values(values: Mapping[str, Any]) -> list[Problem]:
    """Return every reason why settings make no sense on any host.

    Args:
        values: Resolved settings by variable.
    """
    problems = []
    instance = values["olympia_stack_instance"]
    if not INSTANCE_NAME.fullmatch(instance) or instance in RESERVED_NAMES:
        problems.append(
            Problem(
                what=f"'{instance}' cannot name an instance",
                setting="olympia_stack_instance",
                way_out="Use two or more of a-z, 0-9, '-' and '_', starting with a letter or digit; 'runs' is taken.",
            )
        )
    uid = values["olympia_stack_host_uid"]
    if uid and not (uid.isdecimal() and int(uid) <= MAX_UID):
        problems.append(
            Problem(
                what=f"'{uid}' is not a UID",
                setting="olympia_stack_host_uid",
                way_out=f"HOST_UID takes a number from 0 to {MAX_UID} (0 stands for {OLYMPIA_UID}).",
            )
        )
    for variable in ("olympia_stack_http_port", "olympia_stack_mysql_port"):
        port = values[variable]
        if not 0 <= port <= MAX_PORT or (port == 0 and variable == "olympia_stack_http_port"):
            problems.append(
                Problem(
                    f"{port} is not a port",
                    variable,
                    way_out=f"{short_name(variable)} takes a number from 1 to {MAX_PORT}.",
                )
            )
    files = [name for name in values["olympia_stack_compose_file"].split(":") if name]
    if BASE_FILE not in files:
        problems.append(
            Problem(
                what=f"COMPOSE_FILE does not name {BASE_FILE}, which defines the services",
                setting="olympia_stack_compose_file",
                evidence=f"COMPOSE_FILE={':'.join(files)}",
                way_out=f"Start it with {BASE_FILE}.",
            )
        )
    if CI_FILE in files and values["olympia_stack_target"] == "development":
        problems.append(
            Problem(
                what=f"the development image holds no source tree, and {CI_FILE} mounts none",
                setting="olympia_stack_target",
                way_out="Use DOCKER_TARGET=production with it, or leave DOCKER_TARGET empty.",
            )
        )
    return problems


def _check_files(values: Mapping[str, Any], facts: Mapping[str, Any]) -> list[Problem]:
    problems = []
    project = facts["project_dir"]
    names = [name for name in values["olympia_stack_compose_file"].split(":") if name]
    for name in names:
        if name not in (BASE_FILE, CI_FILE, PRIVATE_FILE) and name not in facts["compose_files_present"]:
            problems.append(
                Problem(
                    what=f"COMPOSE_FILE names {name}, which does not exist",
                    setting="olympia_stack_compose_file",
                    evidence=f"looked in {project}",
                    way_out=f"Put the file there, or take it out: make up COMPOSE_FILE={BASE_FILE}",
                )
            )
    if facts["env_error"]:
        problems.append(
            Problem(
                what=f"{project}/.env cannot be read",
                evidence=facts["env_error"],
                way_out="Mend that line (or its permissions). The file holds the instance's passwords: keep the others.",
            )
        )
    for name, file in facts["rendered"].items():
        if not file["managed"]:
            problems.append(
                Problem(
                    what=f"{project}/{name} was not written by this collection, and a rendered file goes there",
                    setting="olympia_stack_project_dir",
                    evidence="its first lines lack the 'managed by' header",
                    way_out="Move it away, or choose another project directory.",
                )
            )
    return problems


def _check_source(values: Mapping[str, Any], facts: Mapping[str, Any]) -> list[Problem]:
    if source_kind(values, facts) != "given" or not facts["source_missing"]:
        return []
    return [
        Problem(
            what=f"{facts['source_dir']} is not an addons-server source tree",
            setting="olympia_stack_source_dir",
            evidence=f"missing: {', '.join(facts['source_missing'])}",
            way_out="Name a checkout with SOURCE_DIR=/path, or a repository with SOURCE_REPO=URL.",
        )
    ]


def _check_ports(values: Mapping[str, Any], facts: Mapping[str, Any]) -> list[Problem]:
    ours = {port for container in facts["containers"] if container["state"] == "running" for port in container["ports"]}
    problems = []
    for variable in ("olympia_stack_http_port", "olympia_stack_mysql_port"):
        port = values[variable]
        if port in facts["listening_ports"] and port not in ours:
            problems.append(
                Problem(
                    what=f"port {port} is taken",
                    setting=variable,
                    evidence="another program on this host listens on it",
                    way_out=f"Choose another: make up {short_name(variable)}={port % 1000 + 8000}, or stop that program.",
                )
            )
    return problems


def _check_room(values: Mapping[str, Any], facts: Mapping[str, Any]) -> list[Problem]:
    problems = []
    if facts["memory_mb"] < values["olympia_stack_min_memory_mb"]:
        problems.append(
            Problem(
                what="this host has too little memory for the stack",
                setting="olympia_stack_min_memory_mb",
                evidence=f"{facts['memory_mb']} MiB, of {values['olympia_stack_min_memory_mb']} MiB needed",
                way_out="Give the machine more memory; or lower the setting, and expect containers to be killed (exit 137).",
            )
        )
    for path, free in facts["disk_free_mb"].items():
        if free < values["olympia_stack_min_disk_mb"]:
            problems.append(
                Problem(
                    what=f"too little disk space at {path}",
                    setting="olympia_stack_min_disk_mb",
                    evidence=f"{free} MiB free, of {values['olympia_stack_min_disk_mb']} MiB needed",
                    way_out="Free some space ('make prune' clears the build cache), or lower the setting.",
                )
            )
    if image_origin(values, facts) == "registry" and facts["max_map_count"] < ELASTICSEARCH_MAX_MAP_COUNT:
        problems.append(
            Problem(
                what="vm.max_map_count is too low for Elasticsearch",
                evidence=f"{facts['max_map_count']}, of {ELASTICSEARCH_MAX_MAP_COUNT} needed",
                way_out=f"Run: sudo sysctl -w vm.max_map_count={ELASTICSEARCH_MAX_MAP_COUNT}",
            )
        )
    return problems


def _check_builder(values: Mapping[str, Any], facts: Mapping[str, Any]) -> list[Problem]:
    driver = values["olympia_docker_builder_driver"]
    if driver == "docker" or values["olympia_stack_base_image"] or image_origin(values, facts) != "packages":
        return []
    return [
        Problem(
            what=f"a builder with the driver {driver} cannot see the base image, which only the engine has",
            setting="olympia_docker_builder_driver",
            evidence="image origin: packages",
            way_out="Use the driver docker, or name a base image in a registry: make up BASE_IMAGE=REFERENCE",
        )
    ]
