# SPDX-License-Identifier: BSD-3-Clause
"""Where each setting comes from."""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from ...errors import ExitCode, OlympiaError
from ...present.words import by_host
from .. import given as settings
from .base import Context, Verb, words_and_assignments

DEFAULT, PERSISTED = "role default", "persisted choice"


@dataclass(frozen=True)
class Given:
    """What one source says of a setting.

    Attributes:
        source: The source; a persisted choice with its file.
        value: The value, as it was given there.
    """

    source: str
    value: Any


@dataclass(frozen=True)
class Setting:
    """A setting, and where it comes from.

    Attributes:
        name: Its short name.
        variable: The role's variable.
        value: What holds.
        source: Where that comes from.
        overruled: What weaker sources say, strongest first.
        decided: What `auto` comes to on the host, and why; empty for other values.
    """

    name: str
    variable: str
    value: Any
    source: str
    overruled: tuple[Given, ...]
    decided: str


@dataclass(frozen=True)
class Explanation:
    """The settings of a host.

    Attributes:
        settings: Each of them, by variable.
        problems: Values that are refused, as sentences.
    """

    settings: dict[str, Setting]
    problems: tuple[str, ...]


def read(answer: Mapping[str, Any]) -> Explanation:
    """Return what a host has answered.

    Args:
        answer: The message of explain.yml.
    """

    def place(source: str) -> str:
        return f"{source} in {answer['choices_file']}" if source == PERSISTED else source

    return Explanation(
        {
            variable: Setting(
                found["name"],
                variable,
                found["value"],
                place(found["source"]),
                tuple(Given(place(other["source"]), other["value"]) for other in found["overruled"]),
                found["decided"],
            )
            for variable, found in answer["settings"].items()
        },
        tuple(
            ". ".join(filter(None, (problem["what"], problem["cause"], problem["fix"])))
            for problem in answer["problems"]
        ),
    )


def ask(context: Context) -> dict[str, Explanation]:
    """Return where the settings come from, by host.

    Args:
        context: The command.

    Raises:
        OlympiaError: A host did not answer.
    """
    return {host: read(answer) for host, answer in context.prepare("explain").ask().items()}


def variables(names: Iterable[str], root: Path) -> list[str]:
    """Return the variables that names mean, in any of their forms.

    Args:
        names: As given: HTTP_PORT, olympia_stack_http_port, DOCKER_TAG.
        root: The checkout.

    Raises:
        OlympiaError: One is not the name of a setting.
    """
    from ansible_collections.addons.olympia.plugins.module_utils.settings.sources import variable_for

    known = settings.known_settings(root)
    meant = {name: variable_for(name, known) for name in names}
    if unknown := [name for name, variable in meant.items() if not variable]:
        raise OlympiaError(
            "\n".join(f"{name} is not a setting. {settings.suggestion(name, known)}".strip() for name in unknown),
            way_out="docs/settings.md lists all settings",
            code=ExitCode.USAGE,
        )
    return [variable for variable in meant.values() if variable]


def as_text(explanation: Explanation, wanted: Sequence[str], everything: bool) -> str:
    """Return an explanation for people.

    Args:
        explanation: Of one host.
        wanted: The variables that were asked for; none for those that are not role defaults, or are decided by the host.
        everything: All of them.
    """
    shown = [
        setting
        for variable, setting in explanation.settings.items()
        if everything or (variable in wanted if wanted else setting.decided or setting.source != DEFAULT)
    ]
    lines = []
    for setting in shown:
        lines += [f"{setting.name}={_text(setting.value)}", f"  from: {setting.source}"]
        lines += [f"  here: {setting.decided}"] if setting.decided else []
        lines += [f"  instead of: {_text(other.value)} ({other.source})" for other in setting.overruled]
    if not wanted and (more := len(explanation.settings) - len(shown)):
        lines.append(f"{more} more are role defaults; --all shows them, too.")
    lines += [f"Refused: {problem}" for problem in explanation.problems]
    return "\n".join(lines)


def _text(value: Any) -> str:
    from ansible_collections.addons.olympia.plugins.module_utils.settings.sources import encode

    return encode(value) or "''"


def run(context: Context) -> None:
    """Print where settings come from.

    Args:
        context: The command.

    Raises:
        OlympiaError: A name is not that of a setting, or a host did not answer.
    """
    wanted = variables(context.words, context.root)
    answers = ask(context)
    if context.arguments.json:
        chosen = {
            host: {
                "settings": {
                    setting.name: asdict(setting)
                    for variable, setting in explanation.settings.items()
                    if not wanted or variable in wanted
                },
                "problems": explanation.problems,
            }
            for host, explanation in answers.items()
        }
        print(json.dumps(chosen, indent=2))
        return
    texts = {host: as_text(explanation, wanted, context.arguments.all) for host, explanation in answers.items()}
    print(by_host(texts))


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of `explain`.

    Args:
        parser: Its parser.
    """
    parser.add_argument("--all", action="store_true", help="also the settings that are role defaults")
    parser.add_argument("--json", action="store_true", help="all of them for a program, by host")


VERBS = (
    Verb(
        "explain",
        "say what settings are, where each comes from and what that overrules",
        run,
        add_arguments,
        divide=words_and_assignments,
        words="SETTING",
    ),
)
