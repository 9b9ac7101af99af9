# SPDX-License-Identifier: BSD-3-Clause
"""The instance's `.env`, with Compose as the judge of what it says."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from ansible_collections.addons.olympia.plugins.module_utils.core import dotenv
from hypothesis import example, given
from hypothesis import strategies as st

from .project import Project
from .strategies import SPECIAL, few, texts

# Values without one: what Compose puts in their place is not in the file.
NO_VARIABLES = st.text(SPECIAL.replace("$", ""), max_size=12)


def as_compose_reads(directory: Path, text: str, names: list[str]) -> dict[str, str]:
    """Return the values that Compose finds in a `.env`, by name."""
    (directory / ".env").write_text(text, encoding="utf-8", newline="")
    service = {"image": "none", "environment": {name: f"${{{name}}}" for name in names}}
    (directory / "compose.yml").write_text(json.dumps({"name": "dotenv", "services": {"reader": service}}))
    found: dict[str, str] = Project(directory, {}, {}).model["services"]["reader"]["environment"]
    return found


@pytest.fixture(scope="module")
def directory(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a directory for a Compose project."""
    return tmp_path_factory.mktemp("dotenv")


@few(20)
@given(values=st.lists(texts(), min_size=1, max_size=30))
# Compose leaves a backslash between single quotes as it is, so none can be doubled there.
@example(values=["back\\slash", "ends with \\", "\\'", '\\"', "\\$HOME"])
# They end a line for Python, and not for Compose.
@example(values=["line\u2028separator", "next\x85line", "form\x0cfeed"])
def test_what_is_written_is_read_back_by_compose_and_here(directory: Path, values: list[str]) -> None:
    named = {f"VALUE_{number}": value for number, value in enumerate(values)}
    text = dotenv.quote(named)
    assert dotenv.parse(text)[dotenv.CHOICES] == named
    assert as_compose_reads(directory, text, list(named)) == named


@few(60)
@given(written=NO_VARIABLES)
# Between single quotes a backslash is one.
@example(written="'C:\\dir'")
@example(written="'it\\'s'  # a remark")
@example(written='"a\\tb\\nc\\qd"')
@example(written='"a \\"word\\""')
def test_what_a_person_writes_is_read_as_compose_reads_it_or_refused(directory: Path, written: str) -> None:
    try:
        here = dotenv.parse(f"VALUE={written}\n")[dotenv.CHOICES]
    except dotenv.DotenvError:
        return
    assert as_compose_reads(directory, f"VALUE={written}\n", ["VALUE"]) == here
