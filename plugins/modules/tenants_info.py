#!/usr/bin/python
# SPDX-License-Identifier: BSD-3-Clause

from __future__ import annotations

DOCUMENTATION = r"""
module: tenants_info
short_description: Plan what a machine needs for its tenants
description:
  - Inspects packages, accounts, home directories and engines of tenants, and the files that isolate them.
  - Returns what the role C(addons.olympia.olympia_tenant) would change, and why it cannot, if so.
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
  gone:
    description: Tenants to remove, as the filter P(addons.olympia.gone_tenants#filter) returns them.
    type: list
    elements: dict
    default: []
  elsewhere:
    description: Names of the tenants of other machines.
    type: list
    elements: str
    default: []
  files:
    description: Content and mode (octal digits) of the required files, by path.
    type: dict
    required: true
  disks_dir:
    description: Folder of the files that are mounted as home directories.
    type: path
    required: true
  packages:
    description: Packages that are needed in addition to those that every machine with tenants needs.
    type: list
    elements: str
    default: []
  image_origin:
    description: Where service images come from; V(auto) asks the engine whether it reaches a registry.
    type: str
    choices: [auto, packages, registry]
    default: registry
  image:
    description: The image of a registry that V(auto) asks for.
    type: str
    default: ""
"""

EXAMPLES = r"""
- name: Gather facts about the tenants
  addons.olympia.tenants_info:
    tenants: "{{ olympia_tenants | addons.olympia.tenants(olympia_machine_tenants) }}"
    files: {}
    disks_dir: /var/lib/olympia/tenants
  become: true
"""

RETURN = r"""
needs:
  description: What would be changed, one sentence each. Empty if nothing is needed.
  returned: success
  type: list
  elements: str
problems:
  description: Why that cannot be done, as M(addons.olympia.engine_info) returns it. Empty if it can.
  returned: success
  type: list
  elements: dict
refusal:
  description: The problems as a message. Empty if there are none.
  returned: success
  type: str
origin:
  description: Where service images come from, V(packages) or V(registry).
  returned: success
  type: str
plan:
  description: The needed changes, in the form in which the role's tasks read them.
  returned: success
  type: dict
"""

import pwd
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.addons.olympia.plugins.module_utils.core.problem import Problem, report
from ansible_collections.addons.olympia.plugins.module_utils.host import registry, system
from ansible_collections.addons.olympia.plugins.module_utils.host.process import run
from ansible_collections.addons.olympia.plugins.module_utils.shared import homes
from ansible_collections.addons.olympia.plugins.module_utils.shared.tenant_state import assess, look

# What rootless Docker, an account's own systemd manager, firewall rules, a home directory of fixed size and build caches need; and
# git, with what it reaches repositories by: no tenant can install it.
PACKAGES = (
    "acl",
    "ca-certificates",
    "dbus-user-session",
    "e2fsprogs",
    "git",
    "iproute2",
    "libpam-systemd",
    "nftables",
    "openssh-client",
    "procps",
    "slirp4netns",
    "uidmap",
)
# Debian has the two apart, Docker's packages in one.
ROOTLESS = {"docker-ce": ["docker-ce-rootless-extras"], "docker.io": ["rootlesskit"]}
UNIT = "olympia-tenants.service"
# What pam-auth-update makes of /usr/share/pam-configs/olympia.
PAM = (Path("/etc/pam.d/common-session"), Path("/etc/pam.d/common-session-noninteractive"))
WORKERS = 8


def missing_packages(more: Sequence[str]) -> list[str]:
    """Return the packages that are not installed.

    Args:
        more: Those that are needed besides the usual ones.
    """
    wanted = [*PACKAGES, *more, *(name for names in ROOTLESS.values() for name in names)]
    _code, out, _errors = run(
        ["dpkg-query", "--show", "--showformat", "${db:Status-Status} ${Package}\n", *wanted, *ROOTLESS]
    )
    installed = {line.split()[1] for line in out.splitlines() if line.startswith("installed ")}
    engine = next((name for name in ROOTLESS if name in installed), "docker.io")
    return [name for name in [*PACKAGES, *more, *ROOTLESS[engine]] if name not in installed]


def differing(files: dict[str, dict[str, str]]) -> list[str]:
    """Return the paths of the files that are not as they have to be.

    Args:
        files: Content and mode by path.
    """

    def is_right(path: Path, file: dict[str, str]) -> bool:
        try:
            return (
                path.read_text(encoding="utf-8") == file["content"]
                and f"{path.stat().st_mode & 0o7777:04o}" == file["mode"]
            )
        except (OSError, UnicodeDecodeError):
            return False

    return [path for path, file in files.items() if not is_right(Path(path), file)]


def leftovers(tenant: dict[str, Any], disks: Path) -> list[str]:
    """Return what there still is of a tenant who is to be removed.

    Args:
        tenant: The tenant.
        disks: Folder of the home directories.
    """
    accounts = {entry.pw_name for entry in pwd.getpwall()}
    found = [f"account {tenant['name']}"] if tenant["name"] in accounts else []
    found += [path for path in tenant["paths"] if Path(path).exists()]
    image = disks / tenant["image"]
    return found + ([f"all data in {image}"] if tenant["state"] == "destroyed" and image.exists() else [])


def strangers(names: Sequence[str], disks: Path) -> list[Problem]:
    """Return a Problem for each tenant who is to live on another machine, and has a home directory here.

    Args:
        names: Names of those who live elsewhere.
        disks: Folder of the home directories.
    """
    return [
        Problem(
            f"{name} lives here, and is to live on another machine: nothing would come along",
            str(disks / f"{name}.img"),
            "there is a home directory",
            f"Name this machine in `hosts` of {name}; or move everything to the other one: olympia tenant move {name} MACHINE",
            "olympia_tenants",
        )
        for name in names
        if (disks / f"{name}.img").exists()
    ]


def others(gone: Sequence[dict[str, Any]]) -> list[Problem]:
    """Return a Problem for each tenant who is to be removed, and whose name is that of another account.

    Args:
        gone: Those who are to be removed.
    """
    accounts = {entry.pw_name: entry.pw_uid for entry in pwd.getpwall()}
    return [
        Problem(
            f"{tenant['name']} is to be removed, and is another account",
            "/etc/passwd",
            f"it has the UID {accounts[tenant['name']]}, and the list says {tenant['uid']}",
            "Correct the name or the UID of that tenant, or take the entry out of the list.",
            "olympia_tenants",
        )
        for tenant in gone
        if accounts.get(tenant["name"], tenant["uid"]) != tenant["uid"]
    ]


def main() -> None:
    """Run the module."""
    module = AnsibleModule(
        argument_spec={
            "tenants": {"type": "list", "elements": "dict", "required": True},
            "gone": {"type": "list", "elements": "dict", "default": []},
            "elsewhere": {"type": "list", "elements": "str", "default": []},
            "files": {"type": "dict", "required": True},
            "disks_dir": {"type": "path", "required": True},
            "packages": {"type": "list", "elements": "str", "default": []},
            "image_origin": {"type": "str", "choices": ["auto", "packages", "registry"], "default": "registry"},
            "image": {"type": "str", "default": ""},
        },
        supports_check_mode=True,
    )
    disks = Path(module.params["disks_dir"])
    problems = strangers(module.params["elsewhere"], disks) + others(module.params["gone"])
    if not Path("/run/systemd/system").is_dir():
        problems.append(
            Problem(
                "Tenants need systemd: it runs their engines and limits them",
                "/run/systemd/system",
                "it does not exist",
                "Use a machine that was booted with systemd.",
            )
        )
    packages, files = missing_packages(module.params["packages"]), differing(module.params["files"])
    active = not run(["systemctl", "is-active", "--quiet", UNIT])[0]
    needs = [f"install {', '.join(packages)}"] if packages else []
    needs += [f"write {', '.join(files)}"] if files else []
    needs += [] if active else [f"start {UNIT}"]
    pam = not all("pam_namespace.so mount_private" in system.read_text(path) for path in PAM)
    needs += ["let each tenant have a /tmp and /var/tmp of their own"] if pam else []
    leaving = {tenant["name"]: left for tenant in module.params["gone"] if (left := leftovers(tenant, disks))}
    needs += [f"remove {name}: {', '.join(left)}" for name, left in leaving.items()]
    plans = {}
    tenants = module.params["tenants"]
    with ThreadPoolExecutor(WORKERS) as pool:
        looks = pool.map(lambda tenant: look(tenant, disks), tenants)
        found = dict(zip((tenant["name"] for tenant in tenants), looks, strict=True))
    for tenant in tenants:
        sentences, wrong, plans[tenant["name"]] = assess(tenant, found[tenant["name"]])
        if found[tenant["name"]].client is None:
            module.warn(
                f"{tenant['home']}/.docker/config.json cannot be read, and stays as it is: that is up to {tenant['name']}."
            )
        needs += sentences
        problems += wrong
    plan = {
        "packages": packages,
        "files": files,
        "unit": not active,
        "pam": pam,
        "tenants": plans,
        "gone": [
            tenant | {"has_mount_unit": Path("/etc/systemd/system", tenant["mount_unit"]).exists()}
            for tenant in module.params["gone"]
            if tenant["name"] in leaving
        ],
    }
    if more := homes.overcommitted(homes.room(disks), homes.growth(tenants, disks), str(disks)):
        module.warn(f"{more}: lower disk_gb of some in olympia_tenants, or watch the doctor's check disk-machine.")
    origin = module.params["image_origin"]
    if origin == "auto":
        answer = registry.ask(run, module.params["image"])
        origin = "registry" if answer.kind in registry.SPOKEN else "packages"
    module.exit_json(
        changed=False,
        needs=needs,
        problems=[problem.as_dict() for problem in problems],
        refusal=report(problems),
        plan=plan,
        origin=origin,
    )


if __name__ == "__main__":
    main()
