# SPDX-License-Identifier: BSD-3-Clause
"""The module build_cache: what a cache names is fetched by its digest, and the rest is removed."""

from __future__ import annotations

import base64
import functools
import hashlib
import http.server
import json
import ssl
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from ansible_collections.addons.olympia.plugins.module_utils.core.problem import Problem
from ansible_collections.addons.olympia.plugins.modules.build_cache import BLOBS, Server, blob, bring, superfluous


class Folder(Server):
    """A folder in place of a server."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def fetch(self, digest: str, file: Path) -> None:
        try:
            file.write_bytes((self.folder / blob(digest)).read_bytes())
        except FileNotFoundError as error:
            raise Problem("404") from error


def put(folder: Path, content: str) -> str:
    """Put a part into a folder, and return its digest."""
    digest = f"sha256:{hashlib.sha256(content.encode()).hexdigest()}"
    (folder / BLOBS).mkdir(parents=True, exist_ok=True)
    (folder / blob(digest)).write_text(content)
    return digest


def cache(folder: Path, *layers: str) -> str:
    """Make a cache as BuildKit writes one, and return its index."""
    kind = "application/vnd.oci.image."
    named = [{"digest": put(folder, layer), "mediaType": f"{kind}layer.v1.tar+gzip"} for layer in layers]
    config = {"digest": put(folder, f"config of {layers}"), "mediaType": "application/vnd.buildkit.cacheconfig.v0"}
    manifest = put(folder, json.dumps({"manifests": [*named, config]}))
    index = json.dumps({"manifests": [{"digest": manifest, "mediaType": f"{kind}index.v1+json"}]})
    (folder / "index.json").write_text(index)
    return index


def contents(folder: Path) -> dict[str, str]:
    """Return the text of each file in a folder."""
    return {str(path.relative_to(folder)): path.read_text() for path in folder.rglob("*") if path.is_file()}


def test_what_is_missing_is_fetched_and_nothing_twice(tmp_path: Path) -> None:
    there, here = tmp_path / "there", tmp_path / "here"
    index = cache(there, "one", "two")
    assert len(bring(here, index, Folder(there))) == 4
    assert contents(here) == contents(there) | {"oci-layout": '{"imageLayoutVersion":"1.0.0"}'}
    assert bring(here, index, Folder(there)) == []
    index = cache(there, "one", "three")
    assert len(bring(here, index, Folder(there))) == 3


def test_what_a_newer_build_has_replaced_is_superfluous(tmp_path: Path) -> None:
    cache(tmp_path, "one", "two")
    index = cache(tmp_path, "one", "three")
    (tmp_path / BLOBS / ".unfinished-x").write_text("half")
    for file in superfluous(tmp_path, index):
        file.unlink()
    kept = contents(tmp_path)
    assert sorted(text for text in kept.values() if text in ("one", "two", "three", "half")) == ["one", "three"]
    assert superfluous(tmp_path, index) == []


def test_a_cache_that_cannot_be_had_leaves_the_old_one(tmp_path: Path) -> None:
    there, here = tmp_path / "there", tmp_path / "here"
    old = cache(there, "one")
    bring(here, old, Folder(there))
    index = cache(there, "two")
    (there / blob(f"sha256:{hashlib.sha256(b'two').hexdigest()}")).unlink()
    with pytest.raises(Problem, match="404"):
        bring(here, index, Folder(there))
    assert (here / "index.json").read_text() == old


@pytest.mark.parametrize("digest", ["", "sha256:", "sha256:../../etc/passwd", f"md5:{'0' * 64}", f"sha256:{'G' * 64}"])
def test_a_digest_leads_nowhere_else(digest: str) -> None:
    with pytest.raises(Problem, match="is not a digest"):
        blob(digest)


class Proxy(http.server.SimpleHTTPRequestHandler):
    """Serves a folder to whom knows the password, as the reverse proxy of a machine does."""

    def do_GET(self) -> None:
        word = base64.b64encode(b"builds:secret").decode()
        if self.headers["Authorization"] == f"Basic {word}":
            super().do_GET()
        else:
            self.send_error(401)

    def log_message(self, *_arguments: object) -> None:
        """Say nothing."""


@pytest.fixture
def served(tmp_path: Path) -> Iterator[tuple[Path, dict[str, str]]]:
    """Return a folder that is served over HTTPS, and the module's parameters that lead there."""
    folder, key, certificate = tmp_path / "served", tmp_path / "key", tmp_path / "crt"
    folder.mkdir()
    kind = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-noenc", "-days", "1"]
    names = ["-subj", "/CN=vm1.example.org", "-addext", "subjectAltName=DNS:vm1.example.org"]
    command = ["openssl", "req", "-x509", *kind, *names, "-keyout", str(key), "-out", str(certificate)]
    subprocess.run(command, check=True, capture_output=True)
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Proxy, directory=str(folder)))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    yield (
        folder,
        {
            "url": f"https://vm1.example.org:{server.server_port}/builds/1",
            "address": "127.0.0.1",
            "authority": certificate.read_text(),
            "password": "secret",
        },
    )
    server.shutdown()
    server.server_close()


def test_a_cache_is_fetched_over_https(served: tuple[Path, dict[str, str]], tmp_path: Path) -> None:
    folder, params = served
    index = cache(folder / "builds/1", "one", "two")
    here = tmp_path / "here"
    assert len(bring(here, index, Server(params))) == 4
    assert contents(here).items() >= contents(folder / "builds/1").items()
    assert {path.stat().st_mode & 0o777 for path in (here / BLOBS).iterdir()} == {0o644}


def test_what_is_not_what_its_digest_says_is_not_taken(served: tuple[Path, dict[str, str]], tmp_path: Path) -> None:
    folder, params = served
    index = cache(folder / "builds/1", "one")
    (folder / "builds/1" / blob(f"sha256:{hashlib.sha256(b'one').hexdigest()}")).write_text("another")
    here = tmp_path / "here"
    with pytest.raises(Problem, match="is not what its digest says"):
        bring(here, index, Server(params))
    assert "another" not in contents(here).values()
    assert not (here / "index.json").exists()


def test_nobody_gets_it_without_the_password_or_from_somebody_else(
    served: tuple[Path, dict[str, str]], tmp_path: Path
) -> None:
    folder, params = served
    index = cache(folder / "builds/1", "one")
    with pytest.raises(Problem, match="answers 401"):
        bring(tmp_path / "here", index, Server(params | {"password": "wrong"}))
    with pytest.raises(ssl.SSLCertVerificationError):
        bring(tmp_path / "here", index, Server(params | {"authority": ""}))
