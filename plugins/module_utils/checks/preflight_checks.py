# SPDX-License-Identifier: BSD-3-Clause
"""Problems that prevent a run: in its settings, and on the host. Pure functions."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from ..core import causes
from ..core.problem import Problem
from ..host.ports import own_ports
from ..settings.sources import PORTS, short_name
from ..stack import application, caches, database, ownership, services
from ..stack.derived import (
    BASE_FILE,
    CI_FILE,
    OLYMPIA_UID,
    PRIVATE_FILE,
    image_origin,
    source_kind,
)
from . import shapes

MAX_UID = 2**32 - 2
MAX_PORT = 65535
OPTIONAL_PORT = "olympia_stack_mysql_port"  # 0 publishes none
RESERVED_NAMES = ("runs", "locks", "snapshots")  # folders beside those of the instances
# What can name a Compose project, an image and a host; and a container name has at least two characters.
INSTANCE_NAME = re.compile(r"(?=.{2,63}\Z)[a-z0-9]+((_{1,2}|-+)[a-z0-9]+)*")


def check_host(values: Mapping[str, Any], facts: Mapping[str, Any]) -> list[Problem]:
    """Return every problem on the host that prevents a run with these settings.

    Args:
        values: Resolved settings by variable.
        facts: What the probe found.
    """
    return [
        *check_client(facts),
        *check_compose_files(values, facts),
        *check_env(facts),
        *check_rendered(facts),
        *check_source(values, facts),
        *(problem for variable in PORTS for problem in check_port(values, facts, variable)),
        *check_memory(values, facts),
        *(problem for path in facts["disk_free_mb"] for problem in check_disk(values, facts, path)),
        *check_builder(values, facts),
        *check_networks(values, facts),
        *check_users(values, facts),
        *ownership.check(facts),
        *check_database(values, facts),
        *application.check_registry(values, facts),
        *(Problem(**found) for found in facts["engine"]["problems"]),
    ]


def check_values(values: Mapping[str, Any]) -> Iterator[Problem]:
    """Yield every problem that settings have on any host.

    Args:
        values: Resolved settings by variable.
    """
    instance = values["olympia_stack_instance"]
    if not INSTANCE_NAME.fullmatch(instance) or instance in RESERVED_NAMES:
        yield Problem(
            what=f"'{instance}' cannot name an instance",
            setting="olympia_stack_instance",
            fix="Use 2 to 63 of a-z, 0-9 and, between them, '-' and '_'; 'runs', 'locks' and 'snapshots' are taken.",
        )
    uid = values["olympia_stack_host_uid"]
    if uid and not (uid.isdecimal() and int(uid) <= MAX_UID):
        yield Problem(
            what=f"'{uid}' is not a UID",
            setting="olympia_stack_host_uid",
            fix=f"HOST_UID takes a number from 0 to {MAX_UID} (0 stands for {OLYMPIA_UID}).",
        )
    for variable in PORTS:
        port = values[variable]
        if not 0 <= port <= MAX_PORT or (port == 0 and variable != OPTIONAL_PORT):
            yield Problem(
                what=f"{port} is not a port",
                setting=variable,
                fix=f"{short_name(variable)} takes a number from 1 to {MAX_PORT}.",
            )
    files = [name for name in values["olympia_stack_compose_file"].split(":") if name]
    if files[:1] != [BASE_FILE]:
        yield Problem(
            what=f"COMPOSE_FILE does not start with {BASE_FILE}, which the other files modify",
            setting="olympia_stack_compose_file",
            cause=f"COMPOSE_FILE={':'.join(files)}",
            fix=f"Start it with {BASE_FILE}.",
        )
    yield from (*application.check_name(values), *caches.check(values), *shapes.check(values))
    if CI_FILE in files and values["olympia_stack_target"] == "development":
        yield Problem(
            what=f"the development image contains no source tree, and {CI_FILE} mounts none",
            setting="olympia_stack_target",
            fix="Use DOCKER_TARGET=production with it, or leave DOCKER_TARGET empty.",
        )


def check_client(facts: Mapping[str, Any]) -> list[Problem]:
    """Return whether the docker client cannot read the project directory.

    Args:
        facts: What the probe found.
    """
    if not facts["client_error"]:
        return []
    snap = facts["client_path"].startswith("/snap/")
    why = (
        f", because {facts['client_path']} is a snap, and cannot see hidden folders of the home directory"
        if snap
        else ""
    )
    return [
        Problem(
            what=f"the docker client cannot read the project directory {facts['project_dir']}{why}",
            setting="olympia_stack_project_dir",
            cause=facts["client_error"],
            fix="Use one that it can read, in the home directory and without a dot-directory: export "
            "XDG_STATE_HOME=$HOME/olympia-state in the shell's profile, or PROJECT_DIR=/path with every command.",
        )
    ]


def check_compose_files(values: Mapping[str, Any], facts: Mapping[str, Any]) -> Iterator[Problem]:
    """Return a problem for each file that COMPOSE_FILE names, and that neither exists nor is rendered.

    Args:
        values: Resolved settings by variable.
        facts: What the probe found.
    """
    for name in filter(None, values["olympia_stack_compose_file"].split(":")):
        if name not in (BASE_FILE, CI_FILE, PRIVATE_FILE) and name not in facts["compose_files_present"]:
            yield Problem(
                what=f"COMPOSE_FILE names {name}, which does not exist",
                setting="olympia_stack_compose_file",
                cause=f"looked in {facts['project_dir']}",
                fix=f"Put the file there, or take it out: make up COMPOSE_FILE={BASE_FILE}",
            )


def check_env(facts: Mapping[str, Any]) -> Iterator[Problem]:
    """Return why the instance's `.env` cannot be read.

    Args:
        facts: What the probe found.
    """
    if facts["env_error"]:
        yield Problem(
            what=f"{facts['project_dir']}/.env cannot be read",
            cause=facts["env_error"],
            fix="Fix that line (or the file's permissions). The file holds the instance's passwords: keep the other lines.",
        )


def check_rendered(facts: Mapping[str, Any]) -> list[Problem]:
    """Return a problem for each file of the user's that a rendered file would overwrite.

    Args:
        facts: What the probe found.
    """
    return [
        Problem(
            what=f"{facts['project_dir']}/{name} was not written by this collection, and a rendered file would overwrite it",
            setting="olympia_stack_project_dir",
            cause="it does not start with the 'managed by' header",
            fix="Move it away, or choose another project directory.",
        )
        for name, file in facts["rendered"].items()
        if not file["managed"]
    ]


def check_source(values: Mapping[str, Any], facts: Mapping[str, Any]) -> list[Problem]:
    """Return why a given source tree cannot be built.

    Args:
        values: Resolved settings by variable.
        facts: What the probe found.
    """
    if source_kind(values, facts) != "given":
        return []
    source = facts["source_dir"]
    found = {
        "missing": (
            f"{source} is not an addons-server source tree",
            f"missing: {', '.join(facts['source_missing'])}",
            "Name a checkout with SOURCE_DIR=/path, or a repository with SOURCE_REPO=URL.",
        ),
        "tight": (
            f"the image's user cannot read the files of {source}",
            ", ".join(facts["source_tight"]),
            f"Let everybody read it: chmod --recursive go+rX {source}",
        ),
        "windows": (
            f"files in {source} have Windows line endings",
            ", ".join(facts["source_windows"]),
            "Clone it again: git clone --config core.autocrlf=input URL",
        ),
    }
    return [
        Problem(what=what, setting="olympia_stack_source_dir", cause=cause, fix=fix)
        for kind, (what, cause, fix) in found.items()
        if facts[f"source_{kind}"]
    ]


def check_port(values: Mapping[str, Any], facts: Mapping[str, Any], variable: str) -> list[Problem]:
    """Return whether another program uses the port of a setting.

    Args:
        values: Resolved settings by variable.
        facts: What the probe found.
        variable: One of PORTS.
    """
    ours = own_ports(facts["containers"])
    port = values[variable]
    unused = variable == "olympia_stack_frontend_port" and not facts["autograph"]
    if (
        facts["engine"]["docker"]["rootless"]
        and 0 < port < facts["unprivileged_port"]
        and port not in ours
        and not unused
    ):
        return [
            Problem(
                what=f"port {port} is privileged, and the engine is rootless",
                setting=variable,
                cause=f"net.ipv4.ip_unprivileged_port_start is {facts['unprivileged_port']}",
                fix=f"Choose another: make up {short_name(variable)}={port + 8000}, or lower that kernel setting.",
            )
        ]
    if port not in facts["listening_ports"] or port in ours or unused:
        return []
    taken = facts["listening_ports"]
    free = next(other for other in range(port % 1000 + 8000, MAX_PORT) if other not in taken)
    return [
        Problem(
            what=f"port {port} is taken",
            setting=variable,
            cause=f"{facts['port_owners'].get(str(port)) or 'another program on this host'} listens on it",
            # The proxy leads to the ports that follow from the tenant's UID.
            fix=f"The tenant has only this port: stop that program, which 'olympia doctor tenant-ports' names ({facts['machine']})."
            if facts["machine"]
            else f"Choose another: make up {short_name(variable)}={free}, or stop that program.",
        )
    ]


def check_memory(values: Mapping[str, Any], facts: Mapping[str, Any]) -> Iterator[Problem]:
    """Yield a problem if the host has too little memory.

    Args:
        values: Resolved settings by variable.
        facts: What the probe found.
    """
    if facts["memory_mb"] < values["olympia_stack_min_memory_mb"]:
        yield Problem(
            what="this host has too little memory for the stack",
            setting="olympia_stack_min_memory_mb",
            cause=f"{facts['memory_mb']} MiB, of {values['olympia_stack_min_memory_mb']} MiB needed",
            fix="Give the machine more memory; or lower the setting, and expect containers to be killed (exit 137).",
        )


def check_disk(values: Mapping[str, Any], facts: Mapping[str, Any], path: str) -> Iterator[Problem]:
    """Return whether there is too little space at a path.

    Args:
        values: Resolved settings by variable.
        facts: What the probe found.
        path: One of those that the probe has looked at.
    """
    free = facts["disk_free_mb"][path]
    if free < values["olympia_stack_min_disk_mb"]:
        yield Problem(
            what=f"too little disk space at {path}",
            setting="olympia_stack_min_disk_mb",
            cause=f"{free} MiB free, of {values['olympia_stack_min_disk_mb']} MiB needed",
            fix="Free some space ('make prune' clears the build cache), or lower the setting.",
        )


def check_builder(values: Mapping[str, Any], facts: Mapping[str, Any]) -> Iterator[Problem]:
    """Return whether the chosen builder cannot see the base image.

    Args:
        values: Resolved settings by variable.
        facts: What the probe found.
    """
    driver = values["olympia_docker_builder_driver"]
    if driver != "docker" and not values["olympia_stack_base_image"] and image_origin(values, facts) == "packages":
        yield Problem(
            what=f"a builder with the driver {driver} cannot see the base image, which only the engine has",
            setting="olympia_docker_builder_driver",
            cause="image origin: packages",
            fix="Use the driver docker, or name a base image in a registry: make up BASE_IMAGE=REFERENCE",
        )


def check_networks(values: Mapping[str, Any], facts: Mapping[str, Any]) -> Iterator[Problem]:
    """Return whether the engine has no room for the instance's network.

    Args:
        values: Resolved settings by variable.
        facts: What the probe found.
    """
    networks = facts["networks"]
    if not networks or networks["free"] or f"{values['olympia_stack_instance']}_default" in networks["names"]:
        return
    # A run that gives the engine other pools begins with that.
    if not (facts["engine"]["needs"] and "default-address-pools" in values["olympia_docker_daemon_options"]):
        yield causes.pools_used_up(networks)


def check_users(values: Mapping[str, Any], facts: Mapping[str, Any]) -> Iterator[Problem]:
    """Return whether containers cannot run as the owner of the mounted source tree and dependencies.

    Args:
        values: Resolved settings by variable.
        facts: What the probe found.
    """
    if facts["engine"]["docker"]["remaps_users"] and CI_FILE not in values["olympia_stack_compose_file"].split(":"):
        yield Problem(
            what="the engine remaps the users of containers, which then cannot write the mounted source tree and deps",
            setting="olympia_stack_compose_file",
            cause="userns-remap is on",
            fix="Take userns-remap out of /etc/docker/daemon.json and restart the engine, or mount nothing: make up "
            f"COMPOSE_FILE={BASE_FILE}:{CI_FILE}",
        )


def check_database(values: Mapping[str, Any], facts: Mapping[str, Any]) -> list[Problem]:
    """Return whether the instance would get another database server than the one its volume belongs to.

    Args:
        values: Resolved settings by variable.
        facts: What the probe found.
    """
    origin, kept = image_origin(values, facts), database.product(facts["database"]["kept"])
    wanted = database.MYSQL if origin == "registry" else database.product(facts["database"]["chosen"])
    given = services.roles()["database"] in values["olympia_stack_service_images"]
    if not kept or not facts["volume_created"] or kept == wanted or given:
        return []
    names = database.NAMES
    return [
        Problem(
            what=f"the instance's database belongs to {names[kept]}, and {names[wanted]} cannot read it",
            setting="olympia_stack_image_origin" if origin == "registry" else "olympia_images_database",
            cause=f"the volume was created {facts['volume_created']}, for {names[kept]}",
            fix="Keep that server, or start with an empty database: olympia destroy, then up. It saves a snapshot first.",
        )
    ]
