# SPDX-License-Identifier: BSD-3-Clause
"""Bootstrap: when it has something to do, and how it stops."""

from __future__ import annotations

import shutil
import sys
import zipfile
from pathlib import Path

import pytest

import environment


def finish(checkout: Path) -> tuple[Path, Path]:
    """Lay down what a finished bootstrap leaves; the environment and the collections."""
    venv, collections = checkout / ".venv", checkout / "collections"
    (venv / environment.MARKER).mkdir(parents=True)
    for path, content in environment.wanted_stamps(venv, dev=True).items():
        path.write_text(content)
    for name in environment.wanted_collections():
        (collections / "ansible_collections" / name.replace(".", "/")).mkdir(parents=True)
    path, content = environment.collections_stamp(collections)
    path.write_text(content)
    return venv, collections


def test_a_finished_environment_is_ready(bare_checkout: Path) -> None:
    assert environment.ready(*finish(bare_checkout), dev=True)
    assert environment.ready(*(bare_checkout / ".venv", bare_checkout / "collections"), dev=False)


@pytest.mark.parametrize(
    ("changed", "dev_only"),
    [
        ("requirements/runtime.txt", False),
        ("requirements/dev.txt", True),
        ("requirements/collections.txt", False),
        ("requirements.yml", False),
        ("pyproject.toml", False),
    ],
)
def test_every_input_counts(bare_checkout: Path, changed: str, dev_only: bool) -> None:
    finished = finish(bare_checkout)
    with (bare_checkout / changed).open("a") as file:
        file.write("# edited\n")
    assert not environment.ready(*finished, dev=True)
    assert environment.ready(*finished, dev=False) is dev_only


def test_a_missing_collection_is_noticed(bare_checkout: Path) -> None:
    finished = finish(bare_checkout)
    shutil.rmtree(bare_checkout / "collections/ansible_collections/community/docker")
    assert not environment.ready(*finished, dev=False)


def test_an_environment_of_another_place_is_not_ours(bare_checkout: Path) -> None:
    venv, collections = finish(bare_checkout)
    moved = venv.rename(bare_checkout / "moved")
    assert not environment.ready(moved, collections, dev=False)


def test_an_interrupted_step_is_done_again(bare_checkout: Path) -> None:
    venv, collections = finish(bare_checkout)
    (venv / environment.MARKER / "runtime").unlink()
    assert not environment.ready(venv, collections, dev=False)


def test_somebody_elses_environment_is_left_alone(bare_checkout: Path) -> None:
    venv = bare_checkout / ".venv"
    venv.mkdir()
    (venv / "precious").touch()
    with pytest.raises(environment.BootstrapError, match="left alone: move it away"):
        environment.make_venv(venv)
    assert (venv / "precious").exists()


def test_a_python_without_ensurepip_is_told_what_to_install(
    bare_checkout: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "ensurepip", None)
    with pytest.raises(environment.BootstrapError, match="apt-get install python3-venv"):
        environment.make_venv(bare_checkout / ".venv")
    assert not (bare_checkout / ".venv").exists()


def test_only_the_wanted_collections_are_taken_in_place_of_older_ones(
    bare_checkout: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def download(command: list[str], *_: str) -> None:
        (folder,) = (one.removeprefix("--dest=") for one in command if one.startswith("--dest="))
        with zipfile.ZipFile(f"{folder}/ansible-1-py3-none-any.whl", "w") as archive:
            for name in (*environment.wanted_collections(), "community.other"):
                archive.writestr(f"ansible_collections/{name.replace('.', '/')}/new", "")

    monkeypatch.setattr(environment, "call", download)
    collections = bare_checkout / "collections"
    (collections / "ansible_collections/community/docker/outdated").mkdir(parents=True)
    (collections / ".new-interrupted").mkdir()
    environment.make_collections(Path(sys.prefix), collections)
    assert sorted(str(path.relative_to(collections)) for path in collections.rglob("*") if path.is_file()) == [
        f"ansible_collections/{name.replace('.', '/')}/new" for name in sorted(environment.wanted_collections())
    ]


def test_what_is_out_of_reach_is_a_sentence_and_not_taken_for_finished(
    bare_checkout: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fail(command: list[str], way_out: str) -> None:
        raise environment.BootstrapError(f"{' '.join(command)} ended with 1:\n{way_out}")

    monkeypatch.setattr(environment, "VENV", bare_checkout / ".venv")
    monkeypatch.setattr(environment, "make_venv", lambda venv: (venv / environment.MARKER).mkdir(parents=True))
    monkeypatch.setattr(environment, "call", fail)
    assert environment.main([]) == 1
    assert "Is the package index reachable?" in capsys.readouterr().err
    assert not environment.ready(bare_checkout / ".venv", bare_checkout / "collections", dev=False)


def test_a_checkout_without_links_is_told_how_to_get_them(bare_checkout: Path) -> None:
    link = bare_checkout / "collections/ansible_collections/addons/olympia"
    link.parent.mkdir(parents=True)
    link.write_text("../../..")
    with pytest.raises(environment.BootstrapError, match=r"git config core\.symlinks true"):
        environment.prepare(bare_checkout / ".venv", bare_checkout / "collections", dev=False)
