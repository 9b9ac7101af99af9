#!/usr/bin/python
# SPDX-License-Identifier: BSD-3-Clause
"""Ansible module: check for problems of a stack, and fix what is safe to fix."""

from __future__ import annotations

DOCUMENTATION = r"""
module: instance_doctor
short_description: Check for problems of a stack, and fix what is safe to fix
description:
  - Returns a verdict for each check, from the settings, the facts of the probe, and what it looks at itself.
  - With O(fix=true) it adds the site's name to C(/etc/hosts), raises C(vm.max_map_count), removes one-off containers that have
    ended, and changes the owner of the mounted dependencies. A fix that needs root is reported if the module runs without.
  - It is the module half of the action M(addons.olympia.instance_doctor), which is what a playbook calls.
author: The Olympia provisioner authors (!UNKNOWN)
options:
  values:
    description: Resolved settings by variable, without credentials.
    type: dict
    required: true
  settings:
    description: Derived settings, without credentials.
    type: dict
    required: true
  facts:
    description: What M(addons.olympia.host_probe) has found, without credentials.
    type: dict
    required: true
  wrong_settings:
    description: Problems of settings.
    type: list
    elements: dict
    default: []
  differing:
    description: Rendered files that the next run would change.
    type: list
    elements: str
    default: []
  checks:
    description: Names of the checks; empty for all. Those of M(addons.olympia.machine_info) are left out.
    type: list
    elements: str
    default: []
  fix:
    description: Whether to fix what is safe to fix.
    type: bool
    default: false
attributes:
  check_mode:
    support: full
    description: Reports what would be fixed.
  diff_mode:
    support: none
    description: The answer names each change.
seealso:
  - module: addons.olympia.host_probe
"""

EXAMPLES = r"""
- name: Gather facts about the host
  addons.olympia.preflight:
    purpose: look
  register: preflight

- name: Check the ports
  addons.olympia.instance_doctor:
    preflight: "{{ preflight }}"
    checks: [http-port, mysql-port]
"""

RETURN = r"""
checks:
  description: >-
    The verdicts, in the order of the doctor's table. Each has C(name), C(title), C(state) (ok, warning, failed or unknown),
    C(evidence), C(fix), C(safe) (whether O(fix) can do that) and C(done) (what O(fix) did, or why it did not).
  returned: success
  type: list
  elements: dict
"""

import json
import os
import socket
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict
from pathlib import Path
from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.addons.olympia.plugins.module_utils.build import build_inputs
from ansible_collections.addons.olympia.plugins.module_utils.checks import instance_checks, verdicts
from ansible_collections.addons.olympia.plugins.module_utils.checks import machine_checks as machine
from ansible_collections.addons.olympia.plugins.module_utils.checks.findings import PROXIES, Findings
from ansible_collections.addons.olympia.plugins.module_utils.checks.fixes import apply, fixes, foreign_deps
from ansible_collections.addons.olympia.plugins.module_utils.checks.network_checks import CA_VARIABLES, mirror_urls
from ansible_collections.addons.olympia.plugins.module_utils.checks.project_checks import OVERRIDES, deps_uid
from ansible_collections.addons.olympia.plugins.module_utils.core.masking import mask
from ansible_collections.addons.olympia.plugins.module_utils.core.problem import Problem
from ansible_collections.addons.olympia.plugins.module_utils.engine import networks
from ansible_collections.addons.olympia.plugins.module_utils.host import (
    connectivity,
    engine_objects,
    registry,
    system,
)
from ansible_collections.addons.olympia.plugins.module_utils.host.client_config import npm_config, pip_config
from ansible_collections.addons.olympia.plugins.module_utils.host.connectivity import ask_url
from ansible_collections.addons.olympia.plugins.module_utils.host.process import run
from ansible_collections.addons.olympia.plugins.module_utils.snapshots.volumes import Volumes

CONNECT = """
import json, socket, sys
from concurrent.futures import ThreadPoolExecutor

def error(address):
    try:
        socket.create_connection(address, timeout=3).close()
    except OSError as error:
        return str(error)

addresses = json.loads(sys.argv[1])
with ThreadPoolExecutor() as pool:
    print(json.dumps(dict(zip(addresses, pool.map(error, addresses.items())))))
"""
CERTIFICATE = b"-----BEGIN CERTIFICATE-----"


def addresses(name: str) -> list[str]:
    """Return the addresses that the host's resolver gives to a name."""
    try:
        return sorted({str(entry[4][0]) for entry in socket.getaddrinfo(name, None, proto=socket.IPPROTO_TCP)})
    except (OSError, UnicodeError):
        return []


def certificate_error(bundle: str) -> str:
    """Return why a file is no bundle of certificates, or the empty string.

    Args:
        bundle: The file; the empty string is none, and no error.
    """
    if not bundle:
        return ""
    try:
        return "" if CERTIFICATE in Path(bundle).read_bytes() else "there is no certificate in it"
    except OSError as error:
        return error.strerror or str(error)


def volume_files(volume: str) -> list[str] | None:
    """Return the names in a volume, or None if that is nobody's to see but root's."""
    code, output, _errors = run(["docker", "volume", "inspect", "--format", "{{.Mountpoint}}", volume])
    try:
        return None if code else sorted(path.name for path in Path(output.strip()).iterdir())
    except OSError:
        return None


def refusal(settings: dict[str, Any]) -> tuple[str, str]:
    """Return why the database server must not open its volume, and what to do; empty if it may, or where nobody can tell.

    Args:
        settings: Derived settings, of an instance that has a volume.
    """
    image = settings["images"][settings["roles"]["database"]]
    if not engine_objects.image_id(run, image):
        return "", ""
    try:
        opening = Volumes(settings["instance"], settings["image"], image).opening(settings["volume"])
    except Problem as error:
        return str(error), ""
    return opening.refusal


def unreached(settings: dict[str, Any], facts: dict[str, Any]) -> dict[str, str]:
    """Return why the application cannot reach running services, by service; nothing is tried unless something seems wrong.

    Args:
        settings: Derived settings.
        facts: What the probe found.
    """
    site, ports = settings["roles"]["site"], settings["service_ports"]
    running = {entry["service"]: entry for entry in facts["containers"] if entry["state"] == "running"}
    unwell = facts["site_error"] or any(entry["health"] in ("starting", "unhealthy") for entry in running.values())
    if not unwell or site not in running:
        return {}
    addresses = json.dumps({name: port for name, port in ports.items() if name in running})
    code, output, _errors = run(["docker", "exec", running[site]["id"], "python3", "-c", CONNECT, addresses])
    return {} if code else {name: error for name, error in json.loads(output).items() if error}


def owner(path: Path) -> int | None:
    """Return the UID that a path belongs to, or None if there is nothing to see."""
    try:
        return path.stat().st_uid
    except OSError:
        return None


def ask_mirrors(urls: list[str]) -> list[dict[str, Any]]:
    """Return what each package mirror answers, and when.

    Args:
        urls: An address of each.
    """

    def ask(url: str) -> dict[str, Any]:
        return {"url": url} | asdict(ask_url(url)) | {"at": time.time()}

    with ThreadPoolExecutor() as pool:
        return list(pool.map(ask, urls))


def look(settings: dict[str, Any], facts: dict[str, Any], names: set[str]) -> dict[str, Any]:
    """Return what the checks need besides what the probe has found.

    Args:
        settings: Derived settings.
        facts: What the probe found.
        names: The checks; what takes the network is looked at only for those that need it.
    """
    project, docker = Path(settings["project_dir"]), facts["engine"]["docker"]
    origin = settings["image_origin"]
    urls = mirror_urls(origin, facts["image_sources"], pip_config(), npm_config())
    asked = settings["images"][settings["roles"]["cache"]] if "registry" in names and origin == "registry" else ""
    environment = {name: os.environ.get(name) or os.environ.get(name.upper(), "") for name in PROXIES}
    return {
        "addresses": addresses(settings["host_name"]) if "hosts-entry" in names else [],
        "builds_reach_out": connectivity.builds_reach_out(run),
        "ca_bundle_error": certificate_error(settings["ca_bundle"]),
        "environment": mask(environment) | {name: os.environ[name] for name in CA_VARIABLES if os.environ.get(name)},
        "firewall_rules": connectivity.firewall_rules(run),
        "foreign_deps": [str(path) for path in foreign_deps(project / "deps", deps_uid(settings))],
        "mirrors": ask_mirrors(urls) if names & {"mirrors", "clock"} else [],
        "networks": networks.look(run, docker["address_pools"], docker["rootless"]) if "networks" in names else None,
        "one_off": engine_objects.one_off_containers(run, settings["instance"]),
        "overrides": [name for name in OVERRIDES if system.exists(project / name)],
        "refusal": refusal(settings) if "mysql-volume" in names and facts["volume_created"] else ("", ""),
        "registry": asdict(registry.ask(run, asked)) if asked else None,
        "source_not_utf8": build_inputs.not_utf8(Path(settings["source_dir"])) if "source-tree" in names else [],
        "source_uid": owner(Path(settings["source_dir"])),
        "unreached": unreached(settings, facts) if "networks" in names else {},
        "volume_files": volume_files(settings["volume"]) if "mysql-volume" in names else None,
    }


def look_again(facts: dict[str, Any]) -> dict[str, Any]:
    """Return the probe's facts, with what fixes change as it is now.

    Args:
        facts: What the probe found.
    """
    return facts | {"local_names": system.local_names(), "max_map_count": system.kernel_setting("vm.max_map_count")}


def main() -> None:
    """Run the module."""
    module = AnsibleModule(
        argument_spec={
            "values": {"type": "dict", "required": True},
            "settings": {"type": "dict", "required": True},
            "facts": {"type": "dict", "required": True},
            "wrong_settings": {"type": "list", "elements": "dict", "default": []},
            "differing": {"type": "list", "elements": "str", "default": []},
            "checks": {"type": "list", "elements": "str", "default": []},
            "fix": {"type": "bool", "default": False},
        },
        supports_check_mode=True,
    )
    values, settings, facts = (module.params[name] for name in ("values", "settings", "facts"))
    try:
        chosen = verdicts.choose(module.params["checks"], instance_checks.CHECKS, machine.CHECKS)
    except ValueError as error:
        module.fail_json(msg=str(error))
    names = {check.name for check in chosen}

    def examine(facts: dict[str, Any], seen: dict[str, Any]) -> list[dict[str, Any]]:
        findings = Findings(values, settings, facts, module.params["wrong_settings"], module.params["differing"], seen)
        return verdicts.examine(chosen, findings)

    seen = look(settings, facts, names)
    judged = examine(facts, seen)
    done: dict[str, str] = {}
    changed = False
    if module.params["fix"]:
        known = fixes(settings, values, seen)
        for name in (verdict["name"] for verdict in judged if verdict["safe"]):
            one_changed, done[name] = apply(known[name], os.geteuid() == 0, module.check_mode)
            changed = changed or one_changed
    if changed and not module.check_mode:
        judged = examine(look_again(facts), look(settings, facts, names))
    module.exit_json(
        changed=changed, checks=mask([verdict | {"done": done.get(verdict["name"], "")} for verdict in judged])
    )


if __name__ == "__main__":
    main()
