# SPDX-License-Identifier: BSD-3-Clause
"""The doctor, on a stack that is broken for real."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from .doctor import ask, document, state
from .stack import Stack

HOSTS = Path("/etc/hosts")


def test_nothing_is_wrong_with_a_stack_that_is_up(stack: Stack) -> None:
    verdicts = ask(stack)
    unwell = {name: verdict["evidence"] for name, verdict in verdicts.items() if verdict["state"] != "ok"}
    # Nobody has told the host the site's name.
    assert unwell.keys() == {"hosts-entry"}, unwell
    assert len(verdicts) > 20
    assert "stack's own" in verdicts["http-port"]["evidence"]


@pytest.mark.full
def test_people_get_a_line_a_check_and_programs_one_document(stack: Stack) -> None:
    run = stack.olympia("doctor", "memory", "disk-project", "hosts-entry", "MIN_MEMORY_MB=99999999")
    assert run.code == 3
    lines = run.output.splitlines()
    assert [line.split()[:2] for line in lines if not line.startswith(" ")][:3] == [
        ["warning", "hosts-entry"],
        ["failed", "memory"],
        ["ok", "disk-project"],
    ]
    assert "3 checks: 1 ok, 1 warning, 1 failed" in lines
    assert "  cause: this host has too little memory" in run.output
    assert max(len(line) for line in lines if "olympia.test" not in line) <= 80
    # A CI service's marks would break the document.
    run = stack.olympia("doctor", "--json", "memory", "MIN_MEMORY_MB=99999999", GITHUB_ACTIONS="true")
    assert document(run)["summary"]["failed"] == 1
    assert "::" not in run.output


def test_a_mistyped_name_is_answered_with_the_nearest(stack: Stack) -> None:
    run = stack.olympia("doctor", "hosts-entyr")
    assert run.code == 2
    assert "There is no check hosts-entyr. Did you mean hosts-entry?" in run.output


@pytest.mark.full
def test_a_broken_env_file(stack: Stack) -> None:
    env = stack.project / ".env"
    sound = env.read_text()
    try:
        env.write_text("this is no assignment\n" + sound)
        verdicts = ask(stack, f"HTTP_PORT={stack.port}")
        assert (verdicts["env-file"]["state"], verdicts["rendered-files"]["state"]) == ("failed", "unknown")
        assert "line 1 is not NAME=value" in verdicts["env-file"]["evidence"]
        assert verdicts["daemon"]["state"] == "ok"
    finally:
        env.write_text(sound)


@pytest.mark.full
def test_rendered_files_that_were_touched(stack: Stack) -> None:
    compose, dockerfile = stack.project / "docker-compose.yml", stack.project / "Dockerfile"
    sound = compose.read_text()
    try:
        compose.write_text(sound + "# mine\n")
        dockerfile.chmod(0o600)
        found, evidence = state(stack, "rendered-files")
        assert (found, "docker-compose.yml" in evidence, "Dockerfile" in evidence) == ("warning", True, True)
        compose.write_text("services: {}\n")
        found, evidence = state(stack, "rendered-files")
        assert (found, "docker-compose.yml was not written" in evidence) == ("failed", True)
    finally:
        compose.write_text(sound)
        dockerfile.chmod(0o644)


@pytest.mark.full
def test_an_override_file_is_ignored_until_it_is_named(stack: Stack) -> None:
    override = stack.project / "docker-compose.override.yml"
    try:
        override.write_text("services: {}\n")
        found, evidence = state(stack, "override-file")
        assert (found, "is ignored" in evidence) == ("warning", True)
        named = f"COMPOSE_FILE=docker-compose.yml:{override.name}"
        assert state(stack, "override-file", named) == ("ok", f"in use: {override.name}")
    finally:
        override.unlink()
    found, evidence = state(stack, "compose-files", named)
    assert (found, override.name in evidence) == ("failed", True)


@pytest.mark.full
def test_containers_of_an_interrupted_run_are_removed_and_one_that_runs_is_not(stack: Stack) -> None:
    ended, running = f"{stack.instance}-tests-run", f"{stack.instance}-at-work"
    run = ["compose", "run", "--detach", "--no-deps", "--entrypoint"]
    stack.docker(*run, "true", "--name", ended, "memcached")
    stack.docker("wait", ended)
    stack.docker(*run, "sleep", "--name", running, "memcached", "600")
    try:
        (plan,) = ask(stack, "leftovers", "--fix", "--check").values()
        assert (plan["state"], plan["done"]) == ("warning", f"would remove {ended}")
        assert f"{ended} (exited)" in plan["evidence"]
        assert f"{running} (running)" in plan["evidence"]
        (verdict,) = ask(stack, "leftovers", "--fix").values()
        assert (verdict["done"], verdict["evidence"]) == (f"done: remove {ended}", f"{running} (running)")
        # The second time there is nothing left to mend.
        assert ask(stack, "leftovers", "--fix")["leftovers"]["done"] == ""
    finally:
        stack.docker("rm", "--force", running)
    assert len(stack.healthy()) == 8


@pytest.mark.full
def test_dependencies_get_their_owner_back(stack: Stack) -> None:
    touched = next((stack.project / "deps/lib").rglob("*.py"))
    os.chown(touched, 1234, -1)
    found, evidence = state(stack, "ownership")
    assert (found, str(touched) in evidence) == ("failed", True)
    (verdict,) = ask(stack, "ownership", "--fix").values()
    assert (verdict["state"], verdict["done"].startswith("done: give")) == ("ok", True)
    assert touched.stat().st_uid != 1234


@pytest.mark.full
def test_a_database_that_was_not_initialized_to_the_end(stack: Stack) -> None:
    marker = stack.project / ".initialized.json"
    kept = marker.read_text()
    marker.unlink()
    found, evidence = state(stack, "mysql-volume")
    assert (found, "not initialized to the end" in evidence) == ("warning", True)
    marker.write_text(kept)


def test_an_engine_that_does_not_answer(stack: Stack) -> None:
    verdicts = ask(stack, DOCKER_HOST=f"unix://{stack.state}/no.sock")
    assert verdicts["daemon"]["state"] == "failed"
    assert "no.sock" in verdicts["daemon"]["evidence"]
    unknown = {name for name, verdict in verdicts.items() if verdict["state"] == "unknown"}
    assert unknown == {
        "engine-tcp",
        "http-port",
        "leftovers",
        "mysql-volume",
        "networks",
        "owner",
        "services",
        "site-answer",
    }


@pytest.mark.full
def test_the_sites_name_is_added_to_the_hosts_file_once(bare: Stack) -> None:
    line, before = f"127.0.0.1 {bare.instance}.olympia.test\n", HOSTS.read_text()
    try:
        (plan,) = ask(bare, "hosts-entry", "--fix", "--check").values()
        assert (plan["state"], plan["done"].startswith("would add")) == ("warning", True)
        assert HOSTS.read_text() == before
        for said in (f"done: add the line '{line.strip()}' to {HOSTS}", ""):
            (verdict,) = ask(bare, "hosts-entry", "--fix").values()
            assert (verdict["state"], verdict["done"]) == ("ok", said)
        assert HOSTS.read_text() == before + line
    finally:
        # In place: in a container it is a mount of its own. Others may have added lines of theirs meanwhile.
        HOSTS.write_text(HOSTS.read_text().replace(line, ""))


@pytest.mark.full
def test_the_playbook_needs_no_driver(bare: Stack) -> None:
    run = bare.play("doctor")
    assert (run.code, run.changed) == (0, 0), run.output
    assert "http-port" in run.output
