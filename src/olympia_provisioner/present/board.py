# SPDX-License-Identifier: BSD-3-Clause
"""The lines of the live display, derived from the events of a run."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from .tables import duration

SHOWN = 8  # lines of one phase; finished items make room for running ones


@dataclass
class Item:
    """A build step, a pull or a service in a phase.

    Attributes:
        name: Its name.
        state: One of waiting, running, cached, done, failed.
        note: A remark.
        since: When it entered this state, in seconds.
    """

    name: str
    state: str
    note: str = ""
    since: float = 0.0


@dataclass
class Phase:
    """A phase on a host.

    Attributes:
        name: Its name.
        started: When it started, in seconds.
        ended: When it ended; None while it is running.
        state: One of running, done, changed, failed, stopped.
        items: Its items, by kind and name.
        task: The current task.
    """

    name: str
    started: float
    ended: float | None = None
    state: str = "running"
    items: dict[tuple[str, str], Item] = field(default_factory=dict)
    task: str = ""


@dataclass(frozen=True)
class Line:
    """A line to draw.

    Attributes:
        depth: Its indentation.
        state: The state, which decides mark and colour.
        text: The text.
        right: The text at the right end.
    """

    depth: int
    state: str
    text: str
    right: str = ""


def size(count: int) -> str:
    """Return a size in MB, as registries count them.

    Args:
        count: The size in bytes.
    """
    return f"{count / 1e6:.0f} MB"


class Board:
    """The phases of a run, by host."""

    def __init__(self) -> None:
        """Create an empty board."""
        self.hosts: dict[str, dict[str, Phase]] = {}
        self._phase = ""
        self._task = ""
        self._now = self._since = 0.0

    def turn_to(self, phase: str, task: str, now: float) -> None:
        """Set the current phase and task.

        Args:
            phase: The phase; empty when the run is over.
            task: The task.
            now: The current time in seconds, of any clock.
        """
        if phase != self._phase:
            for phases in self.hosts.values():
                if (open_phase := phases.get(self._phase)) and open_phase.ended is None:
                    open_phase.ended = now
                    open_phase.state = "done" if open_phase.state == "running" else open_phase.state
            self._since = now
        self._phase, self._task, self._now = phase, task, now
        for host in self.hosts if phase else ():
            self._at(host).task = task

    def stop(self, now: float) -> None:
        """Mark the running phases as stopped.

        Args:
            now: The current time.
        """
        for phases in self.hosts.values():
            for phase in phases.values():
                if phase.ended is None:
                    phase.ended, phase.state = now, "stopped"

    def see_task(self, host: str, status: str, now: float) -> None:
        """Handle the end of a task.

        Args:
            host: The host.
            status: One of ok, changed, skipped, failed.
            now: The current time.
        """
        self._now = now
        if not self._phase:
            return
        phase = self._at(host)
        if status in ("changed", "failed") and phase.state != "failed":
            phase.state = status

    def see_progress(self, event: Mapping[str, Any], now: float) -> None:
        """Handle a progress event of a module.

        Args:
            event: The event, as `plugins/module_utils/core/progress_events.py` writes it.
            now: The current time.
        """
        self._now = now
        if not self._phase:
            return
        kind = str(event["kind"])
        name, state, note = str(event["name"]), "running", ""
        if kind == "step":
            state = str(event["state"])
            note = {"cached": "cached"}.get(state, duration(event["seconds"]) if event["seconds"] else "")
        elif kind == "pull":
            note = f"{size(event['current'])} of {size(event['total'])}"
            state = "done" if event["current"] >= event["total"] else "running"
        elif kind == "service":
            state = {"healthy": "done", "unhealthy": "failed"}.get(event["health"], "running")
            state = "failed" if event["state"] in ("exited", "dead") else state
            note = event["health"] or event["state"]
        items = self._at(str(event["host"])).items
        before = items.get((kind, name))
        since = before.since if before and before.state == state else now
        items[kind, name] = Item(name, state, note, since)

    def lines(self, now: float) -> list[Line]:
        """Return the lines to draw.

        Args:
            now: The current time.
        """
        if len(self.hosts) > 1:
            return [self._host_line(host, phases, now) for host, phases in self.hosts.items()]
        drawn = []
        for phase in next(iter(self.hosts.values()), {}).values():
            drawn.append(self._phase_line(phase, now))
            if phase.ended is None or phase.state == "failed":
                drawn += [self._item_line(item, now) for item in shown(list(phase.items.values()))]
        return drawn

    def _at(self, host: str) -> Phase:
        """Return the current phase of a host; it starts now if the host has not been seen in it."""
        phases = self.hosts.setdefault(host, {})
        phase = phases.setdefault(self._phase, Phase(self._phase, self._since))
        phase.task = phase.task or self._task
        return phase

    def _phase_line(self, phase: Phase, now: float) -> Line:
        took = duration((phase.ended if phase.ended is not None else now) - phase.started)
        running = phase.state in ("running", "changed") and phase.ended is None
        doing = f"  {phase.task}" if running and not phase.items else ""
        return Line(0, "running" if running else phase.state, f"{phase.name}{doing}", took)

    def _item_line(self, item: Item, now: float) -> Line:
        right = item.note
        if item.state == "running" and now - item.since >= 1:
            right = "  ".join(filter(None, (item.note, duration(now - item.since))))
        return Line(1, item.state, item.name, right)

    def _host_line(self, host: str, phases: Mapping[str, Phase], now: float) -> Line:
        phase = list(phases.values())[-1]
        items = [item for item in phase.items.values() if item.state == "running"]
        doing = items[-1].name if items else phase.task
        line = self._phase_line(phase, now)
        return Line(0, line.state, f"{host}  {phase.name}  {doing}".rstrip(), line.right)


def shown(items: list[Item]) -> list[Item]:
    """Return the items to draw: all that are running or failed, and as many of the last finished ones as there is room for.

    Args:
        items: All items, in order.
    """
    busy = [item for item in items if item.state in ("running", "failed")]
    room = max(0, SHOWN - len(busy))
    ended = [item for item in items if item.state in ("done", "cached")]
    latest = sorted(ended, key=lambda item: item.since)[-room:] if room else []
    return [item for item in items if item in busy or item in latest]
