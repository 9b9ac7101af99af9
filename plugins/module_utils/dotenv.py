# SPDX-License-Identifier: BSD-3-Clause
"""The project directory's `.env`: read as Compose reads it, in the sections that the render phase writes."""

from __future__ import annotations

import re
from collections.abc import Mapping

CHOICES = "choices"
SECRETS = "secrets"
DERIVED = "derived"
_SECTION = re.compile(r"^# --- (\w+)")
_ASSIGNMENT = re.compile(r"^(?:export\s+)?([A-Za-z_][A-Za-z0-9_]*)=(.*)$")


class DotenvError(ValueError):
    """A line that is not an assignment. The message names the line by number, never by content (it may hold a secret)."""


def parse(text: str) -> dict[str, dict[str, str]]:
    """Return the assignments of a `.env` by section; those before the first section belong to the choices.

    A person who adds a line on top of the file makes a choice, so that is where it goes.

    Args:
        text: The file's content.

    Raises:
        DotenvError: A line is neither blank, nor a comment, nor an assignment.
    """
    sections: dict[str, dict[str, str]] = {CHOICES: {}, SECRETS: {}, DERIVED: {}}
    section = CHOICES
    for number, line in enumerate(text.splitlines(), start=1):
        stripped = line.strip()
        if heading := _SECTION.match(stripped):
            section = heading[1]
            sections.setdefault(section, {})
        elif assignment := _ASSIGNMENT.match(stripped):
            sections[section][assignment[1]] = _unquote(assignment[2].strip(), number)
        elif stripped and not stripped.startswith("#"):
            raise DotenvError(f"line {number} is not NAME=value")
    return sections


def quote(values: Mapping[str, str]) -> str:
    """Return assignments, one a line, that Compose and `parse` read back as they are.

    Args:
        values: Value by name. A value has no line break.

    Raises:
        DotenvError: A value has a line break.
    """
    lines = []
    for name, value in values.items():
        if "\n" in value:
            raise DotenvError(f"the value of {name} has a line break")
        plain = re.fullmatch(r"[A-Za-z0-9_@%+:,./=-]*", value)
        # Between single quotes Compose could not read a backslash at the end.
        escaped = re.sub(r'([\\"$])', r"\\\1", value)
        lines.append(f"{name}={value if plain else chr(34) + escaped + chr(34)}")
    return "\n".join(lines)


def _unquote(value: str, number: int) -> str:
    if value[:1] in ("'", '"'):
        if len(value) < 2 or value[-1] != value[0]:
            raise DotenvError(f"line {number} has a quote that does not end")
        return re.sub(r"\\(.)" if value[0] == '"' else r"\\(')", r"\1", value[1:-1])
    return re.sub(r"\s+#.*$", "", value)
