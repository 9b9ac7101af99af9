# SPDX-License-Identifier: BSD-3-Clause
"""Facts about a host's Docker, gathered without root."""

from __future__ import annotations

import grp
import json
import os
import pwd
import re
import shutil
from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from ..core.command_environment import Run
from ..host.apt_sources import read_host_sources
from .daemon_config import DAEMON_JSON, parse_daemon_json
from .engine_options import EngineOptions
from .engine_sources import apt_state, choose_source, package_state
from .versions import missing_components

DATA_ROOT = Path("/var/lib/docker")
# Holds the engine's packages at the version that is asked for.
HOLD_FILE = Path("/etc/apt/preferences.d/olympia-docker")
# Records that a running engine has yet to apply a changed daemon.json; a reboot, which applies it, removes the file.
PENDING = Path("/run/olympia-docker.pending")
PID_FILE = Path("/run/docker.pid")


def gather(run: Run, options: EngineOptions) -> dict[str, Any]:
    """Gather facts about the host's Docker, without root and without changing anything."""
    client = shutil.which("docker")
    with ThreadPoolExecutor(max_workers=3) as pool:
        info = pool.submit(_docker_info, run, client)
        builder = pool.submit(_builder, run, client, options)
        containers = pool.submit(_containers, run, client)
        facts = {
            **_host(),
            **info.result(),
            "builder": builder.result(),
            "containers": containers.result(),
            "daemon_json": _daemon_json(),
        }
    facts["pending"] = _pending()
    facts["held"] = _held_version()
    # Rootless Docker has a configuration and data of its own, which the role does not manage.
    facts["has_data"] = facts["docker"]["rootless"] or _has_data(facts["daemon_json"])
    if facts["docker"]["server"] is None:
        facts["docker"]["installed"] = _installed_engine(run)
    if facts["builder"]["driver"] == "docker":
        facts["builder"]["name"] = facts["docker"]["context"]
    if missing_components(facts, options.version):
        _code, architecture, _errors = run(["dpkg", "--print-architecture"])
        facts["packages"], facts["on_hold"] = package_state(run)
        facts["apt"] = apt_state(read_host_sources(), options, facts["os"]["codename"], architecture.strip())
        facts["source"], facts["source_reason"] = choose_source(facts, options)
    return facts


def _host() -> dict[str, Any]:
    """Return operating system, architecture, service manager, user, and members of group docker."""
    uid = os.geteuid()
    try:
        user = pwd.getpwuid(uid).pw_name
    except KeyError:
        user = str(uid)
    try:
        group = grp.getgrnam("docker")
        members = sorted({*group.gr_mem, *(entry.pw_name for entry in pwd.getpwall() if entry.pw_gid == group.gr_gid)})
        in_group = group.gr_gid in {os.getegid(), *os.getgroups()}
    except KeyError:
        members, in_group = [], False
    return {
        "os": parse_os_release(Path("/etc/os-release").read_text(encoding="utf-8")),
        "arch": os.uname().machine,
        "service_manager": "systemd" if Path("/run/systemd/system").is_dir() else "none",
        "users": {
            "name": user,
            "uid": uid,
            "docker_group": members,
            "session_in_docker_group": in_group,
            "has_setfacl": shutil.which("setfacl") is not None,
            "can_become_root": uid == 0 or shutil.which("sudo") is not None,
        },
    }


def parse_os_release(text: str) -> dict[str, str]:
    """Return what os-release says of a system, as far as the role asks."""
    release: dict[str, str] = {}
    for line in text.splitlines():
        name, separator, value = line.partition("=")
        if separator:
            release[name] = value.strip().strip("\"'")
    return {
        "id": release.get("ID", "linux"),
        "version_id": release.get("VERSION_ID", ""),
        "codename": release.get("VERSION_CODENAME", ""),
        "pretty": release.get("PRETTY_NAME", "an unknown system"),
    }


def _docker_info(run: Run, client: str | None) -> dict[str, Any]:
    """Ask client and engine about themselves: one call that also lists the client's plugins."""
    _code, out, err = run([client or "docker", "info", "--format", "{{json .}}"]) if client else (127, "", "")
    try:
        info = json.loads(out)
    except ValueError:
        info = {}
    about_client = info.get("ClientInfo") or {}
    plugins = {plugin["Name"]: plugin.get("Version") for plugin in about_client.get("Plugins") or []}
    server, security = info.get("ServerVersion") or None, info.get("SecurityOptions") or []
    error = "; ".join(info.get("ServerErrors") or []) or err.strip() or "the engine does not answer"
    docker = {
        "client": about_client.get("Version"),
        "context": about_client.get("Context") or "default",
        "host": os.environ.get("DOCKER_HOST"),
        "server": server,
        "server_error": None if server else error if client else "there is no docker command on PATH",
        "storage": info.get("Driver") or None,
        "containerd_store": ["driver-type", "io.containerd.snapshotter.v1"] in (info.get("DriverStatus") or []),
        "rootless": any("rootless" in option for option in security),
        "remaps_users": any("name=userns" in option for option in security),
        "live_restore": bool(info.get("LiveRestoreEnabled")),
        "root_dir": info.get("DockerRootDir") or None,
        "address_pools": info.get("DefaultAddressPools") or [],
        "tcp": tcp_listeners(info.get("Warnings") or []),
    }
    return {"docker": docker, "buildx": plugins.get("buildx"), "compose": plugins.get("compose")}


def tcp_listeners(warnings: Iterable[str]) -> list[str]:
    """Return the addresses on which an engine serves unauthenticated clients, according to its warnings.

    It warns of each address that does not require client certificates.

    :param warnings: what `docker info` has under Warnings.
    """
    found = (re.search(r"API is accessible on (?:http|https|tcp)://(\S+)", warning) for warning in warnings)
    return [one[1].rstrip(".") for one in found if one]


def _containers(run: Run, client: str | None) -> list[dict[str, str]]:
    """Return name and Compose project of the running containers."""
    if client is None:
        return []
    _code, out, _errors = run([client, "ps", "--format", '{{.Names}}\t{{.Label "com.docker.compose.project"}}'])
    rows = (line.partition("\t") for line in out.splitlines())
    return [{"name": name, "project": project} for name, _separator, project in rows]


def _builder(run: Run, client: str | None, options: EngineOptions) -> dict[str, Any]:
    """Return the builder that builds shall use; driver `docker` belongs to the engine and always exists."""
    builder: dict[str, Any] = {"driver": options.builder_driver, "name": options.builder_name, "found": None}
    if options.builder_driver == "docker" or client is None:
        return builder
    code, out, _errors = run([client, "buildx", "inspect", options.builder_name])
    if code == 0:
        lines = (line.partition(":") for line in out.splitlines())
        found: dict[str, str] = {}
        for name, _separator, value in lines:
            found.setdefault(name.strip().lower(), value.strip())
        builder["found"] = {"driver": found.get("driver"), "endpoint": found.get("endpoint")}
    return builder


def _daemon_json() -> dict[str, Any] | str:
    """Return the content of daemon.json, or a text that says why there is none to be had."""
    try:
        text = DAEMON_JSON.read_text(encoding="utf-8")
    except FileNotFoundError:
        return {}
    except (OSError, UnicodeDecodeError) as error:
        return f"{DAEMON_JSON} cannot be read: {getattr(error, 'strerror', None) or error}"
    return parse_daemon_json(text)


def _pending() -> str | None:
    """Return `reload` or `restart` if an earlier run changed daemon.json, and was interrupted before the engine applied it."""
    try:
        if PID_FILE.stat().st_mtime > PENDING.stat().st_mtime:
            return None
        return PENDING.read_text(encoding="ascii").strip()
    except OSError:
        return None


def _held_version() -> str:
    """Return the version that an earlier run has held the engine at; the empty string if it has not."""
    try:
        match = re.search(r"^Pin: version 5:(\S+)-\*$", HOLD_FILE.read_text(encoding="ascii"), re.MULTILINE)
    except FileNotFoundError:
        return ""
    return match[1] if match else ""


def _has_data(daemon_json: dict[str, Any] | str) -> bool:
    """Return whether an engine has run here before; its data directory is then closed to anyone but root."""
    configured = daemon_json.get("data-root") if isinstance(daemon_json, dict) else None
    try:
        # A disk of its own may be mounted there, still empty.
        return any(path.name != "lost+found" for path in Path(configured or DATA_ROOT).iterdir())
    except FileNotFoundError:
        return False
    except PermissionError:
        return True


def _installed_engine(run: Run) -> str | None:
    """Return the version of the dockerd that is installed but does not answer."""
    path = shutil.which("dockerd", path="/usr/bin:/usr/sbin:/usr/local/bin:/usr/local/sbin")
    if path is None:
        return None
    _code, out, _errors = run([path, "--version"])
    match = re.search(r"version (\S+?),?\s", out + " ")
    return match[1] if match else None


def closed_to_user(docker: Mapping[str, Any]) -> bool:
    """Return whether an engine runs and keeps this user out."""
    return "permission denied" in (docker["server_error"] or "")
