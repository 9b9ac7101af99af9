# SPDX-License-Identifier: BSD-3-Clause
"""What the project's tests consist of, and which of it a run takes."""

from __future__ import annotations

import fnmatch
import functools
import json
import os
import subprocess
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import yaml

ROOT = Path(__file__).resolve().parents[1]
LOGS = ROOT / ".test-logs"
# What the application image is built from on this machine, for test hosts: their engines have no cache of their own.
BUILD_CACHE = ROOT / ".ansible/builds"
TOUCHED = ROOT / "tests/touched.yml"
COLLECTION = "collections/ansible_collections/addons/olympia"
EVERYDAY, FULL = "everyday", "full"
# What others need, and no slice counts.
PREPARATION = ("engine", "images", "build-development", "build-production")
# The scenarios that prove the main job: a contributor's machine and a CI job's.
EVERYDAY_SCENARIOS = ("stack_local", "stack_ci")
# What mypy reads besides the collection.
PYTHON = (
    "src", "scripts/environment.py", "scripts/bootstrap", "scripts/lock",
    "tests", "tests/run", "tests/mutate", "tests/record", "tests/matrix", "bench",
)  # fmt: skip
# The Pythons that the locks are for. The one that runs the tests has all the other parts.
PYTHONS = ("3.11", "3.12", "3.13", "3.14")
# Seconds of the parts that take long in a full run, beside two others, to cut it into slices.
SECONDS = {
    "shared": 3900, "faults": 3200, "e2e": 3000, "registry_origin": 900, "runners": 790, "molecule-stack_ci": 500, "workflows": 600,
    "molecule-docker_distribution": 580, "molecule-upgrade": 530, "integration": 490, "molecule-stack_local": 290,
    "matrix-3.12": 400, "matrix-3.13": 400, "matrix-3.14": 400,
    "molecule-docker_repository": 220, "collection": 100, "conformance": 80, "ansible-lint": 60, "unit": 50,
}  # fmt: skip


@dataclass
class Part:
    """One command that proves something, and what came of it.

    Attributes:
        name: Its name.
        command: The command; for pytest, the report is asked for on top.
        group: What it is chosen by besides its name.
        everyday: Whether `make test` runs it.
        after: A part that has to end well before.
        passed: Number of checks that passed.
        failed: Number of checks that failed.
        playbooks: Number of Ansible's processes that ran tasks.
        ups: Number of runs that had to start services.
        builds: Number of builds of the application image.
        seconds: How long it took; None before.
        missing: What this machine lacks for it; such a part is not run.
        note: Why it was not run, if so.
        ended: Whether it has been run, or will not be.
    """

    name: str
    command: list[str]
    group: str = ""
    everyday: bool = True
    after: Part | None = None
    passed: int = 0
    failed: int = 0
    playbooks: int = 0
    ups: int = 0
    builds: int = 0
    seconds: float | None = None
    missing: str = ""
    note: str = ""
    ended: bool = False

    @property
    def log(self) -> Path:
        """The file with the whole output."""
        return LOGS / f"{self.name}.log"

    @property
    def ansible_log(self) -> Path:
        """The file with what Ansible's processes have printed."""
        return LOGS / f"{self.name}.ansible.log"

    @property
    def report(self) -> Path:
        """The file with pytest's report."""
        return LOGS / f"{self.name}.xml"

    def shorten(self) -> bool:
        """Leave out the tests that only the full run has; return whether there are any."""
        folder = ROOT / "tests" / self.name
        marked = any(f"pytest.mark.{FULL}" in path.read_text(encoding="utf-8") for path in folder.glob("test_*.py"))
        if marked:
            self.command += ["-m", f"not {FULL}"]
        return marked


def pytest_part(name: str, after: Part | None = None, everyday: bool = True) -> Part:
    """Return the part that runs the tests of the folder of the same name."""
    command = ["pytest", f"tests/{name}", f"--junitxml={LOGS / name}.xml"]
    return Part(name, command, everyday=everyday, after=after)


def make_build_cache() -> Path:
    """Make the folder of the build cache, which no tenants of test machines may read but their builder, and return it."""
    BUILD_CACHE.mkdir(parents=True, exist_ok=True)
    # The engine has made it for everybody to read, if a scenario that was run alone has mounted it first.
    BUILD_CACHE.chmod(0o750)
    return BUILD_CACHE


def build_part(inventory: str, target: str, after: Part, everyday: bool = True) -> Part:
    """Return the part that builds an environment's application image and writes the build cache for test hosts."""
    settings = {
        "olympia_stack_instance": "olympia-test-cache",
        "olympia_stack_image_origin": "packages",
        "olympia_stack_project_dir": str(BUILD_CACHE / f"{target}-project"),
        # Compressing takes longer than building from it.
        "olympia_stack_cache_to": [f"type=local,dest={BUILD_CACHE / target},compression=uncompressed"],
    }
    playbook = ["ansible-playbook", "playbooks/build.yml", f"--inventory=inventories/{inventory}"]
    return Part(f"build-{target}", [*playbook, f"--extra-vars={json.dumps(settings)}"], everyday=everyday, after=after)


@functools.cache
def interpreter(version: str) -> str:
    """Return the path of a Python, empty where there is none. pyenv's is found by the version, if it is not the selected one."""
    command = [f"python{version}", "-c", "import sys; print(sys.executable)"]
    try:
        done = subprocess.run(command, env=os.environ | {"PYENV_VERSION": version}, capture_output=True, text=True)
    except OSError:
        return ""
    return done.stdout.strip() if done.returncode == 0 else ""


def matrix_parts(after: Part) -> list[Part]:
    """Return a part for each other Python that the product supports."""
    own = f"{sys.version_info.major}.{sys.version_info.minor}"
    parts = []
    for version in PYTHONS:
        if version != own:
            python, name = interpreter(version), f"matrix-{version}"
            command = ["tests/matrix", python, f"--junitxml={LOGS / name}.xml"]
            missing = "" if python else f"there is no python{version} here"
            parts.append(Part(name, command, "matrix", everyday=False, after=after, missing=missing))
    return parts


def shell_scripts() -> list[str]:
    """Return the project's shell scripts, known by their first line."""
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True)
    scripts = []
    for name in filter(None, listed.stdout.split("\0")):
        path = ROOT / name
        if path.is_file() and not path.is_symlink():
            with path.open("rb") as file:
                first = file.readline(80)
            if first.startswith(b"#!") and first.rstrip().endswith((b"/bash", b"/sh", b" bash", b" sh")):
                scripts.append(name)
    return scripts


def all_parts() -> list[Part]:
    """Return the parts: those that others wait for or that take longest first."""
    engine = Part("engine", ["ansible-playbook", "playbooks/engine.yml"])
    images = Part("images", ["ansible-playbook", "tests/images.yml"], after=engine)
    development = build_part("local", "development", images)
    production = build_part("ci", "production", development, everyday=False)
    unit = pytest_part("unit")
    unit.command[:0] = ["coverage", "run", "-m"]
    molecule = {
        name: Part(
            f"molecule-{name}",
            ["molecule", "test", "--scenario-name", name],
            "molecule",
            everyday=name in EVERYDAY_SCENARIOS,
            after=images,
        )
        for name in sorted(path.parent.name for path in ROOT.glob("molecule/*/molecule.yml"))
    }
    return [
        engine,
        images,
        # It builds the same as the parts that fill the cache, at the same time if need be: BuildKit does each step once.
        pytest_part("e2e", images),
        # Its host is also the one on which the everyday run injects some faults.
        molecule.pop("stack_ci"),
        development,
        production,
        pytest_part("registry_origin", images, everyday=False),
        pytest_part("machines", images),
        pytest_part("shared", development),
        pytest_part("faults", production, everyday=False),
        *molecule.values(),
        *(pytest_part(name, images, everyday=False) for name in ("runners", "workflows")),
        pytest_part("integration", images),
        *matrix_parts(images),
        # Asks the command line only, which the engine brings.
        pytest_part("conformance", engine),
        pytest_part("collection"),
        pytest_part("browser"),
        unit,
        # The report is this part's log. It fails below the floor in pyproject.toml.
        Part("coverage", ["coverage", "report"], after=unit),
        Part("ansible-lint", ["ansible-lint", "--strict", "--nocolor"], "lint"),
        Part("mypy", ["mypy", *PYTHON, f"{COLLECTION}/plugins"], "lint"),
        # Modules run on hosts, whose Python may be the oldest in tests/config.yml.
        Part("mypy-modules", ["mypy", "--python-version=3.10", f"{COLLECTION}/plugins/modules"], "lint"),
        Part("ruff", ["ruff", "check", "."], "lint"),
        Part("ruff-format", ["ruff", "format", "--check", "."], "lint"),
        Part("yamllint", ["yamllint", "--strict", "."], "lint"),
        Part("shellcheck", ["shellcheck", *shell_scripts()], "lint"),
    ]


def chosen(parts: list[Part], wanted: Iterable[str]) -> list[Part]:
    """Return the parts that names, groups or patterns mean.

    Args:
        parts: All parts.
        wanted: Names of parts, groups, patterns, `everyday` or `full`.

    Raises:
        ValueError: One of them means nothing.
    """
    found: list[Part] = []
    for one in wanted:
        meant = [
            part
            for part in parts
            if one == FULL
            or (one == EVERYDAY and part.everyday)
            or part.group == one
            or fnmatch.fnmatch(part.name, one)
        ]
        if not meant:
            names = dict.fromkeys(name for part in parts for name in (part.group, part.name) if name)
            raise ValueError(f"There is no part {one}. Parts and groups: {' '.join([EVERYDAY, FULL, *names])}")
        found += meant
    return [part for part in parts if part in found]


def with_needed(parts: list[Part], wanted: list[Part]) -> list[Part]:
    """Return the wanted parts and those that they need, in order."""
    needed = list(wanted)
    for part in needed:
        if part.after and part.after not in needed:
            needed.append(part.after)
    return [part for part in parts if part in needed]


def sliced(parts: list[Part], number: int, count: int) -> list[Part]:
    """Return one of several slices of about the same length; parts that need each other stay together.

    Args:
        parts: What is to be cut; parts that only prepare are in no slice.
        number: Which slice, from 1 on.
        count: How many there are.
    """
    prepare = [part for part in parts if part.name in PREPARATION]
    filled = [0.0] * count
    slices: list[list[Part]] = [[] for _ in range(count)]
    for part in sorted(parts, key=lambda part: -SECONDS.get(part.name, 0)):
        if part in prepare:
            continue
        place = next(
            (index for index, members in enumerate(slices) if part.after in members), filled.index(min(filled))
        )
        slices[place].append(part)
        filled[place] += SECONDS.get(part.name, 10)
    return [part for part in parts if part in slices[number - 1]]


def touched_by(paths: Iterable[str]) -> list[str]:
    """Return the names of the parts that a change of files can affect.

    Args:
        paths: The files, from the project's root on. One that no line of tests/touched.yml has can affect everything.
    """
    table: list[dict[str, list[str]]] = yaml.safe_load(TOUCHED.read_text(encoding="utf-8"))
    names: dict[str, None] = {}
    for path in paths:
        rows = [row for row in table if any(fnmatch.fnmatch(path, pattern) for pattern in row["paths"])]
        for row in rows or [{"parts": [FULL]}]:
            names |= dict.fromkeys(row["parts"])
    return list(names)


def changed_since(revision: str) -> list[str]:
    """Return the files that differ from a revision, those that git does not know yet included.

    Args:
        revision: What git calls it.

    Raises:
        ValueError: Git does not know it.
    """
    listings = (["diff", "--name-only", "-z", revision, "--"], ["ls-files", "-z", "--others", "--exclude-standard"])
    found: list[str] = []
    for listing in listings:
        done = subprocess.run(["git", *listing], cwd=ROOT, capture_output=True, text=True, check=False)
        if done.returncode:
            raise ValueError(done.stderr.strip())
        found += filter(None, done.stdout.split("\0"))
    return found
