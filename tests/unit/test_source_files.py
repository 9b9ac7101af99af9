# SPDX-License-Identifier: BSD-3-Clause
"""The embedded application as data: all that git has of it, and nothing that a running stack leaves in it."""

from __future__ import annotations

import subprocess
from pathlib import Path

from ansible_collections.addons.olympia.plugins.module_utils.host.trees import rendered_files
from ansible_collections.addons.olympia.plugins.plugin_utils.rendering.app_source import copied, is_there, source_files

ROOT = Path(__file__).parents[2]


def test_the_embedded_application_is_complete() -> None:
    listed = subprocess.run(["git", "ls-files", "app"], cwd=ROOT, capture_output=True, text=True, check=True)
    files = source_files(str(ROOT / "app"))
    assert set(files) >= {line.removeprefix("app/") for line in listed.stdout.splitlines()}
    assert files["manage.py"]["content"] == (ROOT / "app/manage.py").read_text()


def test_what_docker_ignores_is_left_out(tmp_path: Path) -> None:
    (tmp_path / ".dockerignore").write_text("storage\n**/*.mo\n**/__pycache__\n")
    for name in ("a.py", "storage/x", "src/storage/y", "src/__pycache__/a.pyc", "locale/de/django.mo"):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"\xff" if path.suffix in (".mo", ".pyc") else b"text")
    (tmp_path / "run.sh").write_text("")
    (tmp_path / "run.sh").chmod(0o700)
    files = source_files(str(tmp_path))
    assert set(files) == {".dockerignore", "a.py", "run.sh", "src/storage/y"}
    assert (files["a.py"]["mode"], files["run.sh"]["mode"]) == ("0644", "0755")


def test_what_a_host_has_of_it_is_told_from_what_it_should_have(tmp_path: Path) -> None:
    source, record = tmp_path / "source", tmp_path / "source.sha256"
    for name in (".dockerignore", "manage.py", "src/a.py"):
        (source / name).parent.mkdir(parents=True, exist_ok=True)
        (source / name).write_text(f"{name}\n")
        (source / name).chmod(0o644)
    files = copied(source_files(str(source)))
    assert not is_there(files, {})
    # A copy of a release that left no record.
    assert not is_there(files, rendered_files(tmp_path, files))
    record.write_text(files["source.sha256"]["content"])
    record.chmod(0o644)
    assert is_there(files, rendered_files(tmp_path, files))
    (source / "src/a.py").chmod(0o755)
    assert not is_there(files, rendered_files(tmp_path, files))
    (source / "src/a.py").chmod(0o644)
    (source / "src/a.py").write_text("another\n")
    assert not is_there(files, rendered_files(tmp_path, files))
