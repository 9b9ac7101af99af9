# SPDX-License-Identifier: BSD-3-Clause
"""When an image has to be built again: what its fingerprint notices, and what it leaves alone."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from ansible_collections.addons.olympia.plugins.module_utils.build.build_inputs import (
    METADATA,
    Ignored,
    build_inputs,
    entries,
    last_build,
    not_utf8,
    tree_fingerprint,
)
from ansible_collections.addons.olympia.plugins.module_utils.host import engine_objects
from ansible_collections.addons.olympia.plugins.module_utils.host.docker_cli import repository

ROOT = Path(__file__).resolve().parents[2]
FILES = (
    "manage.py",
    "requirements/prod.txt",
    "src/olympia/urls.py",
    "src/olympia/__pycache__/urls.pyc",
    "logs/a/b.log",
)


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """A source tree with files in folders, a link, and an ignore file."""
    source = tmp_path / "source"
    for name in FILES:
        write(source / name, name)
    (source / "src").chmod(0o755)
    (source / "current").symlink_to("src")
    write(source / ".dockerignore", ".dockerignore\nlogs\n**/*.pyc\n")
    return source


def write(path: Path, text: str) -> None:
    """Write a file, and the folders that it is in."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def overwrite_unseen(path: Path) -> None:
    """Give a file another text of the same size, and the time of modification that it had."""
    before = path.stat()
    path.write_text("#" * before.st_size)
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    # The clock of the file system moves in steps: it is tried until there has been one.
    while path.stat().st_ctime_ns == before.st_ctime_ns:
        os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    after = path.stat()
    assert (after.st_size, after.st_mtime_ns, after.st_ino) == (before.st_size, before.st_mtime_ns, before.st_ino)


def replace_unseen(path: Path) -> None:
    """Put another file of the same size, mode and time of modification in a file's place."""
    other = path.parents[1] / "other"
    other.write_text("#" * path.stat().st_size)
    shutil.copystat(path, other)
    other.replace(path)


def relink(path: Path, target: str) -> None:
    """Let a link lead elsewhere: a new one in its place, whose inode is another while both are there."""
    other = path.with_name("other-link")
    other.symlink_to(target)
    other.replace(path)


def replace_by_folder(path: Path) -> None:
    """Put an empty folder in a file's place."""
    path.unlink()
    path.mkdir()


def test_names_that_are_not_utf8_are_found(tmp_path: Path) -> None:
    for name in (b"caf\xe9", "größe".encode(), b".git/\xff"):
        path = Path(os.fsdecode(os.fsencode(tmp_path) + b"/" + name))
        path.parent.mkdir(exist_ok=True)
        path.touch()
    assert not_utf8(tmp_path) == [r"'caf\xe9'"]


def fingerprint(tree: Path) -> str:
    """Return the fingerprint of a tree, as the probe asks for it: beside a project directory that may have an ignore file."""
    return tree_fingerprint(tree, [tree.parent / "project/Dockerfile.dockerignore", tree / ".dockerignore"])


CHANGES: dict[str, Callable[[Path], object]] = {
    "text of the same size and time": lambda tree: overwrite_unseen(tree / "manage.py"),
    "text of the same size and time in a folder": lambda tree: overwrite_unseen(tree / "src/olympia/urls.py"),
    "another file of the same size and time": lambda tree: replace_unseen(tree / "manage.py"),
    "longer text": lambda tree: (tree / "manage.py").write_text("longer than before"),
    "mode of a file": lambda tree: (tree / "manage.py").chmod(0o755),
    "mode of a folder": lambda tree: (tree / "src").chmod(0o700),
    "new file": lambda tree: write(tree / "new.py", ""),
    "new file in a folder": lambda tree: write(tree / "src/olympia/new.py", ""),
    "new hidden file": lambda tree: write(tree / ".env", ""),
    "new folder": lambda tree: (tree / "src/empty").mkdir(),
    "new link": lambda tree: (tree / "src/link").symlink_to("nowhere"),
    "lost file": lambda tree: (tree / "requirements/prod.txt").unlink(),
    "lost folder": lambda tree: shutil.rmtree(tree / "requirements"),
    "lost link": lambda tree: (tree / "current").unlink(),
    "renamed file": lambda tree: (tree / "manage.py").rename(tree / "managed.py"),
    "moved file": lambda tree: (tree / "manage.py").rename(tree / "src/manage.py"),
    "renamed folder": lambda tree: (tree / "src/olympia").rename(tree / "src/olympus"),
    "target of a link": lambda tree: relink(tree / "current", "logs"),
    "target of a link of the same length": lambda tree: relink(tree / "current", "crs"),
    "folder in a file's place": lambda tree: replace_by_folder(tree / "manage.py"),
    "what is ignored": lambda tree: write(tree / ".dockerignore", ".dockerignore\nlogs\n"),
    "ignore file that is ignored": lambda tree: write(tree / ".dockerignore", ".dockerignore\nlogs\n**/*.pyc\n# More"),
    "another ignore file": lambda tree: write(tree.parent / "project/Dockerfile.dockerignore", "nothing\n"),
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_whatever_changes_in_the_context_is_noticed(tree: Path, change: Callable[[Path], object]) -> None:
    before = fingerprint(tree)
    assert before
    change(tree)
    assert fingerprint(tree) not in ("", before)


UNSEEN: dict[str, Callable[[Path], object]] = {
    "nothing": lambda tree: None,
    "text of an ignored file": lambda tree: (tree / "src/olympia/__pycache__/urls.pyc").write_text("other"),
    "new file of an ignored kind": lambda tree: write(tree / "src/new.pyc", ""),
    "lost file of an ignored kind": lambda tree: (tree / "src/olympia/__pycache__/urls.pyc").unlink(),
    "file in an ignored folder": lambda tree: write(tree / "logs/a/new.log", ""),
    "ignored folder": lambda tree: shutil.rmtree(tree / "logs"),
    "times of a folder": lambda tree: os.utime(tree / "src", ns=(1, 1)),
    "file behind a link": lambda tree: write(tree.parent / "elsewhere/new.py", ""),
    "reading": lambda tree: (tree / "manage.py").read_text(),
}


@pytest.mark.parametrize("change", UNSEEN.values(), ids=UNSEEN)
def test_what_is_no_part_of_the_context_is_left_alone(tree: Path, change: Callable[[Path], object]) -> None:
    relink(tree / "current", "../elsewhere")
    before = fingerprint(tree)
    assert before
    change(tree)
    assert fingerprint(tree) == before


def noticed(tree: Path, ignore: str, path: str) -> bool:
    """Return whether a change of a file is noticed with an ignore file of this text."""
    write(tree / ".dockerignore", ignore)
    write(tree / path, "first")
    before = fingerprint(tree)
    write(tree / path, "longer than first")
    return fingerprint(tree) != before


@pytest.mark.parametrize(
    ("ignore", "path"),
    [
        ("notes", "notes"),
        ("docs/build", "docs/build"),
        ("docs/build", "docs/build/en/index.html"),
        ("/docs", "docs/a"),
        ("./docs", "docs/a"),
        ("docs/", "docs/a"),
        ("docs//build/", "docs/build/a"),
        ("src/../docs", "docs/a"),
        ("/../docs", "docs/a"),
        ("  docs \t", "docs/a"),
        ("docs /", "docs/a"),
        ("\n\ndocs\n\n", "docs/a"),
        ("logs\r\ndocs\r\n", "docs/a"),
        ("my docs", "my docs/a"),
        ("docs^", "docs^/a"),
        ("#docs\ndocs", "docs/a"),
        ("# All of it!\ndocs", "docs/a"),
        (" #docs", "#docs/a"),
        ("dócs", "dócs/a"),
        ("**/*.pyc", "a.pyc"),
        ("**/*.pyc", "src/olympia/a.pyc"),
        ("/**/*.pyc", "src/olympia/a.pyc"),
        ("**/__pycache__", "__pycache__/a"),
        ("**/__pycache__/", "src/__pycache__/a/b"),
        ("**/.cache", "src/.cache/a"),
        ("**/a?.txt", "src/ab.txt"),
    ],
)
def test_what_is_certainly_ignored_is_left_alone(tree: Path, ignore: str, path: str) -> None:
    assert not noticed(tree, ignore, path)


@pytest.mark.parametrize(
    ("ignore", "path"),
    [
        # Others.
        ("docs", "src/docs/a"),
        ("docs", "docs.txt"),
        ("docs/build", "docs/a"),
        ("**/*.pyc", "a.py"),
        ("**/a?.txt", "a.txt"),
        ("**/cache", "src/Cache"),
        ("../docs", "docs/a"),
        ("#docs", "docs/a"),
        ("#docs", "#docs/a"),
        ("docs\fbuild", "docs"),
        ("docs /", "docs /a"),
        # Brought back.
        ("docs\n!docs", "docs/a"),
        ("docs\n!docs/a", "docs/a"),
        ("docs\n ! docs/a", "docs/a"),
        ("docs\n/!docs", "docs/a"),
        ("docs\n./!docs", "docs/a"),
        ("**/*.md\n!README.md", "README.md"),
        # The later line does not leave out what was brought back of a folder that was left out before.
        ("docs\n!docs/a\ndocs", "docs/a"),
        ("docs\n!docs/a\n**/docs", "docs/a"),
        # BuildKit's `**` is for folders, and its `^` for the beginning.
        ("**/**.pyc", "src/a.pyc"),
        ("**/a**b", "src/axb"),
        ("**/a^*", "src/a^b"),
        ("a^b]", "a^b]"),
        ("**/*.pyc", "new\nline/a.pyc"),
        # Ignored, but by patterns that are not known for sure.
        ("*", "docs"),
        ("*.log", "a.log"),
        ("docs/*", "docs/a"),
        ("docs/**", "docs/a"),
        ("**", "docs"),
        ("**/docs/build", "docs/build"),
        ("[ab]", "a"),
        ("**/[ab]", "a"),
        ("a?", "ab"),
        (r"a\.txt", "a.txt"),
    ],
)
def test_what_may_be_a_part_of_the_context_is_noticed(tree: Path, ignore: str, path: str) -> None:
    assert noticed(tree, ignore, path)


def test_the_first_ignore_file_that_there_is_counts(tree: Path) -> None:
    write(tree / ".dockerignore", "docs")
    assert not noticed(tree, "docs", "docs/a")
    assert noticed(tree, "docs", "notes")
    write(tree.parent / "project/Dockerfile.dockerignore", "notes")
    assert noticed(tree, "docs", "docs/a")
    assert not noticed(tree, "docs", "notes")
    # An empty one counts, a folder does not.
    write(tree.parent / "project/Dockerfile.dockerignore", "")
    assert noticed(tree, "docs", "docs/a")
    replace_by_folder(tree.parent / "project/Dockerfile.dockerignore")
    assert not noticed(tree, "docs", "docs/a")


def test_without_an_ignore_file_all_of_the_tree_counts(tree: Path) -> None:
    (tree / ".dockerignore").unlink()
    before = fingerprint(tree)
    write(tree / "logs/a/b.log", "longer than before")
    assert fingerprint(tree) not in ("", before)


@pytest.mark.parametrize("path", [".dockerignore", "../project/Dockerfile.dockerignore"])
def test_an_ignore_file_behind_a_link_leaves_nothing_out_and_counts(tree: Path, path: str) -> None:
    (tree / ".dockerignore").unlink()
    (tree.parent / "project").mkdir()
    (tree / path).symlink_to(tree.parent / "ignored")
    write(tree.parent / "ignored", "logs\n")
    before = fingerprint(tree)
    write(tree / "logs/a/b.log", "longer than before")
    after = fingerprint(tree)
    assert after not in ("", before)
    write(tree.parent / "ignored", "")
    assert fingerprint(tree) not in ("", after)


def test_an_ignore_file_need_not_be_text(tree: Path) -> None:
    (tree / ".dockerignore").write_bytes(b"caf\xe9\n")
    name = os.fsdecode(b"caf\xe9")
    (tree / name).mkdir()
    before = fingerprint(tree)
    write(tree / name / "a", "")
    assert before
    assert fingerprint(tree) == before
    write(tree / "caf\N{REPLACEMENT CHARACTER}", "")
    assert fingerprint(tree) not in ("", before)


@pytest.mark.parametrize("path", ["missing", "source/manage.py", "source/manage.py/below", "x" * 300])
def test_a_tree_that_cannot_be_read_has_no_fingerprint(tree: Path, path: str) -> None:
    assert fingerprint(tree.parent / path) == ""


def test_everything_has_its_place_in_the_tree_in_one_order(tree: Path) -> None:
    write(tree / "src/a b", "")
    found = entries(str(tree), Ignored((tree / ".dockerignore").read_text()))
    assert [path for path, _state in found] == [
        "current",
        "manage.py",
        "requirements",
        "requirements/prod.txt",
        "src",
        "src/a b",
        "src/olympia",
        "src/olympia/__pycache__",
        "src/olympia/urls.py",
    ]


def test_all_that_the_embedded_application_leaves_out_is_known() -> None:
    text = (ROOT / "app/.dockerignore").read_text()
    known = Ignored(text)
    assert sorted([*known.paths, *(f"**/{name}" for name in known.names)]) == sorted(text.split())


def test_each_part_of_the_inputs_counts() -> None:
    files = {"Dockerfile": "1", ".env": "2"}
    whole = build_inputs("tree", files, "sha256:base")
    others = [
        build_inputs("other", files, "sha256:base"),
        build_inputs("tree", files | {"Dockerfile": "3"}, "sha256:base"),
        build_inputs("tree", files | {"docker-compose.override.yml": "3"}, "sha256:base"),
        build_inputs("tree", {"Dockerfile": "1"}, "sha256:base"),
        build_inputs("tree", {"Dockerfile": "2", ".env": "1"}, "sha256:base"),
        build_inputs("tree", files, "sha256:other"),
        build_inputs("tree", files, ""),
    ]
    assert len({whole, *others}) == len(others) + 1
    assert whole == build_inputs("tree", dict(reversed(files.items())), "sha256:base")


def test_without_a_tree_the_inputs_are_not_known() -> None:
    assert build_inputs("", {"Dockerfile": "1"}, "sha256:base") == ""


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ({"inputs": "abc", "images": {"web": "sha256:1"}}, {"inputs": "abc", "image": "sha256:1"}),
        ({"inputs": "abc", "images": {"web": "sha256:1"}, "steps": []}, {"inputs": "abc", "image": "sha256:1"}),
        ({"inputs": "", "images": {"web": None}}, {"inputs": "", "image": ""}),
        # One of before.
        ({"web": {"image.name": "olympia/addons-server:local"}}, {"inputs": "", "image": ""}),
        ({"inputs": "abc"}, {"inputs": "", "image": ""}),
        ({"images": {"web": "sha256:1"}}, {"inputs": "", "image": ""}),
        ({"inputs": "abc", "images": {"one": "sha256:1"}}, {"inputs": "", "image": ""}),
        ({"inputs": "abc", "images": None}, {"inputs": "", "image": ""}),
        ([], {"inputs": "", "image": ""}),
        ("inputs", {"inputs": "", "image": ""}),
        (None, {"inputs": "", "image": ""}),
    ],
)
def test_what_the_last_build_told_is_read(tmp_path: Path, text: object, told: dict[str, str]) -> None:
    (tmp_path / METADATA).write_text(json.dumps(text))
    assert last_build(tmp_path, "web") == told


@pytest.mark.parametrize("content", [b"", b'{"inputs": "ab', b"\xff\xfe"])
def test_a_last_build_that_cannot_be_read_is_none(tmp_path: Path, content: bytes) -> None:
    assert last_build(tmp_path, "web") == {"inputs": "", "image": ""}
    (tmp_path / METADATA).write_bytes(content)
    assert last_build(tmp_path, "web") == {"inputs": "", "image": ""}


@pytest.mark.parametrize(
    ("reference", "listed"),
    [
        ("redis", "redis"),
        ("redis:6.2", "redis"),
        ("docker.io/library/redis:6", "redis"),
        ("index.docker.io/library/redis", "redis"),
        ("docker.io/mozilla/x:1", "mozilla/x"),
        ("olympia/base:bookworm-892f20e2a61f", "olympia/base"),
        ("mozilla/x@sha256:0123", "mozilla/x"),
        ("redis@sha256:0123", "redis"),
        ("host:5000/a", "host:5000/a"),
        ("host:5000/a/b:1", "host:5000/a/b"),
        ("host:5000/a/b:1@sha256:0123", "host:5000/a/b"),
        ("host.example.org/a/b@sha256:0123", "host.example.org/a/b"),
    ],
)
def test_a_repository_is_named_as_the_engine_lists_it(reference: str, listed: str) -> None:
    assert repository(reference) == listed


def test_images_are_asked_for_by_repository_and_found_by_all_their_names() -> None:
    asked: list[list[str]] = []

    def run(arguments: list[str]) -> tuple[int, str, str]:
        asked.append(arguments)
        lines = [
            "sha256:1 redis:6.2 redis@<none>",
            "sha256:1 redis:latest redis@<none>",
            "sha256:2 host:5000/a/b:1 host:5000/a/b@sha256:d",
            "sha256:3 olympia/base:<none> olympia/base@<none>",
            "sha256:4 <none>:<none> <none>@<none>",
        ]
        return 0, "\n".join(lines) + "\n", ""

    wanted = ["host:5000/a/b:1@sha256:d", "docker.io/library/redis:6.2", "redis:7", "olympia/base:1"]
    assert engine_objects.local_images(run, wanted) == {
        "redis:6.2": "sha256:1",
        "redis:latest": "sha256:1",
        "host:5000/a/b:1": "sha256:2",
        "host:5000/a/b@sha256:d": "sha256:2",
    }
    (arguments,) = asked
    assert arguments[:3] == ["docker", "image", "ls"]
    assert [one for one in arguments if one.startswith("--filter")] == [
        "--filter=reference=host:5000/a/b",
        "--filter=reference=olympia/base",
        "--filter=reference=redis",
    ]


def test_without_an_engine_there_are_no_images() -> None:
    assert (
        engine_objects.local_images(lambda _arguments: (1, "", "Cannot connect to the Docker daemon"), ["redis"]) == {}
    )
    assert engine_objects.local_images(lambda _arguments: (127, "", "No such file or directory"), ["redis"]) == {}
