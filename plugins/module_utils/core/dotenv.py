# SPDX-License-Identifier: BSD-3-Clause
"""The project directory's `.env`: read as Compose reads it, in the sections that the render phase writes."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

CHOICES = "choices"
SECRETS = "secrets"
DERIVED = "derived"
_SECTION = re.compile(r"^# --- (\w+)")
_ASSIGNMENT = re.compile(r"^(?:export\s+)?([A-Za-z_][A-Za-z0-9_]*)=(.*)$")
_QUOTED = re.compile(r"""(?P<quote>['"])(?P<text>(?:\\.|(?!(?P=quote))[^\\])*)(?P=quote)\s*(?:#.*)?""")
# Between double quotes. What else has a backslash before it keeps that.
_ESCAPES = {"n": "\n", "r": "\r", "t": "\t", "\\": "\\", '"': '"', "$": "$"}


class DotenvError(ValueError):
    """A line that is not an assignment. The message has the line's number, never its content, which may be a secret."""


def parse(text: str) -> dict[str, dict[str, str]]:
    """Return the assignments of a `.env` by section; those before the first section belong to the choices.

    A line that somebody adds on top of the file is a choice.

    Args:
        text: The file's content.

    Raises:
        DotenvError: A line is neither blank, nor a comment, nor an assignment.
    """
    sections: dict[str, dict[str, str]] = {CHOICES: {}, SECRETS: {}, DERIVED: {}}
    section = CHOICES
    # Not splitlines(): it also ends a line at characters that are part of a value.
    for number, line in enumerate(text.split("\n"), start=1):
        stripped = line.strip()
        if heading := _SECTION.match(stripped):
            section = heading[1]
            sections.setdefault(section, {})
        elif assignment := _ASSIGNMENT.match(stripped):
            sections[section][assignment[1]] = _unquote(assignment[2].strip(), number)
        elif stripped and not stripped.startswith("#"):
            raise DotenvError(f"line {number} is not NAME=value")
    return sections


def read(path: Path) -> tuple[dict[str, dict[str, str]], str]:
    """Return the assignments of a `.env` by section, and why it cannot be read, or the empty string.

    Args:
        path: The file; it need not exist.
    """
    try:
        return parse(path.read_text(encoding="utf-8")), ""
    except FileNotFoundError:
        return parse(""), ""
    except (OSError, UnicodeDecodeError, DotenvError) as error:
        return parse(""), str(getattr(error, "strerror", None) or error)


def quote(values: Mapping[str, str]) -> str:
    """Return assignments, one a line, that Compose and `parse` read back as they are.

    Args:
        values: Value by name.
    """
    lines = []
    for name, value in values.items():
        if re.fullmatch(r"[A-Za-z0-9_@%+:,./=-]*", value):
            quoted = value
        elif "\\" in value or "\n" in value:
            # Between single quotes a backslash cannot be escaped.
            quoted = '"' + re.sub(r'([\\"$])', r"\\\1", value).replace("\n", "\\n") + '"'
        else:
            quoted = "'" + value.replace("'", "\\'") + "'"
        lines.append(f"{name}={quoted}")
    return "\n".join(lines)


def _unquote(value: str, number: int) -> str:
    if value[:1] not in ("'", '"'):
        return re.sub(r"\s+#.*$", "", value)
    quoted = _QUOTED.fullmatch(value)
    if not quoted:
        raise DotenvError(f"line {number} has a quote that does not end")
    if quoted["quote"] == "'":
        return quoted["text"].replace("\\'", "'")
    return re.sub(r"\\(.)", lambda escaped: _ESCAPES.get(escaped[1], escaped[0]), quoted["text"])
