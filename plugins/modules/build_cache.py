#!/usr/bin/python
# SPDX-License-Identifier: BSD-3-Clause
"""Ansible module: copy a build cache from another machine."""

from __future__ import annotations

DOCUMENTATION = r"""
module: build_cache
short_description: Copy a build cache from another machine
description:
  - A build cache is a folder in the image layout of the Open Container Initiative, as BuildKit writes and reads it (C(type=local)).
  - With O(url) it becomes what O(index) describes. Missing parts are fetched from there, and each part is verified by its
    digest.
  - Parts of earlier builds that nothing refers to any more are removed.
author: The Olympia provisioner authors (!UNKNOWN)
options:
  path:
    description: The folder.
    type: path
    required: true
  url:
    description: Where such a folder is served, over HTTPS.
    type: str
  address:
    description: Address to connect to, if the name in O(url) cannot be resolved.
    type: str
  index:
    description: Text of C(index.json) in the folder that is served.
    type: str
  authority:
    description: Certificate of the authority that signed the server's. By default, those that the machine trusts.
    type: str
  password:
    description: Password of the user C(builds) there.
    type: str
attributes:
  check_mode:
    support: full
    description: Reports whether anything would be fetched or removed.
  diff_mode:
    support: none
    description: Such folders have none.
"""

EXAMPLES = r"""
- name: Clean up a build cache
  addons.olympia.build_cache:
    path: /var/lib/olympia/builds/addons
"""

RETURN = r"""
fetched:
  description: Digests of the parts that were fetched (in check mode, nothing is).
  returned: success
  type: list
  elements: str
removed:
  description: SHA-256 of the parts that were removed (in check mode, would be).
  returned: success
  type: list
  elements: str
"""

import base64
import hashlib
import http.client
import json
import os
import socket
import ssl
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.addons.olympia.plugins.module_utils.core.problem import Problem

LAYOUT = '{"imageLayoutVersion":"1.0.0"}'
BLOBS = "blobs/sha256"
CHUNK = 1 << 20  # bytes
SECONDS = 60
# What names other parts: manifests and indexes, of the initiative and of Docker.
NAMING = (".index.v1+json", ".manifest.v1+json", ".manifest.list.v2+json", ".manifest.v2+json")


class Server:
    """Where a cache is served.

    Attributes:
        url: Its address.
        address: What to connect to; the name in the address where it is empty.
        context: How certificates are verified.
        headers: What is sent with each request.
    """

    def __init__(self, params: dict[str, Any]) -> None:
        """Take the module's parameters."""
        self.url = urlsplit(params["url"])
        self.address = params["address"] or self.url.hostname or ""
        self.context = ssl.create_default_context(cadata=params["authority"] or None)
        word = base64.b64encode(f"builds:{params['password'] or ''}".encode()).decode()
        self.headers = {"Authorization": f"Basic {word}"}

    def fetch(self, digest: str, file: Path) -> None:
        """Write a part to a file, if it is what its digest says.

        Args:
            digest: Of the part.
            file: Where it is to be.

        Raises:
            Problem: The server has none, or another one.
            OSError: The server cannot be reached, or the file not be written.
        """
        name = self.url.hostname or ""
        connection = http.client.HTTPSConnection(name, timeout=SECONDS, context=self.context)
        plain = socket.create_connection((self.address, self.url.port or 443), timeout=SECONDS)
        connection.sock = self.context.wrap_socket(plain, server_hostname=name)
        where = f"{self.url.path}/{blob(digest)}"
        descriptor, unfinished = tempfile.mkstemp(dir=file.parent, prefix=".unfinished-")
        try:
            found = hashlib.sha256()
            with os.fdopen(descriptor, "wb") as out:
                connection.request("GET", where, headers=self.headers)
                answer = connection.getresponse()
                if answer.status != http.client.OK:
                    raise Problem(f"{name} answers {answer.status} {answer.reason} to {where}.")
                while chunk := answer.read(CHUNK):
                    found.update(chunk)
                    out.write(chunk)
            if f"sha256:{found.hexdigest()}" != digest:
                raise Problem(f"What {name} has at {where} is not what its digest says: sha256:{found.hexdigest()}.")
            Path(unfinished).chmod(0o644)
            Path(unfinished).replace(file)
        finally:
            connection.close()
            Path(unfinished).unlink(missing_ok=True)


def blob(digest: str) -> str:
    """Return where a part is in such a folder.

    Args:
        digest: Of the part.

    Raises:
        Problem: That is no digest of a kind that is known.
    """
    kind, _colon, value = digest.partition(":")
    if kind != "sha256" or len(value) != 64 or not set(value) <= set("0123456789abcdef"):
        raise Problem(f"'{digest}' is not a digest.")
    return f"{BLOBS}/{value}"


def parts(folder: Path, index: str, server: Server | None, fetched: list[str]) -> Iterator[str]:
    """Yield the digest of each part that an index names, directly or not; what the folder lacks is fetched.

    Args:
        folder: The folder.
        index: The index.
        server: Has what is missing, if there is one.
        fetched: Gets the digests of what was fetched.

    Raises:
        Problem: A part cannot be had.
        OSError: The server cannot be reached, or a file not be written.
        ValueError: What should name parts does not.
    """
    for part in described(json.loads(index)):
        digest, file = part["digest"], folder / blob(part["digest"])
        if not file.exists():
            if server is None:
                raise Problem(f"{folder} lacks {digest}.")
            server.fetch(digest, file)
            fetched.append(digest)
        yield digest
        if part["mediaType"].endswith(NAMING):
            yield from parts(folder, file.read_text(encoding="utf-8"), server, fetched)


def described(manifest: dict[str, Any]) -> list[dict[str, str]]:
    """Return what an index or a manifest names.

    Args:
        manifest: It.
    """
    named = [*manifest.get("manifests", []), *manifest.get("layers", []), manifest.get("config")]
    return [part for part in named if part]


def bring(folder: Path, index: str, server: Server) -> list[str]:
    """Make a folder hold all that an index names, and return the digests of what was fetched.

    Args:
        folder: The folder.
        index: The index.
        server: Has what is missing.

    Raises:
        Problem: A part cannot be had. The folder stays as good as it was.
        OSError: The server cannot be reached, or a file not be written.
        ValueError: What should name parts does not.
    """
    fetched: list[str] = []
    (folder / BLOBS).mkdir(parents=True, exist_ok=True)
    # All of them, before the index names any.
    for _digest in parts(folder, index, server, fetched):
        pass
    for name, text in (("oci-layout", LAYOUT), ("index.json", index)):
        unfinished = folder / f".unfinished-{name}"
        unfinished.write_text(text, encoding="utf-8")
        unfinished.replace(folder / name)
    return fetched


def superfluous(folder: Path, index: str) -> list[Path]:
    """Return the parts that an index does not name, and what interrupted runs have left.

    Args:
        folder: The folder.
        index: The index.

    Raises:
        Problem: A part is missing.
        OSError: The folder cannot be read.
        ValueError: What should name parts does not.
    """
    kept = {digest.removeprefix("sha256:") for digest in parts(folder, index, None, [])}
    return [file for file in (folder / BLOBS).iterdir() if file.name not in kept]


def open_to_readers(folder: Path) -> None:
    """Make what BuildKit's client makes when it reads a cache, and what its readers may not make here.

    Args:
        folder: The folder.

    Raises:
        OSError: It cannot be made.
    """
    (folder / "ingest").mkdir(exist_ok=True)
    (folder / "index.json.lock").touch()


def main() -> None:
    """Run the module."""
    module = AnsibleModule(
        argument_spec={
            "path": {"type": "path", "required": True},
            "url": {"type": "str"},
            "address": {"type": "str"},
            "index": {"type": "str"},
            "authority": {"type": "str"},
            "password": {"type": "str", "no_log": True},
        },
        required_by={"url": ["index"]},
        supports_check_mode=True,
    )
    folder = Path(module.params["path"])
    index_file = folder / "index.json"
    os.umask(0o022)
    fetched: list[str] = []
    try:
        here = index_file.read_text(encoding="utf-8") if index_file.exists() else ""
        index = module.params["index"] or here
        plan = module.check_mode and index != here
        if module.params["url"] and not plan:
            fetched = bring(folder, index, Server(module.params))
        removed = [] if plan else superfluous(folder, index)
        if not module.check_mode:
            open_to_readers(folder)
            for file in removed:
                file.unlink()
    except (Problem, OSError, ValueError, KeyError, http.client.HTTPException) as error:
        module.fail_json(msg=f"The build cache {folder} is not complete: {error}")
    module.exit_json(
        changed=index != here or bool(fetched or removed), fetched=fetched, removed=[file.name for file in removed]
    )


if __name__ == "__main__":
    main()
