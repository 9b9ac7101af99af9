# SPDX-License-Identifier: BSD-3-Clause
"""The source of the engine's packages: Docker's repository or the distribution, according to the host's apt sources."""

from __future__ import annotations

import re
import shutil
from collections.abc import Mapping
from typing import Any

from ..core.command_environment import Run
from ..host.apt_sources import AptSource, debian_mirrors, offered_suites, why_unusable
from ..host.connectivity import ask_url
from .engine_options import EngineOptions
from .engine_packages import CONFLICTS, PACKAGES
from .versions import missing_components

PACKAGE_FORMAT = "${db:Status-Status} ${db:Status-Want} ${Package} ${Version}\n"
DOCKER_SOURCE_FILE = "/etc/apt/sources.list.d/olympia-docker.sources"


def package_state(run: Run) -> tuple[dict[str, str], list[str]]:
    """Return name and version of the installed packages that provide, or conflict with, an engine; and which are on hold."""
    if shutil.which("dpkg-query") is None:
        return {}, []
    names = {name.split(">=")[0] for kinds in PACKAGES.values() for group in kinds.values() for name in group}
    names |= {name for group in CONFLICTS.values() for name in group}
    _code, out, _errors = run(["dpkg-query", "--show", "--showformat", PACKAGE_FORMAT, *sorted(names)])
    rows = [line.split() for line in out.splitlines() if line.startswith("installed ")]
    return {row[2]: row[3] for row in rows}, [row[2] for row in rows if row[1] == "hold"]


def apt_state(sources: list[AptSource], options: EngineOptions, codename: str, architecture: str) -> dict[str, Any]:
    """Return what a host's package sources are to the role.

    :param codename: the host's release.
    :param architecture: as dpkg names it.
    """
    mirrors = debian_mirrors(sources)
    keyring = next(
        (source.signed_by for source in sources if source.enabled and mirrors.main and mirrors.main in source.bases),
        None,
    )
    docker: dict[str, list[bool]] = {}
    for source in sources:
        if source.enabled:
            docker.setdefault(source.path, []).append(_is_docker_repository(source, options.repository_url))
    return {
        "main": mirrors.main,
        "security": mirrors.security,
        "signed_by": keyring,
        "docker_files": sorted(path for path, entries in docker.items() if all(entries)),
        "mixed_files": sorted(path for path, entries in docker.items() if any(entries) and not all(entries)),
        "repositories": [
            {
                "path": source.path,
                "unusable": why_unusable(source, codename, "stable", architecture),
                # apt wants the same key for all sources of one suite, whatever else they name.
                "same_suite": source.enabled and codename in source.suites,
            }
            for source in sources
            if _is_docker_repository(source, options.repository_url)
        ],
        "suites": sorted(offered_suites(sources, "main")),
        "universe": sorted(offered_suites(sources, "universe")),
    }


def _is_docker_repository(source: AptSource, repository_url: str) -> bool:
    """Return whether a source is Docker's repository of packages, or a mirror that keeps its layout."""
    prefix = repository_url.rstrip("/")
    return any(
        (prefix and base.startswith(prefix + "/"))
        or re.search(r"docker[^/]*(/.*)?/linux/(debian|ubuntu|raspbian)$", base)
        for base in source.bases
    )


def choose_source(facts: Mapping[str, Any], options: EngineOptions) -> tuple[str | None, str]:
    """Return where missing packages come from, with the reason; None if the asked repository does not answer.

    What is installed already decides for a missing plugin: packages of both sources do not go together.
    """
    if "engine" not in missing_components(facts, options.version):
        if "docker-ce" in facts["packages"] or "docker-ce-cli" in facts["packages"]:
            return "docker", "the engine's own packages come from there"
        if "docker.io" in facts["packages"]:
            return "distribution", "the engine's own packages come from there"
    if options.source == "distribution":
        return "distribution", "olympia_docker_source asks for it"
    url = f"{options.repository_url.rstrip('/')}/{facts['os']['id']}/dists/{facts['os']['codename']}/InRelease"
    error = ask_url(url).error if options.repository_url else "olympia_docker_repository_url is empty"
    if not error:
        return "docker", f"{url} answers"
    return None if options.source == "docker" else "distribution", f"{url}: {error}"


def others_repositories(facts: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return the sources of Docker's repository that somebody else has configured.

    Where the role's own source is there, too, those that can stand beside it count for nothing.
    """
    own = DOCKER_SOURCE_FILE in facts["apt"]["docker_files"]
    others = [found for found in facts["apt"]["repositories"] if found["path"] != DOCKER_SOURCE_FILE]
    return [found for found in others if found["same_suite"] or not own]
