# SPDX-License-Identifier: BSD-3-Clause
"""docs/security.md: every line of its table names its tests, and they are there; every test of security is in the table."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs/security.md").read_text(encoding="utf-8")
TABLE = PAGE.partition("| what | how | checked by |\n|---|---|---|\n")[2].partition("\n\n")[0]
LINES = [[cell.strip() for cell in line.strip("|").split(" | ")] for line in TABLE.splitlines()]
NAMED = re.compile(r"`([\w./]+\.py)::(\w+)`")


def names_in(file: str) -> set[str]:
    """Return the names of the tests in a file."""
    tree = ast.parse((ROOT / file).read_text(encoding="utf-8"))
    return {node.name for node in tree.body if isinstance(node, ast.FunctionDef) and node.name.startswith("test_")}


@pytest.mark.parametrize("line", LINES, ids=lambda line: line[0][:60])
def test_the_line_says_what_how_and_by_which_tests(line: list[str]) -> None:
    what, how, checked_by = line
    assert what and how
    named = NAMED.findall(checked_by)
    assert named and NAMED.sub("", checked_by).strip(", ") == ""
    for file, test in named:
        assert test in names_in(file), f"{file} has no {test}"


@pytest.mark.parametrize("file", ["tests/testinfra/test_security.py", "tests/e2e/test_security.py"])
def test_the_table_has_every_test_of_security(file: str) -> None:
    named = {test for line in LINES for where, test in NAMED.findall(line[-1]) if where == file}
    beside = {"test_the_bill_of_materials_of_no_image_is_a_sentence"}
    assert names_in(file) - beside == named


def test_the_page_says_what_is_not_protected() -> None:
    assert "\n## What is not protected\n\n- **" in PAGE


@pytest.mark.parametrize("page", ["README.md", "docs/architecture.md", "docs/commands.md"])
def test_other_pages_lead_to_it(page: str) -> None:
    assert "security.md" in (ROOT / page).read_text(encoding="utf-8")
