# SPDX-License-Identifier: BSD-3-Clause
"""The people who share machines: their settings, machines and ports.

Pure functions.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from ..core.problem import Problem
from ..settings.sources import PREFIXES

# Valid for useradd on every system, as part of a host name, and as an instance's name.
NAME = re.compile(r"[a-z][a-z0-9-]{0,30}[a-z0-9]")
# Types as `ssh -Q key` has them. sshd reads any other first word as options, which can do more than let somebody in.
KEY = re.compile(
    r"(ssh-(ed25519|rsa)|ecdsa-sha2-nistp(256|384|521)|sk-(ssh-ed25519|ecdsa-sha2-nistp256)@openssh\.com) "
    r"[A-Za-z0-9+/]+=*( [^\x00-\x1f\x7f]*)?"
)
DAY = re.compile(r"\d{4}-(0[1-9]|1[0-2])-(0[1-9]|[12]\d|3[01])")
LOWEST_UID, HIGHEST_UID = 1000, 3199
# Each UID has ten ports, all of them below those that the kernel gives to outgoing connections (ip_local_port_range).
LOWEST_PORT, PORTS = 10000, 10
# Above those that useradd gives by itself (login.defs(5): up to 600100000).
FIRST_SUBID, SUBIDS = 600200000, 65536
GROUP = "olympia-tenants"
# The account that builds what several tenants run: set up like theirs, without logins.
BUILDER, BUILDER_UID = "olympia-build", HIGHEST_UID + 1
# Below it, a folder for the build cache of each source that several tenants run. Those who have the source may read it.
BUILDS_DIR = "/var/lib/olympia/builds"
# Name where build caches are read and written.
CACHE_FROM, CACHE_TO = "olympia_stack_cache_from", "olympia_stack_cache_to"


@dataclass(frozen=True)
class Tenant:
    """Somebody with an account, an engine and an instance on a machine.

    Attributes:
        name: The account.
        uid: The account's UID.
        keys: Public SSH keys.
        hosts: Machines to choose from; empty for all.
        instance: The instance's name; like the account's where it is not given.
        engine: `rootless` or `shared`.
        memory_mb: Limit, in MiB.
        cpus: Limit, in processors.
        disk_gb: Size of the home directory, in GiB.
        idle_minutes: After how many minutes without anybody's use the instance is stopped; 0 for never.
        public: Whether everybody may open the instance who reaches the machine.
        expires: Day from which on the tenant is reported, as ISO 8601 writes it; empty for never.
        state: `present`, `absent`, or `destroyed` with all data.
        settings: The instance's settings, by variable.
    """

    name: str
    uid: int
    keys: list[str] = field(default_factory=list)
    hosts: list[str] = field(default_factory=list)
    instance: str = ""
    engine: str = "rootless"
    memory_mb: int = 6144
    cpus: float = 2.0
    disk_gb: int = 30
    idle_minutes: int = 0
    public: bool = False
    expires: str = ""
    state: str = "present"
    settings: dict[str, Any] = field(default_factory=dict)

    @property
    def image(self) -> str:
        """The name of the file that is mounted as home directory."""
        return f"{self.name}.img"

    @property
    def mount_unit(self) -> str:
        """The unit that mounts it; systemd.unit(5) has '-' for '/' in such a name."""
        escaped = self.name.replace("-", r"\x2d")
        return f"home-{escaped}.mount"

    @property
    def subids(self) -> str:
        """The UIDs and GIDs in the tenant's containers, as subuid(5) has them: always the same, for they are in the data."""
        return f"{FIRST_SUBID + (self.uid - LOWEST_UID) * SUBIDS}:{SUBIDS}"

    @property
    def http_port(self) -> int:
        """The loopback port of the instance's site."""
        return LOWEST_PORT + PORTS * (self.uid - LOWEST_UID)

    @property
    def frontend_port(self) -> int:
        """The loopback port of its frontend."""
        return self.http_port + 1

    @property
    def last_port(self) -> int:
        """The last of the ports that nobody else reaches, the site's being the first."""
        return self.http_port + PORTS - 1

    @property
    def home(self) -> str:
        """The home directory."""
        return f"/home/{self.name}"

    @property
    def socket(self) -> str:
        """The socket of the tenant's own engine."""
        return f"/run/user/{self.uid}/docker.sock"

    @property
    def rootless(self) -> bool:
        """Whether the engine is the tenant's own."""
        return self.engine == "rootless"


def read(entries: Iterable[Mapping[str, Any]], options: Mapping[str, Any]) -> list[Tenant]:
    """Return the tenants of a list.

    Args:
        entries: The list, as an inventory has it.
        options: Specification of an entry, as the role's argument specification has it.

    Raises:
        Problem: An entry, or the list, makes no sense.
    """
    # Slow to import, and the host needs no more than the class.
    from ansible.module_utils.common.arg_spec import ArgumentSpecValidator

    tenants, wrong = [], []
    for number, entry in enumerate(entries, start=1):
        validated = ArgumentSpecValidator(dict(options)).validate(dict(entry))
        wrong += [f"Tenant {entry.get('name') or number}: {message}." for message in validated.error_messages]
        if not validated.error_messages:
            values = validated.validated_parameters
            tenants.append(Tenant(**values | {"instance": values["instance"] or values["name"]}))
    wrong += [sentence for tenant in tenants for sentence in _check(tenant)]
    for what in ("name", "uid", "instance"):
        values = [getattr(tenant, what) for tenant in tenants]
        wrong += [
            f"Two tenants have the {what} {value}." for value in sorted({v for v in values if values.count(v) > 1})
        ]
    if wrong:
        raise Problem(" ".join(wrong))
    return tenants


def _check(tenant: Tenant) -> Iterable[str]:
    if not NAME.fullmatch(tenant.name):
        yield f"'{tenant.name}' cannot name a tenant: use 2 to 32 of a-z, 0-9 and '-', with a letter first."
    if not NAME.fullmatch(tenant.instance):
        yield f"'{tenant.instance}' of {tenant.name} cannot name an instance: use 2 to 32 of a-z, 0-9 and '-', with a letter first."
    if tenant.name == BUILDER and tenant.uid != BUILDER_UID:
        yield f"The account {BUILDER} is the builder's: choose another name."
    elif not LOWEST_UID <= tenant.uid <= HIGHEST_UID + (tenant.name == BUILDER):
        yield f"The UID of {tenant.name} is {tenant.uid}, and has to be from {LOWEST_UID} to {HIGHEST_UID}."
    if tenant.expires and not DAY.fullmatch(tenant.expires):
        yield f"'{tenant.expires}' of {tenant.name} is not a day: write it as 2027-01-31."
    for name in tenant.settings:
        # Others, such as ansible_become_user, would say as whom and where root's tasks run.
        if not name.startswith(PREFIXES):
            yield f"'{name}' of {tenant.name} is not a setting of an instance: those begin with {' or '.join(PREFIXES)}."
    for key in tenant.keys:
        if not KEY.fullmatch(key):
            yield f"'{key}' of {tenant.name} is not a public SSH key: give a line of an authorized_keys file, without options."


def place(tenants: Iterable[Tenant], memory_mb: Mapping[str, int]) -> dict[str, str]:
    """Return the machine that each tenant lives on, by the tenant's name; none for one who is to be removed.

    In the list's order each takes the machine with the most memory left, so that one who is added at the end moves nobody.

    Args:
        tenants: The tenants.
        memory_mb: Memory for tenants by machine, in MiB, in the order of preference among equals; at least one machine.

    Raises:
        Problem: A tenant names a machine that there is not, or has no room on any.
    """
    left = dict(memory_mb)
    placed = {}
    for tenant in (one for one in tenants if one.state == "present"):
        unknown = [name for name in tenant.hosts if name not in left]
        if unknown:
            raise Problem(
                f"{tenant.name} is to live on {', '.join(unknown)}, which the inventory does not have. "
                f"Name one of these machines in `hosts` of {tenant.name}: {', '.join(left)}."
            )
        best = max(tenant.hosts or left, key=lambda name: left[name])
        if left[best] < tenant.memory_mb:
            raise Problem(
                f"There is no room for {tenant.name}: {tenant.memory_mb} MiB are wanted, and {best} has the most, "
                f"{left[best]} MiB. Give {tenant.name} less memory_mb, or take {tenant.name} out of the list again. "
                "Before you add a machine, or raise olympia_machine_memory_mb, name in `hosts` the machine that each of the others "
                "lives on: so nobody moves."
            )
        left[best] -= tenant.memory_mb
        placed[tenant.name] = best
    return placed


@dataclass(frozen=True)
class Build:
    """One source that several tenants run, which is built once for all of them.

    Attributes:
        key: What tells it from others.
        machine: Where it is built.
        settings: The settings that it is built with.
        tenants: Names of those who run it.
    """

    key: str
    machine: str
    settings: dict[str, Any]
    tenants: list[str]

    @property
    def instance(self) -> str:
        """The name of the instance that it is built for, which never runs."""
        return f"olympia-build-{self.key}"

    @property
    def cache(self) -> str:
        """The folder of its build cache, on each machine."""
        return f"{BUILDS_DIR}/{self.key}"


def source_key(repo: str, version: str) -> str:
    """Return what tells a source from others.

    Args:
        repo: Its repository; empty for the embedded application.
        version: Branch, tag or commit.
    """
    return hashlib.sha256(f"{repo}@{version}".encode()).hexdigest()[:12]


def builds(tenants: Iterable[Tenant], placed: Mapping[str, str], defaults: Mapping[str, Any]) -> list[Build]:
    """Return what is built once: each source and version that more than one tenant has.

    The first of them in the list says where, and with which settings besides.

    Args:
        tenants: The tenants.
        placed: The machine of each, by name; others are left out.
        defaults: Settings of those who say nothing else.
    """
    sharing: dict[str, list[Tenant]] = {}
    for tenant in (one for one in tenants if one.name in placed):
        settings = {**defaults, **tenant.settings}
        source = (settings.get("olympia_stack_source_repo", ""), settings.get("olympia_stack_source_version", "HEAD"))
        sharing.setdefault(source_key(*source), []).append(tenant)
    return [
        Build(
            key=key,
            machine=placed[people[0].name],
            # Ports are the tenant's. What a tenant's own cache says of a step would get into the builder's, for all sources.
            settings={
                name: value
                for name, value in people[0].settings.items()
                if not name.endswith("_port") and name != CACHE_FROM
            },
            tenants=[tenant.name for tenant in people],
        )
        for key, people in sharing.items()
        if len(people) > 1
    ]
