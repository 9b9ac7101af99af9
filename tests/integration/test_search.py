# SPDX-License-Identifier: BSD-3-Clause
"""The search server of the packages origin, asked by Elasticsearch's own clients of the versions that addons-server has had."""

from __future__ import annotations

import json
import subprocess
import uuid
import venv
from collections.abc import Iterator
from pathlib import Path

import pytest

from .conftest import docker
from .test_service_images import tags, wait_healthy

__all__ = ["tags"]
HERE = Path(__file__).parent
# What addons-server asks of an index: n-grams, an alias, bulk, scores by a field, highlights of nothing else.
SCRIPT = """
import json, sys
from elasticsearch import Elasticsearch
from elasticsearch.helpers import bulk

client = Elasticsearch(sys.argv[1])
analysis = {
    "analyzer": {"trigram": {"tokenizer": "trigram", "filter": ["lowercase"]}},
    "tokenizer": {"trigram": {"type": "ngram", "min_gram": 3, "max_gram": 3, "token_chars": ["letter", "digit"]}},
}
mapping = {"properties": {"name": {"type": "text", "analyzer": "trigram"}, "users": {"type": "long"}}}
client.indices.create(index="addons-1", body={"settings": {"analysis": analysis}, "mappings": mapping})
client.indices.update_aliases(body={"actions": [{"add": {"index": "addons-1", "alias": "addons"}}]})
names = {"Tab counter": 5, "Tab gardener": 50, "Ad blocker": 500}
bulk(client, [{"_index": "addons-1", "_source": {"name": name, "users": users}} for name, users in names.items()], refresh=True)
factor = {"field": "users", "modifier": "log2p"}
query = {"function_score": {"query": {"match": {"name": "tab"}}, "field_value_factor": factor}}
hits = client.search(index="addons", body={"query": query})["hits"]["hits"]
print(json.dumps([client.info()["version"]["number"], [hit["_source"]["name"] for hit in hits]]))
"""


@pytest.fixture
def server(tags: dict[str, str], request: pytest.FixtureRequest) -> Iterator[str]:
    """Return the address of a search server that answers as the version that the test names."""
    name = f"imgdev-{uuid.uuid4().hex[:8]}"
    version = f"--env=ELASTICSEARCH_VERSION={request.param}"
    docker("run", "--detach", f"--name={name}", "--publish=127.0.0.1::9200", version, tags["elasticsearch"])
    wait_healthy(name)
    yield "http://" + docker("port", name, "9200")
    docker("rm", "--force", "--volumes", name)


@pytest.mark.full
@pytest.mark.parametrize("server", ["7.17.24", "8.19.8"], indirect=True)
def test_the_client_of_the_same_release_accepts_it(server: str, tmp_path: Path) -> None:
    release = "8" if server_version(server).startswith("8") else "7"
    venv.create(tmp_path / "venv", with_pip=True)
    python = tmp_path / "venv/bin/python"
    locked = HERE / "search_clients" / f"{release}.txt"
    subprocess.run(
        [python, "-m", "pip", "install", "--quiet", "--require-hashes", f"--requirement={locked}"], check=True
    )
    done = subprocess.run([python, "-c", SCRIPT, server], text=True, capture_output=True, check=False)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == [server_version(server), ["Tab gardener", "Tab counter"]]


def server_version(address: str) -> str:
    """Return the version that a search server names."""
    done = subprocess.run(["curl", "--fail", "--silent", address], text=True, capture_output=True, check=True)
    return str(json.loads(done.stdout)["version"]["number"])
