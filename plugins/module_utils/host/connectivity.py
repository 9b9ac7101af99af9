# SPDX-License-Identifier: BSD-3-Clause
"""Whether the site, other servers and the network of builds can be reached, and the firewall rules for that."""

from __future__ import annotations

import http.client
import ssl
import threading
import urllib.error
import urllib.request
from dataclasses import dataclass
from email.message import Message
from pathlib import Path
from typing import Any

from ..core.command_environment import Run
from .system import CA_BUNDLE, exists

DEFAULT_BRIDGE = Path("/sys/class/net/docker0")
PROBE_SECONDS = 3.0
SITE_TIMEOUT = 5  # seconds that a site may take to say anything


def site_error(site: dict[str, Any]) -> str:
    """Return why a site does not answer where it is published; the empty string if it does, with no error of a server's.

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


@dataclass(frozen=True)
class UrlAnswer:
    """What came of fetching a small file.

    Attributes:
        error: Why that failed, or the empty string.
        status: The HTTP status; 0 if no server answered.
        date: The server's clock, as its Date header says; empty if there is none.
        age: Seconds that a cache on the way has kept the answer, as its Age header says; empty if there is none.
    """

    error: str = ""
    status: int = 0
    date: str = ""
    age: str = ""


def ask_url(url: str, seconds: float = PROBE_SECONDS) -> UrlAnswer:
    """Fetch a small file.

    Args:
        url: Its address.
        seconds: For the whole attempt; a name server that never answers has no time-out of its own here, so the attempt runs in a
            thread that is left behind.
    """
    outcome: list[UrlAnswer] = []

    def attempt() -> None:
        context = ssl.create_default_context()
        if CA_BUNDLE.exists():
            context.load_verify_locations(CA_BUNDLE)
        opener = urllib.request.build_opener(urllib.request.HTTPSHandler(context=context))
        try:
            with opener.open(url, timeout=seconds) as answer:
                answer.read(64)
                outcome.append(_url_answer("", answer.status, answer.headers))
        except urllib.error.HTTPError as error:
            outcome.append(_url_answer(str(error.reason or error), error.code, error.headers))
        except (OSError, ValueError, http.client.HTTPException) as error:
            outcome.append(UrlAnswer(str(getattr(error, "reason", None) or error)))

    thread = threading.Thread(target=attempt, daemon=True)
    thread.start()
    thread.join(seconds)
    return outcome[0] if outcome else UrlAnswer(f"no answer within {seconds:g} s")


def _url_answer(error: str, status: int, headers: Message) -> UrlAnswer:
    return UrlAnswer(error, status, headers.get("Date", ""), headers.get("Age", ""))
