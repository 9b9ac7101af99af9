# SPDX-License-Identifier: BSD-3-Clause
"""The doctor's checks of the engine and the host it runs on. Pure functions."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

from ..core.problem import Problem
from ..engine.versions import MINIMUM, component_versions, satisfies
from ..host.system import ENGINE_DATA
from ..stack.derived import amiss
from . import preflight_checks
from .findings import ENGINE_FIRST, Findings, needs_engine
from .verdicts import FAILED, OK, UNKNOWN, WARNING, Verdict, from_problems

# What `docker ps` calls a container in which nothing runs.
ENDED = ("created", "exited", "dead")


def component(name: str) -> Callable[[Findings], Verdict]:
    def judge(findings: Findings) -> Verdict:
        docker = findings.engine["docker"]
        version = component_versions(findings.engine)[name]
        least = ".".join(str(number) for number in MINIMUM[name])
        evidence = f"{version or 'none'}, of {least} needed"
        if docker["client"] is None:
            return Verdict(FAILED, docker["server_error"], "Run 'make up', which installs it.")
        if name == "engine" and version is None and "permission denied" in docker["server_error"]:
            return Verdict(UNKNOWN, "this user has no access to it", ENGINE_FIRST)
        if satisfies(name, version):
            return Verdict(OK, evidence)
        return Verdict(FAILED, evidence, "Run 'make up', which installs it; see the check engine-setup.")

    return judge


def engine_setup(findings: Findings) -> Verdict:
    problems = (Problem(**found) for found in findings.engine["problems"])
    needs = "; ".join(findings.engine["needs"])
    return from_problems(
        [*problems, *preflight_checks.check_builder(findings.values, findings.facts)],
        f"'make up' will: {needs}" if needs else "there is nothing to change",
    )


def daemon(findings: Findings) -> Verdict:
    docker = findings.engine["docker"]
    if findings.reachable:
        return Verdict(OK, docker["host"] or f"context {docker['context']}")
    if "permission denied" in docker["server_error"]:
        return Verdict(FAILED, docker["server_error"], "See the check docker-group.")
    if docker["host"] or docker["context"] != "default":
        fix = "Unset DOCKER_HOST and run 'docker context use default', or fix that engine."
    else:
        fix = "Run 'make up', which installs and starts what is missing."
    return Verdict(FAILED, docker["server_error"], fix)


@needs_engine
def engine_tcp(findings: Findings) -> Verdict:
    listening = findings.engine["docker"]["tcp"]
    if listening:
        return Verdict(
            WARNING,
            f"it listens on {', '.join(listening)}, and whoever reaches it there is root of this host",
            "Take tcp:// out of 'hosts' in /etc/docker/daemon.json and of the engine's command line, and restart it; "
            "DOCKER_HOST=ssh://user@host reaches an engine on another host.",
        )
    return Verdict(OK, "no address without client certificates")


def docker_group(findings: Findings) -> Verdict:
    users, docker = findings.engine["users"], findings.engine["docker"]
    if users["uid"] == 0:
        return Verdict(OK, "root needs no group")
    if users["session_in_docker_group"]:
        return Verdict(OK, f"{users['name']} is in it, which gives root access to this host")
    if findings.reachable:
        return Verdict(OK, f"{users['name']} can use the engine without it")
    if docker["rootless"] or docker["host"]:
        return Verdict(OK, f"not needed: {docker['host'] or 'rootless Docker'}")
    if users["name"] in users["docker_group"]:
        return Verdict(
            WARNING,
            f"{users['name']} joined it after this session began",
            "Log out and in, or run 'newgrp docker'.",
        )
    return Verdict(
        FAILED,
        f"{users['name']} is not in it",
        f"Run 'sudo usermod --append --groups docker {users['name']}', then log out and in; 'make up' does it, too.",
    )


@needs_engine
def services(findings: Findings) -> Verdict:
    containers, wanted = findings.facts["containers"], findings.settings["services"]
    if not containers:
        return Verdict(OK, "none is running: 'make up' starts them")
    there = {entry["service"] for entry in containers}
    # Another configuration is the subject of the check rendered-files.
    wrong = amiss({**findings.facts, "service_hashes": {}})
    wrong += [f"{name} has no container" for name in wanted if name not in there]
    if wrong:
        name = wrong[0].split()[0]
        return Verdict(FAILED, "; ".join(wrong), f"Run 'olympia logs {name}' for the cause, then 'make up'.")
    return Verdict(OK, f"running: {', '.join(wanted)}")


def memory(findings: Findings) -> Verdict:
    return from_problems(
        preflight_checks.check_memory(findings.values, findings.facts), f"{findings.facts['memory_mb']} MiB"
    )


def disk(of_images: bool) -> Callable[[Findings], Verdict]:
    def judge(findings: Findings) -> Verdict:
        project, engine = findings.facts["project_dir"], findings.engine["docker"]["root_dir"] or str(ENGINE_DATA)
        # Rootless Docker has its data in the home directory, as the project.
        path = engine if of_images and engine in findings.facts["disk_free_mb"] else project
        free = findings.facts["disk_free_mb"][path]
        return from_problems(
            preflight_checks.check_disk(findings.values, findings.facts, path), f"{free} MiB are free at {path}"
        )

    return judge


def map_count(findings: Findings) -> Verdict:
    origin, now = findings.settings["image_origin"], findings.facts["max_map_count"]
    if origin != "registry":
        return Verdict(OK, f"{now}; it matters only with the image origin registry, and it is {origin}")
    wanted = findings.values["olympia_stack_min_map_count"]
    if now >= wanted:
        return Verdict(OK, str(now))
    return Verdict(
        WARNING,
        f"{now}, of {wanted} recommended: a single node of Elasticsearch starts, but can run out of maps for large indexes",
        f"Run: sudo sysctl -w vm.max_map_count={wanted}",
        safe=True,
    )


@needs_engine
def leftovers(findings: Findings) -> Verdict:
    found = findings.seen["one_off"]
    if not found:
        return Verdict(OK, "there are none")
    evidence = ", ".join(f"{one['name']} ({one['state']})" for one in found)
    if ended := ended_containers(found):
        return Verdict(WARNING, evidence, f"Run: docker rm --volumes {' '.join(ended)}", safe=True)
    names = " ".join(one["name"] for one in found)
    return Verdict(WARNING, evidence, f"Unless they are in use: docker rm --force --volumes {names}")


def ended_containers(one_off: Iterable[Mapping[str, str]]) -> list[str]:
    """Return the names of the one-off containers in which nothing runs.

    Args:
        one_off: Name and state of each.
    """
    return [one["name"] for one in one_off if one["state"] in ENDED]
