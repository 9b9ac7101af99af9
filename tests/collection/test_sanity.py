# SPDX-License-Identifier: BSD-3-Clause
"""Ansible's own checks of a collection, on the collection as users install it."""

from __future__ import annotations

import ast
import configparser
import sys
from pathlib import Path

import pytest

from environment import bundled_pip

from .conftest import ROOT, Installation, run

# ansible-test makes environments of its own, below the home directory. They stay here, and a second run is quick.
HOME = ROOT / ".ansible/sanity"
# The script that it puts pip into an environment with; it downloads what is not in its cache.
GET_PIP = HOME / ".ansible/test/cache/get_pip_24_2.py"
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


@pytest.mark.parametrize("test", TESTS)
def test_sanity(installation: Installation, home: Path, test: str) -> None:
    version = f"{sys.version_info.major}.{sys.version_info.minor}"
    shown = installation.run(
        *("ansible-test", "sanity", "--color=no", f"--python={version}", f"--test={test}"),
        cwd=installation.collection,
        HOME=str(home),
    )
    assert f'Running sanity test "{test}"' in shown
    # What cannot be run is only warned of.
    assert "Skipping" not in shown and "not found" not in shown, shown
