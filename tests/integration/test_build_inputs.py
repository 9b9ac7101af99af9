# SPDX-License-Identifier: BSD-3-Clause
"""What BuildKit takes for a part of a build's context: nothing of it is missing in the fingerprint."""

from __future__ import annotations

from pathlib import Path

import pytest
from ansible_collections.addons.olympia.plugins.module_utils.build.build_inputs import (
    Ignored,
    entries,
    tree_fingerprint,
)

from .conftest import docker

FILES = (
    "a",
    "b/c",
    "a.pyc",
    "#notes",
    "!notes",
    "a^b]",
    "axb",
    "my docs/read me",
    ".env",
    ".github/workflows/ci.yml",
    "docs/index.md",
    "docs/build/index.html",
    "docs/build/en/index.html",
    "foo/bar",
    "foo/baz/x",
    "foo.txt",
    "new\nline/a.pyc",
    "node_modules/keep/x",
    "node_modules/other/y",
    "src/a.pyc",
    "src/axb",
    "src/foo/bar",
    "src/__pycache__/a.txt",
    "src/__pycache__/deep/a.pyc",
    "src/node_modules/x",
    " foo/bar",
    "foo /bar",
)
LINKS = {
    "current": "src",
    "src/up": "..",
    "src/linked.pyc": "a.pyc",
    "docs/nowhere": "nowhere",
    "foo/bar-link": "bar",
}


@pytest.fixture
def context(tmp_path: Path) -> Path:
    """A build context with paths of many kinds, and no ignore file yet."""
    folder = tmp_path / "context"
    for name in FILES:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(name)
    for name, target in LINKS.items():
        (folder / name).symlink_to(target)
    (folder / "empty").mkdir()
    return folder


def sent(context: Path, dockerfile: Path) -> set[str]:
    """Return the paths that BuildKit copies where all of a context is asked for."""
    dockerfile.parent.mkdir(exist_ok=True)
    dockerfile.write_text("FROM scratch\nCOPY . /\n")
    made = context.parent / "made"
    output = f"--output=type=local,dest={made}"
    docker("buildx", "build", "--quiet", "--provenance=false", output, f"--file={dockerfile}", str(context))
    return {str(path.relative_to(made)) for path in made.rglob("*")}


@pytest.mark.parametrize(
    "ignore",
    [
        "",
        "foo\ndocs/build\n",
        "/foo\n./docs/build\nnode_modules/\nsrc//foo/\n",
        "# Nothing.\n\n\n  foo\t\n #notes\n#a\r\n.env\r\n",
        "../foo\n/../docs\nsrc/../a\n",
        "foo /\n",
        "./ foo\n",
        "**/*.pyc\n",
        "**/__pycache__\n**/node_modules/\n/**/foo\n",
        "**/a?b\n**/.*\n",
        "**/**.pyc\n",
        "**/a**b\n**/a^*\n",
        "a^b]\n",
        "*\n",
        "*.pyc\nf*\n",
        "[ab]\n**/[ab]\n",
        "foo/**\ndocs/*\n",
        "**\n!src\n",
        "*\n!docs/build/en\n!**/a.pyc\n",
        "docs\n!docs/build/en/index.html\n",
        "!foo/bar\nfoo\n",
        "foo\n!foo/bar\nfoo\n",
        "node_modules\n ! node_modules/keep\n**/node_modules\n",
        "foo\n/!foo\n",
        "foo\n./!foo/bar\n",
        "foo\\.txt\nfoo\n",
    ],
)
def test_nothing_that_is_sent_is_left_out_of_the_fingerprint(context: Path, ignore: str) -> None:
    (context / ".dockerignore").write_text(ignore)
    found = sent(context, context.parent / "project/Dockerfile")
    assert found - {path for path, _state in entries(str(context), Ignored(ignore))} == set()


def test_what_is_left_out_of_the_fingerprint_is_most_of_what_is_not_sent(context: Path) -> None:
    ignore = "# Not sent.\n.dockerignore\n/foo/\ndocs/build\n**/__pycache__\n**/*.txt\n.github\n"
    (context / ".dockerignore").write_text(ignore)
    found = sent(context, context.parent / "project/Dockerfile")
    assert "docs/index.md" in found
    assert found == {path for path, _state in entries(str(context), Ignored(ignore))}


# By what is where an ignore file may be: a text, a folder (""), or what a link leads to ("->"); and whether the file `a` is sent.
IGNORE_FILES = {
    "none": ({}, True),
    "in the source tree": ({"context/.dockerignore": "a\n"}, False),
    "in the project directory": ({"project/Dockerfile.dockerignore": "a\n"}, False),
    "another in the project directory": (
        {"context/.dockerignore": "a\n", "project/Dockerfile.dockerignore": "# Nothing.\n"},
        True,
    ),
    "a folder in the project directory": (
        {"context/.dockerignore": "a\n", "project/Dockerfile.dockerignore": ""},
        False,
    ),
    "a link in the source tree": ({"context/.dockerignore": "->ignored", "context/ignored": "a\n"}, False),
    "a link out of the source tree": ({"context/.dockerignore": "->../ignored", "ignored": "a\n"}, True),
    "a link from the root on": ({"context/.dockerignore": "->{root}/ignored", "ignored": "a\n"}, True),
    "a link out of the project directory": (
        {"project/Dockerfile.dockerignore": "->{root}/ignored", "ignored": "a\n"},
        True,
    ),
}


@pytest.mark.parametrize(("paths", "is_sent"), IGNORE_FILES.values(), ids=IGNORE_FILES)
def test_a_file_that_is_sent_is_noticed_wherever_the_ignore_file_is(
    context: Path, paths: dict[str, str], is_sent: bool
) -> None:
    root = context.parent
    for name, content in paths.items():
        path = root / name
        path.parent.mkdir(exist_ok=True)
        if content.startswith("->"):
            path.symlink_to(content.removeprefix("->").format(root=root))
        elif content:
            path.write_text(content)
        else:
            path.mkdir()
    assert ("a" in sent(context, root / "project/Dockerfile")) == is_sent
    places = [root / "project/Dockerfile.dockerignore", context / ".dockerignore"]
    before = tree_fingerprint(context, places)
    (context / "a").write_text("longer than before")
    assert before
    # Where it is not sent it may be noticed all the same.
    assert not is_sent or tree_fingerprint(context, places) != before
