# SPDX-License-Identifier: BSD-3-Clause
"""The verb that shows what would be written, and writes nothing."""

from __future__ import annotations

import difflib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ...words import by_host
from .base import Context, Verb


@dataclass(frozen=True)
class Difference:
    """How the rendered files of a host differ from its settings.

    Attributes:
        project_dir: The project directory.
        files: What `up` would write or remove there; directories end with a slash.
        diff: The unified diff of the contents.
    """

    project_dir: str
    files: tuple[str, ...]
    diff: str


def unified(differences: Sequence[Mapping[str, str]]) -> str:
    """Return a unified diff with masked credentials.

    Args:
        differences: Before, after and header of each file, as Ansible's modules return them.
    """
    from ansible_collections.addons.olympia.plugins.module_utils.core.masking import mask

    lines: list[str] = []
    for one in differences:
        before, after = (one[side].splitlines(keepends=True) for side in ("before", "after"))
        lines += difflib.unified_diff(before, after, one["before_header"], one["after_header"])
    masked: str = mask("".join(lines))
    return masked


def ask(context: Context) -> dict[str, Difference]:
    """Return what would be written, by host.

    Args:
        context: The command.

    Raises:
        Problem: A host did not answer.
    """
    run = context.prepare("render")
    answers: dict[str, Any] = run.ask()
    return {
        host: Difference(answer["project_dir"], tuple(answer["files"]), unified(run.differences.get(host, [])))
        for host, answer in answers.items()
    }


def as_text(difference: Difference) -> str:
    """Return a difference for people.

    Args:
        difference: The difference of one host.
    """
    if not difference.files:
        return f"Nothing to write: the files in {difference.project_dir} match the settings."
    names = ", ".join(difference.files)
    return f"{difference.diff}Nothing was written. In {difference.project_dir}, up would write: {names}"


def run(context: Context) -> None:
    """Print what would be written.

    Args:
        context: The command.

    Raises:
        Problem: A host did not answer.
    """
    print(by_host({host: as_text(difference) for host, difference in ask(context).items()}))


VERBS = (Verb("render", "show what would be written to the project directory, as a diff", run),)
