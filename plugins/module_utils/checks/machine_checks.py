# SPDX-License-Identifier: BSD-3-Clause
"""The checks of `olympia doctor` for shared machines. Pure functions."""

from __future__ import annotations

import re
import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ..core.problem import Problem
from ..shared.homes import Room, gib, overcommitted
from .verdicts import FAILED, OK, UNKNOWN, WARNING, Check, Verdict, from_problems

DAY = 24 * 60 * 60
# What mount shows, and what kernels before Linux 5.8 do.
HIDDEN = ("hidepid=invisible", "hidepid=2")
# Shares of a file system that are too little, or too much.
LEAST_FREE = 0.05
FULL_WARNING, FULL_FAILED = 0.90, 0.98
# The role makes a certificate again 30 days before it ends: with half of that gone, nobody has run it.
CERTIFICATE_DAYS = 14
MOVE = "Or let somebody live on another machine ('hosts' in olympia_tenants)."
BOOTSTRAP = "Run 'olympia bootstrap' with this inventory."


@dataclass(frozen=True)
class Machine:
    """All that the checks go by.

    Attributes:
        tenants: The machine's tenants, as the filter `tenants` returns them.
        needs: What bootstrap would change, in sentences.
        problems: Why it cannot, as plain data.
        expired: Names of the expired tenants.
        fence: The rules that close ports, as nft lists them; None if they are not loaded.
        squatters: Who listens on a port of a tenant's, and is neither that tenant nor root, by a sentence for the port.
        proc: Options that /proc is mounted with.
        installed: Version of the engine that is installed; empty without one.
        engines: Version of each tenant's own engine, by name; empty if it does not answer.
        room: Of the file system with the home directories' files.
        disks_dir: Their folder.
        growth: How many bytes they may take besides, all together.
        homes: Room in each home directory that is mounted, by name.
        memory_mb: The machine's memory, in MiB.
        reverse_proxy: Whether the machine is to have a reverse proxy.
        web_server: Whether the web server runs.
        certificate: Path of its certificate.
        own_certificate: Whether that one was made on the machine.
        certificate_end: When it ends, as openssl writes it; empty if that cannot be read.
        now: The time, in seconds since 1970.
        failed_units: Names of units that failed; None where systemd does not say it.
    """

    tenants: list[dict[str, Any]]
    needs: list[str]
    problems: list[dict[str, Any]]
    expired: list[str]
    fence: str | None
    squatters: Mapping[str, str]
    proc: list[str]
    installed: str
    engines: Mapping[str, str]
    room: Room
    disks_dir: str
    growth: int
    homes: Mapping[str, Room]
    memory_mb: int
    reverse_proxy: bool
    web_server: bool
    certificate: str
    own_certificate: bool
    certificate_end: str
    now: float
    failed_units: list[str] | None


def _tenants(machine: Machine) -> Verdict:
    if machine.problems:
        return from_problems((Problem(**found) for found in machine.problems), "")
    if machine.needs:
        return Verdict(WARNING, f"bootstrap would: {'; '.join(machine.needs)}", BOOTSTRAP)
    return Verdict(OK, f"{len(machine.tenants)} are set up")


def _fence(machine: Machine) -> Verdict:
    wrong = (
        [] if set(HIDDEN) & set(machine.proc) else ["all users can see all processes: /proc has no hidepid=invisible"]
    )
    if machine.fence is None:
        wrong.append("all users can reach all ports: nft has no table inet olympia_tenants")
    else:
        for what, end in (("reaches", "dport"), ("may answer from", "sport")):
            closed = set(re.findall(rf"{end} (\d+)", machine.fence))
            if bare := [tenant["name"] for tenant in machine.tenants if str(tenant["http_port"]) not in closed]:
                wrong.append(
                    f"everybody {what} the ports of {', '.join(bare)}: table inet olympia_tenants has no rule for that"
                )
    if wrong:
        first = "See the check tenants first; then run" if machine.needs or machine.problems else "Run"
        return Verdict(FAILED, "; ".join(wrong), f"{first}: sudo systemctl restart olympia-tenants")
    return Verdict(OK, "ports are closed, and processes are hidden")


def _tenant_ports(machine: Machine) -> Verdict:
    if machine.squatters:
        return Verdict(
            FAILED,
            "; ".join(f"{where}: {who}" for where, who in machine.squatters.items()),
            "No requests are sent there, but the tenant cannot use the port. Ask that user to free it; or end the process: "
            "sudo kill PROCESS",
        )
    return Verdict(OK, "no user listens on another tenant's port")


def _engines(machine: Machine) -> Verdict:
    silent = [name for name, version in machine.engines.items() if not version]
    if silent:
        uids = {tenant["name"]: tenant["uid"] for tenant in machine.tenants}
        commands = "; ".join(f"sudo journalctl _UID={uids[name]}" for name in silent)
        return Verdict(FAILED, f"no answer: {', '.join(silent)}", f"Check the log of each: {commands}")
    other = {name: version for name, version in machine.engines.items() if version != machine.installed}
    if machine.installed and other:
        running = ", ".join(f"{name} runs {version}" for name, version in other.items())
        return Verdict(
            WARNING,
            f"{running}; {machine.installed} is installed",
            "An engine is upgraded when it restarts, and a restart stops its tenant's containers. When it suits the tenant: "
            f"sudo systemctl --machine={next(iter(other))}@.host --user restart olympia-engine",
        )
    return Verdict(OK, f"{len(machine.engines)} answer, version {machine.installed or 'unknown'}")


def _disk_machine(machine: Machine) -> Verdict:
    evidence = f"{gib(machine.room.free)} are free at {machine.disks_dir}, {1 - machine.room.share:.0%}"
    growth = f"the home directories may take {gib(machine.growth)} more"
    fix = f"Make room there, or give it a larger disk: home directories do not become smaller. {MOVE}"
    if machine.room.share > 1 - LEAST_FREE:
        return Verdict(FAILED, f"{evidence}; {growth}", fix)
    if more := overcommitted(machine.room, machine.growth, machine.disks_dir):
        return Verdict(WARNING, more, fix)
    return Verdict(OK, f"{evidence}; {growth}")


def _disk_tenants(machine: Machine) -> Verdict:
    shares = {name: room.share for name, room in machine.homes.items()}
    full = {name: share for name, share in shares.items() if share > FULL_WARNING}
    if not full:
        return Verdict(OK, f"none of {len(shares)} is over {FULL_WARNING:.0%}")
    return Verdict(
        FAILED if max(full.values()) >= FULL_FAILED else WARNING,
        ", ".join(f"{name} has used {share:.0%}" for name, share in full.items()),
        f"Run 'olympia prune tenant={next(iter(full))}' with this inventory; or set a larger disk_gb in olympia_tenants, and run "
        "'olympia bootstrap'.",
    )


def _memory_machine(machine: Machine) -> Verdict:
    limits = sum(tenant["memory_mb"] for tenant in machine.tenants)
    evidence = f"the tenants may use {limits} MiB, and the machine has {machine.memory_mb} MiB"
    if limits > machine.memory_mb:
        return Verdict(
            WARNING, evidence, f"Lower memory_mb of some in olympia_tenants, then: 'olympia bootstrap'. {MOVE}"
        )
    return Verdict(OK, evidence)


def _reverse_proxy(machine: Machine) -> Verdict:
    if not machine.reverse_proxy:
        return Verdict(OK, "this machine has none")
    if not machine.web_server:
        return Verdict(
            FAILED, "nginx does not run", "Check: sudo systemctl status nginx; 'olympia bootstrap' installs it."
        )
    renew = BOOTSTRAP if machine.own_certificate else f"Put a new one at {machine.certificate}, and reload nginx."
    try:
        left = ssl.cert_time_to_seconds(machine.certificate_end) - machine.now
    except ValueError:
        return Verdict(FAILED, f"there is no readable certificate at {machine.certificate}", renew)
    if left < 0:
        return Verdict(FAILED, f"{machine.certificate} expired: {machine.certificate_end}", renew)
    evidence = f"{machine.certificate} expires in {left // DAY:.0f} days"
    return Verdict(WARNING, evidence, renew) if left < CERTIFICATE_DAYS * DAY else Verdict(OK, evidence)


def _expired(machine: Machine) -> Verdict:
    if machine.expired:
        return Verdict(
            WARNING,
            f"expired: {', '.join(machine.expired)}",
            "Set another day as 'expires' in olympia_tenants; or, after a snapshot, 'state: absent', and run 'olympia bootstrap'.",
        )
    return Verdict(OK, "no expired tenants")


def _units(machine: Machine) -> Verdict:
    if machine.failed_units is None:
        return Verdict(UNKNOWN, "systemd does not answer", "See the check tenants first.")
    if machine.failed_units:
        names = " ".join(machine.failed_units)
        whose = {str(tenant["uid"]): f" ({tenant['name']})" for tenant in machine.tenants}
        return Verdict(
            FAILED,
            # Those of a tenant are named after the UID: olympia-wake@2001.service.
            ", ".join(unit + whose.get(unit.partition("@")[2].partition(".")[0], "") for unit in machine.failed_units),
            f"Check: sudo systemctl status {names}; then: sudo systemctl restart {names}",
        )
    return Verdict(OK, "none")


# The names never change: people and jobs use them. None is also the name of a check of instances.
CHECKS = (
    Check("tenants", "what 'bootstrap' would change for tenants", _tenants),
    Check("fence", "firewall rules between tenants", _fence),
    Check("tenant-ports", "who listens on tenants' ports", _tenant_ports),
    Check("engines", "tenants' own engines", _engines),
    Check("disk-machine", "room for home directories", _disk_machine),
    Check("disk-tenants", "room in home directories", _disk_tenants),
    Check("memory-machine", "memory, against the tenants' limits", _memory_machine),
    Check("door", "web server, and its certificate", _reverse_proxy),
    Check("expired", "expired tenants", _expired),
    Check("units", "units of systemd that failed", _units),
)
