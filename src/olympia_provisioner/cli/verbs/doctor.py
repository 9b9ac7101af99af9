# SPDX-License-Identifier: BSD-3-Clause
"""The verb that checks for common problems, and fixes what is safe to fix."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any

from ...errors import ExitCode, Problem
from ...words import by_host, wrap
from .base import Context, Verb

SCHEMA = 1  # of the JSON document; docs/doctor.md describes it
INDENT = 10  # the longest state and two spaces


def document(answers: Mapping[str, list[dict[str, Any]]]) -> dict[str, Any]:
    """Return the JSON document of a run.

    Args:
        answers: The verdicts of each host.
    """
    states = Counter(verdict["state"] for verdicts in answers.values() for verdict in verdicts)
    return {
        "schema": SCHEMA,
        "summary": {state: states[state] for state in ("ok", "warning", "failed", "unknown")},
        "hosts": {host: {"checks": verdicts} for host, verdicts in answers.items()},
    }


def lines(verdict: Mapping[str, Any]) -> list[str]:
    """Return the lines of a verdict: one line, and below it cause and fix unless the verdict is ok.

    Args:
        verdict: As the module returns it.
    """
    printed = [f"{verdict['state']:{INDENT}}{verdict['name']:16}{verdict['title']}"]
    details = (("cause", verdict["evidence"]), ("fix", verdict["fix"])) if verdict["state"] != "ok" else ()
    for label, text in (*details, ("--fix", verdict["done"])):
        if text:
            printed += wrap(f"{label}: {text}", " " * (INDENT + 2), " " * INDENT).splitlines()
    return printed


def summary(found: Mapping[str, int]) -> str:
    """Return a sentence that counts the verdicts.

    Args:
        found: Their number by state.
    """
    counts = [
        f"{number} {state}{'s' * (state == 'warning' and number > 1)}" for state, number in found.items() if number
    ]
    return f"{sum(found.values())} checks: {', '.join(counts)}"


def text(found: Mapping[str, Any], named: bool = False) -> str:
    """Return the document of a run for people.

    Args:
        found: The document.
        named: Name a single host, too.
    """
    texts = {
        host: "\n".join(line for verdict in about["checks"] for line in lines(verdict))
        for host, about in found["hosts"].items()
    }
    return f"{by_host(texts, named)}\n{summary(found['summary'])}"


def check_names(names: Iterable[str]) -> None:
    """Refuse names that are not checks.

    Args:
        names: The names.

    Raises:
        Problem: There is no such check.
    """
    from ansible_collections.addons.olympia.plugins.module_utils.checks.instance_checks import CHECKS
    from ansible_collections.addons.olympia.plugins.module_utils.checks.machine_checks import CHECKS as OF_MACHINES
    from ansible_collections.addons.olympia.plugins.module_utils.checks.verdicts import choose

    try:
        choose(list(names), CHECKS, OF_MACHINES)
    except ValueError as error:
        raise Problem(
            str(error), fix="See docs/doctor.md for the checks; nothing was run", code=ExitCode.USAGE
        ) from error


def run(context: Context) -> ExitCode:
    """Run the checks, print the verdicts, and return the exit code.

    Args:
        context: The command.

    Raises:
        Problem: There is no such check, or a host did not answer.
    """
    check_names(context.words)
    names = ("__olympia_stack_doctor_checks", "__olympia_tenant_doctor_checks")
    context.given |= dict.fromkeys(names, ",".join(context.words)) if context.words else {}
    context.given |= {"__olympia_stack_doctor_fix": "true"} if context.arguments.fix else {}
    answers = context.show("doctor", document, lambda answers, named: text(document(answers), named))
    return ExitCode.PREFLIGHT if document(answers)["summary"]["failed"] else ExitCode.DONE


VERBS = (
    Verb(
        "doctor",
        "check for common problems and suggest fixes; --fix applies the safe ones",
        run,
        {
            "--fix": {"action": "store_true", "help": "apply the safe fixes, and report them"},
            "--check": {"action": "store_true", "help": "with --fix: report what would be fixed, and change nothing"},
            "--json": {"action": "store_true", "help": "print one JSON document"},
        },
        words="CHECK",
        epilog="CHECK is a name in docs/doctor.md; by default, all checks run.",
    ),
)
