# SPDX-License-Identifier: BSD-3-Clause
"""A contributor's stack: what `up` promises, through nginx, on the real services."""

from __future__ import annotations

import re
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path

import pytest

from .conftest import Upload
from .stack import ROOT, SERVICES, Run, Stack, outcome, send_upload, wait_until


def verify(stack: Stack) -> Run:
    """Point the tests for operators at the stack."""
    command = Path(sys.executable).with_name("pytest")
    done = subprocess.run(
        [str(command), "tests/testinfra", f"--instance={stack.instance}", "-p", "no:cacheprovider"],
        cwd=ROOT, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False,
    )  # fmt: skip
    return Run(done.returncode, done.stdout)


def test_the_stack_keeps_every_promise(stack: Stack) -> None:
    run = verify(stack)
    assert run.code == 0, run.output


@pytest.mark.full
def test_a_promise_that_is_broken_is_named_with_evidence(stack: Stack) -> None:
    stack.docker("compose", "stop", "redis")
    run = verify(stack)
    stack.up()
    assert run.code == 1, run.output
    assert "FAILED tests/testinfra/test_stack.py::test_the_service_is_healthy[local-redis]" in run.output
    assert "redis is exited, exit code 0" in run.output
    assert "User requested shutdown" in run.output
    assert [name for name, secret in stack.secrets.items() if secret in run.output] == []


def test_home_and_search_answer_through_nginx(stack: Stack) -> None:
    code, home = stack.get("/")
    assert code == 200
    assert "Tab Gardener" in home
    code, found = stack.get("/search/?q=forgotten")
    assert code == 200
    assert "Tab Gardener" in found
    assert "Link Lantern" not in found


def test_an_upload_is_processed_listed_found_and_served(stack: Stack, marigold: Upload) -> None:
    assert "Marigold" in stack.get("/")[1]
    assert "Marigold" in stack.get("/search/?q=petals")[1]
    code, served = stack.get(marigold.url)
    assert code == 200
    assert served == marigold.content.decode(errors="replace")


def test_a_bad_upload_is_refused_with_its_reason(stack: Stack) -> None:
    status = send_upload(stack, b"no archive at all")
    result = wait_until(lambda: outcome(stack, status), "the worker processes the upload")
    assert result["status"] == "invalid"
    assert "zip archive" in result["message"]


def test_a_second_up_changes_nothing(stack: Stack) -> None:
    before = {service: stack.container(service)["Id"] for service in SERVICES}
    assert stack.up().changed == 0
    assert {service: stack.container(service)["Id"] for service in SERVICES} == before


def test_status_names_what_somebody_has_stopped_or_removed_and_up_brings_it_back(stack: Stack) -> None:
    kept = {service: stack.container(service)["Id"] for service in SERVICES - {"memcached"}}
    stack.docker("compose", "stop", "redis")
    stack.docker("compose", "rm", "--force", "--stop", "memcached")
    status = stack.olympia("status")
    assert status.code == 5, status.output
    assert "Not healthy: redis, memcached." in status.output
    assert "would: start or replace containers." in status.output
    assert stack.up().changed == 1
    assert stack.healthy() == SERVICES
    assert {service: stack.container(service)["Id"] for service in kept} == kept


def test_ports_are_published_on_loopback_only_and_the_database_on_none(stack: Stack) -> None:
    published = {
        (service, binding["HostIp"])
        for service in SERVICES
        for bound in stack.container(service)["HostConfig"]["PortBindings"].values()
        for binding in bound
    }
    assert published == {("nginx", "127.0.0.1")}


def test_secrets_are_the_users_alone(stack: Stack) -> None:
    assert oct((stack.project / ".env").stat().st_mode & 0o777) == "0o600"


@pytest.mark.full
def test_secrets_are_never_printed(stack: Stack) -> None:
    output = stack.play("up", "-vvv", "--diff", debug=False).output + stack.up("-vvv", "--diff", debug="").output
    assert [name for name, secret in stack.secrets.items() if secret in output] == []


def test_editing_the_source_tree_shows_without_a_rebuild(stack: Stack) -> None:
    def says(words: str) -> bool:
        # At the same time, so that every process of the server answers: one that has not yet loaded the view has nothing to reload.
        with ThreadPoolExecutor() as pool:
            answers = list(pool.map(lambda _number: stack.get("/__version__")[1], range(16)))
        return all(words in answer for answer in answers)

    def shows(text: str, words: str) -> bool:
        # uWSGI misses a change within a second of loading the file; saving again is what a developer would do.
        views.write_text(text)
        with suppress(AssertionError):
            return bool(wait_until(lambda: says(words), words, seconds=8))
        return False

    image = stack.container("web")["Image"]
    views = stack.source / "src/olympia/amo/views.py"
    assert says("the embedded application")
    original = views.read_text()
    edited = original.replace("the embedded application", "edited by hand")
    wait_until(lambda: shows(edited, "edited by hand"), "the edited code answers")
    wait_until(lambda: shows(original, "the embedded application"), "the original code answers")
    assert stack.container("web")["Image"] == image


def test_a_search_server_that_has_restarted_gets_its_index_without_an_up(stack: Stack, marigold: Upload) -> None:
    stack.docker("compose", "restart", "elasticsearch")
    wait_until(lambda: "Marigold" in stack.get("/search/?q=petals")[1], "the worker has the index made again")


def test_check_mode_tells_the_changes_and_makes_none(stack: Stack) -> None:
    env = (stack.project / ".env").read_text()
    started = stack.container("web")["State"]["StartedAt"]
    run = stack.up("--check", "--diff", debug=False)
    assert run.changed > 0
    assert "+DEBUG=false" in run.output
    assert (stack.project / ".env").read_text() == env
    assert stack.container("web")["State"]["StartedAt"] == started


def test_down_and_up_keep_rows_and_files_and_a_lost_env_file_locks_nobody_out(stack: Stack, marigold: Upload) -> None:
    down = stack.play("down")
    assert down.code == 0, down.output
    assert (
        stack.docker("ps", "--all", "--quiet", "--filter", f"label=com.docker.compose.project={stack.instance}") == ""
    )
    (stack.project / ".env").unlink()
    stack.up()
    assert stack.get("/services/monitor.json")[0] == 200
    assert "Marigold" in stack.get("/")[1]
    assert "Marigold" in stack.get("/search/?q=petals")[1]
    url = re.search(r'id="download"[^>]*href="([^"]+)"', stack.get("/addon/marigold/")[1])
    assert url
    assert stack.get(url[1])[0] == 200


@pytest.mark.full
def test_a_run_that_was_cut_off_is_finished_by_the_next(stack: Stack, tmp_path: Path) -> None:
    stack.play("down")
    log = tmp_path / "log"
    with log.open("w") as output:
        process = subprocess.Popen(stack.command("up"), cwd=ROOT, env=stack.environment, stdout=output, stderr=output)
        wait_until(lambda: "Bring the Compose project up" in log.read_text(), "the services are being started")
        process.kill()
        process.wait()
    stack.up()
    assert stack.healthy() == SERVICES
    assert stack.up().changed == 0
