# SPDX-License-Identifier: BSD-3-Clause
"""What a host has of Docker, and what has to change before the stack can run there.

`inspect_engine` is the one entry point. `gather` looks at the host, reading only and without root;
`assess` decides, as a pure function of what was found and of the settings. The role does what the
resulting plan says and decides nothing by itself.
"""

from __future__ import annotations

import fnmatch
import grp
import http.client
import json
import os
import pwd
import re
import shutil
import ssl
import threading
import urllib.error
import urllib.request
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, fields
from email.message import Message
from pathlib import Path
from typing import Any

from ..host.apt_sources import (
    AptSource,
    debian_mirrors,
    offered_suites,
    read_host_sources,
    why_unusable,
)

Run = Callable[[list[str]], tuple[int, str, str]]
"""Runs a command; returns code, standard output, standard error. Must not raise when the program is missing."""

MINIMUM = {"engine": (25, 0), "buildx": (0, 13), "compose": (2, 24)}

SUPPORTED = {
    ("debian", "12"): "Debian 12",
    ("debian", "13"): "Debian 13",
    ("ubuntu", "22.04"): "Ubuntu 22.04",
    ("ubuntu", "24.04"): "Ubuntu 24.04",
    ("ubuntu", "26.04"): "Ubuntu 26.04",
}

# Releases whose own engine is too old, and the release that the packages come from instead.
NEXT_RELEASE = {"bookworm": "trixie"}

# The suites of Ubuntu's component universe that have an engine and plugins which are new enough: one of them is needed.
UBUNTU_SUITES = {
    "jammy": ["jammy-updates"],
    "noble": ["noble-updates", "noble-security"],
    "resolute": ["resolute"],
}

# Package specifications as ansible.builtin.apt reads them: the minimum makes it upgrade what is there and too old.
PACKAGES = {
    "docker": {
        "engine": ["docker-ce>=5:25.0", "docker-ce-cli>=5:25.0", "containerd.io"],
        "buildx": ["docker-buildx-plugin>=0.13"],
        "compose": ["docker-compose-plugin>=2.24"],
    },
    "debian": {
        "engine": ["docker.io>=25.0", "docker-cli>=25.0", "containerd>=1.7"],
        "buildx": ["docker-buildx>=0.13"],
        "compose": ["docker-compose>=2.24"],
    },
    "ubuntu": {
        "engine": ["docker.io>=25.0"],
        "buildx": ["docker-buildx>=0.13"],
        "compose": ["docker-compose-v2>=2.24"],
    },
}

# What the role takes from the next release, and nothing else.
NEXT_RELEASE_PACKAGES = ["docker.io", "docker-cli", "docker-buildx", "docker-compose", "containerd"]

# What the engine needs and minimal hosts lack, as recommended packages are left out: certificates to reach registries,
# and the `kill` that its systemd unit reloads it with.
SUPPORT_PACKAGES = ["ca-certificates", "iptables", "procps"]

# Packages that cannot be installed beside those of the source.
CONFLICTS = {
    "docker": [
        "docker.io", "docker-cli", "docker-buildx", "docker-compose", "docker-compose-v2", "docker-doc",
        "podman-docker", "containerd", "runc",
    ],
    "distribution": [
        "docker-ce", "docker-ce-cli", "docker-ce-rootless-extras", "docker-buildx-plugin",
        "docker-compose-plugin", "docker-engine", "podman-docker", "containerd.io",
    ],
}  # fmt: skip

# The same for a plugin alone. Neither side declares it: dpkg fails, because both packages have the same file.
PLUGIN_CONFLICTS = {
    "docker": {"buildx": ["docker-buildx"], "compose": ["docker-compose-v2"]},
    "distribution": {"buildx": ["docker-buildx-plugin"], "compose": ["docker-compose-plugin"]},
}

# Keys of daemon.json that a running engine takes over on SIGHUP; every other one needs a restart.
RELOADABLE = frozenset(
    [
        "authorization-plugins", "debug", "default-runtime", "insecure-registries", "labels", "live-restore",
        "max-concurrent-downloads", "max-concurrent-uploads", "max-download-attempts", "registry-mirrors",
        "runtimes", "shutdown-timeout",
    ]
)  # fmt: skip

DAEMON_JSON = Path("/etc/docker/daemon.json")
DATA_ROOT = Path("/var/lib/docker")
DOCKER_SOURCE_FILE = "/etc/apt/sources.list.d/olympia-docker.sources"
# Holds the engine's packages at the version that is asked for.
HOLD_FILE = Path("/etc/apt/preferences.d/olympia-docker")
# Names what a running engine has yet to do about a changed daemon.json; gone after a boot, as is the engine that had to.
PENDING = Path("/run/olympia-docker.pending")
PID_FILE = Path("/run/docker.pid")
PROBE_SECONDS = 3.0


@dataclass(frozen=True)
class EngineOptions:
    """The role's settings; each field `x` is the role variable `olympia_docker_x`."""

    source: str = "auto"
    repository_url: str = ""
    repository_key: str = ""
    version: str = ""
    restart: str = "idle"
    restart_projects: list[str] = field(default_factory=list)
    users: list[str] = field(default_factory=list)
    image_store: str = "auto"
    registry_mirrors: list[str] = field(default_factory=list)
    proxy: dict[str, str] = field(default_factory=dict)
    build_cache_limit: str = "20GB"
    log_max_size: str = "10m"
    log_max_files: int = 3
    daemon_options: dict[str, Any] = field(default_factory=dict)
    builder_driver: str = "docker"
    builder_name: str = "olympia"
    builder_endpoint: str = ""
    builder_options: dict[str, str] = field(default_factory=dict)


CHOICES = {
    "source": ("auto", "docker", "distribution"),
    "restart": ("idle", "always"),
    "image_store": ("auto", "containerd", "classic"),
    "builder_driver": ("docker", "docker-container", "remote", "kubernetes"),
}


def options_from_vars(variables: Mapping[str, Any]) -> EngineOptions:
    """Pick the role's settings out of variables.

    :param variables: any mapping; names other than those of the role's settings are ignored.
    :raises ValueError: a setting has a value that it does not accept; the message names both.
    """
    values: dict[str, Any] = {}
    for option in fields(EngineOptions):
        name = f"olympia_docker_{option.name}"
        if variables.get(name) is None:
            continue
        value = variables[name]
        choices = CHOICES.get(option.name)
        if choices and value not in choices:
            raise ValueError(f"{name} is '{value}', but must be one of {', '.join(choices)}")
        values[option.name] = value
    options = EngineOptions(**values)
    if options.version and not (
        re.fullmatch(r"\d+\.\d+\.\d+", options.version) and satisfies("engine", options.version)
    ):
        least = ".".join(str(number) for number in MINIMUM["engine"])
        raise ValueError(
            f"olympia_docker_version is '{options.version}', but must be {least}.0 or newer, in three numbers"
        )
    return options


def inspect_engine(run: Run, options: EngineOptions) -> dict[str, Any]:
    """Look at the host and say what the role would change, and what stands in its way.

    :returns: the findings of `gather`, with `needs`, `problems` and `plan` of `assess`.
    """
    facts = gather(run, options)
    return {**facts, **assess(facts, options)}


# --- versions ------------------------------------------------------------------------------------


def parse_version(text: str | None) -> tuple[int, int] | None:
    """Return major and minor of a version such as `v0.13.1+ds1` or `26.1.5+dfsg1`; None where there is none."""
    match = re.match(r"v?(\d+)\.(\d+)", text or "")
    return (int(match[1]), int(match[2])) if match else None


def satisfies(component: str, version: str | None) -> bool:
    """Tell whether a version is at least the minimum for `engine`, `buildx` or `compose`."""
    parsed = parse_version(version)
    return parsed is not None and parsed >= MINIMUM[component]


# --- daemon.json ---------------------------------------------------------------------------------


def merge_options(
    current: Mapping[str, Any], options: Mapping[str, Any], defaults: Mapping[str, Any]
) -> dict[str, Any]:
    """Merge settings into the content of a daemon.json.

    Mappings are merged key by key at every depth. Any other value, lists included, is replaced by that of
    `options` and kept against that of `defaults`.
    """
    merged = dict(current)
    for name, value in defaults.items():
        if isinstance(value, Mapping) and isinstance(merged.get(name), Mapping):
            merged[name] = merge_options(merged[name], {}, value)
        else:
            merged.setdefault(name, value)
    for name, value in options.items():
        if isinstance(value, Mapping) and isinstance(merged.get(name), Mapping):
            merged[name] = merge_options(merged[name], value, {})
        else:
            merged[name] = value
    return merged


def changed_keys(before: Mapping[str, Any], after: Mapping[str, Any]) -> list[str]:
    """Return the top-level keys in which two contents of daemon.json differ, sorted."""
    return sorted(name for name in {*before, *after} if before.get(name, ...) != after.get(name, ...))


def effect_of(keys: Iterable[str]) -> str:
    """Return what makes a running engine take over changed keys: `none`, `reload` or `restart`."""
    names = set(keys)
    if not names:
        return "none"
    return "reload" if names <= RELOADABLE else "restart"


def explicit_daemon_options(options: EngineOptions) -> dict[str, Any]:
    """Return the keys of daemon.json that the user's settings ask for: these hold on every engine."""
    asked: dict[str, Any] = {}
    if options.registry_mirrors:
        asked["registry-mirrors"] = list(options.registry_mirrors)
    if options.proxy:
        asked["proxies"] = {f"{name.replace('_', '-')}": value for name, value in options.proxy.items()}
    if options.image_store != "auto":
        asked["features"] = {"containerd-snapshotter": options.image_store == "containerd"}
    return merge_options(asked, options.daemon_options, {})


def new_engine_defaults(options: EngineOptions, daemon_json: Mapping[str, Any], has_data: bool) -> dict[str, Any]:
    """Return the keys of daemon.json that an engine installed by the role gets where the file is silent.

    One garbage collection rule by size replaces BuildKit's own, the first of which drops cache mounts that were
    unused for two days. The image store is chosen only while there is no data: a switch hides existing images.
    """
    rule = {"all": True, "keepStorage": options.build_cache_limit}
    defaults: dict[str, Any] = {"builder": {"gc": {"enabled": True, "policy": [rule]}}}
    driver = options.daemon_options.get("log-driver", daemon_json.get("log-driver", "json-file"))
    if driver in ("json-file", "local"):
        defaults["log-driver"] = "json-file"
        defaults["log-opts"] = {"max-size": options.log_max_size, "max-file": str(options.log_max_files)}
    if not has_data:
        defaults["features"] = {"containerd-snapshotter": True}
    return defaults


# --- looking at the host -------------------------------------------------------------------------


def gather(run: Run, options: EngineOptions) -> dict[str, Any]:
    """Collect what is known about the host's Docker, without root and without changing anything."""
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
    # An engine without root has a configuration and data of its own, of which the role knows nothing.
    facts["has_data"] = facts["docker"]["rootless"] or _has_data(facts["daemon_json"])
    if facts["docker"]["server"] is None:
        facts["docker"]["installed"] = _installed_engine(run)
    if facts["builder"]["driver"] == "docker":
        facts["builder"]["name"] = facts["docker"]["context"]
    if _missing_components(facts, options):
        facts["packages"], facts["on_hold"] = _package_state(run)
        facts["apt"] = _apt_state(run, options, facts["os"]["codename"])
        facts["source"], facts["source_reason"] = _choose_source(facts, options)
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
    docker: dict[str, Any] = {
        "client": None,
        "context": "default",
        "host": os.environ.get("DOCKER_HOST"),
        "server": None,
        "server_error": None,
        "storage": None,
        "containerd_store": None,
        "rootless": False,
        "remaps_users": False,
        "live_restore": False,
        "root_dir": None,
        "address_pools": [],
        "tcp": [],
    }
    plugins: dict[str, str] = {}
    if client is None:
        docker["server_error"] = "there is no docker command on PATH"
        return {"docker": docker, "buildx": None, "compose": None}
    _code, out, err = run([client, "info", "--format", "{{json .}}"])
    try:
        info = json.loads(out)
    except ValueError:
        info = {}
    about_client = info.get("ClientInfo") or {}
    docker["client"] = about_client.get("Version")
    docker["context"] = about_client.get("Context") or "default"
    plugins = {plugin["Name"]: plugin.get("Version") for plugin in about_client.get("Plugins") or []}
    if info.get("ServerVersion"):
        docker.update(
            server=info["ServerVersion"],
            storage=info.get("Driver"),
            containerd_store=["driver-type", "io.containerd.snapshotter.v1"] in (info.get("DriverStatus") or []),
            rootless=any("rootless" in option for option in info.get("SecurityOptions") or []),
            remaps_users=any("name=userns" in option for option in info.get("SecurityOptions") or []),
            live_restore=bool(info.get("LiveRestoreEnabled")),
            root_dir=info.get("DockerRootDir"),
            address_pools=info.get("DefaultAddressPools") or [],
            tcp=tcp_listeners(info.get("Warnings") or []),
        )
    else:
        docker["server_error"] = (
            "; ".join(info.get("ServerErrors") or []) or err.strip() or "the engine does not answer"
        )
    return {"docker": docker, "buildx": plugins.get("buildx"), "compose": plugins.get("compose")}


def tcp_listeners(warnings: Iterable[str]) -> list[str]:
    """Return the addresses on which an engine serves whoever asks, by its own warnings.

    It warns of each address where no client has to prove who it is; of one where clients have to, with certificates, it does not.

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
    """Return `reload` or `restart` if an earlier run changed daemon.json and did not get to let the engine know."""
    try:
        if PID_FILE.stat().st_mtime > PENDING.stat().st_mtime:
            return None
        return PENDING.read_text(encoding="ascii").strip()
    except OSError:
        return None


def _held_version() -> str:
    """Return the version that an earlier run has held the engine at; the empty string where it has not."""
    try:
        match = re.search(r"^Pin: version 5:(\S+)-\*$", HOLD_FILE.read_text(encoding="ascii"), re.MULTILINE)
    except FileNotFoundError:
        return ""
    return match[1] if match else ""


def _has_data(daemon_json: dict[str, Any] | str) -> bool:
    """Tell whether an engine has run here before; its data directory is then closed to anyone but root."""
    configured = daemon_json.get("data-root") if isinstance(daemon_json, dict) else None
    try:
        # A disk of its own may be mounted there, still empty.
        return any(path.name != "lost+found" for path in Path(configured or DATA_ROOT).iterdir())
    except FileNotFoundError:
        return False
    except PermissionError:
        return True


def parse_daemon_json(text: str, path: Path = DAEMON_JSON) -> dict[str, Any] | str:
    """Parse the text of a daemon.json; an empty one is an empty object.

    :returns: the content, or a text that says what is wrong with it.
    """
    if not text.strip():
        return {}
    try:
        content = json.loads(text)
    except ValueError as error:
        return f"{path} is not valid JSON: {error}"
    if not isinstance(content, dict):
        return f"{path} is not a JSON object"
    return content


def _installed_engine(run: Run) -> str | None:
    """Return the version of the dockerd that is installed but does not answer."""
    path = shutil.which("dockerd", path="/usr/bin:/usr/sbin:/usr/local/bin:/usr/local/sbin")
    if path is None:
        return None
    _code, out, _errors = run([path, "--version"])
    match = re.search(r"version (\S+?),?\s", out + " ")
    return match[1] if match else None


def _package_state(run: Run) -> tuple[dict[str, str], list[str]]:
    """Return name and version of the installed packages that provide, or conflict with, an engine; and which are on hold."""
    if shutil.which("dpkg-query") is None:
        return {}, []
    names = {name.split(">=")[0] for kinds in PACKAGES.values() for group in kinds.values() for name in group}
    names |= {name for group in CONFLICTS.values() for name in group}
    _code, out, _errors = run(
        [
            "dpkg-query",
            "--show",
            "--showformat",
            "${db:Status-Status} ${db:Status-Want} ${Package} ${Version}\n",
            *sorted(names),
        ]
    )
    rows = [line.split() for line in out.splitlines() if line.startswith("installed ")]
    return {row[2]: row[3] for row in rows}, [row[2] for row in rows if row[1] == "hold"]


def _apt_state(run: Run, options: EngineOptions, codename: str) -> dict[str, Any]:
    """Return the host's Debian mirrors, its suites, and what names a repository of Docker's packages."""
    _code, architecture, _errors = run(["dpkg", "--print-architecture"])
    return apt_state(read_host_sources(), options, codename, architecture.strip())


def apt_state(sources: list[AptSource], options: EngineOptions, codename: str, architecture: str) -> dict[str, Any]:
    """Return what a host's package sources are to the role.

    :param codename: the host's release.
    :param architecture: as dpkg names it.
    """
    mirrors = debian_mirrors(sources)
    keyring = next(
        (source.signed_by for source in sources if source.enabled and mirrors.main and mirrors.main in _bases(source)),
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


def _bases(source: AptSource) -> set[str]:
    return {uri.rstrip("/") for uri in source.uris}


def _is_docker_repository(source: AptSource, repository_url: str) -> bool:
    """Tell whether a source is Docker's repository of packages, or a mirror that keeps its layout."""
    prefix = repository_url.rstrip("/")
    return any(
        (prefix and base.startswith(prefix + "/"))
        or re.search(r"docker[^/]*(/.*)?/linux/(debian|ubuntu|raspbian)$", base)
        for base in _bases(source)
    )


def _missing_components(facts: Mapping[str, Any], options: EngineOptions) -> list[str]:
    """Return which of engine, buildx and compose are absent, too old, or of another version than the one asked for."""
    engine = facts["docker"]["server"] or facts["docker"].get("installed")
    versions = {"engine": engine, "buildx": facts["buildx"], "compose": facts["compose"]}
    missing = [component for component, version in versions.items() if not satisfies(component, version)]
    other_version = options.version and re.split(r"[^\d.]", engine or "")[0] != options.version
    if (facts["docker"]["client"] is None or other_version) and "engine" not in missing:
        missing.insert(0, "engine")
    return missing


def _choose_source(facts: Mapping[str, Any], options: EngineOptions) -> tuple[str | None, str]:
    """Return where missing packages come from, with the reason; None where the asked repository does not answer.

    What is installed already decides for a missing plugin: packages of both sources do not go together.
    """
    if "engine" not in _missing_components(facts, options):
        if "docker-ce" in facts["packages"] or "docker-ce-cli" in facts["packages"]:
            return "docker", "the engine's own packages come from there"
        if "docker.io" in facts["packages"]:
            return "distribution", "the engine's own packages come from there"
    if options.source == "distribution":
        return "distribution", "olympia_docker_source asks for it"
    url = f"{options.repository_url.rstrip('/')}/{facts['os']['id']}/dists/{facts['os']['codename']}/InRelease"
    error = probe_url(url) if options.repository_url else "olympia_docker_repository_url is empty"
    if error is None:
        return "docker", f"{url} answers"
    if options.source == "docker":
        return None, f"{url}: {error}"
    return "distribution", f"{url}: {error}"


@dataclass(frozen=True)
class UrlAnswer:
    """What came of fetching a small file.

    Attributes:
        error: Why that failed, or the empty string.
        status: The HTTP status; 0 where no server answered.
        date: The server's clock, as its Date header says; empty where there is none.
        age: Seconds that a cache on the way has kept the answer, as its Age header says; empty where there is none.
    """

    error: str = ""
    status: int = 0
    date: str = ""
    age: str = ""


def ask_url(url: str, seconds: float = PROBE_SECONDS) -> UrlAnswer:
    """Fetch a small file.

    :param seconds: for the whole attempt; a name server that never answers has no time-out of its own here,
        therefore the attempt runs in a thread that is left behind.
    """
    outcome: list[UrlAnswer] = []

    def attempt() -> None:
        context = ssl.create_default_context()
        bundle = Path("/etc/ssl/certs/ca-certificates.crt")
        if bundle.exists():
            context.load_verify_locations(bundle)
        opener = urllib.request.build_opener(urllib.request.HTTPSHandler(context=context))
        try:
            with opener.open(url, timeout=seconds) as answer:
                answer.read(64)
                outcome.append(_url_answer("", answer.status, answer.headers))
        except urllib.error.HTTPError as error:
            outcome.append(_url_answer(str(error.reason or error), error.code, error.headers))
        except (OSError, ValueError, http.client.HTTPException) as error:
            outcome.append(UrlAnswer(str(getattr(error, "reason", None) or error)))

    thread = threading.Thread(target=attempt, daemon=True)
    thread.start()
    thread.join(seconds)
    return outcome[0] if outcome else UrlAnswer(f"no answer within {seconds:g} s")


def _url_answer(error: str, status: int, headers: Message) -> UrlAnswer:
    return UrlAnswer(error, status, headers.get("Date", ""), headers.get("Age", ""))


def probe_url(url: str, seconds: float = PROBE_SECONDS) -> str | None:
    """Fetch a small file and return None, or the reason why that failed.

    :param seconds: for the whole attempt.
    """
    return ask_url(url, seconds).error or None


# --- deciding ------------------------------------------------------------------------------------


def problem(what: str, where: str, evidence: str, way_out: str, setting: str | None = None) -> dict[str, Any]:
    """Return one reason why the role cannot succeed, in the shape that every report uses."""
    return {"what": what, "where": where, "evidence": evidence, "way_out": way_out, "setting": setting}


def assess(facts: Mapping[str, Any], options: EngineOptions) -> dict[str, Any]:
    """Decide what to change.

    :param facts: what `gather` returns.
    :returns: `needs`, one sentence for each change; `plan`, the same for the role's tasks; `problems`, the reasons
        why that cannot be done, empty where nothing needs to be changed.
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
    missing = _missing_components(facts, options)
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
    return {"needs": needs, "plan": plan, "problems": _problems(facts, options, missing, needs, plan)}


def _plan_packages(
    facts: Mapping[str, Any], options: EngineOptions, missing: list[str], needs: list[str], plan: dict[str, Any]
) -> None:
    if not missing:
        return
    docker = facts["docker"]
    found = {
        "engine": docker["server"] or docker.get("installed"),
        "buildx": facts["buildx"],
        "compose": facts["compose"],
    }
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
    if source == "docker" and not installs_engine and _others_repositories(facts):
        # With two sources of one repository that name different keys, apt reads none of its sources any more.
        plan["source"] = None
        plan["disable"] = [path for path in facts["apt"]["docker_files"] if path == DOCKER_SOURCE_FILE]
    plan["remove"] = [name for name in conflicts if name in facts["packages"]]
    if plan["remove"]:
        needs.append(f"remove conflicting packages: {', '.join(plan['remove'])}")
    if plan["disable"]:
        needs.append(f"disable old package sources: {', '.join(plan['disable'])}")


def _others_repositories(facts: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return the sources of Docker's repository that somebody else has configured.

    Where the role's own source is there, too, those that can stand beside it count for nothing.
    """
    own = DOCKER_SOURCE_FILE in facts["apt"]["docker_files"]
    others = [found for found in facts["apt"]["repositories"] if found["path"] != DOCKER_SOURCE_FILE]
    return [found for found in others if found["same_suite"] or not own]


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
        plan["service"] = "start" if docker["server"] is None and not _closed_to_user(docker) else "restart"
    elif docker["server"] is None and not _closed_to_user(docker):
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
        needs.append(f"let the engine take over {DAEMON_JSON}, which an interrupted run changed")
    if plan["service"] == "restart":
        needs.append("restart the engine")


def _closed_to_user(docker: Mapping[str, Any]) -> bool:
    """Tell whether an engine runs and keeps this user out."""
    return "permission denied" in (docker["server_error"] or "")


def _plan_access(facts: Mapping[str, Any], options: EngineOptions, needs: list[str], plan: dict[str, Any]) -> None:
    """Plan the members of group docker, and access for a session that began before its user became one."""
    users, docker = facts["users"], facts["docker"]
    wanted = list(options.users)
    if users["uid"] != 0 and not users["session_in_docker_group"] and docker["server"] is None:
        plan["session_user"] = users["name"]
        needs.append(f"let this session of {users['name']} use the engine")
        if not users["has_setfacl"]:
            plan["packages"].append("acl")
        if users["name"] not in wanted:
            wanted.append(users["name"])
    plan["group_users"] = [name for name in wanted if name not in users["docker_group"]]
    needs.extend(f"add {name} to group docker, which is as much as root on this host" for name in plan["group_users"])


def _problems(
    facts: Mapping[str, Any], options: EngineOptions, missing: list[str], needs: list[str], plan: Mapping[str, Any]
) -> list[dict[str, Any]]:
    """Return the reasons why the plan cannot be carried out."""
    found = [*_builder_problems(facts, options), *_tcp_problems(options)]
    docker, system = facts["docker"], facts["os"]
    changes_engine = bool(missing or plan["daemon_keys"] or plan["service"])
    if docker["host"] or docker["context"] != "default" or docker["rootless"]:
        if changes_engine:
            which = docker["host"] or (f"context {docker['context']}" if docker["context"] != "default" else "rootless")
            found.append(
                problem(
                    "The docker client is set to an engine that the role does not manage",
                    which,
                    docker["server_error"] or f"needed: {'; '.join(needs)}",
                    "unset DOCKER_HOST and use `docker context use default`, or put that engine right yourself",
                )
            )
        return found
    if (missing or plan["service"]) and (system["id"], system["version_id"]) not in SUPPORTED:
        found.append(
            problem(
                f"The engine can be set up on {', '.join(SUPPORTED.values())}, but this host runs {system['pretty']}",
                "/etc/os-release",
                "; ".join(needs),
                "install Docker Engine 25.0, buildx 0.13 and Compose 2.24 or newer yourself, then run again",
            )
        )
        return found
    if missing:
        found += _package_problems(facts, options, missing, plan)
    if changes_engine and isinstance(facts["daemon_json"], str):
        found.append(
            problem(
                "The engine's configuration cannot be merged",
                str(DAEMON_JSON),
                facts["daemon_json"],
                "correct the file, or make it readable (mode 0644), then run again",
            )
        )
    if not facts["users"]["can_become_root"] and needs != [n for n in needs if n.startswith("create builder")]:
        found.append(
            problem(
                "Root is needed, but there is no sudo",
                f"user {facts['users']['name']}",
                "; ".join(needs),
                "run as root, or install sudo and allow this user to use it",
            )
        )
    return found + _restart_problems(facts, options, plan)


def _tcp_problems(options: EngineOptions) -> list[dict[str, Any]]:
    """Refuse to open the engine to a network: whoever reaches it there is root."""
    hosts = options.daemon_options.get("hosts") or []
    opened = [str(host) for host in hosts if not str(host).startswith(("unix://", "fd://"))]
    if not opened:
        return []
    return [
        problem(
            "The engine would listen on the network, where whoever reaches it is root of this host",
            "olympia_docker_daemon_options",
            f"hosts: {', '.join(opened)}",
            "leave it out; DOCKER_HOST=ssh://user@host reaches an engine on another host",
            "olympia_docker_daemon_options",
        )
    ]


def _builder_problems(facts: Mapping[str, Any], options: EngineOptions) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    existing = facts["builder"]["found"]
    if options.builder_driver == "remote" and not options.builder_endpoint:
        found.append(
            problem(
                "Builder driver 'remote' needs the address of a BuildKit",
                "olympia_docker_builder_endpoint",
                "it is empty",
                "set it, for instance to tcp://buildkit.example.org:1234",
                "olympia_docker_builder_endpoint",
            )
        )
    if existing:
        differs = existing["driver"] != options.builder_driver
        if options.builder_driver == "remote" and options.builder_endpoint:
            differs = differs or existing["endpoint"] != options.builder_endpoint
        if differs:
            found.append(
                problem(
                    f"There is another builder named {options.builder_name}",
                    f"docker buildx inspect {options.builder_name}",
                    f"driver {existing['driver']}, endpoint {existing['endpoint']}",
                    f"choose another name, or remove it with `docker buildx rm {options.builder_name}`",
                    "olympia_docker_builder_name",
                )
            )
    return found


def _package_problems(
    facts: Mapping[str, Any], options: EngineOptions, missing: list[str], plan: Mapping[str, Any]
) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    docker, apt = facts["docker"], facts["apt"]
    version = docker["server"] or docker.get("installed")
    if "engine" in missing and version and not {"docker.io", "docker-ce"} & set(facts["packages"]):
        found.append(
            problem(
                f"Engine {version} is too old, and was not installed from a package that the role can upgrade",
                docker["root_dir"] or str(DATA_ROOT),
                "neither docker.io nor docker-ce is installed",
                "upgrade it to 25.0 or newer in the way it was installed, or remove it, then run again",
            )
        )
    if facts["source"] is None:
        found.append(
            problem(
                "Docker's package repository does not answer",
                options.repository_url,
                facts["source_reason"],
                "set olympia_docker_repository_url to a mirror, or olympia_docker_source to distribution",
                "olympia_docker_source",
            )
        )
    if "engine" in missing and options.version and facts["source"] == "distribution":
        found.append(
            problem(
                f"Engine {options.version} can come from Docker's package repository only",
                options.repository_url,
                facts["source_reason"],
                "make that repository or a mirror of it reachable, or leave olympia_docker_version empty",
                "olympia_docker_version",
            )
        )
    if plan.get("next_release") and apt["main"] is None:
        found.append(
            problem(
                f"Debian's {facts['os']['codename']} has no engine that is new enough, and no mirror to take "
                f"{plan['next_release']['codename']}'s from was found",
                "/etc/apt/sources.list, /etc/apt/sources.list.d",
                f"no enabled source with suite {facts['os']['codename']} and component main",
                "add the Debian archive to the host's apt sources, or set olympia_docker_source to docker",
                "olympia_docker_source",
            )
        )
    if "engine" in missing and apt["mixed_files"] and (plan["disable"] or plan["source"] == "docker"):
        found.append(
            problem(
                "A package source of Docker shares its file with other sources",
                ", ".join(apt["mixed_files"]),
                "the role disables whole files only",
                "move that source to a file of its own, or delete it",
            )
        )
    return found + _source_problems(facts, missing, plan) + _hold_problems(facts, plan)


def _source_problems(facts: Mapping[str, Any], missing: list[str], plan: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return why the package sources that the host has cannot give what is missing."""
    found: list[dict[str, Any]] = []
    apt, system = facts["apt"], facts["os"]
    others = _others_repositories(facts)
    dockers_plugin = facts["source"] == "docker" and "engine" not in missing
    if dockers_plugin and others and all(repository["unusable"] for repository in others):
        found.append(
            problem(
                f"Docker's package repository is configured, and {' and '.join(missing)} cannot be installed from it",
                ", ".join(dict.fromkeys(repository["path"] for repository in others)),
                "; ".join(dict.fromkeys(repository["unusable"] for repository in others)),
                "correct that source, or delete it and let the role add its own, then run again",
            )
        )
    wanted = UBUNTU_SUITES.get(system["codename"], [])
    # A file with credentials may be closed to this user: of a host whose own release is not seen, nothing is known.
    sources_known = system["id"] == "ubuntu" and system["codename"] in apt["suites"]
    if facts["source"] == "distribution" and sources_known and not set(wanted) & set(apt["universe"]):
        found.append(
            problem(
                f"Ubuntu's packages of Docker are in component universe of {' or '.join(wanted)}, "
                "which this host's package sources do not name",
                "/etc/apt/sources.list, /etc/apt/sources.list.d",
                f"suites with main: {', '.join(apt['suites'])}; with universe: {', '.join(apt['universe']) or 'none'}",
                f"add suite {wanted[0]} and component universe to them (`sudo add-apt-repository universe`), "
                "or set olympia_docker_source to docker",
                "olympia_docker_source",
            )
        )
    return found


def _hold_problems(facts: Mapping[str, Any], plan: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Refuse what would change packages that somebody holds at their version."""
    installed = facts["packages"]
    held = [
        name
        for name in facts["on_hold"]
        if name in plan["remove"] or not all(meets(wanted, name, installed[name]) for wanted in plan["packages"])
    ]
    if not held:
        return []
    return [
        problem(
            f"{' and '.join(held)} must be upgraded or removed, but {'is' if len(held) == 1 else 'are'} on hold",
            "apt-mark showhold",
            ", ".join(f"{name} {installed[name]}" for name in held),
            f"`sudo apt-mark unhold {' '.join(held)}`, then run again",
        )
    ]


def meets(specification: str, package: str, version: str) -> bool:
    """Tell whether a version of a package is one that a specification, as ansible.builtin.apt reads it, accepts.

    A specification of another package accepts any.
    """
    name, operator, wanted = re.split(r"(>?=|$)", specification, maxsplit=1)
    if name != package or not operator:
        return True
    # The epoch, which no version of these packages has ever been compared by.
    version, wanted = (re.sub(r"^\d+:", "", one) for one in (version, wanted))
    if operator == "=":
        return fnmatch.fnmatch(version, wanted)
    return (parse_version(version) or (0, 0)) >= (parse_version(wanted) or (0, 0))


def _restart_problems(
    facts: Mapping[str, Any], options: EngineOptions, plan: Mapping[str, Any]
) -> list[dict[str, Any]]:
    """Refuse a restart that would stop what is not known to be ours to stop."""
    if plan["service"] != "restart" or options.restart == "always" or facts["docker"]["live_restore"]:
        return []
    others = [c["name"] for c in facts["containers"] if c["project"] not in options.restart_projects]
    if not others and not _closed_to_user(facts["docker"]):
        return []
    evidence = f"running: {', '.join(others)}" if others else f"user {facts['users']['name']} may not list them"
    return [
        problem(
            "The engine must be restarted, and that stops containers",
            "docker ps",
            evidence,
            "stop them first, or allow it with olympia_docker_restart=always",
            "olympia_docker_restart",
        )
    ]
