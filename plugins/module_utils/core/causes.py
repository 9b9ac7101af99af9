# SPDX-License-Identifier: BSD-3-Clause
"""Likely causes of failures, from the last output of a service or a command, or from the states of services. Pure functions."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Mapping
from typing import Any

from .problem import Problem

# What gRPC and Docker's command line print when the engine stops in the middle of something.
ENGINE_GONE = re.compile(
    r"code = Unavailable|error reading from server|error during connect|Cannot connect to the Docker daemon"
)
ENGINE_RESTARTED = (
    "All services stopped at once: the engine, or the machine, was stopped or restarted meanwhile. "
    "Run the same command again: it continues from here."
)

# What a service logs, and the likely cause. The first match counts.
CAUSES = {
    r"No space left on device": "The disk is full: 'make prune' clears the build cache, 'docker system df' shows more.",
    r"max virtual memory areas vm.max_map_count": "The kernel's limit is too low: sudo sysctl -w vm.max_map_count=262144",
    r"Access denied for user|ACCESS_REFUSED|invalid password": "The database's or the broker's volume was created with another "
    "password than .env has: restore the old .env, or destroy the instance with its data.",
    r"Address already in use": "Another process in the container listens on its port.",
    r"Unknown database|no such table|doesn't exist|unapplied migration": "The initialization of the database did not finish.",
    r"(?m)\S+\.so[.\d]*: cannot open shared object file": "The image lacks a library that a package needs ({0}): name its Debian "
    "package in the source tree's docker/debian_packages.txt.",
    r"(?m)^\s*(ModuleNotFoundError|ImportError): (.*)": "The dependencies do not match the code ({0}): make build",
    r"(?m)^\s*(SyntaxError|IndentationError|NameError|AttributeError|TypeError|RuntimeError|ValueError|KeyError): .*": "The "
    "application's code does not start: {0}",
    r"(?i)inotify (watch|instance) limit|\[Errno (24|28)\] .*inotify|inotify.*\[Errno (24|28)\]": "The user's inotify watches are "
    "used up, mostly by editors: sudo sysctl fs.inotify.max_user_instances=512 fs.inotify.max_user_watches=524288, or turn "
    "reloading off: make up RELOAD=false",
    r"Permission denied|Operation not permitted": "Files belong to another user: see HOST_UID, and who owns the source tree.",
    r"(?i)temporary failure in name resolution|could not resolve": "The container cannot resolve names: check the engine's DNS.",
}

# What apt, pip, npm and git print when a build has no network.
NO_NETWORK = re.compile(
    r"Temporary failure (in name resolution|resolving)|Could(n't| not) resolve|Network is unreachable|[Cc]onnection timed out|"
    r"EAI_AGAIN|ETIMEDOUT|ENETUNREACH"
)
NO_MASQUERADE = "no firewall rule lets builds reach the network, as after a reload (iptables --flush, firewalld, ufw)"
RESTART_ENGINE = "Restart the engine, which recreates its rules: sudo systemctl restart docker"
# What Compose prints when others were not started because of a service, not the engine.
SERVICE_FAILED = re.compile(r"dependency failed to start|is unhealthy|exited \(\d+\)")
POOLS_USED_UP = re.compile(r"non-overlapping IPv4 address pool|predefined address pools have been fully subnetted")
# What Compose prints when the engine refuses something, the cause, and the fix. The first match counts.
REFUSALS = {
    ENGINE_GONE.pattern: (
        "The engine, or the machine, was stopped or restarted meanwhile.",
        "Run the same command again: it continues from here.",
    ),
    r"privileged port (\d+)": (
        "A rootless engine may not publish port {1}.",
        "Choose another: make up HTTP_PORT=8080. Or allow it: sudo sysctl net.ipv4.ip_unprivileged_port_start={1}",
    ),
    r"port is already allocated|address already in use": (
        "Another program has taken a port since the host was checked.",
        "Run 'make doctor': it names the port and who listens there.",
    ),
    r"[Nn]o such image: (\S+)": (
        "The image {1} was removed since the host was checked, or never built.",
        "Run 'make up' again, which builds or pulls what is missing.",
    ),
    r"[Mm]ounts? denied|path does not exist: (\S+)|creating mount source path": (
        "The engine cannot mount a folder of this host: it does not exist, or the engine cannot see it (Docker from a "
        "snap and Docker Desktop see few folders).",
        "Keep source tree and project directory where the engine sees them; 'make explain' names both.",
    ),
    r'container name "/?([^"]+)" is already in use': (
        "A container of another project has the name {1}.",
        "Rename or remove it, if nobody needs it: docker rename {1} NAME. Or choose another: make up INSTANCE=NAME",
    ),
    r"network (\S+) was found but has incorrect label": (
        "The network {1} was not created by Compose.",
        "Remove it, if nobody needs it: docker network rm {1}. Or choose another: make up INSTANCE=NAME",
    ),
    r"No chain/target/match by that name": (
        "The engine's firewall chains are gone, as after a reload of the firewall (iptables --flush, firewalld, ufw).",
        RESTART_ENGINE,
    ),
    r"(?i)no space left on device": (
        "The disk is full.",
        "Make room: 'make prune' clears the build cache, 'docker system df' shows more.",
    ),
}


def pools_used_up(networks: Mapping[str, Any]) -> Problem:
    """Return the problem of address pools that are used up.

    Args:
        networks: Those of the engine, as `networks.look` returns them.
    """
    idle = networks["idle"]
    shown = ", ".join(idle[:10]) + (", ..." if len(idle) > 10 else "")
    evidence = f"it has {len(networks['names'])} networks, {len(idle)} of them without a running container"
    return Problem(
        "all address pools of the engine are used up",
        cause=f"{evidence}: {shown}" if idle else evidence,
        fix=(
            "Remove those that nobody needs: docker network rm NAME; 'docker network prune' removes all of these. "
            if idle
            else "Stop what nobody needs. "
        )
        + "Or give the engine more: make up "
        """'olympia_docker_daemon_options={"default-address-pools": [{"base": "10.200.0.0/16", "size": 24}]}'""",
    )


def refusal(said: str, networks: Callable[[], Mapping[str, Any] | None]) -> str:
    """Return the message for an engine that refused to start services; the empty string if a service is the cause.

    Args:
        said: What Compose printed.
        networks: Inspects the engine's networks; called only if they may be the cause.
    """
    if SERVICE_FAILED.search(said):
        return ""
    found = networks() if POOLS_USED_UP.search(said) else None
    if found:
        full = pools_used_up(found)
        cause, fix = f"{full.what}: {full.cause}", full.fix
    else:
        matches = ((re.search(pattern, said), words) for pattern, words in REFUSALS.items())
        match, words = next(((match, words) for match, words in matches if match), (None, ("", "")))
        cause, fix = (text.format(*([match[0], *match.groups()] if match else ())) for text in words)
    return str(Problem(f"The services were not started: {said}", cause=cause, fix=fix))


def likely_cause(wrong: str, said: str) -> str:
    """Return the likely cause of a failure, or the empty string.

    Args:
        wrong: The verdict.
        said: The last output of the service and its healthcheck.
    """
    if "exit 137" in wrong:
        return "The machine, or the container's limit, has too little memory."
    for pattern, cause in CAUSES.items():
        if found := re.search(pattern, said):
            return cause.format(found[0].strip())
    return ""


def network_of_builds(said: str, led: Callable[[], bool | None]) -> str:
    """Return cause and fix of a build step that could not reach the network; the empty string if it failed for another reason.

    Args:
        said: The output of the step.
        led: Returns whether the firewall lets builds out, as `connectivity.builds_reach_out` does.
    """
    if not NO_NETWORK.search(said):
        return ""
    if led() is False:
        return f"cause: {NO_MASQUERADE}\nfix: {RESTART_ENGINE}"
    return "cause: the build cannot reach the network\nfix: Run 'olympia doctor mirrors proxy'"


def ended_together(containers: Collection[Mapping[str, Any]]) -> bool:
    """Return whether all of several services have exited, as when the engine or the machine stops.

    Args:
        containers: The project's, as `engine_objects.containers` returns them.
    """
    return len(containers) > 1 and all(entry["state"] == "exited" for entry in containers)


def silence(site: Mapping[str, Any], error: str, rules: str | None) -> str:
    """Return the message for a site that does not answer although every service is healthy.

    Args:
        site: The address and the port.
        error: The error of a request to it.
        rules: The firewall rules that publish ports, if they can be read.
    """
    if rules is None:
        seen = "Only root can read the firewall's rules."
    elif f"--dport {site['port']} " in rules:
        seen = "The firewall has the rule that leads there."
    else:
        seen = "The firewall has no rule that leads there."
    return (
        f"Every service is healthy, and nothing answers at {site['address']}:{site['port']}: {error}. {seen} "
        "A reload of the firewall (iptables --flush, firewalld, ufw) empties the engine's chains; containers then reach neither "
        "each other nor the network. 'make down' and 'make up' recreate the instance's rules; those of builds come back with a "
        "restart of the engine: sudo systemctl restart docker."
    )
