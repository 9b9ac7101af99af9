# SPDX-License-Identifier: BSD-3-Clause
"""Answers of container registries, classified by the messages of Docker's clients, with retries."""

from __future__ import annotations

import http.client
import json
import re
import time
from dataclasses import dataclass

from ..core.command_environment import Run
from ..core.problem import Problem
from .liveness import EngineConnection, engine_socket

REFUSED, MISSING, LIMITED, UNREACHABLE, GARBLED = "refused", "missing", "limited", "unreachable", "garbled"
HELPER = "helper"
# The first match counts. The messages are those of containerd, the engine and buildx.
PATTERNS = {
    HELPER: r"error getting credentials|docker-credential-",
    REFUSED: r"no basic auth|unauthorized|authori[sz]ation failed|authentication required|access.{0,30}denied"
    r"|denied: |^denied$|insufficient.scope|(?<!HTTP )\b40[13] ",
    # A registry returns errors as JSON; what the engine cannot parse is a page of a proxy or a login.
    GARBLED: r"error parsing HTTP (?!429\b)",
    LIMITED: r"\b429\b|too ?many ?requests|rate limit",
    MISSING: r"not found|manifest unknown|name unknown",
    UNREACHABLE: r"no such host|connection (refused|reset)|no route|unreachable|time-?out|timed out|deadline exceeded"
    r"|EOF|temporary failure|broken pipe|short read| 5\d\d ",
}
SENTENCES = {
    HELPER: "the client's own helper for credentials cannot be run",
    REFUSED: "the registry refuses it without other credentials",
    LIMITED: "the registry has had too many requests",
    MISSING: "the registry has no such image",
    UNREACHABLE: "the registry does not answer",
    GARBLED: "the answer is not from a registry",
}
FIXES = {
    HELPER: "Take credsStore or credHelpers out of config.json (~/.docker or DOCKER_CONFIG), or install that helper.",
    REFUSED: "Log in with 'docker login', as the user who runs this.",
    LIMITED: "Try again later, log in with 'docker login', or go through a mirror (olympia_docker_registry_mirrors).",
    MISSING: "Check name, version and digest.",
    UNREACHABLE: "Check the name, the network and its proxy, or go through a mirror (olympia_docker_registry_mirrors).",
    GARBLED: "Check the name, and whether a proxy or a login page answers in its place.",
}
# Answers that only a registry gives. They mean the image origin 'registry', even if it returns no image just now.
SPOKEN = ("", REFUSED, LIMITED)
FINAL = (HELPER, REFUSED, MISSING)  # a retry does not help
LONGEST_PAUSE = 30.0
REGISTRY_TIMEOUT = 15  # seconds; a registry that takes longer to answer is of no use for pulling gigabytes


def classify(words: str) -> str:
    """Return the kind of a registry's answer: one of HELPER, REFUSED, LIMITED, MISSING, UNREACHABLE, GARBLED.

    Args:
        words: The message of a client.
    """
    matches = (kind for kind, pattern in PATTERNS.items() if re.search(pattern, words, re.IGNORECASE))
    return next(matches, GARBLED)


@dataclass(frozen=True)
class Answer:
    """The result of an exchange with a registry.

    Attributes:
        kind: One of the kinds that `classify` tells apart; empty for success.
        words: The client's last words.
        output: What the client printed.
        tries: How often it was tried.
        seconds: How long that took.
    """

    kind: str
    words: str
    output: str
    tries: int = 1
    seconds: float = 0.0

    def explain(self, what: str) -> str:
        """Return a message for people.

        Args:
            what: The exchange, in words that start a sentence.
        """
        times = "once" if self.tries == 1 else f"{self.tries} times in {self.seconds:.0f} s"
        return str(Problem(f"{what}: {SENTENCES[self.kind]} (tried {times})", cause=self.words, fix=FIXES[self.kind]))


def inspect(run: Run, reference: str) -> Answer:
    """Ask a registry for an image's description, with the credentials of the client; nothing is pulled.

    Args:
        run: Runs a command.
        reference: The image. The answer's output is its digest.
    """
    code, output, errors = run(
        ["docker", "buildx", "imagetools", "inspect", "--format", "{{json .Manifest}}", reference]
    )
    words = _last_words(errors)
    return Answer(classify(words), words, "") if code else Answer("", words, json.loads(output)["digest"])


def ask(run: Run, reference: str) -> Answer:
    """Return what the engine is answered when it asks for an image's description, through its own mirrors and proxy.

    It asks as the engine's `GET /distribution/{name}/json` does (Docker Engine API 1.30 and later): nothing is pulled. For one
    on another host the client asks.

    Args:
        run: Runs a command.
        reference: An image reference.
    """
    path = engine_socket(run)
    if not path:
        return inspect(run, reference)
    connection = EngineConnection(path, REGISTRY_TIMEOUT)
    try:
        connection.request("GET", f"/distribution/{reference}/json")
        with connection.getresponse() as response:
            words = "" if response.status == http.client.OK else json.loads(response.read())["message"]
    except (OSError, http.client.HTTPException) as error:
        return Answer(UNREACHABLE, str(error), "")
    finally:
        connection.close()
    return Answer(classify(words) if words else "", words, "")


def exchange(run: Run, command: list[str], reference: str, attempts: int) -> Answer:
    """Run a command that talks to a registry until it succeeds, with growing pauses, or trying again is of no use.

    Args:
        run: Runs a command.
        command: The command.
        reference: The image that it is about.
        attempts: How often to try.
    """
    started = time.monotonic()
    pause = 1.0
    for number in range(1, attempts + 1):
        code, output, errors = run(command)
        words = _last_words(errors or output)
        kind = classify(words) if code else ""
        if kind and kind not in FINAL:
            # The engine tries a registry on this host by https and by http, and tells of the wrong one.
            second = inspect(run, reference)
            kind, words = (second.kind, second.words) if second.kind else (kind, words)
        answer = Answer(kind, words, output, number, time.monotonic() - started)
        if not kind or kind in FINAL or number == attempts:
            break
        time.sleep(pause)
        pause = min(2 * pause, LONGEST_PAUSE)
    return answer


def _last_words(text: str) -> str:
    lines = text.strip().splitlines()
    return lines[-1].removeprefix("ERROR: ").removeprefix("Error response from daemon: ") if lines else ""
