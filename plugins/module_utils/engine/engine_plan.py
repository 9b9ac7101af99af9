# SPDX-License-Identifier: BSD-3-Clause
"""What has to change on a host before the stack can run there.

`inspect_engine` is the one entry point. It looks at the host, reading only and without root; `assess` decides, as a pure function
of what was found and of the settings. The role does what the resulting plan says and decides nothing by itself.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..core.command_environment import Run
from ..core.problem import report
from .daemon_config import (
    DAEMON_JSON,
    changed_keys,
    effect_of,
    explicit_daemon_options,
    merge_options,
    new_engine_defaults,
)
from .engine_facts import closed_to_user, gather
from .engine_options import EngineOptions
from .engine_packages import (
    CONFLICTS,
    NEXT_RELEASE,
    NEXT_RELEASE_PACKAGES,
    PACKAGES,
    PLUGIN_CONFLICTS,
    SUPPORT_PACKAGES,
)
from .engine_problems import engine_problems
from .engine_sources import DOCKER_SOURCE_FILE, others_repositories
from .versions import MINIMUM, component_versions, missing_components


def inspect_engine(run: Run, options: EngineOptions) -> dict[str, Any]:
    """Return facts about the host, what the role would change, and why it cannot.

    :returns: the findings of `gather`, with `needs`, `problems` and `plan` of `assess`, and the problems as a message, `refusal`.
    """
    facts = gather(run, options)
    found = assess(facts, options)
    problems = found["problems"]
    return {**facts, **found, "problems": [problem.as_dict() for problem in problems], "refusal": report(problems)}


def assess(facts: Mapping[str, Any], options: EngineOptions) -> dict[str, Any]:
    """Decide what to change.

    :param facts: what `gather` returns.
    :returns: `needs`, one sentence for each change; `plan`, the same for the role's tasks; `problems`, the reasons
        why that cannot be done, empty if nothing needs to be changed.
    """
    docker = facts["docker"]
    needs: list[str] = []
    plan: dict[str, Any] = {
        "packages": [],
        "remove": [],
        "disable": [],
        "hold": None,
        "source": None,
        "next_release": None,
        "daemon_options": {},
        "daemon_defaults": {},
        "daemon_keys": [],
        "service": None,
        "stops": [],
        "group_users": [],
        "session_user": None,
        "builder": None,
    }
    missing = missing_components(facts, options.version)
    _plan_packages(facts, options, missing, needs, plan)
    if facts["held"] != options.version:
        plan["hold"] = options.version
        needs.append(f"hold the engine at {options.version or 'no version any more'}")
    _plan_daemon(facts, options, "engine" in missing, needs, plan)
    _plan_access(facts, options, needs, plan)
    if options.builder_driver != "docker" and facts["builder"]["found"] is None:
        needs.append(f"create builder {options.builder_name} (driver {options.builder_driver})")
        plan["builder"] = options.builder_name
    if plan["service"] == "restart" and not docker["live_restore"]:
        plan["stops"] = [container["name"] for container in facts["containers"]]
    return {"needs": needs, "plan": plan, "problems": engine_problems(facts, options, missing, needs, plan)}


def _plan_packages(
    facts: Mapping[str, Any], options: EngineOptions, missing: list[str], needs: list[str], plan: dict[str, Any]
) -> None:
    if not missing:
        return
    found = component_versions(facts)
    for component in missing:
        least = ".".join(str(number) for number in MINIMUM[component])
        needed = (component == "engine" and options.version) or least
        needs.append(f"install {component} (found {found[component] or 'none'}, need {needed})")
    source = facts["source"] or options.source
    distribution = facts["os"]["id"] if facts["os"]["id"] in PACKAGES else "debian"
    kinds = _dockers_packages(options) if source == "docker" else PACKAGES[distribution]
    installs_engine = "engine" in missing
    plan["source"] = source
    plan["packages"] = [name for component in (kinds if installs_engine else missing) for name in kinds[component]]
    if source == "distribution":
        plan["next_release"] = _next_release(facts)
    conflicts = CONFLICTS[source]
    if installs_engine:
        plan["packages"] += SUPPORT_PACKAGES
        plan["disable"] = [
            path for path in facts["apt"]["docker_files"] if source != "docker" or path != DOCKER_SOURCE_FILE
        ]
    else:
        conflicts = [name for component in missing for name in PLUGIN_CONFLICTS[source][component]]
    if source == "docker" and not installs_engine and others_repositories(facts):
        # With two sources of one repository that name different keys, apt reads none of its sources any more.
        plan["source"] = None
        plan["disable"] = [path for path in facts["apt"]["docker_files"] if path == DOCKER_SOURCE_FILE]
    plan["remove"] = [name for name in conflicts if name in facts["packages"]]
    if plan["remove"]:
        needs.append(f"remove conflicting packages: {', '.join(plan['remove'])}")
    if plan["disable"]:
        needs.append(f"disable old package sources: {', '.join(plan['disable'])}")


def _dockers_packages(options: EngineOptions) -> dict[str, list[str]]:
    """Return the specifications of Docker's packages, those of the engine with the version that is asked for."""
    if not options.version:
        return PACKAGES["docker"]
    wanted = [f"docker-ce=5:{options.version}-*", f"docker-ce-cli=5:{options.version}-*", "containerd.io"]
    return PACKAGES["docker"] | {"engine": wanted}


def _next_release(facts: Mapping[str, Any]) -> dict[str, Any] | None:
    """Return the release that the engine's packages come from if the host's own is too old, and its mirrors."""
    codename = NEXT_RELEASE.get(facts["os"]["codename"])
    if codename is None:
        return None
    apt = facts["apt"]
    return {
        "codename": codename,
        "main": apt["main"],
        "security": apt["security"],
        "signed_by": apt["signed_by"],
        "packages": NEXT_RELEASE_PACKAGES,
    }


def _plan_daemon(
    facts: Mapping[str, Any], options: EngineOptions, installs_engine: bool, needs: list[str], plan: dict[str, Any]
) -> None:
    docker = facts["docker"]
    if installs_engine:
        plan["service"] = "start" if docker["server"] is None and not closed_to_user(docker) else "restart"
    elif docker["server"] is None and not closed_to_user(docker):
        plan["service"] = "start"
        needs.append(f"start the engine ({docker['server_error']})")
    current = facts["daemon_json"] if isinstance(facts["daemon_json"], dict) else {}
    plan["daemon_options"] = explicit_daemon_options(options)
    if installs_engine or not facts["has_data"]:
        plan["daemon_defaults"] = new_engine_defaults(options, current, facts["has_data"])
    changed = changed_keys(current, merge_options(current, plan["daemon_options"], plan["daemon_defaults"]))
    plan["daemon_keys"] = changed
    if changed:
        needs.append(f"set {', '.join(changed)} in {DAEMON_JSON}")
        if plan["service"] is None:
            plan["service"] = effect_of(changed)
    if facts["pending"] and plan["service"] in (None, "reload"):
        plan["service"] = "restart" if facts["pending"] == "restart" else "reload"
        needs.append(f"apply {DAEMON_JSON}, which an interrupted run changed")
    if plan["service"] == "restart":
        needs.append("restart the engine")


def _plan_access(facts: Mapping[str, Any], options: EngineOptions, needs: list[str], plan: dict[str, Any]) -> None:
    """Plan the members of group docker, and access for a session that began before its user became one."""
    users, docker = facts["users"], facts["docker"]
    wanted = list(options.users)
    if users["uid"] != 0 and not users["session_in_docker_group"] and docker["server"] is None:
        plan["session_user"] = users["name"]
        needs.append(f"give this session of {users['name']} access to the engine")
        if not users["has_setfacl"]:
            plan["packages"].append("acl")
        if users["name"] not in wanted:
            wanted.append(users["name"])
    plan["group_users"] = [name for name in wanted if name not in users["docker_group"]]
    needs.extend(f"add {name} to group docker, which gives root access to this host" for name in plan["group_users"])
