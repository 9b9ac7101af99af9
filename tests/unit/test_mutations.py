# SPDX-License-Identifier: BSD-3-Clause
"""The mutations as data: each can be applied, names a test that exists, and stands in the documentation."""

from __future__ import annotations

import itertools
import re
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest
import yaml
from tests.mutation import Mutation, load
from tests.parts import EVERYDAY, EVERYDAY_SCENARIOS, FULL, ROOT

MUTATIONS = load()
by_name = pytest.mark.parametrize("mutation", MUTATIONS, ids=lambda mutation: mutation.name)


def option(words: list[str], *names: str) -> str:
    """Return the value that follows an option; the empty string where it is not given."""
    return next((value for name, value in itertools.pairwise(words) if name in names), "")


def missing_tests(words: list[str]) -> list[str]:
    """Return what pytest's arguments name and the project has not."""
    paths = [ROOT / word for word in words[1:] if word.startswith("tests/")]
    files = [file for path in paths for file in ([path] if path.is_file() else path.rglob("test_*.py"))]
    text = "".join(file.read_text(encoding="utf-8") for file in files)
    # What has no underscore names parameters, which may be made up at run time.
    chosen = re.findall(r"\w+_\w+", option(words, "-k"))
    return [str(path) for path in paths if not path.exists()] + [one for one in chosen if one not in text]


def missing_files(words: list[str]) -> list[str]:
    """Return the paths among arguments that the project has not."""
    return [word for word in words[1:] if not word.startswith("-") and not (ROOT / word).exists()]


def missing_hosts(words: list[str]) -> list[str]:
    """Return what molecule's arguments name and the project has not."""
    scenario = ROOT / "molecule" / option(words, "-s") / "molecule.yml"
    if not scenario.is_file():
        return [str(scenario)]
    platforms = [platform["name"] for platform in yaml.safe_load(scenario.read_text(encoding="utf-8"))["platforms"]]
    host = option(words, "-p")
    return [host] if host and host not in platforms else []


@by_name
def test_the_product_can_be_broken_in_one_place(mutation: Mutation, tmp_path: Path) -> None:
    path = tmp_path / mutation.file
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes((ROOT / mutation.file).read_bytes())
    before = path.read_text(encoding="utf-8")
    mutation.apply(tmp_path)
    assert path.read_text(encoding="utf-8") != before
    # What is broken is not the test that has to notice.
    assert mutation.file not in mutation.caught_by


@by_name
def test_what_catches_it_exists_and_says_something(mutation: Mutation) -> None:
    words = mutation.command
    missing = {"pytest": missing_tests, "molecule": missing_hosts, "mypy": missing_files}[words[0]]
    assert missing(words) == []
    assert mutation.says.strip()


@pytest.fixture(scope="module")
def everyday() -> list[str]:
    """Return the tests that are run every day, without those that all are."""
    folders = sorted({str(path.parent.relative_to(ROOT)) for path in ROOT.glob("tests/*/test_*.py")} - {"tests/unit"})
    collect = [sys.executable, "-m", "pytest", "--collect-only", "-q", "-m", f"not {FULL}", *folders]
    done = subprocess.run(collect, cwd=ROOT, capture_output=True, text=True, check=True)
    return done.stdout.splitlines()


def is_chosen(test: str, expression: str) -> bool:
    """Return whether pytest's -k with an expression chooses a test."""
    words = re.findall(r"[()]|[^\s()]+", expression)
    known = ("and", "or", "not", "(", ")")
    return bool(eval(" ".join(word if word in known else str(word == "True" or word in test) for word in words)))


@by_name
def test_its_group_is_the_one_that_has_its_test(mutation: Mutation, everyday: list[str]) -> None:
    words = mutation.command
    paths = tuple(word for word in words if word.startswith("tests/"))
    if words[0] == "molecule":
        found = option(words, "-s") in EVERYDAY_SCENARIOS
    elif not paths or paths[0].startswith("tests/unit"):
        found = True
    else:
        found = any(test.startswith(paths) and is_chosen(test, option(words, "-k") or "True") for test in everyday)
    assert mutation.group == (EVERYDAY if found else FULL)


def test_every_promise_is_made_once_in_a_sentence() -> None:
    assert [promise for promise, count in Counter(one.promise for one in MUTATIONS).items() if count > 1] == []
    assert [one.name for one in MUTATIONS if not re.fullmatch(r"[A-Z][^\n]*\.", one.promise)] == []


def test_a_mutation_that_does_not_fit_is_refused(tmp_path: Path) -> None:
    mutation = Mutation("area", 1, "It works.", "product.py", "old", "new", "pytest tests/unit", "says")
    for text in ("nothing of it", "old and old"):
        (tmp_path / "product.py").write_text(text)
        with pytest.raises(ValueError, match="not once"):
            mutation.apply(tmp_path)
        assert (tmp_path / "product.py").read_text() == text


def test_the_page_on_testing_has_them_all() -> None:
    from testing_doc import PAGE, page

    assert PAGE.read_text(encoding="utf-8") == page(), "run: make docs"
