# SPDX-License-Identifier: BSD-3-Clause
"""The verb that says what could stand in the way of a stack, and mends what is safe to mend."""

from __future__ import annotations

import argparse
import json
import textwrap
from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any

from ...errors import ExitCode, OlympiaError
from ...present.words import by_host
from .base import Context, Verb, words_and_assignments

SCHEMA = 1  # of the JSON document; docs/doctor.md describes it
WIDTH = 80
INDENT = 10  # the widest state, and two spaces
PLURALS = {"warning": "warnings"}


def document(answers: Mapping[str, list[dict[str, Any]]]) -> dict[str, Any]:
    """Return the JSON document of a run.

    Args:
        answers: The verdicts by host.
    """
    states = Counter(verdict["state"] for verdicts in answers.values() for verdict in verdicts)
    return {
        "schema": SCHEMA,
        "summary": {state: states[state] for state in ("ok", "warning", "failed", "unknown")},
        "hosts": {host: {"checks": verdicts} for host, verdicts in answers.items()},
    }


def lines(verdict: Mapping[str, Any]) -> list[str]:
    """Return a verdict as it is printed: a line, and below it what was seen and what to do where all is not well.

    Args:
        verdict: As the module gives it.
    """
    printed = [f"{verdict['state']:{INDENT}}{verdict['name']:16}{verdict['title']}"]
    details = (("seen", verdict["evidence"]), ("fix", verdict["fix"])) if verdict["state"] != "ok" else ()
    for label, text in (*details, ("--fix", verdict["done"])):
        if text:
            printed += textwrap.wrap(
                f"{label}: {text}",
                WIDTH,
                initial_indent=" " * INDENT,
                subsequent_indent=" " * (INDENT + 2),
                # What is to be copied stays in one piece.
                break_long_words=False,
                break_on_hyphens=False,
            )
    return printed


def summary(found: Mapping[str, int]) -> str:
    """Return a sentence that counts the verdicts.

    Args:
        found: Their number by state.
    """
    counts = [
        f"{number} {PLURALS.get(state, state) if number > 1 else state}" for state, number in found.items() if number
    ]
    return f"{sum(found.values())} checks: {', '.join(counts)}"


def text(found: Mapping[str, Any], named: bool = False) -> str:
    """Return the document of a run for people.

    Args:
        found: As `document` gives it.
        named: Whether to name a single host, too.
    """
    texts = {
        host: "\n".join(line for verdict in about["checks"] for line in lines(verdict))
        for host, about in found["hosts"].items()
    }
    return f"{by_host(texts, named)}\n{summary(found['summary'])}"


def check_names(names: Iterable[str]) -> None:
    """Refuse what is no check.

    Args:
        names: As given.

    Raises:
        OlympiaError: There is no such check.
    """
    from ansible_collections.addons.olympia.plugins.module_utils.checks.instance_checks import CHECKS
    from ansible_collections.addons.olympia.plugins.module_utils.checks.machine_checks import CHECKS as OF_MACHINES
    from ansible_collections.addons.olympia.plugins.module_utils.checks.verdicts import choose

    try:
        choose(list(names), CHECKS, OF_MACHINES)
    except ValueError as error:
        raise OlympiaError(
            str(error), way_out="docs/doctor.md lists the checks; nothing was looked at", code=ExitCode.USAGE
        ) from error


def run(context: Context) -> ExitCode:
    """Ask the doctor, print what it says, and return the exit code.

    Args:
        context: The command.

    Raises:
        OlympiaError: There is no such check, no host to look at, or one that did not answer.
    """
    check_names(context.words)
    names = ("__olympia_stack_doctor_checks", "__olympia_tenant_doctor_checks")
    asked = dict.fromkeys(names, ",".join(context.words)) if context.words else {}
    asked |= {"__olympia_stack_doctor_fix": "true"} if context.arguments.fix else {}
    context.given |= asked
    answers, error = context.prepare("doctor").ask_each()
    if error and not answers:
        raise error
    found = document(answers)
    print(json.dumps(found, indent=2) if context.arguments.json else text(found, named=error is not None))
    if error:
        raise error
    return ExitCode.PREFLIGHT if found["summary"]["failed"] else ExitCode.DONE


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the verb's own.

    Args:
        parser: Its parser.
    """
    parser.add_argument("--fix", action="store_true", help="mend what is safe to mend, and say what was done")
    parser.add_argument("--check", action="store_true", help="with --fix: say what would be mended, and mend nothing")
    parser.add_argument("--json", action="store_true", help="print one JSON document")
    parser.epilog = "CHECK is a name in docs/doctor.md; without one, all checks are made."


VERBS = (
    Verb(
        "doctor",
        "say what could stand in the way of the stack; --fix mends what is safe",
        run,
        add_arguments,
        divide=words_and_assignments,
        words="CHECK",
    ),
)
