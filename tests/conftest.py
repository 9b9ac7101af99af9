# SPDX-License-Identifier: BSD-3-Clause
"""What the tests of the repository's own Python share."""

from __future__ import annotations

import re
import shutil
import sys
from collections.abc import Generator, Iterator
from pathlib import Path

import pytest

from .chromium import Chromium

ROOT = Path(__file__).resolve().parent.parent
SCREENSHOTS = ROOT / ".test-logs/screenshots"
BROWSER = pytest.StashKey[Chromium]()
# The scripts import one another by name.
sys.path.insert(0, str(ROOT / "scripts"))


@pytest.fixture
def bare_checkout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a copy of what bootstrap reads, which its module takes for the checkout."""
    import environment

    for name in ("requirements", "scripts"):
        shutil.copytree(ROOT / name, tmp_path / name)
    for name in ("requirements.yml", "pyproject.toml", "ansible.cfg"):
        shutil.copy(ROOT / name, tmp_path)
    (tmp_path / "collections").mkdir()
    monkeypatch.setattr(environment, "ROOT", tmp_path)
    monkeypatch.setattr(environment, "LOCKS", tmp_path / "requirements")
    return tmp_path


@pytest.fixture(scope="session")
def browser(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Chromium]:
    """Return a browser. What it shows when a test fails is kept."""
    chromium = Chromium(tmp_path_factory.mktemp("profile"))
    request.config.stash[BROWSER] = chromium
    yield chromium
    chromium.close()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Function) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Keep what the browser shows when a test that uses it fails, and say where."""
    report = yield
    browser = item.config.stash.get(BROWSER, None)
    if report.failed and browser and "browser" in item.fixturenames:
        try:
            report.sections.append(
                ("The browser", browser.keep(SCREENSHOTS / re.sub(r"\W+", "-", item.name).strip("-")))
            )
        except (AssertionError, OSError) as error:
            report.sections.append(("The browser", f"It shows nothing: {error}"))
    return report
