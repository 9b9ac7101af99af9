# SPDX-License-Identifier: BSD-3-Clause
"""How a stack is."""

from __future__ import annotations

import argparse
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlsplit

from ...errors import ExitCode
from ...paths import INSTANCE
from ...present.words import WIDTH, by_host, wrap
from .base import Context, Verb

PRIVILEGED = 1023  # the last of the ports that only root may listen on
COLUMNS = ("SERVICE", "STATE", "HEALTH", "SINCE", "PORTS", "IMAGE")


@dataclass(frozen=True)
class Service:
    """A service, and its container.

    Attributes:
        name: The service.
        state: Its container's, in the engine's words; `missing` where it has none.
        health: What its healthcheck says; empty where it has none.
        since: When the container was started, as the engine says it; empty where it does not run.
        image: The image that it was made from.
        ports: The host's ports that lead to it.
        wanted: Whether the settings have it.
    """

    name: str
    state: str
    health: str = ""
    since: str = ""
    image: str = ""
    ports: tuple[int, ...] = ()
    wanted: bool = True

    @property
    def healthy(self) -> bool:
        """Whether it runs and is healthy, as far as it has a healthcheck."""
        return self.state == "running" and self.health in ("healthy", "")


@dataclass(frozen=True)
class Status:
    """How the stack of a host is.

    Attributes:
        instance: Its name.
        project_dir: Where its rendered files are.
        site: The sentence that says where the site is.
        address: Where the site is reached.
        ssh: The host, as `ssh` takes it, where the address is one that only the host itself reaches; empty where it is not.
        engine: Whether an engine answers.
        services: Its services.
        pending: What `up` would do, as far as that is known without building anything.
        site_error: Why nothing answers where the site is published; empty where something does, or nothing runs there.
        expires: Day from which on its tenant's time is over, as 2027-01-31; empty for never.
    """

    instance: str
    project_dir: str
    site: str
    address: str
    ssh: str
    engine: bool
    services: tuple[Service, ...]
    pending: tuple[str, ...]
    site_error: str = ""
    expires: str = ""

    @property
    def running(self) -> bool:
        """Whether any service runs."""
        return any(service.state == "running" for service in self.services)

    @property
    def word(self) -> str:
        """How it is, in a word or two."""
        if not self.engine:
            return "no engine"
        wanted = [service.healthy for service in self.services if service.wanted]
        if not self.running:
            return "down"
        if self.site_error and all(wanted):
            return "silent"
        return "healthy" if all(wanted) else f"{sum(wanted)} of {len(wanted)} healthy"

    @property
    def healthy(self) -> bool:
        """Whether every service that the settings have runs and is healthy, and the site answers."""
        return not self.site_error and all(service.healthy for service in self.services if service.wanted)


def read(answer: Mapping[str, Any]) -> Status:
    """Return what a host has answered.

    Args:
        answer: The message of status.yml.
    """
    containers = {found["service"]: found for found in answer["containers"]}
    names = [*answer["services"], *sorted(set(containers) - set(answer["services"]))]
    return Status(
        answer["instance"],
        answer["project_dir"],
        answer["site"],
        answer["address"],
        answer["ssh"],
        answer["engine"],
        tuple(_service(name, containers.get(name), name in answer["services"]) for name in names),
        _pending(answer),
        answer["site_error"],
        answer["expires"],
    )


def _service(name: str, container: Mapping[str, Any] | None, wanted: bool) -> Service:
    if container is None:
        return Service(name, "missing", wanted=wanted)
    running = container["state"] == "running"
    return Service(
        name,
        container["state"],
        container["health"] if running else "",
        container["started_at"] if running else "",
        container["image_name"],
        # One for each address that it is bound to.
        tuple(sorted(set(container["ports"]))),
        wanted,
    )


def _pending(answer: Mapping[str, Any]) -> tuple[str, ...]:
    pending = {
        "install an engine": not answer["engine"],
        f"render {', '.join(answer['render'])}, and replace what that changes": bool(answer["render"]),
        "get the application image": not answer["image"],
        "start or replace containers": not answer["started"],
        "initialize the database": not answer["initialized"],
    }
    return tuple(what for what, is_pending in pending.items() if is_pending)


def ask(context: Context) -> dict[str, Status]:
    """Return how the stack is, by host.

    Args:
        context: The command.

    Raises:
        OlympiaError: A host did not answer.
    """
    return {host: read(answer) for host, answer in context.prepare("status").ask().items()}


def ago(since: str, now: datetime) -> str:
    """Return a time as what has passed since then, in its largest unit.

    Args:
        since: The time, as the engine writes it; or the empty string.
        now: The time now.
    """
    if not since:
        return ""
    # The engine writes nanoseconds.
    passed = now - datetime.fromisoformat(since[:19]).replace(tzinfo=UTC)
    units = (("d", timedelta(days=1)), ("h", timedelta(hours=1)), ("min", timedelta(minutes=1)))
    # The host's clock may be ahead.
    seconds = max(0, int(passed.total_seconds()))
    return next((f"{passed // unit} {name}" for name, unit in units if passed >= unit), f"{seconds} s")


def expiry(day: str, now: datetime) -> str:
    """Return a day on which somebody's time is over, and that it is, where it is.

    Args:
        day: As 2027-01-31; empty for never.
        now: The time now.
    """
    return f"{day} expired" if day and day <= now.date().isoformat() else day


def without_empty(rows: Sequence[Sequence[str]], head: str) -> list[Sequence[str]]:
    """Return the rows of a table, without a column that has nothing but its head.

    Args:
        rows: Cells of each row, the heads first.
        head: The column's.
    """
    column = rows[0].index(head)
    if any(row[column] for row in rows[1:]):
        return [*rows]
    return [[*row[:column], *row[column + 1 :]] for row in rows]


def as_text(status: Status, now: datetime) -> str:
    """Return a status for people.

    Args:
        status: Of one host.
        now: The time now.
    """
    if not status.engine:
        return f"Nothing runs: no engine answers on this host. {_up(status)} installs one and starts the stack."
    if not status.running:
        return f"Nothing of the instance {status.instance} runs. {_up(status)} starts it."
    rows: list[Sequence[str]] = [COLUMNS]
    rows += [
        (
            service.name,
            service.state,
            service.health,
            ago(service.since, now),
            " ".join(map(str, service.ports)),
            service.image.rpartition("/")[2],
        )
        for service in status.services
    ]
    lines = [*table(rows), ""]
    said = [status.site]
    sick = [service.name for service in status.services if service.wanted and not service.healthy]
    said += [f"Not healthy: {', '.join(sick)}. olympia logs {sick[0]} says more."] if sick else []
    said += [f"Nothing answers there: {status.site_error}. olympia doctor says more."] if status.site_error else []
    foreign = [service.name for service in status.services if not service.wanted]
    said += [f"No setting has {', '.join(foreign)}."] if foreign else []
    said.append(f"{_up(status)} would: {'; '.join(status.pending)}." if status.pending else "up would change nothing.")
    return "\n".join([*lines, *map(wrap, said)])


def as_table(found: Mapping[str, Status], now: datetime) -> str:
    """Return how the stacks of several hosts are, for people.

    Args:
        found: By host.
        now: The time now.
    """
    rows: list[Sequence[str]] = [("HOST", "STATE", "SINCE", "EXPIRES", "UP WOULD")]
    for host, status in found.items():
        # The last of them that was started: all of it has been there since then.
        since = max((service.since for service in status.services), default="")
        rows.append(
            (
                host,
                status.word,
                ago(since, now),
                expiry(status.expires, now),
                "change nothing" if not status.pending else "change something",
            )
        )
    return "\n".join(table(without_empty(rows, "EXPIRES")))


def where(status: Status) -> str:
    """Return the address of a site, and before it the command that leads there, where one is needed.

    Args:
        status: Of one host.
    """
    if not status.ssh:
        return status.address
    port = urlsplit(status.address).port or 80
    # Only root may listen on the lowest ones.
    local = port if port > PRIVILEGED else 8000 + port
    return f"ssh -N -L {local}:127.0.0.1:{port} {status.ssh}\nhttp://127.0.0.1:{local}"


def _up(status: Status) -> str:
    return "olympia up" if status.instance == INSTANCE else f"olympia up INSTANCE={status.instance}"


def table(rows: Sequence[Sequence[str]]) -> list[str]:
    """Return lines with the cells below one another; the last column is cut off where a terminal ends.

    Args:
        rows: Cells of each row, as many in each.
    """
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    lines = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]
    return [line if len(line) <= WIDTH else f"{line[: WIDTH - 3]}..." for line in lines]


def run(context: Context) -> ExitCode:
    """Print how the stack is, and return whether it is healthy.

    Args:
        context: The command.

    Raises:
        OlympiaError: A host did not answer.
    """
    each, error = context.prepare("status").ask_each()
    answers = {host: read(answer) for host, answer in each.items()}
    if context.arguments.json:
        print(
            json.dumps(
                {host: asdict(status) | {"healthy": status.healthy} for host, status in answers.items()}, indent=2
            )
        )
    elif len(answers) > 1:
        print(as_table(answers, datetime.now(UTC)))
    else:
        print(by_host({host: as_text(status, datetime.now(UTC)) for host, status in answers.items()}))
    if error:
        raise error
    return ExitCode.DONE if all(status.healthy for status in answers.values()) else ExitCode.UNHEALTHY


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of `status`.

    Args:
        parser: Its parser.
    """
    parser.add_argument("--json", action="store_true", help="for a program, by host")


def run_url(context: Context) -> None:
    """Print where the site of each host is.

    Args:
        context: The command.

    Raises:
        OlympiaError: A host did not answer.
    """
    print(by_host({host: where(status) for host, status in ask(context).items()}))


VERBS = (
    Verb("url", "say where the site is, and how to reach it from here", run_url),
    Verb("status", "say how each service is; the exit code is 5 when one is not healthy", run, add_arguments),
)
