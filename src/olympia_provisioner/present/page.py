# SPDX-License-Identifier: BSD-3-Clause
"""The page of a run: one HTML file without scripts and network access, made from the record."""

from __future__ import annotations

import json
import os
import re
import shlex
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import quote

from ..paths import RECORD
from .tables import duration

TEMPLATES = Path(__file__).parent / "templates"
DEFAULT = "role default"
INSTANCE = "olympia_stack_instance"
SLOWEST = 10
TAIL = 40  # lines of a log that are shown; the log file has all
STAGE = re.compile(r"\[(?P<stage>.+?) +\d+/\d+\] (?P<what>.*)", re.DOTALL)
ESCAPE = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")
# Browsers do not show these, or as boxes.
CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f]")
HEADLINES = {"done": "succeeded", "failed": "failed", "interrupted": "was interrupted"}
LABELS = {
    "stdout": "Ansible's output",
    "stderr": "Ansible's error output",
    RECORD: "the record of this page",
}


def render(record: Mapping[str, Any], links: Iterable[tuple[str, str]]) -> str:
    """Return the page.

    Args:
        record: The record of a run.
        links: The description and the relative address of each log file.
    """
    import jinja2

    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters |= {
        "duration": unbroken_duration,
        "moment": moment,
        "tail": tail,
        "value": value,
        "command": command,
        "plain": plain,
    }
    return environment.get_template("report.html.j2").render(view(record), links=list(links))


def links(directory: Path, start: Path) -> list[tuple[str, str]]:
    """Return the files that the page links to: description, and address relative to the page.

    Args:
        directory: The directory of the run.
        start: The folder of the page.
    """
    logs = [path for path in sorted(directory.glob("artifacts/*/std*")) if path.stat().st_size]
    found = []
    for path in (*logs, directory / RECORD):
        what = LABELS[path.name]
        if path in logs and path.parent.name == "collect":
            what += " while collecting the artifacts"
        # Without ./ a name with a colon would be an absolute address.
        found.append((what, "./" + quote(os.path.relpath(path, start))))
    return found


def view(record: Mapping[str, Any]) -> dict[str, Any]:
    """Return the variables of the template.

    Args:
        record: The record of a run.
    """
    tasks = record["tasks"]
    hosts = sorted({task["host"] for task in tasks} | set(record["hosts"]))
    ended = [entry["end"] for entry in record["stays"]] + [task["start"] + task["seconds"] for task in tasks]
    # Shorter than the duration of the command, because nothing is drawn before the first event and after the last.
    span = max([*ended, 0.001])
    instances = {facts.get("settings", {}).get(INSTANCE, {}).get("value") for facts in record["hosts"].values()}
    return {
        "record": record,
        "instances": sorted(filter(None, instances)),
        "headline": HEADLINES[record["result"]],
        "hosts": hosts,
        "several": len(hosts) > 1,
        "failures": [failure(one) for one in record["failures"]],
        "unfinished": [task for task in tasks if task["status"] == "unfinished"],
        "ran": [task for task in tasks if task["status"] != "skipped"],
        "changed": [task for task in tasks if task["status"] == "changed"],
        "phases": phases(record, span),
        "ticks": ticks(span),
        "slowest": slowest(record),
        "settings": {host: settings(facts.get("settings", {})) for host, facts in sorted(record["hosts"].items())},
        "versions": versions(record),
    }


def failure(found: Mapping[str, Any]) -> dict[str, Any]:
    """Return a failure with title, rest of the message, and evidence.

    Args:
        found: One of the record's failures.
    """
    evidence = found["evidence"]
    services = [one for one in evidence.get("failures", []) if isinstance(one, dict) and "service" in one]
    if services:
        # The message contains the logs of the services, which are shown one by one.
        title = "; ".join(f"{one['service']} {one['wrong']}" for one in services)
        rest = ""
    else:
        title, _, rest = plain(found["message"]).strip().partition("\n")
    return {
        **found,
        "title": title.rstrip(":"),
        "rest": rest,
        "services": services,
        # Some messages end with the output: do not repeat it.
        "output": {
            title: text
            for title, text in (
                ("End of its errors", tail(evidence.get("stderr", ""))),
                ("End of its output", tail(evidence.get("stdout", ""))),
            )
            if not all(line.strip() in rest for line in text.splitlines()[-5:])
        },
        "names": [one for one in evidence.get("failures", []) if isinstance(one, str)],
    }


def phases(record: Mapping[str, Any], span: float) -> list[dict[str, Any]]:
    """Return the phases with their tasks, builds and waits, each with its place on the timeline.

    Args:
        record: The record of a run.
        span: The length of the timeline in seconds.
    """
    results = {phase["name"]: phase for phase in record["phases"]}
    names = list(dict.fromkeys([*(task["phase"] for task in record["tasks"]), *results]))
    found = []
    for name in sorted(names, key=lambda one: _first(record, one)):
        tasks = [task for task in record["tasks"] if task["phase"] == name]
        shown = [task for task in tasks if task["status"] != "skipped"]
        stays = [stay for stay in record["stays"] if stay["phase"] == name]
        found.append(
            {
                "name": name,
                "result": results.get(name, {"result": "ok"})["result"],
                "seconds": sum(stay["end"] - stay["start"] for stay in stays),
                "bars": [place(stay["start"], stay["end"], span) for stay in stays],
                "tasks": [
                    task | {"bar": place(task["start"], task["start"] + task["seconds"], span)} for task in shown
                ],
                "skipped": len(tasks) - len(shown),
                "builds": [
                    build | {"stages": stages(build, span)} for build in record["builds"] if build["phase"] == name
                ],
                "waits": [
                    wait | {"containers": containers(wait, span)} for wait in record["waits"] if wait["phase"] == name
                ],
            }
        )
    return found


def _first(record: Mapping[str, Any], phase: str) -> float:
    """Return when a phase started."""
    starts = [entry["start"] for entry in (*record["stays"], *record["tasks"]) if entry["phase"] == phase]
    return min(starts, default=0.0)


def stages(build: Mapping[str, Any], span: float) -> list[dict[str, Any]]:
    """Return the stages of a build with their steps.

    Args:
        build: One of the record's builds.
        span: The length of the timeline in seconds.
    """
    found: dict[str, list[dict[str, Any]]] = {}
    for step in build["steps"]:
        match = STAGE.fullmatch(step["name"])
        name, what = (match["stage"], match["what"]) if match else ("other", step["name"])
        bar = place(step["start"], step["start"] + step["seconds"], span)
        found.setdefault(name, []).append(step | {"name": what, "bar": bar})
    return [
        {
            "name": name,
            "steps": steps,
            "cached": sum(step["cached"] for step in steps),
            "seconds": sum(step["seconds"] for step in steps),
        }
        for name, steps in found.items()
    ]


def containers(wait: Mapping[str, Any], span: float) -> list[dict[str, Any]]:
    """Return the containers of a wait, each from its start until it was first seen in its last state.

    Args:
        wait: One of the record's waits.
        span: The length of the timeline in seconds.
    """
    found = []
    for service in dict.fromkeys(entry["service"] for entry in wait["history"]):
        history = [entry for entry in wait["history"] if entry["service"] == service]
        last = history[-1]
        ready = last["state"] == "running" and last["health"] in ("healthy", "")
        times = wait["times"].get(service, {})
        start = times.get("started", wait["start"])
        # The wait for containers that are not ready lasted until its end.
        until = wait["start"] + (last["seconds"] if ready else wait["seconds"])
        end = times.get("healthy", until) if ready else until
        state = last["health"] or last["state"] if last["state"] == "running" else last["state"]
        found.append(
            {
                "service": service,
                "state": state,
                "kind": "ready" if ready else "failed" if service in wait["failed"] else "waiting",
                "before": ready and start < 0,
                # It was ready at the first look, and the engine does not know since when.
                "at_most": ready and len(history) == 1 and "healthy" not in times,
                "seconds": end - start,
                "bar": place(start, end, span),
            }
        )
    return found


def place(start: float, end: float, span: float) -> dict[str, float]:
    """Return the place of a bar on the timeline in percent, and the part of its period that is on the timeline.

    Args:
        start: Its start, in seconds since the start of the run.
        end: Its end.
        span: The length of the timeline in seconds.
    """
    first, last = (min(max(time, 0.0), span) for time in (start, end))
    return {
        "left": round(100 * first / span, 2),
        "width": round(100 * max(last - first, 0.0) / span, 2),
        "start": first,
        "end": last,
    }


def ticks(span: float) -> list[dict[str, Any]]:
    """Return the labels of the axis: up to seven round times.

    Args:
        span: The length of the timeline in seconds.
    """
    steps = [0.001 * 10**power * number for power in range(6) for number in (1, 2, 5)]
    step = min((one for one in [*steps, 15, 30, 60, 120, 300, 600, 1800] if span / one < 6), default=span)
    return [
        {"left": round(100 * number * step / span, 2), "label": f"{number * step:g} s"}
        for number in range(int(span / step) + 1)
    ]


def slowest(record: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return the slowest tasks and build steps.

    Args:
        record: The record of a run.
    """
    found = [(task["name"], "task", task, task["seconds"]) for task in record["tasks"] if task["status"] != "skipped"]
    found += [
        (step["name"], "build step", build, step["seconds"])
        for build in record["builds"]
        for step in build["steps"]
        if not step["cached"]
    ]
    chosen = sorted((one for one in found if one[3] > 0), key=lambda one: -one[3])[:SLOWEST]
    return [
        {"what": what, "kind": kind, "phase": at["phase"], "host": at["host"], "seconds": seconds}
        | {"bar": place(0, seconds, chosen[0][3])}
        for what, kind, at, seconds in chosen
    ]


def settings(explained: Mapping[str, Any]) -> dict[str, list[dict[str, Any]]]:
    """Return the settings of a host, separated into chosen values and role defaults.

    Args:
        explained: Value and source by variable.
    """
    rows = [{"name": name, **entry} for name, entry in sorted(explained.items())]
    return {
        "chosen": [row for row in rows if row["source"] != DEFAULT],
        "default": [row for row in rows if row["source"] == DEFAULT],
    }


def versions(record: Mapping[str, Any]) -> list[dict[str, str]]:
    """Return the versions of the software on the controller, then on the hosts.

    Args:
        record: The record of a run.
    """
    rows = [{"name": name, "version": version, "host": ""} for name, version in record["versions"].items()]
    return rows + [
        {"name": name, "version": version, "host": host}
        for host, facts in sorted(record["hosts"].items())
        for name, version in facts.get("versions", {}).items()
    ]


def unbroken_duration(seconds: float) -> str:
    """Return a duration that a browser does not break into lines.

    Args:
        seconds: The duration.
    """
    return duration(seconds).replace(" ", "\N{NO-BREAK SPACE}")


def moment(text: str) -> str:
    """Return a moment in UTC, as people read it.

    Args:
        text: The moment in ISO format.
    """
    return datetime.fromisoformat(text).astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S UTC")


def plain(text: str) -> str:
    """Return a text without escape sequences and control characters.

    Args:
        text: The text.
    """
    return CONTROL.sub("\N{REPLACEMENT CHARACTER}", ESCAPE.sub("", text.replace("\r\n", "\n")))


def tail(text: str | list[str]) -> str:
    """Return the last lines of a log as plain text.

    Args:
        text: The log, as text or lines.
    """
    lines = text if isinstance(text, list) else text.splitlines()
    return plain("\n".join(lines[-TAIL:]).strip("\n"))


def value(setting: Any) -> str:
    """Return the value of a setting, as people write it.

    Args:
        setting: The value.
    """
    return setting if isinstance(setting, str) else json.dumps(setting, ensure_ascii=False)


def command(arguments: str | list[str]) -> str:
    """Return a command that can be pasted into a shell.

    Args:
        arguments: The command, as text or arguments.
    """
    return plain(arguments if isinstance(arguments, str) else shlex.join(arguments))
