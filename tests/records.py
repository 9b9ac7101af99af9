# SPDX-License-Identifier: BSD-3-Clause
"""Records of runs, made from events as ansible-runner tells them, for the tests of the page."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from olympia_provisioner.errors import ExitCode
from olympia_provisioner.present.outcome import Report

START = datetime(2026, 1, 1, 12, 0, tzinfo=UTC)
TASKS = "/somewhere/roles/olympia_stack/tasks"
VERSIONS = {"addons.olympia": "0.1.0", "ansible-core": "2.19.0"}
LOG = "\n".join(f"line {number}" for number in range(100))


def moment(seconds: float) -> str:
    """Return a time as events have it."""
    return (START + timedelta(seconds=seconds)).isoformat()


class Story:
    """Tells a report what happens, a task after the other."""

    def __init__(self, verb: str = "up") -> None:
        self.report = Report(verb, "inventories/local", started=START)
        self.now = 0.0
        self.number = 0

    def begin(self, phase: str, name: str, action: str, host: str = "localhost") -> dict[str, Any]:
        """Begin a task."""
        self.number += 1
        data = {
            "host": host,
            "task": name,
            "task_uuid": str(self.number),
            "task_action": f"addons.olympia.{action}",
            "task_path": f"{TASKS}/{phase}.yml:3",
        }
        for event in ("playbook_on_task_start", "runner_on_start"):
            self.report.see({"event": event, "created": moment(self.now), "event_data": data})
        return data

    def task(
        self,
        phase: str,
        name: str = "Do it",
        action: str = "command",
        *,
        seconds: float = 1.0,
        event: str = "runner_on_ok",
        host: str = "localhost",
        **result: Any,
    ) -> Story:
        """Do a task."""
        data = self.begin(phase, name, action, host)
        self.now += seconds
        self.report.see(
            {"event": event, "created": moment(self.now), "event_data": data | {"res": result, "duration": seconds}}
        )
        return self

    def end(self, code: ExitCode = ExitCode.DONE, error: str = "") -> dict[str, Any]:
        """End the run, and return its record."""
        self.report.end(code, error)
        return self.report.as_record(VERSIONS) | {"seconds": self.now}


def begun(host: str = "localhost", story: Story | None = None) -> Story:
    """Return a run that has built and started a stack."""
    settings = {
        "olympia_stack_instance": {"value": "demo", "source": "command line"},
        "olympia_stack_pip_index": {"value": "https://ada:hunter2@example.org/simple", "source": "environment"},
        "olympia_stack_wait_timeouts": {"value": {"worker": 20}, "source": "inventory"},
        "olympia_stack_debug": {"value": True, "source": "role default"},
        "olympia_stack_hosts": {"value": "", "source": "role default"},
    }
    steps = [
        {"name": "[base 1/2] FROM base", "cached": True, "seconds": 0.0, "started": START.timestamp() + 3},
        {"name": "[base 2/2] RUN make", "cached": False, "seconds": 4.5, "started": START.timestamp() + 3.5},
        {"name": "[web 1/1] COPY . .", "cached": True, "seconds": 0.0, "started": START.timestamp() + 8},
    ]
    versions = {"Docker Engine": "26.1.5", "buildx": "0.13.1"}
    return (
        (story or Story())
        .task("preflight", "Look at the host", "preflight", host=host, censored="no_log")
        .task(
            "render",
            "Render the project directory",
            "project_render",
            host=host,
            changed=True,
            settings=settings,
            versions=versions,
            files=[".env", "docker-compose.yml"],
        )
        .task("build", "Build the image", "bake", seconds=10, host=host, changed=True, steps=steps)
        .task("start", "Bring the project up", "compose", seconds=5, host=host, changed=True)
        .task("initialize", event="runner_on_skipped", host=host)
    )


def waited(story: Story, failures: list[dict[str, Any]] | None = None, host: str = "localhost") -> Story:
    """Let a run wait for its services, the worker of which may fail."""
    health = "starting" if failures else "healthy"
    history = [
        {"seconds": 0.1, "service": "mysqld", "state": "running", "health": "healthy"},
        {"seconds": 0.1, "service": "web", "state": "running", "health": "starting"},
        {"seconds": 0.1, "service": "worker", "state": "running", "health": health},
        {"seconds": 2.5, "service": "web", "state": "running", "health": "healthy"},
    ]
    times = {
        "mysqld": {"started": moment(-600), "healthy": ""},
        "web": {"started": moment(story.now - 2), "healthy": moment(story.now + 2)},
        "worker": {"started": moment(story.now - 2), "healthy": ""},
    }
    failure: dict[str, Any] = {"failures": failures, "msg": "The service worker is not healthy in time."}
    return story.task(
        "health",
        "Wait until every service is healthy",
        "stack_wait",
        seconds=20 if failures else 3,
        event="runner_on_failed" if failures else "runner_on_ok",
        host=host,
        history=history,
        times=times,
        **(failure if failures else {}),
    )


def succeeded() -> dict[str, Any]:
    """Return the record of a run that was done."""
    return waited(begun()).end()


def failed() -> dict[str, Any]:
    """Return the record of a run whose worker did not come up."""
    worker = {
        "service": "worker",
        "wrong": "is not healthy in time",
        "healthcheck": "no answer from the worker",
        "log": LOG.splitlines(),
        "cause": "The application's code does not start",
        "state": "running",
        "exit_code": 0,
    }
    return waited(begun(), [worker]).end(ExitCode.UNHEALTHY, "up failed in the phase health\n  where: /somewhere")


def interrupted() -> dict[str, Any]:
    """Return the record of a run that was interrupted during its third task."""
    story = Story().task("preflight").task("render")
    story.begin("build", "Build the image", "bake")
    story.now += 7
    story.report.see({"event": "verbose", "created": moment(story.now)})
    return story.end(ExitCode.INTERRUPTED, "up was interrupted\n  fix: Run the same command again to continue")


def on_two_hosts() -> dict[str, Any]:
    """Return the record of a run on two hosts, one of which does not answer in the end."""
    story = waited(begun("one"), host="one")
    begun("two", story).task("health", event="runner_on_unreachable", host="two", msg="Connection refused")
    return story.end(ExitCode.UNREACHABLE, "up failed")


def hostile() -> dict[str, Any]:
    """Return the record of a run in which everything that has a name tries to be more than text."""
    evil = "<script>alert('x')</script>\"'&<img src=http://example.org/x>"
    story = Story().task("render", evil, "project_render", host=evil, settings={evil: {"value": evil, "source": evil}})
    story.report.hosts[evil] |= {"versions": {evil: evil}, "files": [evil]}
    step = {"name": f"[{evil} 1/2] {evil}", "cached": False, "seconds": 1.0, "started": START.timestamp()}
    story.task("build", evil, "bake", host=evil, changed=True, steps=[step])
    service = {"service": evil, "wrong": evil, "healthcheck": evil, "log": [evil], "cause": evil}
    waited(story, [service], host=evil)
    story.report.waits[0]["history"][0]["service"] = evil
    more: dict[str, Any] = {
        "msg": f"{evil}\n\x1b[31m{evil}\x1b[0m",
        "cmd": [evil],
        "rc": 1,
        "stdout": evil,
        "stderr": evil,
    }
    story.task("health", evil, event="runner_on_failed", host=evil, failures=[evil], **more)
    return story.end(ExitCode.UNEXPECTED, evil)
