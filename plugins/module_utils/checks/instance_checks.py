# SPDX-License-Identifier: BSD-3-Clause
"""What `olympia doctor` makes of settings and facts: a verdict for each check. Pure functions."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass
from email.utils import parsedate_to_datetime
from typing import Any

from ..core import causes
from ..engine.engine_plan import MINIMUM, satisfies
from ..host.registry import SENTENCES, WAYS_OUT
from ..host.system import CA_BUNDLE, ENGINE_DATA
from ..settings.sources import (
    Problem,
    nearest,
    short_name,
)
from ..stack import application, ownership
from ..stack.derived import OLYMPIA_UID
from . import preflight_checks as checks

OK, WARNING, FAILED, UNKNOWN = "ok", "warning", "failed", "unknown"

PROXIES = ("http_proxy", "https_proxy", "no_proxy")
CA_VARIABLES = ("SSL_CERT_FILE", "PIP_CERT", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "NODE_EXTRA_CA_CERTS")
# Compose reads the first of these by itself, but not where COMPOSE_FILE says what to read.
OVERRIDES = tuple(f"{name}.override.{suffix}" for name in ("docker-compose", "compose") for suffix in ("yml", "yaml"))
HOST_NAME = re.compile(r"[A-Za-z0-9]([A-Za-z0-9.-]*[A-Za-z0-9])?")
LOOPBACK = ("127.0.0.1", "::1")
# Seconds. Beyond the first, certificates and package lists of now can be of the future; beyond the second they are refused.
SKEW_WARNING, SKEW_FAILED = 30, 300
FEW_NETWORKS = 3  # an engine with room for fewer will not start many more stacks
NOT_HERE = (404, 407)  # what a server says that has no such archive, and a proxy that lets nobody through
# What `docker ps` calls a container in which nothing runs.
ENDED = ("created", "exited", "dead")
NO_ENGINE = "the engine does not answer"
ENGINE_FIRST = "See the check daemon first."

# What of the probe's facts the checks read; others may carry credentials, and stay on the controller.
FACTS = (
    "application", "ca_bundle", "client_error", "client_path", "compose_files_present", "containers", "disk_free_mb",
    "engine", "env_error", "image_origin", "image_sources", "initialized", "instance", "listening_ports", "local_names",
    "machine", "max_map_count", "memory_mb", "over_ssh", "owner", "port_owners", "project_dir", "rendered", "site_error",
    "source_dir", "source_missing", "source_tight", "source_windows", "strangers", "unprivileged_port", "volume_created",
)  # fmt: skip
SETTINGS = (
    "bind_address", "ca_bundle", "closed", "compose_files", "elasticsearch_version", "host_name", "host_uid", "image",
    "image_origin", "images", "initialize", "instance", "project_dir", "source_dir", "volatile_services", "volume", *PROXIES,
)  # fmt: skip


@dataclass(frozen=True)
class Verdict:
    """What a check has come to.

    Attributes:
        state: One of OK, WARNING, FAILED, UNKNOWN.
        evidence: What was seen.
        fix: What to do, as a sentence; empty where nothing is to be done.
        safe: Whether `--fix` can do that.
    """

    state: str
    evidence: str
    fix: str = ""
    safe: bool = False


@dataclass(frozen=True)
class Findings:
    """All that the checks go by.

    Attributes:
        values: Resolved settings by variable.
        settings: Derived settings.
        facts: What the probe found.
        wrong_settings: Settings that no host would accept, as plain data.
        differing: Rendered files that are not as the next run would write them.
        seen: What the doctor looked at besides.
    """

    values: Mapping[str, Any]
    settings: Mapping[str, Any]
    facts: Mapping[str, Any]
    wrong_settings: list[dict[str, str]]
    differing: list[str]
    seen: Mapping[str, Any]

    @property
    def engine(self) -> Mapping[str, Any]:
        """What the probe found of the engine."""
        found: Mapping[str, Any] = self.facts["engine"]
        return found

    @property
    def reachable(self) -> bool:
        """Whether the engine answers this user."""
        return self.engine["docker"]["server"] is not None


@dataclass(frozen=True)
class Check:
    """One of the doctor's checks.

    Attributes:
        name: What it is called, for good.
        title: What it looks at.
        judge: Gives the verdict from what the checks of its table go by.
    """

    name: str
    title: str
    judge: Callable[[Any], Verdict]


def choose(
    names: Collection[str], own: Iterable[Check] | None = None, others: Iterable[Check] = ()
) -> tuple[Check, ...]:
    """Return the checks of these names, in the order of the table; all of them for none.

    Args:
        names: As a person wrote them.
        own: The table to choose from; that of a stack where it is not given.
        others: Those of another kind of host, whose names are not wrong, but are about others.

    Raises:
        ValueError: There is no such check; the message names the nearest.
    """
    table = tuple(CHECKS if own is None else own)
    known = [check.name for check in (*table, *others)]
    wrong = [f"There is no check {name}. {nearest(name, known)}".strip() for name in names if name not in known]
    if wrong:
        raise ValueError("\n".join(wrong))
    return tuple(check for check in table if not names or check.name in names)


def examine(chosen: Iterable[Check], findings: Any) -> list[dict[str, Any]]:
    """Return the verdicts as plain data.

    Args:
        chosen: The checks.
        findings: What they go by: Findings, or what those of another kind of host go by.
    """
    return [{"name": check.name, "title": check.title} | asdict(check.judge(findings)) for check in chosen]


def mirror_urls(origin: str, image_sources: Iterable[str], pip_config: str, npm_config: str) -> list[str]:
    """Return an address of each package mirror that the host is set to, without credentials.

    Args:
        origin: The image origin. Images of a registry come with apt sources of their own.
        image_sources: apt sources in one-line format.
        pip_config: The host's pip configuration.
        npm_config: The host's npm configuration.
    """
    lines = [line.split() for line in image_sources] if origin == "packages" else []
    urls = [f"{base.rstrip('/')}/dists/{suite}/InRelease" for _type, base, suite, *_components in lines]
    for key, text in (("index-url", pip_config), ("extra-index-url", pip_config), ("registry", npm_config)):
        found = re.search(rf"^{key}\s*=\s*(.+)$", text, re.MULTILINE)
        urls += found[1].split() if found else []
    return list(dict.fromkeys(re.sub(r"(?<=://)[^/]*@", "", url) for url in urls))


def skew(answer: Mapping[str, Any]) -> float | None:
    """Return how many seconds this host's clock is ahead of a server's, or None where the server tells no time.

    Args:
        answer: The server's `date` and `age`, and the host's time `at` which it came.
    """
    try:
        server = parsedate_to_datetime(answer["date"]).timestamp() + int(answer["age"] or 0)
    except ValueError:
        return None
    return float(answer["at"] - server)


def from_problems(problems: Iterable[Problem], fine: str, state: str = FAILED) -> Verdict:
    """Return the verdict that problems of a run come to.

    Args:
        problems: What stands in the way of a run, if anything.
        fine: The evidence that nothing does.
        state: The state otherwise.
    """
    found = list(problems)
    if not found:
        return Verdict(OK, fine)
    evidence = "; ".join(": ".join(filter(None, (one.what, one.where, one.evidence))) for one in found)
    return Verdict(state, evidence, " ".join(dict.fromkeys(one.way_out for one in found if one.way_out)))


def _settings(findings: Findings) -> Verdict:
    wrong = [Problem(**problem) for problem in findings.wrong_settings]
    return from_problems(wrong, f"{len(findings.values)} settings")


def _component(name: str) -> Callable[[Findings], Verdict]:
    def judge(findings: Findings) -> Verdict:
        docker = findings.engine["docker"]
        versions = {**findings.engine, "engine": docker["server"] or docker.get("installed")}
        least = ".".join(str(number) for number in MINIMUM[name])
        evidence = f"{versions[name] or 'none'}, of {least} needed"
        if docker["client"] is None:
            return Verdict(FAILED, docker["server_error"], "Run 'make up', which installs it.")
        if name == "engine" and versions[name] is None and "permission denied" in docker["server_error"]:
            return Verdict(UNKNOWN, "this user may not ask it", ENGINE_FIRST)
        if satisfies(name, versions[name]):
            return Verdict(OK, evidence)
        return Verdict(FAILED, evidence, "Run 'make up', which installs it; see the check engine-setup.")

    return judge


def _engine_setup(findings: Findings) -> Verdict:
    problems = (Problem(**{key: text or "" for key, text in found.items()}) for found in findings.engine["problems"])
    needs = "; ".join(findings.engine["needs"])
    return from_problems(
        [*problems, *checks.check_builder(findings.values, findings.facts)],
        f"'make up' will: {needs}" if needs else "there is nothing to change",
    )


def _daemon(findings: Findings) -> Verdict:
    docker = findings.engine["docker"]
    if findings.reachable:
        return Verdict(OK, docker["host"] or f"context {docker['context']}")
    if "permission denied" in docker["server_error"]:
        return Verdict(FAILED, docker["server_error"], "See the check docker-group.")
    if docker["host"] or docker["context"] != "default":
        way_out = "Unset DOCKER_HOST and run 'docker context use default', or put that engine right."
    else:
        way_out = "Run 'make up', which installs and starts what is missing."
    return Verdict(FAILED, docker["server_error"], way_out)


def _engine_tcp(findings: Findings) -> Verdict:
    listening = findings.engine["docker"]["tcp"]
    if not findings.reachable:
        return Verdict(UNKNOWN, NO_ENGINE, ENGINE_FIRST)
    if listening:
        return Verdict(
            WARNING,
            f"it listens on {', '.join(listening)}, and whoever reaches it there is root of this host",
            "Take tcp:// out of 'hosts' in /etc/docker/daemon.json and of the engine's command line, and restart it; "
            "DOCKER_HOST=ssh://user@host reaches an engine on another host.",
        )
    return Verdict(OK, "on no address where it would not ask for a certificate")


def _docker_group(findings: Findings) -> Verdict:
    users, docker = findings.engine["users"], findings.engine["docker"]
    if users["uid"] == 0:
        return Verdict(OK, "root needs no group")
    if users["session_in_docker_group"]:
        return Verdict(OK, f"{users['name']} is in it, which is as much as root on this host")
    if findings.reachable:
        return Verdict(OK, f"the engine lets {users['name']} in without it")
    if docker["rootless"] or docker["host"]:
        return Verdict(OK, f"not asked for: {docker['host'] or 'a rootless engine'}")
    if users["name"] in users["docker_group"]:
        return Verdict(
            WARNING,
            f"{users['name']} is in it since after this session began",
            "Log out and in, or run 'newgrp docker'.",
        )
    return Verdict(
        FAILED,
        f"{users['name']} is not in it",
        f"Run 'sudo usermod --append --groups docker {users['name']}', then log out and in; 'make up' does it, too.",
    )


def _port(variable: str) -> Callable[[Findings], Verdict]:
    def judge(findings: Findings) -> Verdict:
        port = findings.values[variable]
        if not port:
            return Verdict(OK, f"{short_name(variable)}=0: no port is asked for")
        verdict = from_problems(
            checks.check_port(findings.values, findings.facts, variable), f"port {port} is free, or this stack's own"
        )
        if verdict.state == FAILED and not findings.reachable:
            return Verdict(UNKNOWN, f"port {port} is in use, perhaps by this stack: {NO_ENGINE}", ENGINE_FIRST)
        return verdict

    return judge


def _hosts_entry(findings: Findings) -> Verdict:
    name, found = findings.settings["host_name"], findings.seen["addresses"]
    if findings.values["olympia_stack_site_url"]:
        return Verdict(OK, f"people reach the site at {findings.values['olympia_stack_site_url']}")
    if findings.facts["over_ssh"]:
        return Verdict(OK, "nobody opens the site on this host; olympia url says how to reach it from elsewhere")
    expected = {*LOOPBACK, findings.settings["bind_address"]}
    if name in findings.facts["local_names"] or (found and set(found) <= expected):
        return Verdict(OK, f"{name} is this host")
    if found:
        return Verdict(
            WARNING,
            f"{name} is {', '.join(found)}",
            "Give the name the address 127.0.0.1 in /etc/hosts, or choose another: make up HOST_NAME=NAME.",
        )
    return Verdict(
        WARNING,
        f"{name} has no address here",
        f"Run: echo '127.0.0.1 {name}' | sudo tee -a /etc/hosts",
        # What is no name is nothing to write into a file of the system's.
        safe=bool(HOST_NAME.fullmatch(name)),
    )


def _published_address(findings: Findings) -> Verdict:
    site = {"address": findings.settings["bind_address"], "port": findings.values["olympia_stack_http_port"]}
    error = findings.facts["site_error"]
    if not findings.reachable:
        return Verdict(UNKNOWN, NO_ENGINE, ENGINE_FIRST)
    if not any(entry["service"] == "nginx" and entry["state"] == "running" for entry in findings.facts["containers"]):
        return Verdict(OK, "the web server does not run")
    if error:
        return Verdict(
            FAILED, f"nothing answers at {site['address']}:{site['port']}: {error}", "See the check firewall-rules."
        )
    return Verdict(OK, f"{site['address']}:{site['port']} answers")


def _firewall_rules(findings: Findings) -> Verdict:
    rules, port = findings.seen["firewall_rules"], findings.values["olympia_stack_http_port"]
    published = any(entry["state"] == "running" and port in entry["ports"] for entry in findings.facts["containers"])
    led = not published or (rules is not None and f"--dport {port} " in rules)
    # Without the engine's own rules somebody may have made others.
    if led and findings.seen["builds_reach_out"] is False:
        return Verdict(WARNING, causes.NO_MASQUERADE, causes.RESTART_ENGINE)
    if not published:
        return Verdict(OK, "no container has the site's port")
    if rules is None:
        fix = "Run: sudo iptables --table=nat --list-rules DOCKER" if findings.facts["site_error"] else ""
        return Verdict(UNKNOWN if fix else OK, "only root sees them, or the engine has them elsewhere", fix)
    if led:
        return Verdict(OK, f"port {port} is led to its container")
    return Verdict(
        FAILED,
        f"no rule leads to port {port}, as after a reload of the firewall",
        "Run 'make down' and 'make up'; for the network of builds, too: sudo systemctl restart docker",
    )


def _networks(findings: Findings) -> Verdict:
    networks, unreached = findings.seen["networks"], findings.seen["unreached"]
    if not findings.reachable or not networks:
        return Verdict(UNKNOWN, NO_ENGINE, ENGINE_FIRST)
    if full := checks.check_networks(findings.values, {**findings.facts, "networks": networks}):
        return from_problems(full, "")
    own = f"{findings.settings['instance']}_default"
    wrong = [*_without_network(findings.facts["containers"])]
    if own in networks["without_bridge"]:
        wrong.append(f"the bridge of {own} is gone from this host")
    wrong += [f"web does not reach {service}: {error}" for service, error in unreached.items()]
    if wrong:
        return Verdict(
            FAILED,
            "; ".join(wrong),
            "Run 'make down' and 'make up', which make network and containers again; see the check firewall-rules, too.",
        )
    if networks["free"] < FEW_NETWORKS:
        _cause, evidence, way_out = causes.pools_used_up(networks)
        return Verdict(WARNING, f"the engine has room for {networks['free']} more: {evidence}", way_out)
    return Verdict(OK, f"the engine has room for {networks['free']} more")


def _without_network(containers: Iterable[Mapping[str, Any]]) -> Iterator[str]:
    """Yield what is wrong with the network of each running container."""
    for container in containers:
        service, attached = container["service"], container["networks"]
        if container["state"] != "running" or {"host", "none"} & set(attached):
            continue
        if not attached:
            yield f"{service} is attached to no network"
        elif not any(service in names for names in attached.values()):
            yield f"no other service finds {service} by its name in {', '.join(attached)}"


def _memory(findings: Findings) -> Verdict:
    return from_problems(checks.check_memory(findings.values, findings.facts), f"{findings.facts['memory_mb']} MiB")


def _disk(of_images: bool) -> Callable[[Findings], Verdict]:
    def judge(findings: Findings) -> Verdict:
        project, engine = findings.facts["project_dir"], findings.engine["docker"]["root_dir"] or str(ENGINE_DATA)
        # An engine without root has its data beside the project.
        path = engine if of_images and engine in findings.facts["disk_free_mb"] else project
        free = findings.facts["disk_free_mb"][path]
        return from_problems(checks.check_disk(findings.values, findings.facts, path), f"{free} MiB are free at {path}")

    return judge


def _map_count(findings: Findings) -> Verdict:
    origin, now = findings.settings["image_origin"], findings.facts["max_map_count"]
    if origin != "registry":
        return Verdict(OK, f"{now}; it matters only with the image origin registry, and it is {origin}")
    wanted = findings.values["olympia_stack_min_map_count"]
    if now >= wanted:
        return Verdict(OK, str(now))
    return Verdict(
        WARNING,
        f"{now}, of {wanted} recommended: Elasticsearch starts as a single node, but can run out of maps for large indexes",
        f"Run: sudo sysctl -w vm.max_map_count={wanted}",
        safe=True,
    )


def _search_server(findings: Findings) -> Verdict:
    image, version = findings.settings["images"]["elasticsearch"], findings.settings["elasticsearch_version"]
    if findings.settings["volatile_services"]:
        return Verdict(
            OK,
            f"a stand-in for Elasticsearch {version}: osmem-server, whose index is in memory and made again after a restart",
        )
    return Verdict(OK, image)


def _source_tree(findings: Findings) -> Verdict:
    source, odd = findings.settings["source_dir"], findings.seen["source_not_utf8"]
    verdict = from_problems(checks.check_source(findings.values, findings.facts), source)
    if verdict.state == OK and odd:
        return Verdict(
            WARNING,
            f"names that are not UTF-8, which newer versions of BuildKit refuse: {', '.join(odd[:5])}",
            f"Rename these files in {source}, or leave them out of the build with its .dockerignore.",
        )
    return verdict


def _ownership(findings: Findings) -> Verdict:
    uid, source, foreign = findings.settings["host_uid"], findings.seen["source_uid"], findings.seen["foreign_deps"]
    if findings.settings["closed"]:
        return Verdict(OK, "neither is mounted: the image is a closed system")
    if findings.engine["docker"]["rootless"]:
        return Verdict(OK, "a rootless engine has UIDs of its own")
    if remapped := checks.check_users(findings.values, findings.facts):
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
            f"{findings.settings['source_dir']} belongs to UID {source}, and the application runs for UID {uid}",
            f"Let it run for the owner: make up HOST_UID={source}",
        )
    return Verdict(OK, f"UID {uid}")


def deps_uid(settings: Mapping[str, Any]) -> int:
    """Return the UID that the mounted dependencies belong to: never root's, as the image's entrypoint has it.

    Args:
        settings: Derived settings.
    """
    return int(settings["host_uid"]) or OLYMPIA_UID


def _env_file(findings: Findings) -> Verdict:
    there = "well-formed" if ".env" in findings.facts["rendered"] else "there is none yet: 'make up' writes it"
    return from_problems(checks.check_env(findings.facts), there)


def _rendered_files(findings: Findings) -> Verdict:
    rendered = findings.facts["rendered"]
    verdict = from_problems(checks.check_rendered(findings.facts), f"{len(rendered)} files")
    closed = [f"{name} ({file['error']})" for name, file in rendered.items() if file["error"] and name != ".env"]
    if closed:
        return Verdict(
            FAILED,
            f"{len(closed)} cannot be read in {findings.facts['project_dir']}, such as {closed[0]}",
            "Move away what is there, or give it to yourself; 'make up' writes it anew.",
        )
    if verdict.state == FAILED:
        return verdict
    if findings.facts["env_error"]:
        return Verdict(UNKNOWN, "what they should be cannot be told without .env", "See the check env-file first.")
    if not rendered:
        return Verdict(OK, "there are none yet: 'make up' writes them")
    if findings.differing:
        return Verdict(
            WARNING,
            f"edited, or older than the settings: {', '.join(findings.differing)}",
            "Run 'make up', which writes them anew; 'make up ARGS=\"--check --diff\"' shows what that changes.",
        )
    return verdict


def _project_dir(findings: Findings) -> Verdict:
    return from_problems(checks.check_client(findings.facts), findings.facts["project_dir"])


def _compose_files(findings: Findings) -> Verdict:
    return from_problems(
        checks.check_compose_files(findings.values, findings.facts),
        f"COMPOSE_FILE={':'.join(findings.settings['compose_files'])}",
    )


def _override_file(findings: Findings) -> Verdict:
    found, named = findings.seen["overrides"], findings.settings["compose_files"]
    ignored = [name for name in found if name not in named]
    if ignored:
        value = ":".join([*named, ignored[0]])
        return Verdict(
            WARNING,
            f"COMPOSE_FILE does not name {', '.join(ignored)} in {findings.settings['project_dir']}: it is ignored",
            f"Let it take effect with 'make up COMPOSE_FILE={value}', or move it away.",
        )
    return Verdict(OK, f"takes effect: {', '.join(found)}" if found else "there is none")


def _owner(findings: Findings) -> Verdict:
    if not findings.reachable:
        return Verdict(UNKNOWN, NO_ENGINE, ENGINE_FIRST)
    return from_problems(ownership.check(findings.facts), findings.facts["project_dir"])


def _mysql_volume(findings: Findings) -> Verdict:
    volume, created, files = (
        findings.settings["volume"],
        findings.facts["volume_created"],
        findings.seen["volume_files"],
    )
    if not findings.reachable:
        return Verdict(UNKNOWN, NO_ENGINE, ENGINE_FIRST)
    if not created:
        return Verdict(OK, "there is none yet: 'make up' makes it")
    if files and "mysql" not in files:
        return Verdict(
            FAILED,
            f"{volume} has files and no system database: its first start was interrupted",
            f"Run 'make down', then 'docker volume rm {volume}' if nothing in it is dear to you, then 'make up'.",
        )
    what, way_out = findings.seen["refusal"]
    if what:
        return Verdict(FAILED, f"{volume}: {what}", way_out)
    if not findings.settings["initialize"]:
        return Verdict(OK, f"{volume}; INITIALIZE=false leaves its content to you")
    if findings.facts["initialized"].get("volume") == created:
        return Verdict(OK, f"{volume}, made {created}")
    return Verdict(WARNING, f"{volume} was made {created}, and not initialized to the end since", "Run 'make up'.")


def _registry(findings: Findings) -> Verdict:
    origin = findings.settings["image_origin"]
    missing = application.check_registry(findings.values, findings.facts)
    if missing:
        return from_problems(missing, "")
    if origin == "packages":
        return Verdict(OK, "not needed: the image origin is packages")
    if not findings.reachable:
        return Verdict(UNKNOWN, NO_ENGINE, ENGINE_FIRST)
    reference = findings.settings["images"]["memcached"]
    answer = findings.seen["registry"]
    if not answer["kind"]:
        return Verdict(OK, f"asked for {reference}")
    return Verdict(
        FAILED,
        f"the engine asked for {reference}: {SENTENCES[answer['kind']]} ({answer['words']})",
        f"{WAYS_OUT[answer['kind']]} IMAGE_ORIGIN=packages needs no registry, but an instance keeps the origin that it has.",
    )


def _mirrors(findings: Findings) -> Verdict:
    answers = findings.seen["mirrors"]
    if not answers:
        return Verdict(UNKNOWN, "the host names none, so that pip and npm use their own")
    silent = [
        f"{answer['url']} ({answer['error']})"
        for answer in answers
        if answer["status"] < 200 or answer["status"] >= 500 or answer["status"] in NOT_HERE
    ]
    if silent:
        return Verdict(
            FAILED,
            f"no answer of use from {', '.join(silent)}",
            "Check the network and its proxy, or name other mirrors: in the host's apt, pip and npm configuration, or with "
            "olympia_images_mirror.",
        )
    return Verdict(OK, ", ".join(answer["url"] for answer in answers))


def _proxy(findings: Findings) -> Verdict:
    environment = findings.seen["environment"]
    differences = []
    for name in PROXIES:
        ours, theirs = findings.settings[name], environment.get(name, "")
        # The order in which hosts are named says nothing.
        if set(ours.split(",")) != set(theirs.split(",")):
            differences.append((name, ours, theirs))
    if not differences:
        return Verdict(OK, environment.get("https_proxy") or environment.get("http_proxy") or "none")
    evidence = "; ".join(
        f"{name} is '{theirs}' in the environment, and '{ours}' for builds" for name, ours, theirs in differences
    )
    names = " ".join(f"{name.upper()}=VALUE" for name, _ours, _theirs in differences)
    return Verdict(WARNING, evidence, f"Let them agree, unless that is meant: make up {names}")


def _ca_bundle(findings: Findings) -> Verdict:
    bundle, environment = findings.settings["ca_bundle"], findings.seen["environment"]
    if not bundle:
        return Verdict(OK, f"builds use their images' own: there is no {CA_BUNDLE}, or CA_BUNDLE is empty")
    if findings.seen["ca_bundle_error"]:
        return Verdict(
            FAILED,
            f"{bundle}: {findings.seen['ca_bundle_error']}",
            "Name a file of PEM certificates with CA_BUNDLE=/path, or run 'sudo update-ca-certificates'.",
        )
    others = {name: environment[name] for name in CA_VARIABLES if environment.get(name, bundle) != bundle}
    if others:
        return Verdict(
            WARNING,
            f"builds trust {bundle}, and the environment says "
            + ", ".join(f"{name}={path}" for name, path in others.items()),
            f"If that file has certificates of its own: make up CA_BUNDLE={next(iter(others.values()))}",
        )
    return Verdict(OK, bundle)


def _clock(findings: Findings) -> Verdict:
    skews = [seconds for answer in findings.seen["mirrors"] if (seconds := skew(answer)) is not None]
    if not skews:
        return Verdict(UNKNOWN, "no package mirror told the time", "See the check mirrors.")
    # Caches on the way tell old times; of several servers the one that agrees best is right.
    least = min(skews, key=abs)
    evidence = f"{abs(least):.0f} s {'ahead of' if least > 0 else 'behind'} a package mirror"
    if abs(least) <= SKEW_WARNING:
        return Verdict(OK, evidence)
    return Verdict(
        FAILED if abs(least) > SKEW_FAILED else WARNING,
        evidence,
        "Set the clock ('sudo timedatectl set-ntp true'); certificates and package lists are refused otherwise.",
    )


def _leftovers(findings: Findings) -> Verdict:
    if not findings.reachable:
        return Verdict(UNKNOWN, NO_ENGINE, ENGINE_FIRST)
    found = findings.seen["one_off"]
    if not found:
        return Verdict(OK, "there are none")
    evidence = ", ".join(f"{one['name']} ({one['state']})" for one in found)
    if ended := ended_containers(found):
        return Verdict(WARNING, evidence, f"Run: docker rm --volumes {' '.join(ended)}", safe=True)
    names = " ".join(one["name"] for one in found)
    return Verdict(WARNING, evidence, f"Unless somebody is at work there: docker rm --force --volumes {names}")


def ended_containers(one_off: Iterable[Mapping[str, str]]) -> list[str]:
    """Return the names of the one-off containers in which nothing runs.

    Args:
        one_off: Name and state of each.
    """
    return [one["name"] for one in one_off if one["state"] in ENDED]


# The names are for good: people and jobs use them.
CHECKS = (
    Check("settings", "values that make sense", _settings),
    Check("engine", "version of Docker Engine", _component("engine")),
    Check("buildx", "version of the plugin buildx", _component("buildx")),
    Check("compose", "version of the plugin Compose", _component("compose")),
    Check("engine-setup", "what 'make up' would change of the engine", _engine_setup),
    Check("daemon", "answer of the engine", _daemon),
    Check("engine-tcp", "engine, reachable by a network", _engine_tcp),
    Check("docker-group", "right to use the engine", _docker_group),
    Check("http-port", "port of the site", _port("olympia_stack_http_port")),
    Check("mysql-port", "port of the database", _port("olympia_stack_mysql_port")),
    Check("site-answer", "answer of the site", _published_address),
    Check("firewall-rules", "firewall rules of its port and of builds", _firewall_rules),
    Check("networks", "networks of containers, and room for them", _networks),
    Check("hosts-entry", "name of the site on this host", _hosts_entry),
    Check("memory", "memory of this host", _memory),
    Check("disk-images", "room for images", _disk(of_images=True)),
    Check("disk-project", "room for the project directory", _disk(of_images=False)),
    Check("map-count", "vm.max_map_count", _map_count),
    Check("search-server", "search server", _search_server),
    Check("owner", "project directory that the instance is run from", _owner),
    Check("source-tree", "files of the source tree", _source_tree),
    Check("ownership", "owner of source tree and deps", _ownership),
    Check("env-file", "form of .env", _env_file),
    Check("rendered-files", "rendered files, as up would write them", _rendered_files),
    Check("project-dir", "project directory, for the docker client", _project_dir),
    Check("compose-files", "files that COMPOSE_FILE names", _compose_files),
    Check("override-file", "override file, used or ignored", _override_file),
    Check("mysql-volume", "volume and server of the database", _mysql_volume),
    Check("registry", "registry of the service images", _registry),
    Check("mirrors", "mirrors of apt, pip and npm packages", _mirrors),
    Check("proxy", "proxy of builds and of the environment", _proxy),
    Check("ca-bundle", "certificates that builds trust", _ca_bundle),
    Check("clock", "clock, against that of a mirror", _clock),
    Check("leftovers", "containers of an interrupted run", _leftovers),
)
