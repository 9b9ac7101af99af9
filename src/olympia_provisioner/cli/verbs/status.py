# SPDX-License-Identifier: BSD-3-Clause
"""The verbs that show the state of a stack, and its address."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlsplit

from ...errors import ExitCode
from ...paths import INSTANCE
from ...present.tables import ago, expiry, table, without_empty
from ...words import by_host, wrap
from .base import Context, Verb

PRIVILEGED = 1023  # the highest port that only root may listen on
COLUMNS = ("SERVICE", "STATE", "HEALTH", "SINCE", "PORTS", "IMAGE")


@dataclass(frozen=True)
class Service:
    """A service and its container.

    Attributes:
        name: The name of the service.
        state: The state of its container, as the engine reports it; `missing` without a container.
        health: The result of its healthcheck; empty without a healthcheck.
        since: When the container was started, as the engine reports it; empty if it is not running.
        image: The image of the container.
        ports: The ports of the host that are published for it.
        wanted: Whether the settings include the service.
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
        """Whether it is running and, if it has a healthcheck, healthy."""
        return self.state == "running" and self.health in ("healthy", "")


@dataclass(frozen=True)
class Status:
    """The state of the stack on a host.

    Attributes:
        instance: The name of the instance.
        project_dir: The folder of its rendered files.
        site: A sentence with the address of the site.
        address: The address of the site.
        ssh: The host, as `ssh` takes it, if the address can be reached on that host only; otherwise empty.
        engine: Whether an engine answers.
        services: The services.
        pending: What `up` would do, as far as that is known without a build.
        site_error: Why the site does not answer; empty if it answers, or if nothing is running.
        expires: The day on which its tenant expires, such as 2027-01-31; empty for never.
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
        """Whether a service is running."""
        return any(service.state == "running" for service in self.services)

    @property
    def word(self) -> str:
        """The state in a few words."""
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
        """Whether every service in the settings is running and healthy, and the site answers."""
        return not self.site_error and all(service.healthy for service in self.services if service.wanted)


def read(answer: Mapping[str, Any]) -> Status:
    """Return the answer of a host as an object.

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
        # A port is listed once for each address that it is bound to.
        tuple(sorted(set(container["ports"]))),
        wanted,
    )


def _pending(answer: Mapping[str, Any]) -> tuple[str, ...]:
    pending = {
        "install an engine": not answer["engine"],
        f"render {', '.join(answer['render'])} and replace affected containers": bool(answer["render"]),
        "get the application image": not answer["image"],
        "start or replace containers": not answer["started"],
        "initialize the database": not answer["initialized"],
    }
    return tuple(what for what, is_pending in pending.items() if is_pending)


def ask(context: Context) -> dict[str, Status]:
    """Return the state of the stack, by host.

    Args:
        context: The command.

    Raises:
        Problem: A host did not answer.
    """
    return {host: read(answer) for host, answer in context.prepare("status").ask().items()}


def as_text(status: Status, now: datetime) -> str:
    """Return the state of one host for people.

    Args:
        status: The state.
        now: The current time.
    """
    up = "olympia up" if status.instance == INSTANCE else f"olympia up INSTANCE={status.instance}"
    if not status.engine:
        return f"Nothing is running: no engine answers on this host. {up} installs one and starts the stack."
    if not status.running:
        return f"The instance {status.instance} is not running. {up} starts it."
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
    said = [status.site]
    sick = [service.name for service in status.services if service.wanted and not service.healthy]
    said += [f"Not healthy: {', '.join(sick)}. See olympia logs {sick[0]}."] if sick else []
    said += [f"The site does not answer: {status.site_error}. Run olympia doctor."] if status.site_error else []
    foreign = [service.name for service in status.services if not service.wanted]
    said += [f"Not in the settings: {', '.join(foreign)}."] if foreign else []
    said.append(f"{up} would: {'; '.join(status.pending)}." if status.pending else "up would change nothing.")
    return "\n".join([*table(rows), "", *map(wrap, said)])


def as_table(found: Mapping[str, Status], now: datetime) -> str:
    """Return the state of several hosts for people.

    Args:
        found: The state of each host.
        now: The current time.
    """
    rows: list[Sequence[str]] = [("HOST", "STATE", "SINCE", "EXPIRES", "UP WOULD")]
    for host, status in found.items():
        # The stack is complete since its last container was started.
        since = max((service.since for service in status.services), default="")
        would = "change something" if status.pending else "change nothing"
        rows.append((host, status.word, ago(since, now), expiry(status.expires, now), would))
    return "\n".join(table(without_empty(rows, "EXPIRES")))


def where(status: Status) -> str:
    """Return the address of the site; where needed, below the command that forwards a port to it.

    Args:
        status: The state of one host.
    """
    if not status.ssh:
        return status.address
    port = urlsplit(status.address).port or 80
    local = port if port > PRIVILEGED else 8000 + port
    return f"ssh -N -L {local}:127.0.0.1:{port} {status.ssh}\nhttp://127.0.0.1:{local}"


def run(context: Context) -> ExitCode:
    """Print the state of the stack, and return whether it is healthy.

    Args:
        context: The command.

    Raises:
        Problem: A host did not answer.
    """

    def document(answer: Mapping[str, Any]) -> dict[str, Any]:
        return asdict(read(answer)) | {"healthy": read(answer).healthy}

    def text(answers: Mapping[str, Any], named: bool) -> str:
        now, found = datetime.now(UTC), {host: read(answer) for host, answer in answers.items()}
        if len(found) > 1:
            return as_table(found, now)
        return by_host({host: as_text(status, now) for host, status in found.items()}, named)

    answers = context.show("status", lambda each: {host: document(answer) for host, answer in each.items()}, text)
    return ExitCode.DONE if all(read(answer).healthy for answer in answers.values()) else ExitCode.UNHEALTHY


def run_url(context: Context) -> None:
    """Print the address of the site of each host.

    Args:
        context: The command.

    Raises:
        Problem: A host did not answer.
    """
    print(by_host({host: where(status) for host, status in ask(context).items()}))


VERBS = (
    Verb("url", "print the address of the site, and how to reach it from here", run_url),
    Verb(
        "status",
        "show the state of each service; the exit code is 5 if one is not healthy",
        run,
        {"--json": {"action": "store_true", "help": "print JSON, by host"}},
    ),
)
