# SPDX-License-Identifier: BSD-3-Clause
"""What happened in a run, collected from its events: as JSON for programs, as JUnit for CI services, as a record for the page."""

from __future__ import annotations

import contextlib
import re
import xml.etree.ElementTree as ElementTree
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime
from typing import Any

from ..errors import ExitCode, marker

SCHEMA = 1  # of the JSON result; docs/ci/result.schema.json describes it
STATUS = {
    "runner_on_ok": "ok",
    "runner_on_skipped": "skipped",
    "runner_on_failed": "failed",
    "runner_on_unreachable": "failed",
}
RESULTS = {ExitCode.DONE: "done", ExitCode.INTERRUPTED: "interrupted"}
NEVER = "0001-"  # the start of a container that was never started, as Docker reports it
INCLUDES = re.compile(r"(^|\.)(include|import)_(tasks|role)$")
# XML 1.0 cannot contain these characters.
UNWRITABLE = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


@dataclass(frozen=True)
class Task:
    """A task on a host.

    Attributes:
        phase: Its phase; `run` before the first phase.
        host: The host.
        name: Its name.
        status: One of ok, changed, skipped, failed.
        seconds: Its duration.
        message: Why it failed, or the empty string.
        start: When it started, in seconds since the start of the run.
    """

    phase: str
    host: str
    name: str
    status: str
    seconds: float
    message: str = ""
    start: float = 0.0


@dataclass
class Report:
    """What has happened so far in the run of a verb, and in the end its result.

    Attributes:
        verb: The verb.
        inventory: Path of the inventory.
        started: When it started.
        tasks: The tasks, in order.
        failures: The failures, each with host, phase, task, kind, message and evidence.
        seconds: The duration of each phase; of the last one until the last event.
        stays: The same as a list of periods, each with phase, start and end in seconds since the start of the run.
        builds: The builds, each with host, phase, start, seconds and steps.
        waits: The waits for services, each with host, phase, start, history, the times of the containers, and those that failed.
        hosts: Settings, versions and written files of each host.
        phase: The current phase.
        task: The current task.
        code: The exit code; None while the run goes on.
        error: The text of the problem that ended the run.
    """

    verb: str
    inventory: str = ""
    started: datetime = field(default_factory=lambda: datetime.now(UTC))
    tasks: list[Task] = field(default_factory=list)
    failures: list[dict[str, Any]] = field(default_factory=list)
    seconds: dict[str, float] = field(default_factory=dict)
    stays: list[dict[str, Any]] = field(default_factory=list)
    builds: list[dict[str, Any]] = field(default_factory=list)
    waits: list[dict[str, Any]] = field(default_factory=list)
    hosts: dict[str, dict[str, Any]] = field(default_factory=dict)
    phase: str = ""
    task: str = ""
    code: ExitCode | None = None
    error: str = ""
    _seen: datetime | None = None
    _begun: dict[tuple[str, str], Task] = field(default_factory=dict)

    def see(self, event: Mapping[str, Any]) -> None:
        """Handle an event of ansible-runner."""
        data = event.get("event_data") or {}
        self._count(event)
        if event.get("event") == "playbook_on_task_start":
            self.task = str(data.get("task", ""))
            self.phase = _phase(data) or self.phase
        elif event.get("event") == "playbook_on_stats":
            self.phase = self.task = ""
        elif event.get("event") == "runner_on_start" and not INCLUDES.search(str(data.get("task_action", ""))):
            self._begin_task(str(event.get("created", "")), data)
        elif event.get("event") in STATUS:
            self._end_task(event, data)

    def end(self, code: ExitCode, error: str = "") -> None:
        """Set the result of the run.

        Args:
            code: The exit code.
            error: The text of the problem, if any.
        """
        self.code, self.error = code, error

    def as_dict(self, hosts: Mapping[str, Any]) -> dict[str, Any]:
        """Return the JSON result.

        Args:
            hosts: The data that was collected from each host.
        """
        code = ExitCode.UNEXPECTED if self.code is None else self.code
        result = {
            "schema": SCHEMA,
            "verb": self.verb,
            "inventory": self.inventory,
            "started": self.started.isoformat(timespec="seconds"),
            "seconds": round((datetime.now(UTC) - self.started).total_seconds(), 3),
            "result": RESULTS.get(code, "failed"),
            "exit_code": int(code),
            "error": self.error,
            "phases": [
                {"name": name, "seconds": round(seconds, 3), "result": self._phase_result(name)}
                for name, seconds in self.seconds.items()
            ],
            # A run that succeeded has rescued its failures.
            "failures": self.failures if code else [],
            "hosts": dict(hosts),
        }
        return {key: _mask(value) for key, value in result.items()}

    def as_record(self, versions: Mapping[str, str]) -> dict[str, Any]:
        """Return the record: the JSON result, and everything else that the page shows.

        Args:
            versions: The versions of the software on the controller, by name.
        """
        last = self._since(self._seen) if self._seen else 0.0
        # These tasks were interrupted, or Ansible died.
        unfinished = [replace(task, seconds=max(0.0, last - task.start)) for task in self._begun.values()]
        tasks = [
            task if self._has_failed(task) or task.status != "failed" else replace(task, status="rescued")
            for task in (*self.tasks, *unfinished)
        ]
        more: dict[str, Any] = {
            "stays": self.stays,
            "tasks": [asdict(task) for task in tasks],
            "builds": self.builds,
            "waits": self.waits,
            "versions": dict(versions),
        }
        return self.as_dict(self.hosts) | {key: _mask(value) for key, value in more.items()}

    def as_junit(self) -> str:
        """Return the report in JUnit format: a suite for each phase, a case for each task on a host."""
        root = ElementTree.Element("testsuites", name=f"olympia {self.verb}")
        for phase in dict.fromkeys(task.phase for task in self.tasks):
            tasks = [task for task in self.tasks if task.phase == phase]
            suite = ElementTree.SubElement(
                root,
                "testsuite",
                name=phase,
                tests=str(len(tasks)),
                failures=str(sum(self._has_failed(task) for task in tasks)),
                skipped=str(sum(task.status == "skipped" for task in tasks)),
                errors="0",
                time=f"{self.seconds.get(phase, 0.0):.3f}",
            )
            for task in tasks:
                _add_case(suite, task, self._has_failed(task))
        if self.error:
            suite = ElementTree.SubElement(root, "testsuite", name="olympia", tests="1", failures="0", errors="1")
            case = ElementTree.SubElement(suite, "testcase", classname="olympia", name=self.verb, time="0")
            ElementTree.SubElement(case, "error", message=_writable(self.error.splitlines()[0])).text = _writable(
                self.error
            )
        ElementTree.indent(root)
        return ElementTree.tostring(root, encoding="unicode", xml_declaration=True) + "\n"

    def _count(self, event: Mapping[str, Any]) -> None:
        """Add the time since the previous event to the current phase."""
        if created := event.get("created"):
            now = datetime.fromisoformat(str(created))
            if self.phase and self._seen:
                self.seconds[self.phase] = self.seconds.get(self.phase, 0.0) + (now - self._seen).total_seconds()
                self._stay(self._since(self._seen), self._since(now))
            self._seen = now

    def _since(self, time: datetime) -> float:
        return round((time - self.started).total_seconds(), 3)

    def _stay(self, start: float, end: float) -> None:
        if self.stays and self.stays[-1]["phase"] == self.phase and self.stays[-1]["end"] == start:
            self.stays[-1]["end"] = end
        else:
            self.stays.append({"phase": self.phase, "start": start, "end": end})

    def _begin_task(self, created: str, data: Mapping[str, Any]) -> None:
        start = self._since(datetime.fromisoformat(created)) if created else 0.0
        host, name = str(data.get("host", "")), str(data.get("task", ""))
        phase = _phase(data) or self.phase or "run"
        self._begun[host, str(data.get("task_uuid", ""))] = Task(phase, host, name, "unfinished", 0.0, start=start)

    def _end_task(self, event: Mapping[str, Any], data: Mapping[str, Any]) -> None:
        result = data.get("res")
        result = result if isinstance(result, Mapping) else {}
        status = STATUS[str(event["event"])]
        begun = self._begun.pop((str(data.get("host", "")), str(data.get("task_uuid", ""))), None)
        if status == "failed" and data.get("ignore_errors"):
            status = "ok"
        if status == "ok" and result.get("changed"):
            status = "changed"
        if status != "failed" and INCLUDES.search(str(data.get("task_action", ""))):
            return
        phase, host, name = _phase(data) or self.phase or "run", str(data.get("host", "")), str(data.get("task", ""))
        # A task file that cannot be included has a reason instead of a message.
        said = _mask(str(result.get("msg") or result.get("reason") or "the task failed without a message"))
        message = said if status == "failed" else ""
        task = Task(
            phase, host, name, status, float(data.get("duration") or 0), message, start=begun.start if begun else 0.0
        )
        self.tasks.append(task)
        # A host can answer anything: ignore what does not have the format of our modules.
        with contextlib.suppress(AttributeError, KeyError, OSError, OverflowError, TypeError, ValueError):
            self._keep(str(data.get("task_action", "")).rpartition(".")[2], task, result)
        if status == "failed":
            failure = {"host": host, "phase": phase, "task": name, "kind": "", "message": message} | marker(result)
            evidence = {
                key: result[key]
                for key in ("cmd", "rc", "stdout", "stderr", "services", "failures", "history")
                if key in result
            }
            self.failures.append(_mask(failure | {"evidence": evidence}))

    def _keep(self, action: str, task: Task, result: Mapping[str, Any]) -> None:
        """Keep data from the results of some of the collection's own actions."""
        place = {"host": task.host, "phase": task.phase, "start": task.start, "seconds": task.seconds}
        if action == "bake" and result.get("steps"):
            steps = [
                {"name": str(step["name"]), "cached": bool(step["cached"]), "seconds": float(step["seconds"])}
                | {"start": self._since(datetime.fromtimestamp(step["started"], UTC))}
                for step in result["steps"]
            ]
            self.builds.append(place | {"steps": steps})
        elif action == "stack_wait" and "history" in result:
            times = {
                service: {
                    name: self._since(datetime.fromisoformat(time))
                    for name, time in known.items()
                    if time and not time.startswith(NEVER)
                }
                for service, known in result.get("times", {}).items()
            }
            failed = [one["service"] for one in result.get("failures", [])]
            self.waits.append(place | {"history": result["history"], "times": times, "failed": failed})
        elif action == "project_render":
            found = {key: result[key] for key in ("settings", "versions", "files") if key in result}
            self.hosts[task.host] = self.hosts.get(task.host, {}) | found

    def _has_failed(self, task: Task) -> bool:
        # A run that succeeded has rescued its failures.
        return task.status == "failed" and self.code is not ExitCode.DONE

    def _phase_result(self, phase: str) -> str:
        tasks = [task for task in self.tasks if task.phase == phase]
        if any(self._has_failed(task) for task in tasks):
            return "failed"
        if self.code is ExitCode.INTERRUPTED and phase == list(self.seconds)[-1]:
            return "interrupted"
        return "changed" if any(task.status == "changed" for task in tasks) else "ok"


def _mask(value: Any) -> Any:
    from ansible_collections.addons.olympia.plugins.module_utils.core.masking import mask

    return mask(value)


def _phase(data: Mapping[str, Any]) -> str:
    from ansible_collections.addons.olympia.plugins.module_utils.core.phase_names import phase_of

    return phase_of(str(data.get("task_path", "")))


def _add_case(suite: ElementTree.Element, task: Task, failed: bool) -> None:
    case = ElementTree.SubElement(
        suite, "testcase", classname=f"{task.phase}.{task.host}", name=_writable(task.name), time=f"{task.seconds:.3f}"
    )
    if failed:
        first = task.message.strip().splitlines()[0] if task.message.strip() else ""
        ElementTree.SubElement(case, "failure", message=_writable(first)).text = _writable(task.message)
    elif task.status == "skipped":
        ElementTree.SubElement(case, "skipped")


def _writable(text: str) -> str:
    return UNWRITABLE.sub("\N{REPLACEMENT CHARACTER}", _mask(text))
