# SPDX-License-Identifier: BSD-3-Clause
"""What a contributor does with a stack of the registry's images, from the first `up` on empty volumes to `destroy`.

How a service is configured is judged by what it does: it stops when it is told to, and comes back when it has died.
"""

from __future__ import annotations

import os
import re
import shlex
import signal

import pytest

from tests.e2e.stack import SERVICES, Stack, outcome, send_upload, wait_until, xpi
from tests.e2e.test_local import verify

pytestmark = pytest.mark.full

# The program that is the server, in a container that can have others.
SERVERS = {
    "nginx": "nginx",
    "mysqld": "mysqld",
    "redis": "redis-server",
    "rabbitmq": "beam.smp",
    "elasticsearch": "osmem-server",
    "memcached": "memcached",
}
KILLED = 128 + signal.SIGKILL
GUID = "marigold@example.org"


@pytest.fixture(scope="module")
def marigold(stack: Stack) -> str:
    """Return where an add-on is that somebody has uploaded."""
    status = send_upload(stack, xpi("Marigold", GUID, description="Counts petals"))
    result = wait_until(lambda: outcome(stack, status), "the worker processes the upload")
    assert result["status"] == "valid", result
    return str(result["download_url"])


def keeps_marigold(stack: Stack, url: str) -> bool:
    """Return whether the site has the add-on in the database and as a file."""
    return "Marigold" in stack.get("/")[1] and stack.get(url)[0] == 200


def shows_marigold(stack: Stack, url: str) -> bool:
    """Return whether the site has the add-on, and finds it."""
    return keeps_marigold(stack, url) and "Marigold" in stack.get("/search/?q=petals")[1]


def running(stack: Stack, service: str, program: str) -> list[int]:
    """Return the processes of a program in a service's container, as this machine numbers them; the oldest first."""
    rows = stack.docker("top", stack.container(service)["Id"], "-o", "pid,comm").splitlines()[1:]
    return sorted(int(pid) for pid, name in (row.split(None, 1) for row in rows) if name == program)


def test_the_first_up_takes_the_registrys_images(stack: Stack, mirror: str) -> None:
    assert stack.healthy() == SERVICES
    assert "\nIMAGE_ORIGIN=registry\n" in (stack.project / ".env").read_text()
    assert {stack.container(service)["Config"]["Image"].rpartition("/")[0] for service in SERVERS} == {mirror}
    run = verify(stack)
    assert run.code == 0, run.output


def test_a_second_up_changes_nothing(stack: Stack) -> None:
    assert stack.up().changed == 0


def test_an_upload_is_processed_found_and_served(stack: Stack, marigold: str) -> None:
    assert shows_marigold(stack, marigold)


def test_every_library_of_the_application_is_there(stack: Stack) -> None:
    script = "find /deps -name '*.so*' -type f -exec ldd {} + 2> /dev/null | grep 'not found' || true"
    assert stack.inside("web", "bash", "-c", script) == ""


def test_redis_is_not_healthy_while_it_loads_its_data(stack: Stack) -> None:
    check = shlex.join(stack.container("redis")["Config"]["Healthcheck"]["Test"][1:])
    # The check first: what is still loading after it was loading then, too.
    both = f"{check} > /dev/null; echo $?; redis-cli ping"
    stack.inside("redis", "redis-cli", "debug", "populate", "3000000")
    try:
        stack.inside("redis", "redis-cli", "save")
        stack.docker("restart", stack.container("redis")["Id"])
        answers = [stack.inside("redis", "bash", "-c", both).splitlines()]
        while "PONG" not in answers[-1]:
            answers.append(stack.inside("redis", "bash", "-c", both).splitlines())
        loading = [answer for answer in answers if "LOADING" in answer[-1]]
        assert loading
        assert [answer for answer in loading if answer[0] == "0"] == []
    finally:
        stack.inside("redis", "redis-cli", "flushall")
    wait_until(lambda: "redis" in stack.healthy(), "redis is healthy again")


def test_rabbitmq_lowers_a_limit_that_would_cost_it_memory(stack: Stack) -> None:
    script = stack.container("rabbitmq")["Config"]["Entrypoint"][-1]
    # On a smaller scale, for machines whose own limit is low.
    scaled = script.replace("65536", "500").replace("docker-entrypoint.sh rabbitmq-server", "bash -c 'ulimit -n'")
    image = stack.container("rabbitmq")["Config"]["Image"]
    for given, left in ((1000, "500"), (400, "400")):
        limit = f"--ulimit=nofile={given}:{given}"
        assert stack.docker("run", "--rm", limit, "--entrypoint=bash", image, "-c", scaled) == left


@pytest.mark.parametrize("service", SERVERS)
def test_a_service_that_has_died_comes_back(stack: Stack, service: str) -> None:
    before = stack.container(service)["RestartCount"]
    os.kill(running(stack, service, SERVERS[service])[0], signal.SIGKILL)
    wait_until(lambda: stack.container(service)["RestartCount"] > before, f"{service} is started again")
    wait_until(lambda: service in stack.healthy(), f"{service} is healthy again")


def test_services_stop_when_they_are_told_to_and_down_and_up_keep_what_was_there(stack: Stack, marigold: str) -> None:
    stack.docker("compose", "stop")
    ended = {service: stack.container(service)["State"]["ExitCode"] for service in SERVICES}
    assert [service for service, code in ended.items() if code == KILLED] == [], ended
    said = stack.docker("compose", "logs", "--no-log-prefix", *SERVERS)
    # MySQL would like to place its memory, and does without.
    assert [
        line for line in said.splitlines() if "not permitted" in line and not re.search("mempolicy|NUMA", line)
    ] == []
    assert stack.play("down").code == 0
    stack.up()
    # Not the index: what stands in for Elasticsearch here has it in memory.
    assert keeps_marigold(stack, marigold)
