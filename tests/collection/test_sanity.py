# SPDX-License-Identifier: BSD-3-Clause
"""Ansible's own checks of a collection, on the collection as users install it."""

from __future__ import annotations

import ast
import configparser
import re
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import SimpleNamespace

import pytest
from ansible_test._internal.python_requirements import get_venv_packages

from environment import bundled_pip

from .conftest import ROOT, Installation, run

# ansible-test makes environments of its own, below the home directory. They stay here, and a second run is quick.
HOME = ROOT / ".ansible/sanity"
PYTHON = f"{sys.version_info.major}.{sys.version_info.minor}"
# The script that it puts pip into an environment with; it downloads what is not in its cache.
PIP = get_venv_packages(SimpleNamespace(version=PYTHON))["pip"]
GET_PIP = HOME / f".ansible/test/cache/get_pip_{PIP.replace('.', '_')}.py"
TESTS = [
    "action-plugin-docs",
    "ansible-doc",
    "changelog",
    "compile",
    "empty-init",
    "ignores",
    "import",
    "line-endings",
    "no-assert",
    "no-get-exception",
    "no-illegal-filenames",
    "no-smart-quotes",
    "pep8",
    "pslint",
    "pylint",
    "replace-urlopen",
    "runtime-metadata",
    "shebang",
    "shellcheck",
    "symlinks",
    "use-argspec-type-path",
    "use-compat-six",
    "validate-modules",
    "yamllint",
]
# It takes as long as all the others together.
LONGEST = "pylint"
# What is printed about a test: up to the next test, the list of those that failed, or the warnings once more.
SECTION = re.compile(
    r'^Running sanity test "(.+?)".*?(?=^Running |^ERROR: The \d+ sanity |^WARNING: Reviewing |\Z)', re.M | re.S
)


@pytest.fixture(scope="module")
def home() -> Path:
    """Return a home directory in which ansible-test can install packages, wherever pip may take them from here."""
    GET_PIP.parent.mkdir(parents=True, exist_ok=True)
    GET_PIP.write_text(
        "import sysconfig, zipfile\n"
        f"zipfile.ZipFile({str(bundled_pip())!r}).extractall(sysconfig.get_path('purelib'))\n"
    )
    # It hides the environment from pip, and this home hides the user's settings.
    settings = configparser.ConfigParser(interpolation=None)
    for line in run(sys.executable, "-m", "pip", "config", "list", cwd=ROOT).splitlines():
        name, _separator, value = line.partition("=")
        section, _dot, key = name.replace(":env:", "global").rpartition(".")
        if not settings.has_section(section):
            settings.add_section(section)
        settings.set(section, key, ast.literal_eval(value))
    file = HOME / ".config/pip/pip.conf"
    file.parent.mkdir(parents=True, exist_ok=True)
    with file.open("w") as written:
        settings.write(written)
    return HOME


def test_none_is_left_out(installation: Installation) -> None:
    assert installation.run("ansible-test", "sanity", "--list-tests", cwd=installation.collection).split() == TESTS


@pytest.fixture(scope="module")
def shown(request: pytest.FixtureRequest, installation: Installation, home: Path) -> dict[str, str]:
    """Return what ansible-test prints about each selected test, by its name.

    Two processes run side by side. A crash of either one fails every selected test.
    """
    functions = [item for item in request.session.items if isinstance(item, pytest.Function)]
    selected = [item.callspec.params["test"] for item in functions if item.originalname == test_sanity.__name__]

    def sanity(tests: list[str]) -> str:
        return installation.run(
            *("ansible-test", "sanity", "--color=no", "--failure-ok", f"--python={PYTHON}"),
            *(f"--test={test}" for test in tests),
            cwd=installation.collection,
            HOME=str(home),
        )

    processes = [[test for test in selected if (test == LONGEST) is alone] for alone in (True, False)]
    with ThreadPoolExecutor() as pool:
        outputs = list(pool.map(sanity, filter(None, processes)))
    # What it prints before the first test is about all of them.
    return {
        section[1]: output.partition("Running ")[0] + section[0]
        for output in outputs
        for section in SECTION.finditer(output)
    }


@pytest.mark.parametrize("test", TESTS)
def test_sanity(shown: dict[str, str], test: str) -> None:
    assert test in shown, f'ansible-test did not print: Running sanity test "{test}"'
    # What cannot be run is only warned of.
    assert not [word for word in ("ERROR:", "Skipping", "not found") if word in shown[test]], shown[test]
