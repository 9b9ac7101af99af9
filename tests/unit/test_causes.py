# SPDX-License-Identifier: BSD-3-Clause
"""What a failure mostly comes from."""

from __future__ import annotations

import pytest
from ansible_collections.addons.olympia.plugins.module_utils.core.causes import (
    ENGINE_GONE,
    ended_together,
    likely_cause,
    network_of_builds,
    refusal,
)


@pytest.mark.parametrize(
    ("wrong", "said", "words"),
    [
        ("was killed, most likely for lack of memory (exit 137)", "", "too little memory"),
        ("is unhealthy", "mkdir: cannot create directory: No space left on device", "The disk is full"),
        ("restarts", "max virtual memory areas vm.max_map_count [65530] is too low", "vm.max_map_count=262144"),
        ("restarts", "(1045, \"Access denied for user 'root'@'10.0.0.3'\")", "another password than .env has"),
        (
            "is late",
            "  File \"x.py\", line 1\nModuleNotFoundError: No module named 'celerx'\n",
            "No module named 'celerx'",
        ),
        ("is late", "Traceback:\nRuntimeError: a typo, say\n", "code does not start: RuntimeError: a typo, say"),
        ("is late", "chown: Permission denied", "HOST_UID"),
        (
            "restarts",
            "uwsgi: error while loading shared libraries: libexpat.so.1: cannot open shared object file: No such file",
            "lacks a library that a package needs (libexpat.so.1: cannot open",
        ),
        ("restarts", "OSError: [Errno 24] inotify instance limit reached", "RELOAD=false"),
        ("restarts", "OSError: [Errno 28] inotify watch limit reached", "RELOAD=false"),
    ],
)
def test_a_services_last_words_tell_what_to_do(wrong: str, said: str, words: str) -> None:
    assert words in likely_cause(wrong, said)


@pytest.mark.parametrize("said", ["", "INFO ready", "a page about a TypeError: in the middle of a line"])
def test_nothing_is_guessed_from_nothing(said: str) -> None:
    assert likely_cause("is not healthy in time", said) == ""


@pytest.mark.parametrize(
    ("states", "together"),
    [(["exited", "exited"], True), (["exited", "running"], False), (["exited"], False), ([], False)],
)
def test_several_services_end_together_with_what_they_run_on(states: list[str], together: bool) -> None:
    assert ended_together([{"state": state} for state in states]) is together


@pytest.mark.parametrize(
    ("said", "gone"),
    [
        ("failed to receive status: rpc error: code = Unavailable desc = error reading from server: EOF", True),
        ("failed to solve: Unavailable: error reading from server: EOF", True),
        ("failed to solve: example.org/base:1: unexpected status from HEAD request: 503 Service Unavailable", False),
        ("Cannot connect to the Docker daemon at unix:///var/run/docker.sock. Is the docker daemon running?", True),
        ('process "make" did not complete successfully: exit code: 2', False),
    ],
)
def test_an_engine_that_has_gone_is_told_from_a_step_that_fails(said: str, gone: bool) -> None:
    assert bool(ENGINE_GONE.search(said)) is gone


# The engine's own words, versions 26 to 28.
@pytest.mark.parametrize(
    ("said", "words"),
    [
        (
            "could not find an available, non-overlapping IPv4 address pool among the defaults to assign to the network",
            "2 networks, 1 of them without a running container: idle\n  fix: Remove those that nobody needs",
        ),
        (
            "all predefined address pools have been fully subnetted",
            "  cause: all address pools of the engine are used up",
        ),
        (
            "cannot expose privileged port 80, you can add 'net.ipv4.ip_unprivileged_port_start=80' to /etc/sysctl.conf",
            "may not publish port 80.\n  fix: Choose another: make up HTTP_PORT=8080",
        ),
        ("Error starting userland proxy: listen tcp4 127.0.0.1:80: bind: address already in use", "has taken a port"),
        ("Bind for 127.0.0.1:80 failed: port is already allocated", "'make doctor'"),
        ("No such image: olympia/memcached:1", "The image olympia/memcached:1 was removed"),
        ('invalid mount config for type "bind": bind source path does not exist: /nowhere', "cannot mount a folder"),
        ("error while creating mount source path '/proc/x': mkdir /proc/x: no such file", "cannot mount a folder"),
        ('The container name "/one-web-1" is already in use by container "dd94"', "docker rename one-web-1 NAME"),
        ("network one_default was found but has incorrect label", "docker network rm one_default"),
        ("iptables: No chain/target/match by that name.", "sudo systemctl restart docker"),
        ("write /var/lib/docker/x: no space left on device", "make prune"),
        ("Cannot connect to the Docker daemon at unix:///var/run/docker.sock.", "stopped or restarted meanwhile"),
    ],
)
def test_what_the_engine_refuses_is_told_with_cause_and_fix(said: str, words: str) -> None:
    told = refusal(f"Error response from daemon: {said}", lambda: {"names": ["bridge", "idle"], "idle": ["idle"]})
    assert told.startswith(f"The services were not started: Error response from daemon: {said}\n  cause: ")
    assert words in told


def test_what_nobody_knows_is_told_as_it_is() -> None:
    assert refusal("a new kind of failure", dict) == "The services were not started: a new kind of failure"


@pytest.mark.parametrize(
    "said", ["dependency failed to start: container a-redis-1 is unhealthy", "container a-web-1 exited (1)"]
)
def test_a_service_that_fails_is_no_refusal_of_the_engine(said: str) -> None:
    assert refusal(said, dict) == ""


@pytest.mark.parametrize(
    ("said", "led", "words"),
    [
        ("Temporary failure resolving 'deb.example.org'", False, "sudo systemctl restart docker"),
        ("Could not resolve host: git.example.org", None, "olympia doctor mirrors proxy"),
        ("npm error code EAI_AGAIN", True, "olympia doctor mirrors proxy"),
        ("ERROR: No matching distribution found for x", False, ""),
    ],
)
def test_a_build_without_a_network_is_told(said: str, led: bool | None, words: str) -> None:
    told = network_of_builds(said, lambda: led)
    assert words in told if words else told == ""
