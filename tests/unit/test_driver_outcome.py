# SPDX-License-Identifier: BSD-3-Clause
"""What the driver makes of a run's events: its exit codes are documented and never change."""

from __future__ import annotations

from typing import Any

import pytest
from olympia_provisioner.errors import ExitCode
from olympia_provisioner.playbook import Options, Outcome, arguments


def failed(**event_data: Any) -> dict[str, Any]:
    """Return the event of a failed task."""
    return {"event": "runner_on_failed", "event_data": event_data}


@pytest.mark.parametrize(
    ("kind", "code"),
    [("settings", 2), ("preflight", 3), ("build", 4), ("unhealthy", 5), ("conflict", 7), ("", 1)],
)
def test_the_kind_of_a_failure_is_the_exit_code(kind: str, code: int) -> None:
    outcome = Outcome()
    outcome.see(failed(res={"olympia": {"phase": "some", "kind": kind}}))
    assert outcome.exit_code(2) == code


@pytest.mark.parametrize(("phase", "code"), [("build", 4), ("start", 5), ("health", 5), ("render", 1)])
def test_a_task_without_a_mark_counts_by_its_phase(phase: str, code: int) -> None:
    outcome = Outcome()
    outcome.see(failed(res={}, task_path=f"/somewhere/roles/olympia_stack/tasks/{phase}.yml:12"))
    assert (outcome.phase, outcome.exit_code(2)) == (phase, code)


@pytest.mark.parametrize(
    ("return_code", "code"),
    [
        (0, ExitCode.DONE),
        (4, ExitCode.UNREACHABLE),
        (1, ExitCode.UNEXPECTED),
        (250, ExitCode.UNEXPECTED),
        (-9, ExitCode.UNEXPECTED),
    ],
)
def test_return_codes_without_a_failed_task(return_code: int, code: ExitCode) -> None:
    assert Outcome().exit_code(return_code) == code


def test_an_inventory_without_hosts_is_a_usage_error() -> None:
    outcome = Outcome()
    outcome.see({"event": "playbook_on_no_hosts_matched"})
    assert outcome.exit_code(0) == ExitCode.USAGE


def test_settings_never_stand_on_the_command_line() -> None:
    options = Options("inv", {"olympia_stack_http_port": "8080"}, limit="a", check=True, diff=True, verbosity=2)
    assert arguments(options, "/run/s.json") == ["--extra-vars=@/run/s.json", "--limit=a", "--check", "--diff", "-vv"]
