# SPDX-License-Identifier: BSD-3-Clause
"""What users add to a stack, as Compose reads it."""

from __future__ import annotations

from pathlib import Path

from ansible_collections.addons.olympia.plugins.module_utils.core.files import write

from .project import SECRETS, host, rendered, resolve

VARIABLES = {"FXA_ID": "a $b 'c' \"d\"", "FXA_SECRET": "do not tell", "DEBUG": "maybe", "COMPOSE_FILE": "none"}


def test_variables_of_users_reach_the_application_as_they_are_and_secrets_only_the_env_file(tmp_path: Path) -> None:
    resolution = resolve({"olympia_stack_environment": VARIABLES})
    assert resolution.problems == []
    made = rendered(
        resolution, host(tmp_path / "project"), {"APPLICATION_FXA_SECRET": VARIABLES["FXA_SECRET"]} | SECRETS
    )
    services = made.model["services"]
    for name in ("web", "worker", "tests"):
        assert {key: services[name]["environment"][key] for key in VARIABLES} == VARIABLES
        assert services[name]["environment"]["MYSQL_DATABASE"] == "olympia"
    assert "FXA_SECRET" not in services["redis"]["environment"]
    assert [name for name, text in made.files.items() if VARIABLES["FXA_SECRET"] in text] == [".env"]


def test_compose_files_of_users_are_merged(tmp_path: Path) -> None:
    tree = tmp_path / "source/.olympia/compose.d/a.yml"
    texts = {
        "compose.d/b.yml": "services: {mine: {image: x, environment: {A: project}}}",
        str(tree): "services: {mine: {image: y, environment: {A: tree, B: tree}}, web: {mem_limit: 1g}}",
    }
    for path, text in texts.items():
        write(tmp_path / "project" / path, text, 0o644)
    ordered = dict(sorted(texts.items(), key=lambda item: Path(item[0]).name))
    made = rendered(resolve({}), host(tmp_path / "project", compose_d=ordered))
    assert made.model["services"]["mine"]["image"] == "x"
    assert made.model["services"]["mine"]["environment"] == {"A": "project", "B": "tree"}
    assert made.model["services"]["web"]["mem_limit"] == str(2**30)
    assert made.target("web")["target"] == "development"
