# SPDX-License-Identifier: BSD-3-Clause
"""The suite's options."""

from __future__ import annotations

from pathlib import Path

import pytest


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the options."""
    parser.addoption("--scenario", help="use the running host of this Molecule scenario instead of a new one")
    parser.addoption("--table", type=Path, help="write what came of each fault into the table of this page")
