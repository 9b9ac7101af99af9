# SPDX-License-Identifier: BSD-3-Clause
"""The progress of a build, read from `buildx --progress rawjson` (BuildKit's SolveStatus, as JSON)."""

from __future__ import annotations

import base64
import json
import re
from dataclasses import dataclass, field
from datetime import datetime, timezone
from typing import Any

MOUNT = re.compile(r"--mount=\S+")  # they would be most of a step's name
STAGE = re.compile(r"\[(\S+ )?\S+ +\d+/\d+\] ")  # [target stage 2/5], not [internal] load metadata
MATERIAL = re.compile(r"\] FROM (\S+@sha256:[0-9a-f]{64})")
CACHE = re.compile(r"importing cache manifest from |exporting cache to ")


def seconds_of(time: str) -> float:
    """Return the time that BuildKit writes, in seconds since 1970.

    Args:
        time: RFC 3339, in UTC, with any number of digits after the point.
    """
    whole, _separator, fraction = time.rstrip("Z").partition(".")
    moment = datetime.strptime(whole, "%Y-%m-%dT%H:%M:%S").replace(tzinfo=timezone.utc)
    return moment.timestamp() + float(f"0.{fraction or 0}")


@dataclass
class Step:
    """A vertex of the build.

    Attributes:
        number: Its place in the order in which they began.
        name: What it does, mounts left out.
        started: When it began, in seconds since 1970; None before.
        completed: When it ended; None before.
        cached: Whether it was found in a cache.
        error: Why it failed, or the empty string.
        log: What it printed.
    """

    number: int
    name: str
    started: float | None = None
    completed: float | None = None
    cached: bool = False
    error: str = ""
    log: str = ""

    @property
    def state(self) -> str:
        """One of waiting, running, cached, done, failed."""
        if self.error:
            return "failed"
        if self.cached:
            return "cached"
        if self.started is None:
            return "waiting"
        return "running" if self.completed is None else "done"

    @property
    def seconds(self) -> float:
        """How long it took; 0 while it runs."""
        return round(self.completed - self.started, 1) if self.started and self.completed else 0.0

    @property
    def of_stage(self) -> bool:
        """Whether it is a step of a stage of a Dockerfile."""
        return bool(STAGE.match(self.name))


@dataclass
class BuildLog:
    """What is known of a build so far.

    Attributes:
        steps: Its steps by digest, in the order in which they were told.
        words: What the client said besides: mostly why the build has failed.
    """

    steps: dict[str, Step] = field(default_factory=dict)
    words: list[str] = field(default_factory=list)
    _object: list[str] = field(default_factory=list)

    def feed(self, line: str) -> list[Step]:
        """Take a line of output into account, and return the steps whose state it has changed.

        Args:
            line: A line of an object that buildx prints over many lines (0.13) or in one, or of something else.
        """
        if not self._object and not line.startswith("{"):
            self.words += [line] if line.strip() else []
            return []
        self._object.append(line)
        if not line.startswith(("}", "{")) or not line.rstrip().endswith("}"):
            return []
        text, self._object = "\n".join(self._object), []
        try:
            status = json.loads(text)
        except ValueError:
            self.words += text.splitlines()
            return []
        return self._update(status)

    def _update(self, status: dict[str, Any]) -> list[Step]:
        changed = []
        for vertex in status.get("vertexes") or []:
            name = " ".join(MOUNT.sub("", vertex["name"]).split())
            step = self.steps.setdefault(vertex["digest"], Step(len(self.steps) + 1, name))
            before = step.state
            # A step may run in several parts: it lasts from the first one's begin to the last one's end.
            if vertex.get("started") and step.started is None:
                step.started = seconds_of(vertex["started"])
            step.completed = seconds_of(vertex["completed"]) if vertex.get("completed") else step.completed
            step.cached = step.cached or bool(vertex.get("cached"))
            step.error = vertex.get("error", "")
            changed += [step] if step.state != before else []
        for log in status.get("logs") or []:
            if log["vertex"] in self.steps:
                self.steps[log["vertex"]].log += base64.b64decode(log["data"]).decode(errors="replace")
        return changed

    def told(self) -> list[dict[str, Any]]:
        """Return name, cached, seconds and begin of the steps of stages, in the order in which they began."""
        begun = sorted((step for step in self.steps.values() if step.started), key=lambda step: step.started or 0)
        return [
            {"name": step.name, "cached": step.cached, "seconds": step.seconds, "started": step.started}
            for step in begun
            if step.of_stage
        ]

    def materials(self) -> list[str]:
        """Return the images that the build started from, each with its digest."""
        return sorted({found[1] for step in self.steps.values() if (found := MATERIAL.search(step.name))})

    def cache_problems(self) -> list[str]:
        """Return a sentence for each outside cache that could not be read or written."""
        return [
            f"The build went on without a cache: {step.name} failed: {step.error}"
            for step in self.steps.values()
            if step.error and CACHE.match(step.name)
        ]

    def failed(self) -> Step | None:
        """Return the step that the build failed at, if any."""
        failed = [step for step in self.steps.values() if step.error and not CACHE.match(step.name)]
        # Steps that run at the same time are cancelled.
        return next((step for step in failed if "canceled" not in step.error), next(iter(failed), None))

    def text(self) -> str:
        """Return the build as people read it: each step with what it printed, then the client's own words."""
        lines = []
        for step in self.steps.values():
            if step.state != "waiting":
                end = {"failed": f"ERROR: {step.error}", "cached": "CACHED"}.get(step.state, f"{step.seconds:.1f} s")
                lines += [f"#{step.number} {step.name}", *step.log.splitlines(), f"#{step.number} {end}"]
        return "\n".join([*lines, *self.words])
