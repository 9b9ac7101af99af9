# SPDX-License-Identifier: BSD-3-Clause
"""The environment of commands on a host: built from an allow-list, regardless of what the caller exports.

Compose prefers the process environment to an instance's `.env`, and Compose, Buildx and git read variables of their own. None of
those is passed on, so that what was rendered is what runs.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping

# Runs a command, and returns its code (127 where there is no such program), its output and its errors.
Run = Callable[[list[str]], tuple[int, str, str]]
# Messages are parsed, and people search for them: never translate them.
LOCALE = {"LANGUAGE": "C", "LC_ALL": "C", "NO_COLOR": "1"}
# Locations of programs and their files, and the user.
PLACES = (
    "HOME", "LOGNAME", "PATH", "SHELL", "SUDO_UID", "TMPDIR", "USER", "XDG_CACHE_HOME", "XDG_CONFIG_HOME", "XDG_RUNTIME_DIR",
    "XDG_STATE_HOME",
)  # fmt: skip
# Which engine is used, and how it is reached.
ENGINE = (
    "BUILDX_CONFIG", "DOCKER_API_VERSION", "DOCKER_CERT_PATH", "DOCKER_CONFIG", "DOCKER_CONTEXT", "DOCKER_HOST",
    "DOCKER_TLS_VERIFY", "SSH_AUTH_SOCK",
)  # fmt: skip
# How the network is reached. The names of proxies are read in both cases.
NETWORK = ("all_proxy", "ftp_proxy", "http_proxy", "https_proxy", "no_proxy", "SSL_CERT_DIR", "SSL_CERT_FILE")
# Where git has its credentials.
GIT = ("GIT_ASKPASS", "GIT_SSH", "GIT_SSH_COMMAND", "SSH_ASKPASS")
# Credentials of the build caches that BuildKit keeps elsewhere (types gha and s3).
CACHES = ("ACTIONS_", "AWS_")

# Variables that a shell cannot unset.
SHELLS = ("BASHOPTS", "EUID", "PPID", "SHELLOPTS", "UID")

ALLOWED = frozenset((*PLACES, *ENGINE, *NETWORK, *GIT, *(name.upper() for name in NETWORK)))


def is_allowed(name: str) -> bool:
    """Return whether a variable of the caller is passed on to commands."""
    return name in ALLOWED or name.startswith(CACHES)


def commands(more: Mapping[str, str] | None = None, environment: Mapping[str, str] | None = None) -> dict[str, str]:
    """Return the environment of a command.

    Args:
        more: Additional variables.
        environment: The caller's environment; by default the process's.
    """
    given = os.environ if environment is None else environment
    return {name: value for name, value in given.items() if is_allowed(name)} | {**(more or {}), **LOCALE}


def unset_others() -> str:
    """Return a shell command that unsets all variables that are not allowed."""
    allowed = "|".join([*sorted(ALLOWED), *SHELLS, *(f"{prefix}.*" for prefix in CACHES)])
    names = r"env | sed -n 's/^\([A-Za-z_][A-Za-z0-9_]*\)=.*/\1/p'"
    return f"unset $({names} | grep -vxE '{allowed}');"
