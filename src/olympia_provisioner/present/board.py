# SPDX-License-Identifier: BSD-3-Clause
"""What a run is at, as a few lines of text: kept up to date by its events, drawn again and again. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

SHOWN = 8  # lines of one phase at a time: what is done makes room for what runs


@dataclass
class Item:
    """Something that goes on within a phase: a build step, a pull, a service.

    Attributes:
        name: What it is called.
        state: One of waiting, running, cached, done, failed.
        note: What else there is to say.
        since: When it came to this state, in seconds of the board's clock.
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
        started: When it began.
        ended: When it ended; None before.
        state: One of running, done, changed, failed, stopped.
        items: What goes on in it, by kind and name.
        task: The task that it is at.
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
        depth: How far it is indented.
        state: The state that it is drawn in.
        text: What it says.
        right: What stands at its right end.
    """

    depth: int
    state: str
    text: str
    right: str = ""


def duration(seconds: float) -> str:
    """Return a time as people read it, such as 4.2 s or 2 min 05 s.

    Args:
        seconds: The time.
    """
    if seconds < 60:
        return f"{seconds:.1f} s"
    return f"{int(seconds) // 60} min {int(seconds) % 60:02} s"


def size(count: int) -> str:
    """Return a number of bytes in MB, as registries count them.

    Args:
        count: The number.
    """
    return f"{count / 1e6:.0f} MB"


class Board:
    """The phases of a run, by host."""

    def __init__(self) -> None:
        """Make an empty one."""
        self.hosts: dict[str, dict[str, Phase]] = {}
        self._phase = ""
        self._task = ""
        self._now = self._since = 0.0

    def turn_to(self, phase: str, task: str, now: float) -> None:
        """Note which phase and task the run is at.

        Args:
            phase: The phase; empty at the end.
            task: The task.
            now: The time, in seconds of any clock.
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
        """Note that the run has come to an end before its time.

        Args:
            now: The time.
        """
        for phases in self.hosts.values():
            for phase in phases.values():
                if phase.ended is None:
                    phase.ended, phase.state = now, "stopped"

    def see_task(self, host: str, status: str, now: float) -> None:
        """Note how a task has ended.

        Args:
            host: On which host.
            status: One of ok, changed, skipped, failed.
            now: The time.
        """
        self._now = now
        if not self._phase:
            return
        phase = self._at(host)
        if status in ("changed", "failed") and phase.state != "failed":
            phase.state = status

    def see_progress(self, event: Mapping[str, Any], now: float) -> None:
        """Note what a module tells.

        Args:
            event: As `plugins/module_utils/core/progress_events.py` writes it.
            now: The time.
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
        """Return what to draw.

        Args:
            now: The time.
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
        """Return the phase that a host is at, which begins now if need be."""
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
    """Return the items that are drawn: all that run or have failed, and of the others the latest, as far as there is room.

    Args:
        items: All, in order.
    """
    busy = [item for item in items if item.state in ("running", "failed")]
    room = max(0, SHOWN - len(busy))
    ended = [item for item in items if item.state in ("done", "cached")]
    latest = sorted(ended, key=lambda item: item.since)[-room:] if room else []
    return [item for item in items if item in busy or item in latest]
