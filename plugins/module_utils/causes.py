# SPDX-License-Identifier: BSD-3-Clause
"""What a failure mostly comes from, told from the last words of a service or a command, or from how services are. Pure."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from typing import Any

# What gRPC and Docker's command line say when the engine ends in the middle of something.
ENGINE_GONE = re.compile(
    r"code = Unavailable|error reading from server|error during connect|Cannot connect to the Docker daemon"
)
ENGINE_RESTARTED = (
    "All services have ended at once: the engine, or the machine, was stopped or restarted meanwhile. "
    "The same command goes on from here."
)

# What a service says of itself, and what that mostly comes from. The first that matches counts.
CAUSES = {
    r"No space left on device": "The disk is full: 'make prune' clears the build cache, 'docker system df' tells more.",
    r"max virtual memory areas vm.max_map_count": "The kernel's limit is too low: sudo sysctl -w vm.max_map_count=262144",
    r"Access denied for user|ACCESS_REFUSED|invalid password": "The database's or the broker's volume was made with another "
    "password than .env has: put the old .env back, or destroy the instance with its data.",
    r"Address already in use": "Something else in the container listens on its port.",
    r"Unknown database|no such table|doesn't exist|unapplied migration": "The database was not initialized to the end.",
    r"(?m)\S+\.so[.\d]*: cannot open shared object file": "The image lacks a library that a package needs ({0}): name its Debian "
    "package in the source tree's docker/debian_packages.txt.",
    r"(?m)^\s*(ModuleNotFoundError|ImportError): (.*)": "Dependencies do not fit the code ({0}): make build",
    r"(?m)^\s*(SyntaxError|IndentationError|NameError|AttributeError|TypeError|RuntimeError|ValueError|KeyError): .*": "The "
    "application's code does not start: {0}",
    r"(?i)inotify (watch|instance) limit|\[Errno (24|28)\] .*inotify|inotify.*\[Errno (24|28)\]": "The user's inotify watchers are "
    "used up, mostly by editors: sudo sysctl fs.inotify.max_user_instances=512 fs.inotify.max_user_watches=524288, or do without "
    "reloading: make up RELOAD=false",
    r"Permission denied|Operation not permitted": "Files belong to another user: see HOST_UID, and who owns the source tree.",
    r"(?i)temporary failure in name resolution|could not resolve": "The container cannot resolve names: see the engine's DNS.",
}


def likely_cause(wrong: str, said: str) -> str:
    """Return what a failure mostly comes from, or the empty string.

    Args:
        wrong: The verdict.
        said: What the service and its healthcheck have said last.
    """
    if "exit 137" in wrong:
        return "The machine, or the container's limit, has too little memory."
    for pattern, cause in CAUSES.items():
        if found := re.search(pattern, said):
            return cause.format(found[0].strip())
    return ""


def ended_together(containers: Collection[Mapping[str, Any]]) -> bool:
    """Return whether what several services run on has ended, and not one of them.

    Args:
        containers: The project's, as `host.containers` gives them.
    """
    return len(containers) > 1 and all(entry["state"] == "exited" for entry in containers)


def silence(site: Mapping[str, Any], error: str, rules: str | None) -> str:
    """Return what to say of a site that does not answer where it is published, though every service is healthy.

    Args:
        site: The address and the port.
        error: What came of asking it.
        rules: The rules of the firewall that publish ports, if they can be seen.
    """
    if rules is None:
        seen = "Only root sees the firewall's rules."
    elif f"--dport {site['port']} " in rules:
        seen = "The firewall has the rule that leads there."
    else:
        seen = "The firewall has no rule that leads there."
    return (
        f"Every service is healthy, and nothing answers at {site['address']}:{site['port']}: {error}. {seen} "
        "A reload of the firewall (iptables --flush, firewalld, ufw) empties the engine's chains; containers then reach neither "
        "each other nor the network. 'make down' and 'make up' make the instance's rules again; those of builds come back with a "
        "restart of the engine: sudo systemctl restart docker."
    )
