# SPDX-License-Identifier: BSD-3-Clause
"""Suggestions for mistyped words, and text that is safe and readable on a terminal."""

from __future__ import annotations

import difflib
import re
import textwrap
from collections.abc import Iterable, Mapping
from typing import Any

WIDTH = 80  # columns, for text that has to fit any terminal
# Escape sequences, control characters and direction marks: they control a terminal or disguise text. Colours are kept.
CONTROLS = re.compile(
    r"(?P<colour>\x1b\[[0-9;]*m)|\x1b\[[0-?]*[ -/]*[@-~]|\x1b[\]PX^_][^\x07\x1b]*(?:\x07|\x1b\\)?|\r(?=\n)"
    r"|(?P<other>[\x00-\x08\x0b-\x1f\x7f-\x9f\u200e\u200f\u2028-\u202e\u2066-\u2069])"
)


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """Return a question that suggests the known word closest to a mistyped one, or the empty string.

    Args:
        word: The mistyped word.
        known: The valid words.
    """
    names = sorted(known)
    # Swapped letters are the most common typo, but difflib finds short words with swapped letters too different.
    swapped = [name for name in names if sorted(name) == sorted(word)]
    return next((f"Did you mean {name}?" for name in swapped or difflib.get_close_matches(word, names, n=1)), "")


def wrap(text: str, indent: str = "", first: str = "") -> str:
    """Return a sentence wrapped to the width of a terminal. Commands and paths stay in one piece, so that they can be copied.

    Args:
        text: The sentence.
        indent: The start of every line but the first.
        first: The start of the first line.
    """
    wrapper = textwrap.TextWrapper(
        WIDTH, initial_indent=first, subsequent_indent=indent, break_long_words=False, break_on_hyphens=False
    )
    return wrapper.fill(text)


def by_host(texts: Mapping[str, str], named: bool = False) -> str:
    """Return the texts of several hosts, one after the other, each below the name of its host.

    Args:
        texts: The text of each host.
        named: Name a single host, too; for example because other hosts did not answer.
    """
    named = named or len(texts) > 1
    return "\n".join(f"{host}:\n{text}" if named else text for host, text in texts.items())


def harmless(value: Any) -> Any:
    """Return what a host sent without anything that controls a terminal.

    Args:
        value: A text, or lists and dictionaries that contain texts.
    """
    if isinstance(value, dict):
        return {harmless(key): harmless(item) for key, item in value.items()}
    if isinstance(value, list):
        return [harmless(item) for item in value]
    if isinstance(value, str):
        return CONTROLS.sub(
            lambda found: found["colour"] or ("\N{REPLACEMENT CHARACTER}" if found["other"] else ""), value
        )
    return value
