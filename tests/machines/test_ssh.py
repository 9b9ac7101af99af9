# SPDX-License-Identifier: BSD-3-Clause
"""Machines over SSH: with an sshd that lets in few at the same time, and with a host key that nobody here knows."""

from __future__ import annotations

import pytest

from tests.e2e.stack import wait_until
from tests.hosts import docker

from .conftest import PORT, USER, Machine

DRIVER = ["olympia", "explain"]
PLAYBOOK = ["ansible-playbook", "playbooks/explain.yml"]


def during_a_crowd(machine: Machine, command: list[str], **environment: str) -> tuple[int, str]:
    """Run a command whose first login meets a crowd, which goes away then. Return its exit code and output."""
    with wait_until(machine.crowd, "sshd answers"):
        before = machine.refusals()
        run = machine.start(*command, **environment)
        wait_until(lambda: machine.refusals() > before or run.poll() is not None, "a login is refused")
        refused = machine.refusals() > before
    output, _errors = run.communicate()
    assert refused, output
    return run.returncode, output


@pytest.mark.parametrize("command", [DRIVER, PLAYBOOK], ids=["driver", "playbook"])
def test_a_login_that_meets_many_others_is_tried_again(known: Machine, command: list[str]) -> None:
    code, output = during_a_crowd(known, command)
    assert code == 0, output


def test_how_often_is_up_to_the_user(known: Machine) -> None:
    code, output = during_a_crowd(known, DRIVER, ANSIBLE_SSH_RETRIES="0")
    assert code == 6, output


@pytest.mark.parametrize(
    ("command", "code"),
    [
        (DRIVER, 6),
        (["olympia", "list"], 6),
        (PLAYBOOK, 4),
        (["ansible-playbook", "playbooks/engine.yml"], 4),
    ],
    ids=lambda value: "-".join(value) if isinstance(value, list) else str(value),
)
def test_a_host_key_that_is_not_known_is_said_and_what_helps(machine: Machine, command: list[str], code: int) -> None:
    run = machine.start(*command)
    output, _errors = run.communicate()
    assert run.returncode == code, output
    said = " ".join(output.split())
    assert f"The SSH host key of {machine.address} is not known here" in said
    assert f"'ssh -p {PORT} {USER}@{machine.address}'" in said


CUSTOMIZE = """
directory=$(python3 -m site --user-site) && mkdir --parents "$directory"
for name in usercustomize sitecustomize; do echo "open('/tmp/loaded', 'a').write('$name')" > "$directory/$name.py"; done
"""


def test_no_module_of_a_run_loads_what_a_user_has_in_its_home(known: Machine) -> None:
    docker("exec", f"--user={USER}", f"--env=HOME=/home/{USER}", known.name, "sh", "-ec", CUSTOMIZE)
    docker("exec", f"--user={USER}", f"--env=HOME=/home/{USER}", known.name, "python3", "-c", "")
    assert "usercustomize" in docker("exec", known.name, "cat", "/tmp/loaded"), (
        "Python loads it where nobody asks it not to"
    )
    docker("exec", known.name, "rm", "/tmp/loaded")
    run = known.start(*PLAYBOOK)
    output, _errors = run.communicate()
    assert run.returncode == 0, output
    assert docker("exec", known.name, "find", "/tmp", "-name", "loaded") == ""
