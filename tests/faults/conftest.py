# SPDX-License-Identifier: BSD-3-Clause
"""The option that lets the suite write down what has come of each fault."""

from __future__ import annotations

from pathlib import Path

import pytest


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the option."""
    parser.addoption("--table", type=Path, help="write what came of each fault into the table of this page")
