# SPDX-License-Identifier: BSD-3-Clause
"""What answers where it is published, and the firewall rules that lead there."""

from __future__ import annotations

import http.client
from pathlib import Path
from typing import Any

from ..core.command_environment import Run
from .system import exists

DEFAULT_BRIDGE = Path("/sys/class/net/docker0")
SITE_TIMEOUT = 5  # seconds that a site may take to say anything


def site_error(site: dict[str, Any]) -> str:
    """Return why a site does not answer where it is published; the empty string where it does, with no error of a server's.

    Args:
        site: The `address` of this host that its port is bound to, and that `port`.
    """
    # Bound to all addresses, it is on the loopback address, too.
    address = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(site["address"], site["address"])
    connection = http.client.HTTPConnection(address, site["port"], timeout=SITE_TIMEOUT)
    try:
        connection.request("GET", "/__version__")
        status = connection.getresponse().status
    except (OSError, http.client.HTTPException) as error:
        return str(error) or type(error).__name__
    finally:
        connection.close()
    return f"HTTP {status}" if status >= http.client.INTERNAL_SERVER_ERROR else ""


def firewall_rules(run: Run) -> str | None:
    """Return the rules by which the engine publishes ports; None where only root may see them, or it has its rules elsewhere.

    Args:
        run: Runs a command.
    """
    code, output, _errors = run(["iptables", "--table=nat", "--list-rules", "DOCKER"])
    return None if code else "\n".join(line for line in output.splitlines() if "--to-destination" in line)


def builds_reach_out(run: Run) -> bool | None:
    """Return whether the firewall lets builds, on the engine's default bridge, reach the network.

    None where only root may see that, or the engine has no such bridge on this host.

    Args:
        run: Runs a command.
    """
    code, output, _errors = run(["iptables", "--table=nat", "--list-rules", "POSTROUTING"])
    return None if code or not exists(DEFAULT_BRIDGE) else f"! -o {DEFAULT_BRIDGE.name} -j MASQUERADE" in output
