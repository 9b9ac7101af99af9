# SPDX-License-Identifier: BSD-3-Clause
"""What a registry's answer means. The words are what the engine and buildx really said of such registries."""

from __future__ import annotations

import pytest
from ansible_collections.addons.olympia.plugins.module_utils.core.command_environment import Run
from ansible_collections.addons.olympia.plugins.module_utils.host import registry

HEAD = 'failed to do request: Head "https://r.test/v2/a/b/manifests/1": '


@pytest.mark.parametrize(
    ("words", "kind"),
    [
        ('failed to resolve reference "r.test/a/b:2": r.test/a/b:2: not found', registry.MISSING),
        (
            "pull access denied, repository does not exist or may require authorization: authorization failed: "
            "no basic auth credentials",
            registry.REFUSED,
        ),
        (
            'error getting credentials - err: exec: "docker-credential-desktop": executable file not found in $PATH, out: ``',
            registry.HELPER,
        ),
        ("denied", registry.REFUSED),
        (
            "error parsing HTTP 403 response body: invalid character '<' looking for beginning of value",
            registry.GARBLED,
        ),
        ("error parsing HTTP 429 response body: invalid character 's' looking for beginning", registry.LIMITED),
        ("denied: requested access to the resource is denied", registry.REFUSED),
        (
            "unexpected status from HEAD request to http://r.test/v2/a/b/manifests/1: 429 Too Many Requests",
            registry.LIMITED,
        ),
        (
            "unexpected status from HEAD request to http://r.test/v2/a/b/manifests/1: 500 Internal Server Error",
            registry.UNREACHABLE,
        ),
        (HEAD + "dial tcp 127.0.0.1:5999: connect: connection refused", registry.UNREACHABLE),
        (HEAD + "dial tcp 127.0.0.1:42927: connect: connection refused", registry.UNREACHABLE),
        (HEAD + "dial tcp: lookup r.test on 10.0.0.1:53: no such host", registry.UNREACHABLE),
        ("invalid character '<' looking for beginning of value", registry.GARBLED),
        ("permission denied while trying to connect to the Docker daemon socket", registry.GARBLED),
    ],
)
def test_what_an_answer_means(words: str, kind: str) -> None:
    assert registry.classify(words) == kind


def failing(*answers: str) -> tuple[Run, list[list[str]]]:
    """Return a runner whose commands end with these errors in turn, an empty one for success, and what it was asked."""
    asked: list[list[str]] = []
    left = list(answers)

    def run(command: list[str]) -> tuple[int, str, str]:
        asked.append(command)
        words = left.pop(0)
        return (1, "", f"Error response from daemon: {words}\n") if words else (0, '{"digest": "sha256:1"}', "")

    return run, asked


def test_a_refusal_is_not_asked_for_twice() -> None:
    run, asked = failing("no basic auth credentials")
    answer = registry.exchange(run, ["docker", "pull", "r.test/a"], "r.test/a", 5)
    assert (answer.kind, answer.tries, len(asked)) == (registry.REFUSED, 1, 1)
    assert "refuses" in answer.explain("r.test/a cannot be pulled") and "tried once" in answer.explain("x")


def test_a_registry_that_comes_back_is_asked_again(monkeypatch: pytest.MonkeyPatch) -> None:
    pauses: list[float] = []
    monkeypatch.setattr("time.sleep", pauses.append)
    away = "connection refused"
    # Each failure is followed by a second opinion.
    run, _ = failing(away, away, away, away, "")
    answer = registry.exchange(run, ["docker", "pull", "r.test/a"], "r.test/a", 5)
    assert (answer.kind, answer.tries) == ("", 3)
    assert pauses == [1.0, 2.0]


def test_the_second_opinion_is_the_clearer_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("time.sleep", lambda _: None)
    run, _ = failing("tls: first record does not look like a TLS handshake", "429 Too Many Requests")
    answer = registry.exchange(run, ["docker", "pull", "r.test/a"], "r.test/a", 1)
    assert answer.kind == registry.LIMITED
    assert "429" in answer.words
