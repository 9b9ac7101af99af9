#!/usr/bin/python
# SPDX-License-Identifier: BSD-3-Clause

from __future__ import annotations

DOCUMENTATION = r"""
module: machine_info
short_description: Check a machine that several people share for problems
description:
  - Returns a verdict for each check of a machine, such as whether the firewall rules between tenants are loaded.
  - M(addons.olympia.instance_doctor) does that for a stack.
  - Only reads, and needs root.
author: The Olympia provisioner authors (!UNKNOWN)
extends_documentation_fragment:
  - addons.olympia.reading
options:
  tenants:
    description: The machine's tenants, as the filter P(addons.olympia.tenants#filter) returns them.
    type: list
    elements: dict
    required: true
  needs:
    description: What would be changed for them, as M(addons.olympia.tenants_info) returns it.
    type: list
    elements: str
    default: []
  problems:
    description: Why that cannot be done, as M(addons.olympia.tenants_info) says it.
    type: list
    elements: dict
    default: []
  expired:
    description: Names of the expired tenants.
    type: list
    elements: str
    default: []
  disks_dir:
    description: Folder of the files that are mounted as home directories.
    type: path
    required: true
  reverse_proxy:
    description: Whether the machine is to have a reverse proxy.
    type: bool
    default: true
  certificate:
    description: Path of the reverse proxy's certificate; empty for the one that is made on the machine.
    type: str
    default: ""
  checks:
    description: Names of the checks; empty for all. Those of M(addons.olympia.instance_doctor) are left out.
    type: list
    elements: str
    default: []
seealso:
  - module: addons.olympia.instance_doctor
  - module: addons.olympia.tenants_info
"""

EXAMPLES = r"""
- name: Check the firewall rules between tenants
  addons.olympia.machine_info:
    tenants: "{{ olympia_tenants | addons.olympia.tenants(olympia_machine_tenants) }}"
    disks_dir: /var/lib/olympia/tenants
    checks: [fence]
  become: true
"""

RETURN = r"""
checks:
  description: >-
    The verdicts, in the order of the table in the documentation. Each has C(name), C(title), C(state) (ok, warning, failed or
    unknown), C(evidence), C(fix), C(safe) and C(done), as M(addons.olympia.instance_doctor) returns them; nothing is fixed here.
  returned: success
  type: list
  elements: dict
"""

import os
import re
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.addons.olympia.plugins.module_utils.checks import instance_checks, verdicts
from ansible_collections.addons.olympia.plugins.module_utils.checks import machine_checks as machine
from ansible_collections.addons.olympia.plugins.module_utils.host import ports, system
from ansible_collections.addons.olympia.plugins.module_utils.host.process import run
from ansible_collections.addons.olympia.plugins.module_utils.shared import as_tenant, homes

WORKERS = 8
OWN_CERTIFICATE = "/etc/olympia/proxy/proxy.crt"


def said(command: Sequence[str]) -> str:
    """Return what a command prints; empty if it fails.

    Args:
        command: The command and its arguments.
    """
    code, output, _errors = run([*command])
    return "" if code else output.strip()


def engine_versions(tenants: Sequence[dict[str, Any]]) -> dict[str, str]:
    """Return the version of each tenant's own engine, by name; empty if it does not answer.

    Args:
        tenants: The tenants.
    """

    def version(tenant: dict[str, Any]) -> str:
        asked = ["version", "--format", "{{.Server.Version}}"]
        code, output, _errors = as_tenant.engine(tenant["name"], tenant["uid"], asked)
        # It is a tenant who says that.
        return output.strip() if not code and re.fullmatch(r"[\w.+~-]{1,40}", output.strip()) else ""

    own = [tenant for tenant in tenants if tenant["engine"] == "rootless"]
    with ThreadPoolExecutor(WORKERS) as pool:
        return dict(zip((tenant["name"] for tenant in own), pool.map(version, own), strict=True))


def proc_options(mounts: str) -> list[str]:
    """Return the options that /proc is mounted with.

    Args:
        mounts: The content of /proc/mounts; the last of a place counts.
    """
    options = [fields[3] for line in mounts.splitlines() if (fields := line.split())[1] == "/proc"]
    return options[-1].split(",") if options else []


def failed_units(uids: Sequence[int]) -> list[str] | None:
    """Return the names of this project's units that failed, and of tenants' systemd managers; None where systemd does not answer.

    Args:
        uids: The tenants' UIDs.
    """
    patterns = ["olympia-*", *(f"user@{uid}.service" for uid in uids)]
    code, output, _errors = run(
        ["systemctl", "list-units", "--all", "--state=failed", "--no-legend", "--plain", *patterns]
    )
    return None if code else [line.split()[0] for line in output.splitlines() if line.strip()]


def look(module: AnsibleModule) -> machine.Machine:
    """Return all that the checks go by.

    Args:
        module: The running module.
    """
    parameters: dict[str, Any] = module.params
    tenants, disks = parameters["tenants"], Path(parameters["disks_dir"])
    certificate = parameters["certificate"] or OWN_CERTIFICATE
    # They are where a login of root's, but not everybody else's, looks for them.
    nft, dockerd = (module.get_bin_path(name) or name for name in ("nft", "dockerd"))
    version = re.search(r"version ([^\s,]+)", said([dockerd, "--version"]))
    return machine.Machine(
        tenants=tenants,
        needs=parameters["needs"],
        problems=parameters["problems"],
        expired=parameters["expired"],
        # A table without a rule is a text, too.
        fence=said([nft, "list", "table", "inet", "olympia_tenants"]) or None,
        squatters={
            f"port {port} of {tenant['name']}": who
            for tenant in tenants
            for port, who in ports.foreign_listeners(
                range(tenant["http_port"], tenant["last_port"] + 1), tenant["uid"]
            ).items()
        },
        proc=proc_options(system.read_text(Path("/proc/mounts"))),
        installed=version[1] if version else "",
        engines=engine_versions(tenants),
        room=homes.room(disks),
        disks_dir=str(disks),
        growth=homes.growth(tenants, disks),
        homes={
            tenant["name"]: homes.room(Path(tenant["home"])) for tenant in tenants if os.path.ismount(tenant["home"])
        },
        memory_mb=system.memory_mb(),
        reverse_proxy=parameters["reverse_proxy"],
        web_server=not run(["systemctl", "is-active", "--quiet", "nginx"])[0],
        certificate=certificate,
        own_certificate=not parameters["certificate"],
        certificate_end=said(["openssl", "x509", "-in", certificate, "-noout", "-enddate"]).removeprefix("notAfter="),
        now=time.time(),
        failed_units=failed_units([tenant["uid"] for tenant in tenants]),
    )


def main() -> None:
    """Run the module."""
    module = AnsibleModule(
        argument_spec={
            "tenants": {"type": "list", "elements": "dict", "required": True},
            "needs": {"type": "list", "elements": "str", "default": []},
            "problems": {"type": "list", "elements": "dict", "default": []},
            "expired": {"type": "list", "elements": "str", "default": []},
            "disks_dir": {"type": "path", "required": True},
            "reverse_proxy": {"type": "bool", "default": True},
            "certificate": {"type": "str", "default": ""},
            "checks": {"type": "list", "elements": "str", "default": []},
        },
        supports_check_mode=True,
    )
    try:
        chosen = verdicts.choose(module.params["checks"], machine.CHECKS, instance_checks.CHECKS)
    except ValueError as error:
        module.fail_json(msg=str(error))
    # As the doctor's: nothing was done here.
    module.exit_json(
        changed=False, checks=[verdict | {"done": ""} for verdict in verdicts.examine(chosen, look(module))]
    )


if __name__ == "__main__":
    main()
