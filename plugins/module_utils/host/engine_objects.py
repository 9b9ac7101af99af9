# SPDX-License-Identifier: BSD-3-Clause
"""Containers, volumes and images of an engine; empty results if the engine does not answer."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from ..core.command_environment import Run
from .docker_cli import repository
from .system import exists

KEPT_CHECKS = 5  # healthchecks that the engine remembers of a container
ANY_PROJECT = '{"name": "any", "services": {"any": {"image": "any"}}}'  # a Compose file that is right


def containers(run: Run, project: str) -> list[dict[str, Any]]:
    """Return the containers of a Compose project, running or not; none without an engine.

    Args:
        run: Runs a command.
        project: The Compose project's name.
    """
    code, output, _errors = run(
        [
            "docker", "ps", "--all", "--no-trunc", "--format", "{{.ID}} {{.Image}}",
            "--filter", f"label=com.docker.compose.project={project}",
            # Containers of `docker compose run` do not belong to a service.
            "--filter", "label=com.docker.compose.oneoff=False",
        ]
    )  # fmt: skip
    listed = dict(line.split() for line in output.splitlines())
    if code or not listed:
        return []
    code, output, _errors = run(["docker", "inspect", "--type", "container", *listed])
    # A container that goes away between the two commands fails the second one; those that stay are printed all the same.
    return [_container(entry, listed[entry["Id"]]) for entry in json.loads(output or "[]")]


def healthy_at(checks: list[dict[str, Any]]) -> str:
    """Return when a container became healthy; empty if it has not, or if that is too long ago.

    Args:
        checks: Its last healthchecks, the oldest first, as the engine keeps them.
    """
    good = [not check["ExitCode"] for check in checks]
    if True not in good or (len(checks) >= KEPT_CHECKS and good[0]):
        return ""
    end: str = checks[good.index(True)]["End"]
    return end


def _container(entry: dict[str, Any], listed_image: str) -> dict[str, Any]:
    state, labels = entry["State"], entry["Config"]["Labels"]
    bindings = [binding for bound in (entry["HostConfig"]["PortBindings"] or {}).values() for binding in bound or []]
    return {
        "service": labels.get("com.docker.compose.service", ""),
        "working_dir": labels.get("com.docker.compose.project.working_dir", ""),
        "config_hash": labels.get("com.docker.compose.config-hash", ""),
        "id": entry["Id"],
        "image": entry["Image"],
        "image_name": entry["Config"]["Image"],
        # The list has a bare ID once the reference that the container was made from names another image.
        "image_replaced": listed_image != entry["Config"]["Image"],
        "state": state["Status"],
        "health": state.get("Health", {}).get("Status", ""),
        "exit_code": state["ExitCode"],
        "oom_killed": state["OOMKilled"],
        "restarts": entry["RestartCount"],
        "started_at": state["StartedAt"],
        "healthy_at": healthy_at(state.get("Health", {}).get("Log") or []),
        "ports": sorted(int(binding["HostPort"]) for binding in bindings if binding.get("HostPort")),
        "networks": {
            # The engine's own name of them is newer than Compose's aliases.
            name: (endpoint.get("DNSNames") or endpoint.get("Aliases") or [])
            for name, endpoint in entry["NetworkSettings"]["Networks"].items()
        },
    }


def one_off_containers(run: Run, project: str) -> list[dict[str, str]]:
    """Return name and state of a Compose project's one-off containers, as `docker compose run` makes them.

    Args:
        run: Runs a command.
        project: The Compose project's name.
    """
    code, output, _errors = run(
        [
            "docker", "ps", "--all", "--format", "{{.Names}} {{.State}}",
            "--filter", f"label=com.docker.compose.project={project}",
            "--filter", "label=com.docker.compose.oneoff=True",
        ]
    )  # fmt: skip
    rows = [] if code else [line.split() for line in output.splitlines()]
    return [{"name": name, "state": state} for name, state in rows]


def service_hashes(run: Run, project: Path, files: Iterable[str]) -> dict[str, str]:
    """Return the checksum of each service's configuration, as Compose labels its containers with; empty without a project.

    Args:
        run: Runs a command.
        project: The project directory.
        files: Names of the Compose files in it.
    """
    named = [argument for name in files for argument in ("--file", str(project / name))]
    code, output, _errors = run(
        ["docker", "compose", "--project-directory", str(project), *named, "config", "--hash", "*"]
    )
    return {} if code else dict(line.split() for line in output.splitlines())


def client_error(run: Run, project: Path) -> str:
    """Return why the docker client cannot read files in the project directory, though this user can; empty if it can.

    A client from a snap or in a container sees other files than its user.

    Args:
        run: Runs a command.
        project: The project directory. Where there is none yet, a folder in the place of it is tried, hidden if that will be.
    """
    place, prefix = project, ""
    while not exists(place):
        place, prefix = place.parent, "." if place.name.startswith(".") else ""
    try:
        with tempfile.TemporaryDirectory(prefix=f"{prefix}olympia-", dir=place) as folder:
            file = Path(folder, "docker-compose.yml")
            file.write_text(ANY_PROJECT, encoding="utf-8")
            code, _output, errors = run(["docker", "compose", "--file", str(file), "config", "--quiet"])
    except OSError:
        # This user cannot write there, which is reported elsewhere.
        return ""
    return (errors.strip() or f"return code {code}") if code else ""


def address_pools(run: Run) -> list[dict[str, Any]]:
    """Return the address pools that the engine is configured with, each with `Base` and `Size`.

    Args:
        run: Runs a command.
    """
    code, output, _errors = run(["docker", "info", "--format", "{{json .DefaultAddressPools}}"])
    return [] if code else json.loads(output) or []


def volumes(run: Run, *names: str) -> dict[str, tuple[str, dict[str, str]]]:
    """Return when each of some volumes was created, and its labels, by name; missing ones are left out.

    Args:
        run: Runs a command.
        names: Their names.
    """
    # One that is missing fails the command, and the others are printed all the same; without an engine an empty line is.
    _code, output, _errors = run(
        ["docker", "volume", "inspect", "--format", "{{.Name}}\t{{.CreatedAt}}\t{{json .Labels}}", *names]
    )
    rows = (line.split("\t") for line in output.splitlines() if line)
    return {name: (created, json.loads(labels) or {}) for name, created, labels in rows}


def volume_created(run: Run, name: str) -> str:
    """Return when a volume was created, or the empty string if there is none."""
    return next((created for created, _labels in volumes(run, name).values()), "")


def local_images(run: Run, references: Iterable[str]) -> dict[str, str]:
    """Return the IDs of the images of some repositories by all that names them, tags and digests.

    Not of all images, because the engine sums up the layers of each image that it lists.

    Args:
        run: Runs a command.
        references: References of the images; those of the same repository are found, too.
    """
    names = sorted({repository(reference) for reference in references})
    filters = [f"--filter=reference={name}" for name in names]
    template = "{{.ID}} {{.Repository}}:{{.Tag}} {{.Repository}}@{{.Digest}}"
    code, output, _errors = run(["docker", "image", "ls", "--digests", "--no-trunc", "--format", template, *filters])
    rows = [] if code else [line.split() for line in output.splitlines()]
    return {name: identity for identity, *named in rows for name in named if "<none>" not in name}


def image_id(run: Run, reference: str) -> str:
    """Return the ID of a local image, or the empty string if there is none."""
    code, output, _errors = run(["docker", "image", "inspect", "--format", "{{.Id}}", reference])
    return "" if code else output.strip()
