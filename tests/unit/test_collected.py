# SPDX-License-Identifier: BSD-3-Clause
"""What of an untrusted host's answer is written on the controller, and where."""

from __future__ import annotations

import os
import stat
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.addons.olympia.plugins.plugin_utils.actions import collected
from ansible_collections.addons.olympia.plugins.plugin_utils.actions.collected import NOTES, choose, write_all

HOSTILE = [
    "../x", "/tmp/x", "..", ".", "", "logs", "logs/", "logs/..", "logs/.", "logs/../x", "logs//x", "logs/a/b", "./logs/x",
    "logs/x\n", "logs/x\0y", "logs/.x", "logs/-x", "logs/" + "a" * 101, "logs/w\u00e9b", "logs/\uff0e\uff0e", "logs/$(x)",
    "logs/a b", "LOGS/x", "project/x", "project/../x", "x", ".bashrc", "tests/{{ 7*7 }}", "result.json", NOTES,
]  # fmt: skip


@pytest.mark.parametrize("name", HOSTILE, ids=ascii)
def test_a_name_that_is_not_on_the_list_is_refused(name: str) -> None:
    files = choose({name: "owned", "logs/web-1.log": "fine"})
    assert set(files) == {"logs/web-1.log", NOTES}
    assert files[NOTES].decode().isprintable() or files[NOTES].count(b"\n") == 1


@pytest.mark.parametrize(
    "name", ["logs/web.log", "tests/junit.xml", "project/.env", "project/image/build.sh", "health.json", "image.json"]
)
def test_what_is_collected_is_on_the_list(name: str) -> None:
    assert choose({name: "text"}) == {name: b"text"}


@pytest.mark.parametrize(
    "answer", [None, "x", ["logs/x"], {7: "x"}, {"logs/x": ["x"]}, {"logs/x": {"content": "x", "mode": "0755"}}]
)
def test_an_answer_of_another_shape_is_none(answer: Any) -> None:
    assert set(choose(answer)) <= {NOTES}


def test_a_file_is_cut_at_its_beginning_and_that_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(collected, "FILE_LIMIT", 10)
    monkeypatch.setattr(collected, "LIMIT", 25)
    files = choose({f"logs/{number}": "0123456789end" for number in range(4)})
    assert [len(files[f"logs/{number}"]) for number in range(4)] == [10, 10, 5, 0]
    assert files["logs/0"] == b"3456789end"
    assert files[NOTES].startswith(b"logs/0: the first 3 of 13 bytes are left out\n")


def test_many_files_are_too_many() -> None:
    files = choose({f"logs/{number}": "" for number in range(10000)})
    assert len(files) == collected.MOST + 1
    assert files[NOTES].count(b"\n") == collected.MOST + 1


def test_no_text_is_one_that_cannot_be_written() -> None:
    assert choose({"logs/x": "\ud800"}) == {"logs/x": b"?"}


def test_files_are_their_owners_alone_and_no_program(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        write_all(tmp_path / "a/hosts", {"far/logs/x": b"1", "far/y": b"2"})
    finally:
        os.umask(before)
    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in (tmp_path / "a/hosts").rglob("*")}
    assert modes == {"far": 0o700, "logs": 0o700, "x": 0o600, "y": 0o600}


@pytest.mark.parametrize("link", ["hosts", "hosts/far", "hosts/far/logs"])
def test_a_folder_that_is_a_link_is_refused(tmp_path: Path, link: str) -> None:
    (tmp_path / "precious").mkdir()
    (tmp_path / link).parent.mkdir(parents=True, exist_ok=True)
    (tmp_path / link).symlink_to(tmp_path / "precious")
    with pytest.raises(OSError):
        write_all(tmp_path / "hosts", {"far/logs/x": b"owned"})
    assert not list((tmp_path / "precious").iterdir())


@pytest.mark.parametrize("kind", ["symbolic", "hard", "dangling"])
def test_a_file_that_is_a_link_is_replaced_and_its_target_stays(tmp_path: Path, kind: str) -> None:
    target, file = tmp_path / "precious", tmp_path / "hosts/far/x"
    file.parent.mkdir(parents=True)
    if kind != "dangling":
        target.write_text("mine")
    file.hardlink_to(target) if kind == "hard" else file.symlink_to(target)
    write_all(tmp_path / "hosts", {"far/x": b"theirs"})
    assert file.read_bytes() == b"theirs" and not file.is_symlink()
    assert (target.read_text() if kind != "dangling" else target.exists()) == ("mine" if kind != "dangling" else False)


@pytest.mark.parametrize("more", ["LD_PRELOAD=/tmp/x\n", "\n", "x"])
def test_what_is_published_is_a_digest_and_no_other_variable_of_a_ci_job(more: str) -> None:
    published = f"DOCKER_DIGEST=sha256:{'0' * 64}\n"
    assert choose({"project/published.env": published}) == {"project/published.env": published.encode()}
    assert set(choose({"project/published.env": published + more})) == {NOTES}
    assert set(choose({"project/published.env": more + published})) == {NOTES}
