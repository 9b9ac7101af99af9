# SPDX-License-Identifier: BSD-3-Clause
"""The command `olympia` on a real stack: its verbs, what they print and end with."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from .conftest import Watched
from .stack import ROOT, SECRETS, SERVICES, Run, Stack, wait_until


def start(stack: Stack, *arguments: str) -> subprocess.Popen[str]:
    """Start `olympia` with nothing behind the arguments; the environment names the instance."""
    return subprocess.Popen(
        [str(Path(sys.executable).with_name("olympia")), *arguments],
        cwd=ROOT, env=stack.environment | {"OLYMPIA_STACK_INSTANCE": stack.instance}, text=True,
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
    )  # fmt: skip


def started(stack: Stack) -> dict[str, str]:
    """Return since when each service's container runs."""
    return {service: stack.container(service)["State"]["StartedAt"] for service in SERVICES}


def olympia(stack: Stack, *arguments: str) -> Run:
    """Run `olympia` to its end."""
    process = start(stack, *arguments)
    output, _ = process.communicate()
    return Run(process.returncode, output)


def test_up_ends_with_the_address_of_the_site(watched: Watched) -> None:
    assert watched.stack.url in watched.run.output


def test_status_of_what_was_never_brought_up_is_a_sentence(make_stack: Callable[..., Stack]) -> None:
    never = make_stack()
    run = never.olympia("status")
    assert (run.code, run.output) == (
        5,
        f"The instance {never.instance} is not running. olympia up INSTANCE={never.instance} starts it.\n",
    )


def test_status_tells_each_service_on_80_columns(stack: Stack) -> None:
    run = stack.olympia("status")
    assert run.code == 0, run.output
    assert {line.split()[0] for line in run.output.splitlines() if " healthy " in line} == SERVICES
    assert stack.url in run.output
    assert "up would change nothing" in run.output
    assert max(map(len, run.output.splitlines())) <= 80


@pytest.mark.full
def test_status_for_programs(stack: Stack) -> None:
    run = stack.olympia("status", "--json")
    (found,) = json.loads(run.output).values()
    assert (found["healthy"], found["pending"]) == (True, [])
    assert {service["name"]: service["ports"] for service in found["services"]}["nginx"] == [stack.port]


def test_explain_tells_the_file_of_a_choice_and_what_it_overrules(stack: Stack) -> None:
    run = stack.olympia("explain", "HTTP_PORT", "olympia_stack_tag")
    assert run.code == 0, run.output
    assert f"HTTP_PORT={stack.port}\n  from: persisted choice in {stack.project}/.env" in run.output
    assert "  instead of: 80 (role default)" in run.output
    assert "DOCKER_TAG=''\n  from: role default" in run.output


@pytest.mark.full
def test_explain_knows_all_sources_and_masks_credentials(stack: Stack) -> None:
    run = stack.olympia("explain", "HTTP_PROXY=http://me:swordfish@proxy.test:1", DOCKER_TARGET="development")
    assert run.code == 0, run.output
    assert "HTTP_PROXY=http://********@proxy.test:1\n  from: command line" in run.output
    assert "DOCKER_TARGET=development\n  from: environment" in run.output
    assert re.search(r"^\d+ more have role defaults; --all", run.output, re.MULTILINE)
    assert "swordfish" not in run.output
    everything = json.loads(stack.olympia("explain", "--json").output)["localhost"]["settings"]
    assert everything["HTTP_PORT"]["source"].startswith("persisted choice in ")
    assert everything["INSTANCE"]["overruled"] == [{"source": "role default", "value": "addons-server"}]


def test_render_shows_what_would_change_and_writes_nothing(stack: Stack) -> None:
    run = stack.olympia("render")
    assert run.code == 0, run.output
    assert run.output.startswith("Nothing to write")
    before = (stack.project / ".env").read_text()
    run = stack.olympia("render", "DEBUG=false")
    assert run.code == 0, run.output
    assert "+DEBUG=false" in run.output
    assert "Nothing was written." in run.output
    assert (stack.project / ".env").read_text() == before


@pytest.mark.full
def test_render_shows_no_secret(stack: Stack, make_stack: Callable[..., Stack]) -> None:
    output = stack.olympia("render", "-vvv", "DEBUG=false", "HTTP_PROXY=http://me:swordfish@proxy.test:1").output
    assert "MYSQL_ROOT_PASSWORD" in output
    assert [secret for secret in [*stack.secrets.values(), "swordfish"] if secret in output] == []
    # Those of an instance that is not there yet are made up for the look.
    fresh = make_stack().olympia("render").output
    assert [value for _name, value in SECRETS.findall(fresh.replace("\n+", "\n"))] == ["********"] * 4


def test_logs_are_those_of_the_service(stack: Stack) -> None:
    run = stack.olympia("logs", "redis", "--tail", "1")
    assert run.code == 0, run.output
    assert len(run.output.splitlines()) == 1
    assert "redis-1" in run.output
    run = stack.olympia("logs", "reddis")
    assert (run.code, "Did you mean redis?" in run.output) == (2, True)


def test_followed_logs_end_with_an_interruption(stack: Stack) -> None:
    process = start(stack, "logs", "-f", "--tail", "1", "web")
    assert process.stdout
    assert "web-1" in process.stdout.readline()
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=30)
    assert process.returncode in (0, 130, -signal.SIGINT)


def test_exec_runs_the_command_as_it_stands(stack: Stack) -> None:
    assert olympia(stack, "exec", "web", "env", "A=b", "sh", "-c", 'echo "<$A>"; id -un; exit 9') == Run(
        9, "<b>\nolympia\n"
    )
    assert olympia(stack, "exec", "redis", "redis-cli", "ping") == Run(0, "PONG\n")


@pytest.mark.parametrize(("verb", "user"), [("shell", "olympia"), ("rootshell", "root")])
def test_a_shell_is_its_users_and_passes_its_exit_code_on(stack: Stack, verb: str, user: str) -> None:
    run = stack.olympia(verb, stdin="id -un; exit 7\n")
    assert (run.code, run.output.split()) == (7, [user])


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["up", "HTTP_PROT=80"], 2, "Did you mean HTTP_PORT?"),
        (["up", "HTTP_PORT=eighty"], 2, "olympia_stack_http_port has a value that it does not accept"),
        (["up", "MIN_MEMORY_MB=999999999"], 3, "too little memory"),
        (["up", "-i", "no-such-inventory"], 2, "Inventory not found"),
        (["up", "--limit", "nobody"], 1, ""),
    ],
)
def test_what_is_refused_has_its_exit_code_and_no_traceback(
    stack: Stack, arguments: list[str], code: int, words: str
) -> None:
    run = stack.olympia(*arguments)
    assert run.code == code, run.output
    assert words in run.output
    assert "Traceback" not in run.output


@pytest.mark.full
def test_init_runs_again_and_keeps_the_data(stack: Stack) -> None:
    count = "from olympia.addons.models import Addon; print('rows', Addon.objects.count())\n"
    before = stack.olympia("djshell", stdin=count).output
    assert "rows" in before
    run = stack.olympia("init")
    assert run.code == 0, run.output
    assert run.changed == 1
    assert stack.olympia("djshell", stdin=count).output == before
    assert stack.olympia("up").changed == 0


@pytest.mark.full
def test_restart_restarts_every_service_and_waits(stack: Stack) -> None:
    before = started(stack)
    run = stack.olympia("restart")
    assert run.code == 0, run.output
    after = started(stack)
    assert before.keys() == after.keys()
    assert {service for service, since in before.items() if after[service] == since} == set()
    assert stack.get("/__version__")[0] == 200


@pytest.mark.full
def test_rebuild_fills_the_dependencies_again_and_has_them_loaded(stack: Stack) -> None:
    (stack.project / "deps/bin").rename(stack.project / "elsewhere")
    before = started(stack)
    try:
        run = stack.olympia("rebuild")
        assert run.code == 0, run.output
    finally:
        shutil.rmtree(stack.project / "elsewhere")
    assert (stack.project / "deps/bin/celery").exists()
    after = started(stack)
    assert {service for service, since in before.items() if after[service] != since} == {"web", "worker"}


@pytest.mark.full
def test_a_second_run_is_refused_until_the_first_has_died(stack: Stack) -> None:
    process = start(stack, "init")
    lock = stack.state / f"olympia/locks/{stack.instance}.lock"
    wait_until(lambda: f'"pid": {process.pid}' in lock.read_text(), "the run holds the lock")
    refused = olympia(stack, "down")
    assert refused.code == 7, refused.output
    assert f"olympia init, process {process.pid}" in refused.output
    # Who only looks waits for nobody.
    assert olympia(stack, "status").code == 0
    os.kill(process.pid, signal.SIGKILL)
    process.communicate(timeout=60)
    assert olympia(stack, "up").code == 0


@pytest.mark.full
def test_programs_get_typed_answers(stack: Stack) -> None:
    program = (
        "from olympia_provisioner import Stack\n"
        f"stack = Stack(instance={stack.instance!r})\n"
        "assert stack.up().changed == 0\n"
        "assert stack.status().healthy\n"
        "assert stack.render().files == ()\n"
        f"assert stack.explain().settings['olympia_stack_http_port'].value == {stack.port}\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, env=stack.environment, text=True, capture_output=True, check=False
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
