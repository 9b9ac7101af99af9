# SPDX-License-Identifier: BSD-3-Clause
"""The doctor's checks of settings, source tree, project directory and database. Pure functions."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..core.problem import Problem
from ..stack import ownership
from ..stack.derived import OLYMPIA_UID
from . import preflight_checks
from .findings import Findings, needs_engine
from .verdicts import FAILED, OK, UNKNOWN, WARNING, Verdict, from_problems

# Compose reads the first of these by itself, but not where COMPOSE_FILE says what to read.
OVERRIDES = tuple(f"{name}.override.{suffix}" for name in ("docker-compose", "compose") for suffix in ("yml", "yaml"))


def settings(findings: Findings) -> Verdict:
    wrong = [Problem(**problem) for problem in findings.wrong_settings]
    return from_problems(wrong, f"{len(findings.values)} settings")


def search_server(findings: Findings) -> Verdict:
    image = findings.settings["images"][findings.settings["roles"]["search"]]
    version = findings.settings["elasticsearch_version"]
    if findings.settings["volatile_services"]:
        return Verdict(
            OK,
            f"osmem-server in place of Elasticsearch {version}: its index is in memory, and rebuilt after a restart",
        )
    return Verdict(OK, image)


def source_tree(findings: Findings) -> Verdict:
    source, odd = findings.settings["source_dir"], findings.seen["source_not_utf8"]
    verdict = from_problems(preflight_checks.check_source(findings.values, findings.facts), source)
    if verdict.state == OK and odd:
        return Verdict(
            WARNING,
            f"names that are not UTF-8, which newer versions of BuildKit refuse: {', '.join(odd[:5])}",
            f"Rename these files in {source}, or leave them out of the build with its .dockerignore.",
        )
    return verdict


def file_owners(findings: Findings) -> Verdict:
    uid, source, foreign = findings.settings["host_uid"], findings.seen["source_uid"], findings.seen["foreign_deps"]
    if findings.settings["closed"]:
        return Verdict(OK, "neither is mounted: the image is a closed system")
    if findings.engine["docker"]["rootless"]:
        return Verdict(OK, "rootless Docker maps UIDs")
    if remapped := [*preflight_checks.check_users(findings.values, findings.facts)]:
        return from_problems(remapped, "")
    if foreign:
        owner, directory = deps_uid(findings.settings), f"{findings.settings['project_dir']}/deps"
        return Verdict(
            FAILED,
            f"not of UID {owner} in deps: {len(foreign)}, such as {foreign[0]}",
            f"Run: sudo chown --recursive {owner} {directory}",
            safe=True,
        )
    if source not in (None, uid):
        return Verdict(
            WARNING,
            f"{findings.settings['source_dir']} belongs to UID {source}, and the application runs as UID {uid}",
            f"Run it as the owner: make up HOST_UID={source}",
        )
    return Verdict(OK, f"UID {uid}")


def deps_uid(settings: Mapping[str, Any]) -> int:
    """Return the UID that the mounted dependencies belong to: never root's, as the image's entrypoint has it.

    Args:
        settings: Derived settings.
    """
    return int(settings["host_uid"]) or OLYMPIA_UID


def env_file(findings: Findings) -> Verdict:
    there = "valid" if ".env" in findings.facts["rendered"] else "it does not exist yet: 'make up' writes it"
    return from_problems(preflight_checks.check_env(findings.facts), there)


def rendered_files(findings: Findings) -> Verdict:
    rendered = findings.facts["rendered"]
    verdict = from_problems(preflight_checks.check_rendered(findings.facts), f"{len(rendered)} files")
    closed = [f"{name} ({file['error']})" for name, file in rendered.items() if file["error"] and name != ".env"]
    if closed:
        return Verdict(
            FAILED,
            f"{len(closed)} cannot be read in {findings.facts['project_dir']}, such as {closed[0]}",
            "Move it away, or take ownership; 'make up' writes it again.",
        )
    if verdict.state == FAILED:
        return verdict
    if findings.facts["env_error"]:
        return Verdict(UNKNOWN, "their expected content is unknown without .env", "See the check env-file first.")
    if not rendered:
        return Verdict(OK, "they do not exist yet: 'make up' writes them")
    if findings.differing:
        return Verdict(
            WARNING,
            f"edited, or older than the settings: {', '.join(findings.differing)}",
            "Run 'make up', which writes them again; 'make up ARGS=\"--check --diff\"' shows what that changes.",
        )
    return verdict


def project_dir(findings: Findings) -> Verdict:
    return from_problems(preflight_checks.check_client(findings.facts), findings.facts["project_dir"])


def compose_files(findings: Findings) -> Verdict:
    return from_problems(
        preflight_checks.check_compose_files(findings.values, findings.facts),
        f"COMPOSE_FILE={':'.join(findings.settings['compose_files'])}",
    )


def override_file(findings: Findings) -> Verdict:
    found, named = findings.seen["overrides"], findings.settings["compose_files"]
    ignored = [name for name in found if name not in named]
    if ignored:
        value = ":".join([*named, ignored[0]])
        return Verdict(
            WARNING,
            f"COMPOSE_FILE does not name {', '.join(ignored)} in {findings.settings['project_dir']}: it is ignored",
            f"Enable it with 'make up COMPOSE_FILE={value}', or move it away.",
        )
    return Verdict(OK, f"in use: {', '.join(found)}" if found else "no override file")


@needs_engine
def owner(findings: Findings) -> Verdict:
    return from_problems(ownership.check(findings.facts), findings.facts["project_dir"])


@needs_engine
def mysql_volume(findings: Findings) -> Verdict:
    volume, created, files = (
        findings.settings["volume"],
        findings.facts["volume_created"],
        findings.seen["volume_files"],
    )
    if not created:
        return Verdict(OK, "it does not exist yet: 'make up' creates it")
    if files and "mysql" not in files:
        return Verdict(
            FAILED,
            f"{volume} has files and no system database: its first start was interrupted",
            f"Run 'make down', then 'docker volume rm {volume}' if you do not need its data, then 'make up'.",
        )
    what, fix = findings.seen["refusal"]
    if what:
        return Verdict(FAILED, f"{volume}: {what}", fix)
    if not findings.settings["initialize"]:
        return Verdict(OK, f"{volume}; INITIALIZE=false: its content is up to you")
    if findings.facts["initialized"].get("volume") == created:
        return Verdict(OK, f"{volume}, created {created}")
    return Verdict(WARNING, f"{volume} was created {created}, and not initialized to the end since", "Run 'make up'.")
