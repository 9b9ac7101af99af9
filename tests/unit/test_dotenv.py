# SPDX-License-Identifier: BSD-3-Clause
"""The instance's .env: sections, quoting, and lines broken by hand."""

from __future__ import annotations

import pytest
from ansible_collections.addons.olympia.plugins.module_utils.core import dotenv

VALUES = [
    "",
    "plain",
    "with space",
    "it's",
    'a "quoted" word',
    "back\\slash",
    "$HOME",
    "ends with \\",
    "\\'",
    "#not a comment",
    '{"web": 30}',
    "ä",
    "two\nlines",
    "line\u2028separator",
]


@pytest.mark.parametrize("value", VALUES)
def test_values_are_read_back_as_they_were(value: str) -> None:
    assert dotenv.parse(dotenv.quote({"NAME": value}))[dotenv.CHOICES] == {"NAME": value}


def test_assignments_belong_to_their_section_and_loose_ones_to_the_choices() -> None:
    text = "A=1\n# --- choices: yours\nB=2\n# --- secrets: once\nC=3\n\n# a comment\n# --- derived: ours\nexport D=4\n"
    assert dotenv.parse(text) == {"choices": {"A": "1", "B": "2"}, "secrets": {"C": "3"}, "derived": {"D": "4"}}


@pytest.mark.parametrize("line", ["no assignment", "1A=x", "A='open", 'A="', "<<<<<<< HEAD"])
def test_a_broken_line_is_named_by_number_and_not_shown(line: str) -> None:
    with pytest.raises(dotenv.DotenvError, match="line 2") as caught:
        dotenv.parse(f"A=1\n{line}\n")
    assert line not in str(caught.value)
