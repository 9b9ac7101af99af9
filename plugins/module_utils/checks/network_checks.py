# SPDX-License-Identifier: BSD-3-Clause
"""The doctor's checks of ports, names, networks, registries, mirrors and proxies. Pure functions."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from email.utils import parsedate_to_datetime
from typing import Any

from ..core import causes
from ..host.registry import FIXES, SENTENCES
from ..host.system import CA_BUNDLE
from ..settings.sources import short_name
from ..stack import application
from . import preflight_checks
from .findings import ENGINE_FIRST, NO_ENGINE, PROXIES, Findings, needs_engine
from .verdicts import FAILED, OK, UNKNOWN, WARNING, Verdict, from_problems

CA_VARIABLES = ("SSL_CERT_FILE", "PIP_CERT", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "NODE_EXTRA_CA_CERTS")
HOST_NAME = re.compile(r"[A-Za-z0-9]([A-Za-z0-9.-]*[A-Za-z0-9])?")
LOOPBACK = ("127.0.0.1", "::1")
# Seconds. Beyond the first, new certificates and package lists can be in the future; beyond the second they are refused.
SKEW_WARNING, SKEW_FAILED = 30, 300
FEW_NETWORKS = 3  # an engine with room for fewer will not start many more stacks
NOT_HERE = (404, 407)  # what a server says that has no such archive, and a proxy that lets nobody through


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
    """Return how many seconds this host's clock is ahead of a server's, or None if the server tells no time.

    Args:
        answer: The server's `date` and `age`, and the host's time `at` which it came.
    """
    try:
        server = parsedate_to_datetime(answer["date"]).timestamp() + int(answer["age"] or 0)
    except ValueError:
        return None
    return float(answer["at"] - server)


def port(variable: str) -> Callable[[Findings], Verdict]:
    def judge(findings: Findings) -> Verdict:
        port = findings.values[variable]
        if not port:
            return Verdict(OK, f"{short_name(variable)}=0: no port is asked for")
        verdict = from_problems(
            preflight_checks.check_port(findings.values, findings.facts, variable),
            f"port {port} is free, or this stack's own",
        )
        if verdict.state == FAILED and not findings.reachable:
            return Verdict(UNKNOWN, f"port {port} is in use, perhaps by this stack: {NO_ENGINE}", ENGINE_FIRST)
        return verdict

    return judge


def hosts_entry(findings: Findings) -> Verdict:
    name, found = findings.settings["host_name"], findings.seen["addresses"]
    if findings.values["olympia_stack_site_url"]:
        return Verdict(OK, f"the site is reached at {findings.values['olympia_stack_site_url']}")
    if findings.facts["over_ssh"]:
        return Verdict(OK, "not needed on a server; olympia url says how to reach the site from elsewhere")
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
        # Anything else must not be written into a system file.
        safe=bool(HOST_NAME.fullmatch(name)),
    )


@needs_engine
def published_address(findings: Findings) -> Verdict:
    site = {"address": findings.settings["bind_address"], "port": findings.values["olympia_stack_http_port"]}
    error = findings.facts["site_error"]
    proxy = findings.settings["roles"]["proxy"]
    if not any(entry["service"] == proxy and entry["state"] == "running" for entry in findings.facts["containers"]):
        return Verdict(OK, "the web server is not running")
    if error:
        return Verdict(
            FAILED, f"nothing answers at {site['address']}:{site['port']}: {error}", "See the check firewall-rules."
        )
    return Verdict(OK, f"{site['address']}:{site['port']} answers")


def firewall_rules(findings: Findings) -> Verdict:
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
        return Verdict(UNKNOWN if fix else OK, "only root can read them, or the engine keeps them elsewhere", fix)
    if led:
        return Verdict(OK, f"port {port} is forwarded to its container")
    return Verdict(
        FAILED,
        f"no rule for port {port}, as after a reload of the firewall",
        "Run 'make down' and 'make up'; for the network of builds, too: sudo systemctl restart docker",
    )


def networks(findings: Findings) -> Verdict:
    networks, unreached = findings.seen["networks"], findings.seen["unreached"]
    if not findings.reachable or not networks:
        return Verdict(UNKNOWN, NO_ENGINE, ENGINE_FIRST)
    if full := [*preflight_checks.check_networks(findings.values, {**findings.facts, "networks": networks})]:
        return from_problems(full, "")
    own, site = f"{findings.settings['instance']}_default", findings.settings["roles"]["site"]
    wrong = [*_without_network(findings.facts["containers"])]
    if own in networks["without_bridge"]:
        wrong.append(f"the bridge of {own} is gone from this host")
    wrong += [f"{site} cannot reach {service}: {error}" for service, error in unreached.items()]
    if wrong:
        return Verdict(
            FAILED,
            "; ".join(wrong),
            "Run 'make down' and 'make up', which recreate network and containers; see also the check firewall-rules.",
        )
    if networks["free"] < FEW_NETWORKS:
        running_out = causes.pools_used_up(networks)
        return Verdict(
            WARNING, f"the engine has room for {networks['free']} more: {running_out.cause}", running_out.fix
        )
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
            yield f"other services cannot resolve {service} in {', '.join(attached)}"


def registry(findings: Findings) -> Verdict:
    origin = findings.settings["image_origin"]
    missing = application.check_registry(findings.values, findings.facts)
    if missing:
        return from_problems(missing, "")
    if origin == "packages":
        return Verdict(OK, "not needed: the image origin is packages")
    if not findings.reachable:
        return Verdict(UNKNOWN, NO_ENGINE, ENGINE_FIRST)
    reference = findings.settings["images"][findings.settings["roles"]["cache"]]
    answer = findings.seen["registry"]
    if not answer["kind"]:
        return Verdict(OK, f"asked for {reference}")
    return Verdict(
        FAILED,
        f"the engine asked for {reference}: {SENTENCES[answer['kind']]} ({answer['words']})",
        f"{FIXES[answer['kind']]} IMAGE_ORIGIN=packages needs no registry, but an existing instance keeps its origin.",
    )


def mirrors(findings: Findings) -> Verdict:
    answers = findings.seen["mirrors"]
    if not answers:
        return Verdict(UNKNOWN, "the host configures none, so pip and npm use their defaults")
    silent = [
        f"{answer['url']} ({answer['error']})"
        for answer in answers
        if answer["status"] < 200 or answer["status"] >= 500 or answer["status"] in NOT_HERE
    ]
    if silent:
        return Verdict(
            FAILED,
            f"no usable answer from {', '.join(silent)}",
            "Check the network and its proxy, or name other mirrors: in the host's apt, pip and npm configuration, or with "
            "olympia_images_mirror.",
        )
    return Verdict(OK, ", ".join(answer["url"] for answer in answers))


def proxy(findings: Findings) -> Verdict:
    environment = findings.seen["environment"]
    differences = []
    for name in PROXIES:
        ours, theirs = findings.settings[name], environment.get(name, "")
        # The order of hosts does not matter.
        if set(ours.split(",")) != set(theirs.split(",")):
            differences.append((name, ours, theirs))
    if not differences:
        return Verdict(OK, environment.get("https_proxy") or environment.get("http_proxy") or "none")
    evidence = "; ".join(
        f"{name} is '{theirs}' in the environment, and '{ours}' for builds" for name, ours, theirs in differences
    )
    names = " ".join(f"{name.upper()}=VALUE" for name, _ours, _theirs in differences)
    return Verdict(WARNING, evidence, f"Unless this is intended, make them equal: make up {names}")


def ca_bundle(findings: Findings) -> Verdict:
    bundle, environment = findings.settings["ca_bundle"], findings.seen["environment"]
    if not bundle:
        return Verdict(
            OK, f"builds use the certificates of their images: there is no {CA_BUNDLE}, or CA_BUNDLE is empty"
        )
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


def clock(findings: Findings) -> Verdict:
    skews = [seconds for answer in findings.seen["mirrors"] if (seconds := skew(answer)) is not None]
    if not skews:
        return Verdict(UNKNOWN, "no package mirror returned a time", "See the check mirrors.")
    # Caches on the way return old times; of several servers the closest one is right.
    least = min(skews, key=abs)
    evidence = f"{abs(least):.0f} s {'ahead of' if least > 0 else 'behind'} a package mirror"
    if abs(least) <= SKEW_WARNING:
        return Verdict(OK, evidence)
    return Verdict(
        FAILED if abs(least) > SKEW_FAILED else WARNING,
        evidence,
        "Set the clock ('sudo timedatectl set-ntp true'); certificates and package lists are refused otherwise.",
    )
