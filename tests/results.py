# SPDX-License-Identifier: BSD-3-Clause
"""What runs of the driver leave behind, as tests look at it."""

from __future__ import annotations

import json
import xml.etree.ElementTree as ElementTree
from pathlib import Path
from typing import Any

import jsonschema  # type: ignore[import-untyped]

from .checkout import ROOT


def result_in(folder: Path) -> dict[str, Any]:
    """Return the JSON result in a folder of artifacts, which is as its schema says."""
    result: dict[str, Any] = json.loads((folder / "result.json").read_text())
    schema = json.loads((ROOT / "docs/ci/result.schema.json").read_text())
    jsonschema.Draft202012Validator(schema).validate(result)
    return result


def cases_in(folder: Path) -> list[tuple[str, ...]]:
    """Return what the JUnit report in a folder says of each case: class, name, and what became of it."""
    found = ElementTree.parse(folder / "junit.xml").iter("testcase")
    return [(case.get("classname", ""), case.get("name", ""), *(child.tag for child in case)) for case in found]


def files_in(folder: Path) -> dict[str, str]:
    """Return the content of every file in a folder."""
    return {str(path.relative_to(folder)): path.read_text() for path in folder.rglob("*") if path.is_file()}


def record_of(run: Path) -> dict[str, Any]:
    """Return the record in a run's directory, which is its owner's alone."""
    assert (run / "record.json").stat().st_mode & 0o777 == 0o600
    record: dict[str, Any] = json.loads((run / "record.json").read_text())
    return record
