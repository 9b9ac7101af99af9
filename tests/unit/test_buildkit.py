# SPDX-License-Identifier: BSD-3-Clause
"""A build, from what BuildKit tells of it in JSON."""

from __future__ import annotations

import base64
import json
import os
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.addons.olympia.plugins.module_utils.build.baking import explain_failure
from ansible_collections.addons.olympia.plugins.module_utils.build.buildkit import BuildLog, seconds_of

DIGEST = "sha256:" + "0" * 64


def vertex(name: str, **more: Any) -> dict[str, Any]:
    """Return what BuildKit tells of a step, which is its name unless more is given."""
    return {"digest": name, "name": name} | more


def at(seconds: float) -> str:
    """Return a time as BuildKit writes it."""
    return f"2026-01-01T12:00:{seconds:012.9f}Z"


def feed(log: BuildLog, *statuses: dict[str, Any], indent: int | None = 2) -> list[tuple[str, str]]:
    """Feed statuses as buildx prints them, and return name and state of what has changed."""
    text = "\n".join(json.dumps(status, indent=indent) for status in statuses)
    return [(step.name, step.state) for line in text.splitlines() for step in log.feed(line)]


@pytest.mark.parametrize("indent", [2, None])
def test_a_step_goes_from_waiting_to_its_end(indent: int | None) -> None:
    log = BuildLog()
    name = "[one 2/3] RUN --mount=type=cache,target=/x make"
    changes = feed(
        log,
        {"vertexes": [vertex(name)]},
        {"vertexes": [vertex(name, started=at(1))]},
        {"statuses": [{"id": "x", "vertex": name, "current": 1}]},
        {"vertexes": [vertex(name, started=at(1), completed=at(3.25))]},
        indent=indent,
    )
    assert changes == [("[one 2/3] RUN make", "running"), ("[one 2/3] RUN make", "done")]
    assert log.told() == [{"name": "[one 2/3] RUN make", "cached": False, "seconds": 2.2, "started": seconds_of(at(1))}]


def test_a_step_that_runs_in_parts_lasts_from_first_to_last() -> None:
    log = BuildLog()
    for begin, end in ((1, 2), (5, 6)):
        feed(log, {"vertexes": [vertex("[a 1/1] COPY x", started=at(begin), completed=at(end))]})
    assert log.told()[0]["seconds"] == 5.0


def test_steps_are_told_as_they_began_and_only_those_of_stages() -> None:
    log = BuildLog()
    names = ["[b 1/2] COPY x", "[internal] load .dockerignore", "[web a 1/2] COPY y", "exporting to image"]
    starts = dict(zip(names, (3, 0, 1, 4), strict=True))
    feed(log, *({"vertexes": [vertex(name, started=at(starts[name]), completed=at(9))]} for name in names))
    feed(log, {"vertexes": [vertex("[c 1/1] never began")]})
    assert [step["name"] for step in log.told()] == ["[web a 1/2] COPY y", "[b 1/2] COPY x"]


def test_a_failed_step_is_told_with_what_it_printed() -> None:
    log = BuildLog()
    feed(
        log,
        {"vertexes": [vertex("[a 1/2] RUN one", started=at(1)), vertex("[b 1/2] RUN two", started=at(1))]},
        {"logs": [{"vertex": "[a 1/2] RUN one", "data": base64.b64encode("it brö".encode()).decode()}]},
        {"logs": [{"vertex": "[a 1/2] RUN one", "data": base64.b64encode(b"ke\n").decode()}]},
        {"vertexes": [vertex("[b 1/2] RUN two", started=at(1), completed=at(2), error="context canceled")]},
        {"vertexes": [vertex("[a 1/2] RUN one", started=at(1), completed=at(2), error="exit code: 3")]},
    )
    log.feed("Dockerfile:5")
    log.feed("ERROR: failed to solve: exit code: 3")
    failed = log.failed()
    assert failed and (failed.name, failed.log) == ("[a 1/2] RUN one", "it bröke\n")
    assert log.words == ["Dockerfile:5", "ERROR: failed to solve: exit code: 3"]
    assert "it bröke" in log.text() and log.text().endswith("exit code: 3")


def test_a_cache_that_cannot_be_read_is_a_problem_and_no_failure() -> None:
    log = BuildLog()
    feed(log, {"vertexes": [vertex("importing cache manifest from x/y:z", started=at(1), error="refused")]})
    assert log.failed() is None
    assert log.cache_problems() == [
        "The build went on without a cache: importing cache manifest from x/y:z failed: refused"
    ]


def test_what_a_build_started_from_is_known_by_digest() -> None:
    log = BuildLog()
    feed(log, {"vertexes": [vertex(f"[a 1/2] FROM x/base:1@{DIGEST}", started=at(1), cached=True)]})
    assert log.materials() == [f"x/base:1@{DIGEST}"]
    assert log.told()[0]["cached"] is True


def test_a_name_that_buildkit_refuses_is_named(tmp_path: Path) -> None:
    Path(os.fsdecode(os.fsencode(tmp_path) + b"/caf\xe9")).touch()
    log = BuildLog()
    log.feed("ERROR: failed to solve: rpc error: code = Internal desc = string field contains invalid UTF-8")
    assert r"'caf\xe9'" in explain_failure(log, 1, [str(tmp_path)])


def test_what_is_no_json_is_kept_as_the_clients_words() -> None:
    log = BuildLog()
    for line in ("{ not json", "}", "ERROR: no such builder"):
        log.feed(line)
    assert log.words == ["{ not json", "}", "ERROR: no such builder"]


def test_times_have_any_number_of_digits() -> None:
    assert seconds_of("1970-01-01T00:00:01Z") == 1.0
    assert seconds_of("1970-01-01T00:00:01.5Z") == 1.5
    assert seconds_of("1970-01-01T00:01:00.123456789Z") == pytest.approx(60.123456789)
