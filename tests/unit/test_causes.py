# SPDX-License-Identifier: BSD-3-Clause
"""What a failure mostly comes from."""

from __future__ import annotations

import pytest
from ansible_collections.addons.olympia.plugins.module_utils.causes import ENGINE_GONE, ended_together, likely_cause


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
