# SPDX-License-Identifier: BSD-3-Clause
"""The module build_cache: what a cache names is fetched by its digest, and the rest is removed."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import pytest
from ansible_collections.addons.olympia.plugins.modules.build_cache import (
    BLOBS,
    CacheError,
    Server,
    blob,
    bring,
    superfluous,
)


class Folder(Server):
    """A folder in place of a server: what is tested over HTTPS is in tests/shared."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def fetch(self, digest: str, file: Path) -> None:
        try:
            file.write_bytes((self.folder / blob(digest)).read_bytes())
        except FileNotFoundError as error:
            raise CacheError("404") from error


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
    with pytest.raises(CacheError, match="404"):
        bring(here, index, Folder(there))
    assert (here / "index.json").read_text() == old


@pytest.mark.parametrize("digest", ["", "sha256:", "sha256:../../etc/passwd", f"md5:{'0' * 64}", f"sha256:{'G' * 64}"])
def test_a_digest_leads_nowhere_else(digest: str) -> None:
    with pytest.raises(CacheError, match="is not a digest"):
        blob(digest)
