# SPDX-License-Identifier: BSD-3-Clause
"""Networks of an engine, and the number of networks that fit into its address pools."""

from __future__ import annotations

import ipaddress
import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from ..core.command_environment import Run
from ..host.system import read_text

# An engine's default address pools (Moby, libnetwork/ipamutils).
DEFAULT_POOLS: tuple[Mapping[str, Any], ...] = (
    *({"Base": f"172.{number}.0.0/16", "Size": 16} for number in range(17, 32)),
    {"Base": "192.168.0.0/16", "Size": 20},
)
BRIDGE_NAME = "com.docker.network.bridge.name"
BUILT_IN = ("bridge", "host", "none")
DEVICES, ROUTES = Path("/sys/class/net"), Path("/proc/net/route")


def look(run: Run, pools: Iterable[Mapping[str, Any]], rootless: bool = False) -> dict[str, Any] | None:
    """Return the names of the engine's networks, which are idle or have lost their bridge, and how many more there is room for.

    None if the engine does not tell.

    Args:
        run: Runs a command.
        pools: The engine's address pools, as `docker info` has them; none for those that it has by default.
        rootless: Whether the engine is known to be rootless.
    """
    code, identifiers, _errors = run(["docker", "network", "ls", "--quiet", "--no-trunc"])
    if code:
        return None
    # One that goes away between the two commands fails the second one; those that stay are printed all the same.
    _code, output, _errors = run(["docker", "network", "inspect", *identifiers.split()])
    found = json.loads(output or "[]")
    # Rootless Docker, or an engine in a virtual machine, has bridges and routes of its own. A bridge of the same name may
    # be that of another engine.
    missing = None if rootless else without_bridge(found)
    routes = [] if missing is None else on_link_routes(read_text(ROUTES))
    subnets = [config["Subnet"] for entry in found for config in entry["IPAM"]["Config"] or [] if "Subnet" in config]
    return {
        "names": sorted(entry["Name"] for entry in found),
        "idle": sorted(entry["Name"] for entry in found if not entry["Containers"] and entry["Name"] not in BUILT_IN),
        "without_bridge": missing or [],
        "free": free_networks(pools, [*subnets, *routes]),
    }


def without_bridge(found: Iterable[Mapping[str, Any]], devices: Path = DEVICES) -> list[str] | None:
    """Return the networks whose bridge is not among this host's devices; None if all are, because it is not this host's engine.

    Args:
        found: The networks, as `docker network inspect` has them.
        devices: Where the kernel lists them.
    """
    bridges = {
        entry["Name"]: (entry["Options"] or {}).get(BRIDGE_NAME, f"br-{entry['Id'][:12]}")
        for entry in found
        if entry["Driver"] == "bridge"
    }
    missing = [name for name, bridge in bridges.items() if not (devices / bridge).exists()]
    return None if len(missing) == len(bridges) else missing


def on_link_routes(table: str) -> list[str]:
    """Return the networks that this host is in: an engine leaves them out of its pools.

    Args:
        table: The kernel's table of IPv4 routes (proc(5), /proc/net/route). Its numbers have the host's byte order.
    """

    def dotted(number: str) -> str:
        return ".".join(str(byte) for byte in reversed(bytes.fromhex(number)))

    rows = [line.split() for line in table.splitlines()[1:]]
    return [f"{dotted(row[1])}/{dotted(row[7])}" for row in rows if int(row[2], 16) == 0 and int(row[7], 16) != 0]


def free_networks(pools: Iterable[Mapping[str, Any]], taken: Iterable[str]) -> int:
    """Return how many more networks the address pools have room for.

    Args:
        pools: Each with `Base` and `Size`; none for those that an engine has by default.
        taken: Networks that none of these may overlap.
    """
    others = [network for network in map(ipaddress.ip_network, taken) if network.version == 4]
    free = 0
    for pool in list(pools) or DEFAULT_POOLS:
        base = ipaddress.ip_network(pool["Base"])
        if base.version == 4:
            used = [network for network in others if network.overlaps(base)]
            free += 2 ** (pool["Size"] - base.prefixlen) - len(_parts(base, pool["Size"], used))
    return free


def _parts(base: Any, size: int, used: Iterable[Any]) -> set[int]:
    """Return the numbers of the networks of a size that others overlap, counted from the beginning of their pool."""
    first, length = int(base.network_address), 2 ** (32 - size)
    found: set[int] = set()
    for network in used:
        begin, end = (
            max(int(network.network_address), first),
            min(int(network.broadcast_address), int(base.broadcast_address)),
        )
        found.update(range((begin - first) // length, (end - first) // length + 1))
    return found
