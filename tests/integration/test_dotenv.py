# SPDX-License-Identifier: BSD-3-Clause
"""The instance's .env, as Compose itself reads it."""

from __future__ import annotations

import json
from pathlib import Path

from ansible_collections.addons.olympia.plugins.module_utils import dotenv

from .conftest import docker

AWKWARD = ["", "plain", "with space", "it's", 'a "quoted" word', "back\\slash", "$HOME", "#no", "a #b", "ä"]
AWKWARD += ["${HOME}", "\\$HOME", "ends with \\", "\\\\host", "line\\nbreak", "\\'", '\\"', '{"web": "a b"}']


def test_compose_reads_every_value_as_it_was_written(tmp_path: Path) -> None:
    values = {f"VALUE_{number}": value for number, value in enumerate(AWKWARD)}
    (tmp_path / ".env").write_text(dotenv.quote(values) + "\n", encoding="utf-8")
    service = {"image": "none", "environment": {name: f"${{{name}}}" for name in values}}
    (tmp_path / "docker-compose.yml").write_text(json.dumps({"name": "dotenv", "services": {"one": service}}))
    config = json.loads(docker("compose", "--project-directory", str(tmp_path), "config", "--format", "json"))
    # What it prints could be read again, and so has its dollars doubled.
    read = {name: value.replace("$$", "$") for name, value in config["services"]["one"]["environment"].items()}
    assert read == values
