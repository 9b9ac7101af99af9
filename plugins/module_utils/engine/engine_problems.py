# SPDX-License-Identifier: BSD-3-Clause
"""Why an engine cannot be set up as planned. Pure functions."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from ..core.problem import Problem
from .daemon_config import DAEMON_JSON
from .engine_facts import DATA_ROOT, closed_to_user
from .engine_options import EngineOptions
from .engine_packages import SUPPORTED, UBUNTU_SUITES
from .engine_sources import others_repositories
from .versions import component_versions, meets

APT_SOURCES = "/etc/apt/sources.list, /etc/apt/sources.list.d"


def engine_problems(
    facts: Mapping[str, Any], options: EngineOptions, missing: list[str], needs: list[str], plan: Mapping[str, Any]
) -> list[Problem]:
    """Return the reasons why a plan cannot be carried out.

    Args:
        facts: What `gather` returns.
        options: The role's settings.
        missing: Which of engine, buildx and compose have to be installed.
        needs: The plan, in sentences.
        plan: The plan.
    """
    found = [*_builder_problems(facts, options), *_tcp_problems(options)]
    docker, system = facts["docker"], facts["os"]
    changes_engine = bool(missing or plan["daemon_keys"] or plan["service"])
    if docker["host"] or docker["context"] != "default" or docker["rootless"]:
        if changes_engine:
            which = docker["host"] or (f"context {docker['context']}" if docker["context"] != "default" else "rootless")
            found.append(
                Problem(
                    "The docker client is set to an engine that the role does not manage",
                    which,
                    docker["server_error"] or f"needed: {'; '.join(needs)}",
                    "Unset DOCKER_HOST and run 'docker context use default', or fix that engine yourself.",
                )
            )
        return found
    if (missing or plan["service"]) and (system["id"], system["version_id"]) not in SUPPORTED:
        found.append(
            Problem(
                f"The engine can be set up on {', '.join(SUPPORTED.values())}, but this host runs {system['pretty']}",
                "/etc/os-release",
                "; ".join(needs),
                "Install Docker Engine 25.0, buildx 0.13 and Compose 2.24 or newer yourself, then run again.",
            )
        )
        return found
    if missing:
        found += _package_problems(facts, options, missing, plan)
    if changes_engine and isinstance(facts["daemon_json"], str):
        found.append(
            Problem(
                "The engine's configuration cannot be merged",
                str(DAEMON_JSON),
                facts["daemon_json"],
                "Correct the file, or make it readable (mode 0644), then run again.",
            )
        )
    if not facts["users"]["can_become_root"] and not all(need.startswith("create builder") for need in needs):
        found.append(
            Problem(
                "Root is needed, but there is no sudo",
                f"user {facts['users']['name']}",
                "; ".join(needs),
                "Run as root, or install sudo and allow this user to use it.",
            )
        )
    return found + _restart_problems(facts, options, plan)


def _tcp_problems(options: EngineOptions) -> Iterator[Problem]:
    """Refuse to open the engine to a network: whoever reaches it there is root."""
    hosts = options.daemon_options.get("hosts") or []
    if opened := [str(host) for host in hosts if not str(host).startswith(("unix://", "fd://"))]:
        yield Problem(
            "The engine would listen on the network, where whoever reaches it is root of this host",
            "olympia_docker_daemon_options",
            f"hosts: {', '.join(opened)}",
            "Leave it out; DOCKER_HOST=ssh://user@host reaches an engine on another host.",
            "olympia_docker_daemon_options",
        )


def _builder_problems(facts: Mapping[str, Any], options: EngineOptions) -> Iterator[Problem]:
    existing = facts["builder"]["found"]
    remote = options.builder_driver == "remote"
    if remote and not options.builder_endpoint:
        yield Problem(
            "Builder driver 'remote' needs the address of a BuildKit",
            "olympia_docker_builder_endpoint",
            "it is empty",
            "Set it, for instance to tcp://buildkit.example.org:1234.",
            "olympia_docker_builder_endpoint",
        )
    elsewhere = remote and options.builder_endpoint
    if existing and (existing["driver"] != options.builder_driver or (elsewhere and existing["endpoint"] != elsewhere)):
        yield Problem(
            f"There is another builder named {options.builder_name}",
            f"docker buildx inspect {options.builder_name}",
            f"driver {existing['driver']}, endpoint {existing['endpoint']}",
            f"Choose another name, or remove it: docker buildx rm {options.builder_name}",
            "olympia_docker_builder_name",
        )


def _package_problems(
    facts: Mapping[str, Any], options: EngineOptions, missing: list[str], plan: Mapping[str, Any]
) -> list[Problem]:
    found: list[Problem] = []
    apt = facts["apt"]
    version = component_versions(facts)["engine"]
    if "engine" in missing and version and not {"docker.io", "docker-ce"} & set(facts["packages"]):
        found.append(
            Problem(
                f"Engine {version} is too old, and was not installed from a package that the role can upgrade",
                facts["docker"]["root_dir"] or str(DATA_ROOT),
                "neither docker.io nor docker-ce is installed",
                "Upgrade it to 25.0 or newer in the way it was installed, or remove it, then run again.",
            )
        )
    if facts["source"] is None:
        found.append(
            Problem(
                "Docker's package repository does not answer",
                options.repository_url,
                facts["source_reason"],
                "Set olympia_docker_repository_url to a mirror, or olympia_docker_source to distribution.",
                "olympia_docker_source",
            )
        )
    if "engine" in missing and options.version and facts["source"] == "distribution":
        found.append(
            Problem(
                f"Engine {options.version} is available from Docker's package repository only",
                options.repository_url,
                facts["source_reason"],
                "Make that repository or a mirror of it reachable, or leave olympia_docker_version empty.",
                "olympia_docker_version",
            )
        )
    if plan.get("next_release") and apt["main"] is None:
        found.append(
            Problem(
                f"Debian's {facts['os']['codename']} has no engine that is new enough, and no mirror to take "
                f"{plan['next_release']['codename']}'s from was found",
                APT_SOURCES,
                f"no enabled source with suite {facts['os']['codename']} and component main",
                "Add the Debian archive to the host's apt sources, or set olympia_docker_source to docker.",
                "olympia_docker_source",
            )
        )
    if "engine" in missing and apt["mixed_files"] and (plan["disable"] or plan["source"] == "docker"):
        found.append(
            Problem(
                "A package source of Docker shares its file with other sources",
                ", ".join(apt["mixed_files"]),
                "the role disables whole files only",
                "Move that source to a file of its own, or delete it.",
            )
        )
    return [*found, *_source_problems(facts, missing), *_hold_problems(facts, plan)]


def _source_problems(facts: Mapping[str, Any], missing: list[str]) -> Iterator[Problem]:
    """Yield why the package sources that the host has cannot give what is missing."""
    apt, system = facts["apt"], facts["os"]
    others = others_repositories(facts)
    dockers_plugin = facts["source"] == "docker" and "engine" not in missing
    if dockers_plugin and others and all(repository["unusable"] for repository in others):
        yield Problem(
            f"Docker's package repository is configured, and {' and '.join(missing)} cannot be installed from it",
            ", ".join(dict.fromkeys(repository["path"] for repository in others)),
            "; ".join(dict.fromkeys(repository["unusable"] for repository in others)),
            "Correct that source, or delete it and let the role add its own, then run again.",
        )
    wanted = UBUNTU_SUITES.get(system["codename"], [])
    # A file with credentials may be closed to this user: of a host whose own release is not seen, nothing is known.
    sources_known = system["id"] == "ubuntu" and system["codename"] in apt["suites"]
    if facts["source"] == "distribution" and sources_known and not set(wanted) & set(apt["universe"]):
        yield Problem(
            f"Ubuntu's packages of Docker are in component universe of {' or '.join(wanted)}, "
            "which this host's package sources do not name",
            APT_SOURCES,
            f"suites with main: {', '.join(apt['suites'])}; with universe: {', '.join(apt['universe']) or 'none'}",
            f"Add suite {wanted[0]} and component universe to them (`sudo add-apt-repository universe`), "
            "or set olympia_docker_source to docker.",
            "olympia_docker_source",
        )


def _hold_problems(facts: Mapping[str, Any], plan: Mapping[str, Any]) -> Iterator[Problem]:
    """Refuse what would change packages that somebody holds at their version."""
    installed = facts["packages"]
    held = [
        name
        for name in facts["on_hold"]
        if name in plan["remove"] or not all(meets(wanted, name, installed[name]) for wanted in plan["packages"])
    ]
    if held:
        yield Problem(
            f"{' and '.join(held)} must be upgraded or removed, but {'is' if len(held) == 1 else 'are'} on hold",
            "apt-mark showhold",
            ", ".join(f"{name} {installed[name]}" for name in held),
            f"Run 'sudo apt-mark unhold {' '.join(held)}', then run again.",
        )


def _restart_problems(facts: Mapping[str, Any], options: EngineOptions, plan: Mapping[str, Any]) -> list[Problem]:
    """Refuse a restart that would stop what is not known to be ours to stop."""
    if plan["service"] != "restart" or options.restart == "always" or facts["docker"]["live_restore"]:
        return []
    others = [c["name"] for c in facts["containers"] if c["project"] not in options.restart_projects]
    if not others and not closed_to_user(facts["docker"]):
        return []
    return [
        Problem(
            "The engine must be restarted, and that stops containers",
            "docker ps",
            f"running: {', '.join(others)}" if others else f"user {facts['users']['name']} may not list them",
            "Stop them first, or allow it with olympia_docker_restart=always.",
            "olympia_docker_restart",
        )
    ]
