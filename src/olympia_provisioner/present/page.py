# SPDX-License-Identifier: BSD-3-Clause
"""The page of a run: from its record to one HTML file that needs no network and no script."""

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

from ..run.record import NAME

TEMPLATES = Path(__file__).parent / "templates"
DEFAULT = "role default"
INSTANCE = "olympia_stack_instance"
SLOWEST = 10
TAIL = 40  # lines of a log that tell enough; all of it is in the log file
STAGE = re.compile(r"\[(?P<stage>.+?) +\d+/\d+\] (?P<what>.*)", re.DOTALL)
ESCAPE = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")
# What a browser shows as nothing, or as a box.
CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f]")
HEADLINES = {"done": "succeeded", "failed": "failed", "interrupted": "was interrupted"}
LABELS = {
    "stdout": "what Ansible printed",
    "stderr": "what else it said",
    NAME: "the record that this page was made from",
}


def render(record: Mapping[str, Any], links: Iterable[tuple[str, str]]) -> str:
    """Return the page.

    Args:
        record: The record of a run.
        links: What each log file is, and its relative address.
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
    """Return the files that a page may lead to: what each is, and its address relative to the page.

    Args:
        directory: The run's private directory.
        start: The folder that the page is in.
    """
    logs = [path for path in sorted(directory.glob("artifacts/*/std*")) if path.stat().st_size]
    found = []
    for path in (*logs, directory / NAME):
        what = LABELS[path.name]
        if path in logs and path.parent.name == "collect":
            what += " while it collected the artifacts"
        # Without a leading ./ a name with a colon would be an address of its own.
        found.append((what, "./" + quote(os.path.relpath(path, start))))
    return found


def view(record: Mapping[str, Any]) -> dict[str, Any]:
    """Return what the template reads.

    Args:
        record: The record of a run.
    """
    tasks = record["tasks"]
    hosts = sorted({task["host"] for task in tasks} | set(record["hosts"]))
    ended = [entry["end"] for entry in record["stays"]] + [task["start"] + task["seconds"] for task in tasks]
    # Not all of the command's time: what came before the first event and after the last would be empty space.
    span = max([*ended, 0.001])
    instances = {told.get("settings", {}).get(INSTANCE, {}).get("value") for told in record["hosts"].values()}
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
        "settings": {host: settings(told.get("settings", {})) for host, told in sorted(record["hosts"].items())},
        "versions": versions(record),
    }


def failure(found: Mapping[str, Any]) -> dict[str, Any]:
    """Return a failure as it is told: its first sentence, the rest of the message, and the evidence part by part.

    Args:
        found: One of the record's failures.
    """
    evidence = found["evidence"]
    services = [one for one in evidence.get("failures", []) if isinstance(one, dict) and "service" in one]
    if services:
        # The message has all of the services' logs in it, which are shown one by one.
        title = "; ".join(f"{one['service']} {one['wrong']}" for one in services)
        rest = ""
    else:
        title, _, rest = plain(found["message"]).strip().partition("\n")
    return {
        **found,
        "title": title.rstrip(":"),
        "rest": rest,
        "services": services,
        # Some messages end with the output; once is enough.
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
    """Return the phases with what they are made of, each with its place on the time line.

    Args:
        record: The record of a run.
        span: Seconds that the time line is long.
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
    """Return when a phase began."""
    starts = [entry["start"] for entry in (*record["stays"], *record["tasks"]) if entry["phase"] == phase]
    return min(starts, default=0.0)


def stages(build: Mapping[str, Any], span: float) -> list[dict[str, Any]]:
    """Return the stages of a build, each with its steps.

    Args:
        build: One of the record's builds.
        span: Seconds that the time line is long.
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
    """Return the containers of a wait, each from its start to the moment that it was seen in its last state.

    Args:
        wait: One of the record's waits.
        span: Seconds that the time line is long.
    """
    found = []
    for service in dict.fromkeys(entry["service"] for entry in wait["history"]):
        history = [entry for entry in wait["history"] if entry["service"] == service]
        last = history[-1]
        ready = last["state"] == "running" and last["health"] in ("healthy", "")
        times = wait["times"].get(service, {})
        start = times.get("started", wait["start"])
        # What is not ready was waited for until the end.
        until = wait["start"] + (last["seconds"] if ready else wait["seconds"])
        end = times.get("healthy", until) if ready else until
        state = last["health"] or last["state"] if last["state"] == "running" else last["state"]
        found.append(
            {
                "service": service,
                "state": state,
                "kind": "ready" if ready else "failed" if service in wait["failed"] else "waiting",
                "before": ready and start < 0,
                # It was ready when it was first looked at, and the engine does not remember since when.
                "at_most": ready and len(history) == 1 and "healthy" not in times,
                "seconds": end - start,
                "bar": place(start, end, span),
            }
        )
    return found


def place(start: float, end: float, span: float) -> dict[str, float]:
    """Return where a bar is on the time line, in percent, and its seconds as far as they are on it.

    Args:
        start: Seconds since the run began.
        end: The same.
        span: Seconds that the time line is long.
    """
    first, last = (min(max(time, 0.0), span) for time in (start, end))
    return {
        "left": round(100 * first / span, 2),
        "width": round(100 * max(last - first, 0.0) / span, 2),
        "start": first,
        "end": last,
    }


def ticks(span: float) -> list[dict[str, Any]]:
    """Return four to eight round times for the axis.

    Args:
        span: Seconds that the time line is long.
    """
    steps = [0.001 * 10**power * number for power in range(6) for number in (1, 2, 5)]
    step = min((one for one in [*steps, 15, 30, 60, 120, 300, 600, 1800] if span / one < 6), default=span)
    return [
        {"left": round(100 * number * step / span, 2), "label": f"{number * step:g} s"}
        for number in range(int(span / step) + 1)
    ]


def slowest(record: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return the tasks and build steps that took longest.

    Args:
        record: The record of a run.
    """
    found = [
        {"what": task["name"], "kind": "task", "phase": task["phase"], "host": task["host"], "seconds": task["seconds"]}
        for task in record["tasks"]
        if task["status"] != "skipped"
    ]
    found += [
        {
            "what": step["name"],
            "kind": "build step",
            "phase": one["phase"],
            "host": one["host"],
            "seconds": step["seconds"],
        }
        for one in record["builds"]
        for step in one["steps"]
        if not step["cached"]
    ]
    chosen = sorted((one for one in found if one["seconds"] > 0), key=lambda one: -one["seconds"])[:SLOWEST]
    return [one | {"bar": place(0, one["seconds"], chosen[0]["seconds"])} for one in chosen]


def settings(explained: Mapping[str, Any]) -> dict[str, list[dict[str, Any]]]:
    """Return a host's settings: those that somebody has chosen, and the rest.

    Args:
        explained: Value and source by variable.
    """
    rows = [{"name": name, **entry} for name, entry in sorted(explained.items())]
    return {
        "chosen": [row for row in rows if row["source"] != DEFAULT],
        "default": [row for row in rows if row["source"] == DEFAULT],
    }


def versions(record: Mapping[str, Any]) -> list[dict[str, str]]:
    """Return the versions of what ran here, then of what ran on the hosts.

    Args:
        record: The record of a run.
    """
    rows = [{"name": name, "version": version, "host": ""} for name, version in record["versions"].items()]
    return rows + [
        {"name": name, "version": version, "host": host}
        for host, told in sorted(record["hosts"].items())
        for name, version in told.get("versions", {}).items()
    ]


def duration(seconds: float) -> str:
    """Return a time span as people say it.

    Args:
        seconds: Its length.
    """
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min" if hours else f"{minutes} min {rest} s"


def unbroken_duration(seconds: float) -> str:
    """Return the same with each number kept beside its unit.

    Args:
        seconds: Its length.
    """
    return duration(seconds).replace(" ", "\N{NO-BREAK SPACE}")


def moment(text: str) -> str:
    """Return a time as people read it, in UTC.

    Args:
        text: The same in ISO's format.
    """
    return datetime.fromisoformat(text).astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S UTC")


def plain(text: str) -> str:
    """Return a text without what only a terminal understands.

    Args:
        text: Any text.
    """
    return CONTROL.sub("\N{REPLACEMENT CHARACTER}", ESCAPE.sub("", text.replace("\r\n", "\n")))


def tail(text: str | list[str]) -> str:
    """Return the last lines of a log, plain.

    Args:
        text: The log, as a text or as its lines.
    """
    lines = text if isinstance(text, list) else text.splitlines()
    return plain("\n".join(lines[-TAIL:]).strip("\n"))


def value(setting: Any) -> str:
    """Return a setting's value as one would write it.

    Args:
        setting: The value.
    """
    return setting if isinstance(setting, str) else json.dumps(setting, ensure_ascii=False)


def command(arguments: str | list[str]) -> str:
    """Return a command as one would type it.

    Args:
        arguments: The command, as a text or as its arguments.
    """
    return plain(arguments if isinstance(arguments, str) else shlex.join(arguments))
