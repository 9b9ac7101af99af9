# SPDX-License-Identifier: BSD-3-Clause
"""The verb that shows where each setting comes from."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from ...errors import ExitCode, Problem
from ...words import by_host
from .. import assignments as settings
from .base import Context, Verb

DEFAULT, PERSISTED = "role default", "persisted choice"


@dataclass(frozen=True)
class Given:
    """The value that one source gives a setting.

    Attributes:
        source: The source; for a persisted choice with its file.
        value: The value, as the source has it.
    """

    source: str
    value: Any


@dataclass(frozen=True)
class Setting:
    """A setting and its origin.

    Attributes:
        name: The short name.
        variable: The variable of the role.
        value: The effective value.
        source: The source of that value.
        overruled: The values of weaker sources, strongest first.
        decided: What `auto` means on the host, and why; empty for other values.
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
        settings: The settings, by variable.
        problems: A text for each value that is refused.
    """

    settings: dict[str, Setting]
    problems: tuple[str, ...]


def read(answer: Mapping[str, Any]) -> Explanation:
    """Return the answer of a host as an object.

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
    """Return the settings of each host.

    Args:
        context: The command.

    Raises:
        Problem: A host did not answer.
    """
    return {host: read(answer) for host, answer in context.prepare("explain").ask().items()}


def variables(names: Iterable[str], root: Path) -> list[str]:
    """Return the variables for names of settings in any form.

    Args:
        names: Such as HTTP_PORT, olympia_stack_http_port, DOCKER_TAG.
        root: The root of the collection.

    Raises:
        Problem: A name is not a setting.
    """
    from ansible_collections.addons.olympia.plugins.module_utils.settings.sources import variable_for

    known = settings.known_settings(root)
    meant = {name: variable_for(name, known) for name in names}
    if unknown := [name for name, variable in meant.items() if not variable]:
        raise Problem(
            "\n".join(settings.unknown_setting(name, known) for name in unknown),
            fix="See docs/settings.md for all settings",
            code=ExitCode.USAGE,
        )
    return [variable for variable in meant.values() if variable]


def as_text(explanation: Explanation, wanted: Sequence[str], everything: bool) -> str:
    """Return the settings of a host for people.

    Args:
        explanation: The settings.
        wanted: The variables to show. If empty: those that differ from the role defaults or are decided on the host.
        everything: Show all settings.
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
        lines.append(f"{more} more have role defaults; --all shows them, too.")
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
        Problem: A name is not a setting, or a host did not answer.
    """
    wanted = variables(context.words, context.root)

    def document(answer: Mapping[str, Any]) -> dict[str, Any]:
        found = read(answer)
        chosen = [one for variable, one in found.settings.items() if not wanted or variable in wanted]
        return {"settings": {one.name: asdict(one) for one in chosen}, "problems": found.problems}

    context.show(
        "explain",
        lambda answers: {host: document(answer) for host, answer in answers.items()},
        lambda answers, named: by_host(
            {host: as_text(read(answer), wanted, context.arguments.all) for host, answer in answers.items()}, named
        ),
    )


VERBS = (
    Verb(
        "explain",
        "show settings, the source of each, and the values that it overrules",
        run,
        {
            "--all": {"action": "store_true", "help": "include the settings that have role defaults"},
            "--json": {"action": "store_true", "help": "print all of them as JSON, by host"},
        },
        words="SETTING",
    ),
)
