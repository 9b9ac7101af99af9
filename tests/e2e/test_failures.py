# SPDX-License-Identifier: BSD-3-Clause
"""Services that fail to come up: the run ends with the reason, and the next one mends it."""

from __future__ import annotations

import json

import pytest

from .conftest import RedJob
from .stack import Stack


@pytest.mark.full
def test_a_broken_worker_ends_the_run_with_its_log_and_the_next_run_mends_it(stack: Stack) -> None:
    module = stack.source / "src/olympia/amo/celery.py"
    sound = module.read_text()
    module.write_text(sound + "\nraise RuntimeError('broken on purpose')\n")
    stack.docker("compose", "stop", "worker")
    run = stack.play("up", wait_timeouts={"worker": 15}, initialize=False)
    assert run.code != 0
    assert "The service worker" in run.output
    assert "broken on purpose" in run.output
    module.write_text(sound)
    stack.up(wait_timeouts="", initialize="")
    assert stack.get("/services/monitor.json")[0] == 200


def test_a_failing_build_names_the_step_and_shows_its_output(stack: Stack) -> None:
    requirements = stack.source / "requirements/prod.txt"
    sound = requirements.read_text()
    requirements.write_text(f"{sound}olympia-has-no-such-package==1.0 --hash=sha256:{'0' * 64}\n")
    run = stack.play("build")
    requirements.write_text(sound)
    assert run.code != 0
    assert "The build failed at the step" in run.output
    assert "olympia-has-no-such-package" in run.output


def test_a_red_ci_job_tells_why_in_its_artifacts_and_annotations(red_job: RedJob) -> None:
    stack, run, artifacts = red_job.stack, red_job.run, red_job.artifacts
    assert run.code == 5, run.output

    result = json.loads((artifacts / "result.json").read_text())
    assert [phase["name"] for phase in result["phases"] if phase["result"] == "failed"] == ["health"]
    (failure,) = result["failures"]
    assert (failure["phase"], failure["host"], failure["kind"]) == ("health", "localhost", "unhealthy")
    (worker,) = failure["evidence"]["failures"]
    assert worker["service"] == "worker"
    assert "No nodes replied" in worker["healthcheck"]
    assert "broken on purpose" in "\n".join(worker["log"])
    assert {entry["service"] for entry in failure["evidence"]["history"] if entry["health"] == "healthy"} >= {
        "web",
        "mysqld",
    }
    port = result["hosts"]["localhost"]["settings"]["olympia_stack_http_port"]
    assert (port["value"], port["source"]) == (stack.port, "command line")

    (annotation,) = [line for line in run.output.splitlines() if line.startswith("::error ")]
    assert annotation.startswith("::error title=olympia up failed in health on localhost::The service worker ")
    assert "No nodes replied" in annotation
    assert "broken on purpose" in annotation

    assert "broken on purpose" in (artifacts / "hosts/localhost/logs/worker.log").read_text()
    health = json.loads((artifacts / "hosts/localhost/health.json").read_text())
    assert "No nodes replied" in health["worker"]["healthchecks"][-1]["Output"]
    page = stack.olympia("report", "--output", str(artifacts / "report.html"))
    assert page.code == 0, page.output
    left = [*artifacts.rglob("*"), *(stack.state / "olympia/runs").rglob("*")]
    everything = "".join(path.read_text(errors="replace") for path in left if path.is_file()) + run.output
    assert [name for name, secret in stack.secrets.items() if secret in everything] == []
