# SPDX-License-Identifier: BSD-3-Clause
"""What would be written, without writing it."""

from __future__ import annotations

import difflib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ...present.words import by_host
from .base import Context, Verb


@dataclass(frozen=True)
class Difference:
    """The rendered files of a host, where they are other than its settings say.

    Attributes:
        project_dir: Where they are.
        files: What `up` would write or remove there; directories end with a slash.
        diff: The unified diff of their contents.
    """

    project_dir: str
    files: tuple[str, ...]
    diff: str


def unified(differences: Sequence[Mapping[str, str]]) -> str:
    """Return a unified diff, credentials masked.

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
        OlympiaError: A host did not answer.
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
        difference: Of one host.
    """
    if not difference.files:
        return f"Nothing would be written: the files in {difference.project_dir} are as the settings say."
    names = ", ".join(difference.files)
    return f"{difference.diff}Nothing was written. In {difference.project_dir}, up would write: {names}"


def run(context: Context) -> None:
    """Print what would be written.

    Args:
        context: The command.

    Raises:
        OlympiaError: A host did not answer.
    """
    print(by_host({host: as_text(difference) for host, difference in ask(context).items()}))


VERBS = (Verb("render", "show what would be written to the project directory, as a diff", run),)
