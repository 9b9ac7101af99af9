# SPDX-License-Identifier: BSD-3-Clause
"""Bootstrap with the real pip, ansible-galaxy and package index. No engine is needed."""

from __future__ import annotations

import functools
import hashlib
import http.server
import io
import json
import os
import re
import subprocess
import sys
import tarfile
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

import environment
from tests.unit.test_requirements import installed, pinned

from .conftest import ROOT


def test_an_unfinished_environment_is_replaced(bare_checkout: Path) -> None:
    venv = bare_checkout / ".venv"
    (venv / environment.MARKER).mkdir(parents=True)
    (venv / "bin").mkdir()
    (venv / "bin/python").write_text("half a file")
    environment.make_venv(venv)
    shown = subprocess.run([venv / "bin/python", "-m", "pip", "--version"], capture_output=True, text=True, check=True)
    assert str(venv) in shown.stdout


def test_an_index_out_of_reach_is_a_sentence_and_the_next_run_goes_on(bare_checkout: Path) -> None:
    closed = {"PIP_CONFIG_FILE": os.devnull, "PIP_INDEX_URL": "http://127.0.0.1:1/simple", "PIP_RETRIES": "0"}
    done = subprocess.run(
        [sys.executable, "scripts/bootstrap"],
        cwd=bare_checkout,
        env={name: value for name, value in os.environ.items() if not name.startswith("PIP_")} | closed,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    assert "Is the package index reachable?" in done.stderr
    assert not environment.ready(bare_checkout / ".venv", bare_checkout / "collections", dev=False)


class Galaxy(http.server.BaseHTTPRequestHandler):
    """As much of a Galaxy server as an installation of exact versions needs; it serves the installed collections."""

    def log_message(self, *_: object) -> None:
        """Say nothing."""

    def do_GET(self) -> None:
        """Answer."""
        self.server: http.server.ThreadingHTTPServer
        base = f"http://127.0.0.1:{self.server.server_port}"
        path = self.path.partition("?")[0].strip("/")
        body: bytes | None = None
        if path == "api":
            body = json.dumps({"available_versions": {"v3": "v3/"}}).encode()
        elif match := re.fullmatch(r"api/v3/collections/(\w+)/(\w+)", path):
            times = {"created_at": "2026-01-01T00:00:00Z", "updated_at": "2026-01-01T00:00:00Z"}
            body = json.dumps({"namespace": match[1], "name": match[2], "deprecated": False} | times).encode()
        elif match := re.fullmatch(r"api/v3/collections/(\w+)/(\w+)/versions(?:/([\d.]+))?", path):
            namespace, name, version = match.groups()
            pinned = environment.pinned_collections(ROOT / "requirements.yml")[f"{namespace}.{name}"]
            if not version:
                versions = [{"version": pinned, "href": f"/{path}/{pinned}/"}]
                body = json.dumps({"meta": {"count": 1}, "links": {"next": None}, "data": versions}).encode()
            elif version == pinned:
                answer: dict[str, object] = {
                    "version": version,
                    "href": f"/{path}/",
                    "download_url": f"{base}/{namespace}-{name}-{version}.tar.gz",
                    "artifact": {"sha256": hashlib.sha256(artifact(namespace, name)).hexdigest()},
                    "namespace": {"name": namespace},
                    "collection": {"name": name},
                    "metadata": {"dependencies": {}},
                    "signatures": [],
                }
                body = json.dumps(answer).encode()
        elif match := re.fullmatch(r"(\w+)-(\w+)-[\d.]+\.tar\.gz", path):
            body = artifact(*match.groups())
        self.send_response(404 if body is None else 200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body or b"")))
        self.end_headers()
        self.wfile.write(body or b"")


@functools.cache
def artifact(namespace: str, name: str) -> bytes:
    """Return an installed collection as an archive, such as it came from."""
    folder = ROOT / "collections/ansible_collections" / namespace / name
    files = json.loads((folder / "FILES.json").read_text())
    # The package `ansible` leaves the collections' tests out.
    files["files"] = [one for one in files["files"] if (folder / one["name"]).exists()]
    manifest = json.loads((folder / "MANIFEST.json").read_text())
    listing = json.dumps(files).encode()
    manifest["file_manifest_file"]["chksum_sha256"] = hashlib.sha256(listing).hexdigest()
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as archive:
        for entry, content in (("MANIFEST.json", json.dumps(manifest).encode()), ("FILES.json", listing)):
            header = tarfile.TarInfo(entry)
            header.size = len(content)
            archive.addfile(header, io.BytesIO(content))
        for one in files["files"]:
            if one["name"] != ".":
                archive.add(folder / one["name"], arcname=one["name"], recursive=False)
    return buffer.getvalue()


@pytest.fixture
def galaxy(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Serve a Galaxy on loopback, and let Ansible use it."""
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Galaxy)
    monkeypatch.setenv("ANSIBLE_GALAXY_SERVER", f"http://127.0.0.1:{server.server_port}")
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    yield
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.mark.usefixtures("galaxy")
def test_the_collections_come_from_galaxy_where_it_answers(
    bare_checkout: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    collections = bare_checkout / "collections"
    (collections / "ansible_collections/community/docker/outdated").mkdir(parents=True)
    environment.make_collections(Path(sys.prefix), collections)
    assert installed(collections) == pinned()
    assert "instead" not in capsys.readouterr().out
    assert not list(collections.glob(".new-*"))
    assert not (collections / "ansible_collections/community/docker/outdated").exists()


def test_the_collections_come_from_the_package_where_galaxy_does_not_answer(
    bare_checkout: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("ANSIBLE_GALAXY_SERVER", "http://127.0.0.1:1")
    environment.make_collections(Path(sys.prefix), bare_checkout / "collections")
    assert "from the package `ansible` instead" in capsys.readouterr().out
    assert installed(bare_checkout / "collections") == pinned()
