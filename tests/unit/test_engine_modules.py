# SPDX-License-Identifier: BSD-3-Clause
"""The engine's modules, on files of the test's own."""

from __future__ import annotations

import functools
import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.addons.olympia.plugins.modules import daemon_json
from ansible_collections.addons.olympia.plugins.modules.engine_builder import buildkit_configuration, create_arguments

Run = Callable[..., dict[str, Any]]
FAKE_DOCKERD = """\
#!{python}
import json, sys
content = json.load(open(sys.argv[sys.argv.index("--config-file") + 1]))
if "no-such-key" in content:
    sys.exit("the following directives don't match any configuration option: no-such-key")
"""


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, run_module: Run) -> Run:
    """Return what runs the module, with a stand-in for the engine's own validation."""
    directory = tmp_path / "sbin"
    directory.mkdir()
    program = directory / "dockerd"
    program.write_text(FAKE_DOCKERD.format(python=sys.executable))
    program.chmod(0o755)
    monkeypatch.setattr(daemon_json, "DOCKERD_PATH", str(directory))
    return functools.partial(run_module, daemon_json.main)


def test_a_new_file_is_written_once_for_everybody_to_read(run: Run, tmp_path: Path) -> None:
    path = tmp_path / "etc" / "daemon.json"
    first = run(path=str(path), options={"mtu": 1400}, defaults={"log-driver": "local"})
    assert first["changed"] and first["effect"] == "restart" and "backup_file" not in first
    assert json.loads(path.read_text()) == {"mtu": 1400, "log-driver": "local"}
    assert path.stat().st_mode & 0o777 == 0o644
    assert not run(path=str(path), options={"mtu": 1400}, defaults={"log-driver": "json-file"})["changed"]


def test_a_file_that_is_there_is_kept_beside_with_its_mode(run: Run, tmp_path: Path) -> None:
    path, note = tmp_path / "daemon.json", tmp_path / "pending"
    path.write_text('{"debug": true, "mtu": 1500}')
    path.chmod(0o600)
    answer = run(path=str(path), options={"registry-mirrors": ["http://m"]}, pending_file=str(note))
    assert answer["effect"] == "reload" and answer["changed_keys"] == ["registry-mirrors"]
    assert note.read_text() == "reload\n"
    assert Path(answer["backup_file"]).read_text() == '{"debug": true, "mtu": 1500}'
    assert json.loads(path.read_text()) == {"debug": True, "mtu": 1500, "registry-mirrors": ["http://m"]}
    assert path.stat().st_mode & 0o777 == 0o600
    assert answer["diff"]["before"] == '{"debug": true, "mtu": 1500}' and "registry-mirrors" in answer["diff"]["after"]


def test_check_mode_validates_and_writes_nothing(run: Run, tmp_path: Path) -> None:
    path, note = tmp_path / "daemon.json", tmp_path / "pending"
    answer = run(path=str(path), check=True, options={"mtu": 1400}, pending_file=str(note))
    assert answer["changed"] and not path.exists() and not note.exists()
    assert run(path=str(path), check=True, options={"no-such-key": 1})["failed"]


def test_what_the_engine_refuses_is_not_written(run: Run, tmp_path: Path) -> None:
    path, note = tmp_path / "daemon.json", tmp_path / "pending"
    path.write_text("{}")
    answer = run(path=str(path), options={"no-such-key": 1}, pending_file=str(note))
    assert answer["failed"] and answer["rc"] == 1
    assert "which was left as it is" in answer["msg"] and "no-such-key" in answer["msg"]
    assert path.read_text() == "{}" and not note.exists()


def test_a_file_that_is_not_json_is_left_alone(run: Run, tmp_path: Path) -> None:
    path = tmp_path / "daemon.json"
    path.write_text("{broken")
    answer = run(path=str(path), options={"mtu": 1400})
    assert answer["failed"] and "is not valid JSON" in answer["msg"] and path.read_text() == "{broken"


def test_the_validation_looks_for_the_engine_where_packages_put_it() -> None:
    assert {"/usr/sbin", "/usr/bin"} <= set(daemon_json.DOCKERD_PATH.split(":"))


def test_builders_keep_their_cache_by_size_alone() -> None:
    assert "keepBytes = 21474836480" in buildkit_configuration("20GB")
    with pytest.raises(ValueError):
        buildkit_configuration("much")


def test_a_builder_is_created_with_all_that_was_asked() -> None:
    parameters = {"name": "far", "driver": "remote", "endpoint": "tcp://b:1234", "options": {"key": "k", "cacert": "c"}}
    assert create_arguments(parameters, None) == [
        "buildx", "create", "--name", "far", "--driver", "remote",
        "--driver-opt", "cacert=c", "--driver-opt", "key=k", "tcp://b:1234",
    ]  # fmt: skip
