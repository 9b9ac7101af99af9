# SPDX-License-Identifier: BSD-3-Clause
"""Mistyped words, and texts for people."""

from __future__ import annotations

import difflib
import re
import textwrap
from collections.abc import Iterable, Mapping
from typing import Any

WIDTH = 80  # of what people read on any terminal
# What a terminal obeys, or shows as something else than it is: sequences of escapes, control characters, marks of direction.
# Colours are kept.
OBEYED = re.compile(
    r"(?P<colour>\x1b\[[0-9;]*m)|\x1b\[[0-?]*[ -/]*[@-~]|\x1b[\]PX^_][^\x07\x1b]*(?:\x07|\x1b\\)?|\r(?=\n)"
    r"|(?P<other>[\x00-\x08\x0b-\x1f\x7f-\x9f\u200e\u200f\u2028-\u202e\u2066-\u2069])"
)


def closest(word: str, known: Iterable[str]) -> str:
    """Return the known word that a mistyped one comes nearest to, or the empty string.

    Args:
        word: The mistyped one.
        known: The right ones.
    """
    names = sorted(known)
    # Swapped letters are the commonest slip, and make a short word unlike itself to difflib.
    swapped = [name for name in names if sorted(name) == sorted(word)]
    return next(iter(swapped or difflib.get_close_matches(word, names, n=1)), "")


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """Return the question that answers a mistyped word, or the empty string where nothing comes near.

    Args:
        word: The mistyped one.
        known: The right ones.
    """
    nearest = closest(word, known)
    return f"Did you mean {nearest}?" if nearest else ""


def wrap(text: str, indent: str = "") -> str:
    """Return a sentence in lines that fit a terminal; no word is broken.

    Args:
        text: The sentence.
        indent: What each line but the first begins with.
    """
    return textwrap.fill(text, WIDTH, subsequent_indent=indent, break_long_words=False, break_on_hyphens=False)


def by_host(texts: Mapping[str, str], named: bool = False) -> str:
    """Return what each host says, one after the other; each is named where there are several.

    Args:
        texts: What it says, by host.
        named: Whether to name a single one, too, as where others have not answered.
    """
    named = named or len(texts) > 1
    return "\n".join(f"{host}:\n{text}" if named else text for host, text in texts.items())


def harmless(value: Any) -> Any:
    """Return what a host has said without what would make a terminal do anything but show it.

    Args:
        value: A text; or lists and dictionaries with texts in them.
    """
    if isinstance(value, dict):
        return {harmless(key): harmless(item) for key, item in value.items()}
    if isinstance(value, list):
        return [harmless(item) for item in value]
    if isinstance(value, str):
        return OBEYED.sub(
            lambda found: found["colour"] or ("\N{REPLACEMENT CHARACTER}" if found["other"] else ""), value
        )
    return value
