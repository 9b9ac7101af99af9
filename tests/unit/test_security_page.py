# SPDX-License-Identifier: BSD-3-Clause
"""docs/security.md: every line of its table names its tests, and they are there; every test of security is in the table."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs/security.md").read_text(encoding="utf-8")


def rows(head: str) -> list[list[str]]:
    """Return the cells of the table that has this head."""
    table = PAGE.partition(f"{head}\n|{'---|' * (head.count('|') - 1)}\n")[2].partition("\n\n")[0]
    return [[cell.strip() for cell in line.strip("|").split(" | ")] for line in table.splitlines()]


LINES = rows("| what | how | checked by |")
SHARED = rows("| attack or promise | what stops or keeps it | checked by |")
UNTRUSTED = rows("| place | what a host could send | what is done | test |")
NAMED = re.compile(r"`([\w./]+\.py)::(\w+)`")


def names_in(file: str) -> set[str]:
    """Return the names of the tests in a file."""
    tree = ast.parse((ROOT / file).read_text(encoding="utf-8"))
    return {node.name for node in tree.body if isinstance(node, ast.FunctionDef) and node.name.startswith("test_")}


def test_the_tables_are_there() -> None:
    assert LINES and SHARED and UNTRUSTED


@pytest.mark.parametrize("line", [*LINES, *SHARED, *UNTRUSTED], ids=lambda line: line[0][:60])
def test_the_line_says_what_how_and_by_which_tests(line: list[str]) -> None:
    *said, checked_by = line
    assert len(said) in (2, 3) and all(said)
    named = NAMED.findall(checked_by)
    assert named and NAMED.sub("", checked_by).strip(", ") == ""
    for file, test in named:
        assert test in names_in(file), f"{file} has no {test}"


@pytest.mark.parametrize("file", ["tests/testinfra/test_security.py", "tests/e2e/test_security.py"])
def test_the_table_has_every_test_of_security(file: str) -> None:
    named = {test for line in LINES for where, test in NAMED.findall(line[-1]) if where == file}
    beside = {"test_the_bill_of_materials_of_no_image_is_a_sentence"}
    assert names_in(file) - beside == named


@pytest.mark.parametrize("name", ["attacks", "more_attacks", "proxy_attacks"])
def test_the_table_has_every_attack_on_a_shared_machine(name: str) -> None:
    file = f"tests/shared/test_{name}.py"
    named = {test for line in SHARED for where, test in NAMED.findall(line[-1]) if where == file}
    assert names_in(file) - {"test_bootstrap_says_when_more_is_promised_than_there_is"} == named


def test_the_page_says_what_is_not_protected() -> None:
    assert "\n## What is not protected\n\n- **" in PAGE


@pytest.mark.parametrize("page", ["README.md", "docs/architecture.md", "docs/commands.md"])
def test_other_pages_lead_to_it(page: str) -> None:
    assert "security.md" in (ROOT / page).read_text(encoding="utf-8")
