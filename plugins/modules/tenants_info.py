#!/usr/bin/python
# SPDX-License-Identifier: BSD-3-Clause

from __future__ import annotations

DOCUMENTATION = r"""
module: tenants_info
short_description: What a machine lacks for the people who are to share it
description:
  - Looks at packages, accounts, home directories and engines of tenants, and at the files that keep them apart.
  - Says what the role C(addons.olympia.olympia_tenant) would change, and what stands in its way.
  - Only reads, and needs root.
author: The Olympia provisioner authors (!UNKNOWN)
options:
  tenants:
    description: Those who live on the machine, as the filter P(addons.olympia.tenants#filter) gives them.
    type: list
    elements: dict
    required: true
  gone:
    description: Those who are to be removed, as the filter P(addons.olympia.gone_tenants#filter) gives them.
    type: list
    elements: dict
    default: []
  elsewhere:
    description: Names of those who live on other machines.
    type: list
    elements: str
    default: []
  files:
    description: Content and mode (octal digits) of each file that there has to be, by path.
    type: dict
    required: true
  disks_dir:
    description: Folder of the files that are mounted as home directories.
    type: path
    required: true
  packages:
    description: Packages that are needed besides those that every machine with tenants needs.
    type: list
    elements: str
    default: []
  image_origin:
    description: Where service images come from; V(auto) asks the engine whether it reaches a registry.
    type: str
    choices: [auto, packages, registry]
    default: registry
  registry:
    description: The registry that V(auto) asks for; empty for Docker Hub.
    type: str
    default: ""
attributes:
  check_mode:
    support: full
    description: Changes nothing in either mode.
  diff_mode:
    support: none
    description: Changes nothing.
"""

EXAMPLES = r"""
- name: Look at the tenants
  addons.olympia.tenants_info:
    tenants: "{{ olympia_tenants | addons.olympia.tenants(olympia_machine_tenants) }}"
    files: {}
    disks_dir: /var/lib/olympia/tenants
  become: true
"""

RETURN = r"""
needs:
  description: What would be changed, one sentence each. Empty where the machine has all that it needs.
  returned: success
  type: list
  elements: str
problems:
  description: Why that cannot be done. Empty where nothing stands in the way.
  returned: success
  type: list
  elements: dict
origin:
  description: Where service images come from, V(packages) or V(registry).
  returned: success
  type: str
plan:
  description: The needed changes, in the form in which the role's tasks read them.
  returned: success
  type: dict
"""

import json
import os
import pwd
import sys
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.addons.olympia.plugins.module_utils.engine.engine_plan import problem
from ansible_collections.addons.olympia.plugins.module_utils.host import registry, system
from ansible_collections.addons.olympia.plugins.module_utils.host.process import run
from ansible_collections.addons.olympia.plugins.module_utils.shared import as_tenant, homes
from ansible_collections.addons.olympia.plugins.module_utils.shared.people import GROUP
from ansible_collections.addons.olympia.plugins.module_utils.stack.derived import REGISTRY_IMAGES, in_registry

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
LINGER = Path("/var/lib/systemd/linger")
EXT4_MAGIC = b"\x53\xef"
# Run as the tenant. Reads a regular file, and nothing that could lead elsewhere, block, or have no end.
READ = """
import os, stat, sys
try:
    file = os.open(sys.argv[1], os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
except FileNotFoundError:
    print("{}")
else:
    if not stat.S_ISREG(os.fstat(file).st_mode):
        raise SystemExit("it is no regular file")
    sys.stdout.buffer.write(os.read(file, 1 << 18))
"""
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


@dataclass(frozen=True)
class Found:
    """What there is of a tenant.

    Attributes:
        uid: Of the account; None without one.
        taken_by: Another account that has the UID; empty where none has.
        groups: What the account is a member of.
        has_subids: Whether its containers have the UIDs that they are to have.
        disk: Size of its home directory's file system, in bytes; 0 where there is none.
        mounted: Whether that is mounted.
        lingers: Whether its systemd manager runs without a session.
        client: The docker client's configuration; None where it cannot be read.
        engine: Whether its engine answers.
    """

    uid: int | None
    taken_by: str
    groups: tuple[str, ...]
    has_subids: bool
    disk: int
    mounted: bool
    lingers: bool
    client: dict[str, Any] | None
    engine: bool


def file_system_size(image: Path) -> int:
    """Return the size of the ext4 file system in a file, in bytes; 0 without a file, the file's size where it has no such system.

    The file's own size would tell of a growth that has ended half-way as if it were done.

    Args:
        image: The file.

    Source: "The Super Block" in the Linux kernel's documentation of ext4 (docs.kernel.org/filesystems/ext4).
    """
    try:
        with image.open("rb") as file:
            file.seek(1024)
            block = file.read(1024)
    except FileNotFoundError:
        return 0

    def number(offset: int) -> int:
        return int.from_bytes(block[offset : offset + 4], "little")

    if block[0x38:0x3A] != EXT4_MAGIC:
        # Damaged, or somebody else's: never one to make anew.
        return image.stat().st_size
    blocks, log_block_size = number(0x150) << 32 | number(0x4), number(0x18)
    return blocks << (10 + log_block_size)


def client_config(tenant: dict[str, Any]) -> dict[str, Any] | None:
    """Return the configuration of a tenant's docker client, empty without one; None where it cannot be read.

    Args:
        tenant: The tenant.
    """
    reads = [sys.executable, "-I", "-c", READ, f"{tenant['home']}/.docker/config.json"]
    code, output, _errors = as_tenant.run(tenant["name"], tenant["uid"], reads)
    try:
        client = None if code else json.loads(output)
    except (ValueError, RecursionError):
        return None
    return client if isinstance(client, dict) else None


def look(tenant: dict[str, Any], disks: Path) -> Found:
    """Return what there is of a tenant.

    Args:
        tenant: The tenant.
        disks: Folder of the home directories.
    """
    name, home = tenant["name"], Path(tenant["home"])
    accounts = {entry.pw_name: entry.pw_uid for entry in pwd.getpwall()}
    image, wanted = disks / tenant["image"], f"{name}:{tenant['subids']}"
    _code, groups, _errors = run(["id", "--name", "--groups", name])
    # The account may be another one's, which is a problem; then nothing is run as it.
    is_there = accounts.get(name) == tenant["uid"]
    return Found(
        uid=accounts.get(name),
        taken_by=next((other for other, uid in accounts.items() if uid == tenant["uid"] and other != name), ""),
        groups=tuple(groups.split()),
        has_subids=all(
            [line for line in system.read_text(Path(path)).splitlines() if line.startswith(f"{name}:")] == [wanted]
            for path in ("/etc/subuid", "/etc/subgid")
        ),
        disk=file_system_size(image),
        mounted=os.path.ismount(home),
        lingers=(LINGER / name).exists(),
        client=client_config(tenant) if is_there else {},
        # One that hangs is none.
        engine=is_there and not as_tenant.engine(name, tenant["uid"], ["version"])[0],
    )


def assess(tenant: dict[str, Any], found: Found) -> tuple[list[str], list[dict[str, Any]], dict[str, Any]]:
    """Return what a tenant lacks in sentences, what stands in the way, and the same as a plan.

    Args:
        tenant: The tenant.
        found: What there is.
    """
    name, rootless = tenant["name"], tenant["engine"] == "rootless"
    groups = [GROUP] if rootless else [GROUP, "docker"]
    size = tenant["disk_gb"] * homes.GIB
    plan = {
        "account": found.uid is None or not {*groups} <= {*found.groups},
        "groups": groups,
        "subids": rootless and not found.has_subids,
        "disk": "make" if not found.disk else "grow" if found.disk < size else "",
        "mount": not found.mounted,
        "linger": rootless and not found.lingers,
        "engine": rootless and not found.engine,
        # One that cannot be read is the tenant's affair, and writing it anew would lose what is in it.
        "context": rootless and found.client is not None and not found.client.get("currentContext"),
    }
    sentences = {
        "account": f"make the account {name}",
        "subids": f"give {name} UIDs for containers",
        "disk": f"{plan['disk']} the home directory of {name}, {tenant['disk_gb']} GiB",
        "mount": f"mount the home directory of {name}",
        "linger": f"let the systemd manager of {name} run without a session",
        "engine": f"start the engine of {name}",
        "context": f"set the docker client of {name} to that engine",
    }
    problems = []
    if found.taken_by or (found.uid is not None and found.uid != tenant["uid"]):
        problems.append(
            problem(
                f"{name} cannot have the UID {tenant['uid']}",
                "/etc/passwd",
                f"{found.taken_by} has it" if found.taken_by else f"the account {name} has {found.uid}",
                "give the tenant another UID, or another name",
                "olympia_tenants",
            )
        )
    if found.disk > size:
        problems.append(
            problem(
                f"The home directory of {name} cannot become smaller",
                f"{name}.img",
                f"it has {found.disk // homes.GIB} GiB, and disk_gb is {tenant['disk_gb']}",
                f"set disk_gb of {name} to {found.disk // homes.GIB} or more",
                "olympia_tenants",
            )
        )
    return [text for key, text in sentences.items() if plan[key]], problems, plan


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


def strangers(names: Sequence[str], disks: Path) -> list[dict[str, Any]]:
    """Return a problem for each tenant who is to live on another machine, and has a home directory here.

    Args:
        names: Names of those who live elsewhere.
        disks: Folder of the home directories.
    """
    return [
        problem(
            f"{name} lives here, and is to live on another machine: nothing would come along",
            str(disks / f"{name}.img"),
            "there is a home directory",
            f"name this machine in `hosts` of {name}; or take everything to the other one: olympia tenant move {name} MACHINE",
            "olympia_tenants",
        )
        for name in names
        if (disks / f"{name}.img").exists()
    ]


def others(gone: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return a problem for each tenant who is to be removed, and whose name is that of another account.

    Args:
        gone: Those who are to be removed.
    """
    accounts = {entry.pw_name: entry.pw_uid for entry in pwd.getpwall()}
    return [
        problem(
            f"{tenant['name']} is to be removed, and is another account",
            "/etc/passwd",
            f"it has the UID {accounts[tenant['name']]}, and the list says {tenant['uid']}",
            "correct the name or the UID of that tenant, or take the entry out of the list",
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
            "registry": {"type": "str", "default": ""},
        },
        supports_check_mode=True,
    )
    disks = Path(module.params["disks_dir"])
    problems = strangers(module.params["elsewhere"], disks) + others(module.params["gone"])
    if not Path("/run/systemd/system").is_dir():
        problems.append(
            problem(
                "Tenants need systemd: it runs their engines and limits them",
                "/run/systemd/system",
                "there is no such directory",
                "use a machine that was booted with systemd",
            )
        )
    packages, files = missing_packages(module.params["packages"]), differing(module.params["files"])
    active = not run(["systemctl", "is-active", "--quiet", UNIT])[0]
    needs = [f"install {', '.join(packages)}"] if packages else []
    needs += [f"write {', '.join(files)}"] if files else []
    needs += [] if active else [f"start {UNIT}"]
    pam = not all("olympia-slice" in system.read_text(path) for path in PAM)
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
        answer = registry.ask(run, in_registry(module.params["registry"], REGISTRY_IMAGES["memcached"]))
        origin = "registry" if answer.kind in registry.SPOKEN else "packages"
    module.exit_json(changed=False, needs=needs, problems=problems, plan=plan, origin=origin)


if __name__ == "__main__":
    main()
