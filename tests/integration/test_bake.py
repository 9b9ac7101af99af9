# SPDX-License-Identifier: BSD-3-Clause
"""The module bake against a real engine, with images that hold one file."""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.addons.olympia.plugins.module_utils.build.build_inputs import METADATA, last_build

from tests.registry import free_port

from .conftest import docker

Bake = Callable[..., dict[str, Any]]


@pytest.fixture
def bake(run_module: Callable[..., dict[str, Any]]) -> Bake:
    """Return a function that runs the module with the given options."""

    def run(check_mode: bool = False, **options: Any) -> dict[str, Any]:
        return run_module("bake", options, check_mode=check_mode)

    return run


@pytest.fixture
def prefix() -> Iterator[str]:
    """Return a name that starts this test's tags; images with such tags are removed afterwards."""
    name = f"imgdev-bake-{uuid.uuid4().hex[:8]}"
    yield name
    tags = docker("image", "ls", "--format", "{{.Repository}}:{{.Tag}}", f"{name}/*").split()
    if tags:
        docker("image", "rm", "--force", *tags)


def definition(prefix: str) -> str:
    """Return a bake file with two targets in a group, one of which is also the context of the other."""
    copy = "FROM scratch\nARG TEXT=none\nLABEL text=$TEXT\nCOPY payload /\n"
    inherit = "FROM one\nLABEL more=yes\n"
    return json.dumps(
        {
            "variable": {"TEXT": {"default": "none"}},
            "group": {"default": {"targets": ["all"]}, "all": {"targets": ["one", "two"]}},
            "target": {
                "one": {
                    "dockerfile-inline": copy,
                    "args": {"TEXT": "${TEXT}"},
                    "tags": [f"{prefix}/one:1", f"{prefix}/one:2"],
                },
                "two": {
                    "dockerfile-inline": inherit,
                    "contexts": {"one": "target:one"},
                    "tags": [f"docker.io/{prefix}/two"],
                },
            },
        }
    )


@pytest.fixture
def project(prefix: str, tmp_path: Path) -> Path:
    """Return a project folder with that bake file and the file that the images hold."""
    (tmp_path / "docker-bake.json").write_text(definition(prefix))
    (tmp_path / "payload").write_text("first")
    return tmp_path


def test_builds_every_target_of_the_default_group(bake: Bake, project: Path) -> None:
    result = bake(project_src=str(project))
    assert result["changed"] is True
    assert set(result["images"]) == {"one", "two"}
    for image in result["images"].values():
        assert image["changed"] is True
        assert image["previous_id"] is None
        for tag in image["tags"]:
            assert docker("image", "inspect", "--format", "{{.Id}}", tag) == image["id"]


def test_a_second_run_changes_nothing(bake: Bake, project: Path) -> None:
    first = bake(project_src=str(project))
    second = bake(project_src=str(project))
    assert second["changed"] is False
    for name, image in second["images"].items():
        assert image["id"] == image["previous_id"] == first["images"][name]["id"]
    assert second["diff"]["before"] == second["diff"]["after"]


def test_another_input_changes_only_the_images_made_of_it(bake: Bake, project: Path) -> None:
    first = bake(project_src=str(project), targets=["one"])
    assert set(first["images"]) == {"one"}
    (project / "payload").write_text("second")
    second = bake(project_src=str(project), targets=["one"])
    assert second["changed"] is True
    assert second["images"]["one"]["previous_id"] == first["images"]["one"]["id"]
    assert second["images"]["one"]["id"] != first["images"]["one"]["id"]


def test_a_lost_tag_is_a_change(bake: Bake, project: Path, prefix: str) -> None:
    bake(project_src=str(project))
    docker("image", "rm", f"{prefix}/one:2")
    assert bake(project_src=str(project), check_mode=True)["changed"] is True
    result = bake(project_src=str(project))
    assert [name for name, image in result["images"].items() if image["changed"]] == ["one"]


def test_only_what_was_asked_for_is_reported(bake: Bake, project: Path) -> None:
    result = bake(project_src=str(project), targets=["two"])
    assert set(result["images"]) == {"two"}


def test_check_mode_builds_nothing_and_foretells_the_change(bake: Bake, project: Path, prefix: str) -> None:
    result = bake(project_src=str(project), check_mode=True)
    assert result["changed"] is True
    assert result["images"]["one"]["id"] is None
    assert docker("image", "ls", "--quiet", f"{prefix}/*") == ""
    bake(project_src=str(project))
    assert bake(project_src=str(project), check_mode=True)["changed"] is False


def test_variables_secrets_and_overrides_reach_the_definition(bake: Bake, project: Path, prefix: str) -> None:
    result = bake(
        project_src=str(project),
        targets=["one"],
        variables={"TEXT": "given"},
        secrets={"TOKEN": "do-not-show-this"},
        set=["one.labels.extra=set", "one.secrets=type=env,id=token,env=TOKEN"],
    )
    labels = json.loads(docker("image", "inspect", "--format", "{{json .Config.Labels}}", f"{prefix}/one:1"))
    assert labels["text"] == "given"
    assert labels["extra"] == "set"
    assert "do-not-show-this" not in json.dumps(result)


def test_project_files_exist_only_during_the_build(bake: Bake, prefix: str) -> None:
    files = {"docker-bake.json": definition(prefix), "payload": "inline"}
    first = bake(project_files=files)
    assert first["changed"] is True
    assert bake(project_files=dict(reversed(files.items())))["changed"] is False
    assert bake(project_files={**files, "payload": "other"})["changed"] is True


def test_project_files_stay_in_their_folder(bake: Bake) -> None:
    for path in ("../outside", "/outside", "a/../../outside"):
        result = bake(project_files={path: "text"})
        assert result["failed"] is True
        assert path in result["msg"]


def test_a_compose_file_is_a_definition(bake: Bake, prefix: str, tmp_path: Path) -> None:
    (tmp_path / "Dockerfile").write_text("FROM scratch\nCOPY Dockerfile /\n")
    compose = {"services": {"web": {"image": f"{prefix}/web:1", "build": {"context": "."}}}}
    (tmp_path / "compose.yml").write_text(json.dumps(compose))
    result = bake(project_src=str(tmp_path), files=["compose.yml"], targets=["web"], metadata_file="built.json")
    assert result["images"]["web"]["tags"] == [f"{prefix}/web:1"]
    built = json.loads((tmp_path / "built.json").read_text())
    assert f"{prefix}/web:1" in built["web"]["image.name"]


def test_a_failing_step_is_named_with_the_command_as_evidence(bake: Bake, prefix: str) -> None:
    good = {"dockerfile-inline": "FROM scratch\nCOPY payload /\n", "tags": [f"{prefix}/good"]}
    bad = {"dockerfile-inline": "FROM scratch\nCOPY payload /\nCOPY no-such-file /\n"}
    files = {
        "docker-bake.json": json.dumps({"target": {"good": good, "bad": bad}}),
        "payload": "text",
    }
    result = bake(project_files=files, targets=["good", "bad"])
    assert result["failed"] is True
    assert "[bad 2/2] COPY no-such-file /" in result["msg"]
    assert "not found" in result["msg"]
    assert "[good" not in result["msg"]
    assert "bake" in result["cmd"]
    assert result["rc"] != 0
    assert "no-such-file" in result["stderr"]


def test_an_invalid_definition_is_refused_before_anything_is_built(bake: Bake, project: Path) -> None:
    for check_mode in (False, True):
        result = bake(project_src=str(project), targets=["one", "nobody"], check_mode=check_mode)
        assert result["failed"] is True
        assert f"bake rejects the definition in {project}" in result["msg"]
        assert "nobody" in result["msg"]
    result = bake(project_src=str(project / "missing"))
    assert str(project / "missing") in result["msg"]


def test_the_steps_are_told_with_their_time_and_whether_they_were_cached(
    bake: Bake, prefix: str, tmp_path: Path
) -> None:
    dockerfile = "FROM scratch AS first\nCOPY payload /\nFROM scratch\nCOPY --from=first /payload /other\n"
    target = {"dockerfile-inline": dockerfile, "tags": [f"{prefix}/steps"]}
    (tmp_path / "docker-bake.json").write_text(json.dumps({"target": {"default": target}}))
    (tmp_path / "payload").write_text(prefix)
    options = {"project_src": str(tmp_path), "metadata_file": "metadata.json"}
    steps = bake(**options)["steps"]
    assert [step["name"] for step in steps] == [
        "[first 1/1] COPY payload /",
        "[stage-1 1/1] COPY --from=first /payload /other",
    ]
    assert [step["cached"] for step in steps] == [False, False]
    again = bake(**options)
    assert [step["cached"] for step in again["steps"]] == [True, True]
    metadata = json.loads((tmp_path / "metadata.json").read_text())
    assert metadata["steps"] == again["steps"]
    assert metadata["default"]["containerimage.digest"].startswith("sha256:")


def test_a_cache_that_cannot_be_used_is_told_and_the_build_goes_on(bake: Bake, prefix: str, tmp_path: Path) -> None:
    away = f"type=registry,ref=127.0.0.1:{free_port()}/me/site:cache"
    nowhere = f"type=local,src={tmp_path / 'nothing'}"
    build = {"context": ".", "cache_from": [away, nowhere], "cache_to": [f"{away},mode=max,ignore-error=true"]}
    (tmp_path / "compose.yml").write_text(json.dumps({"services": {"web": {"image": f"{prefix}/web", "build": build}}}))
    (tmp_path / "Dockerfile").write_text("FROM scratch\nCOPY Dockerfile /\n")
    result = bake(project_src=str(tmp_path), files=["compose.yml"], targets=["web"])
    assert result.get("changed") is True, result
    reading, writing = result["warnings"]
    assert "The build went on without a cache: importing cache manifest from 127.0.0.1:" in str(reading)
    assert "The build went on without a cache: exporting cache to registry failed" in str(writing)


def test_what_an_image_was_made_from_is_told_with_its_digest(bake: Bake, prefix: str, tmp_path: Path) -> None:
    base, name = f"{prefix}/base:1", f"{prefix}/site:1"
    for text, tag in (("FROM scratch\nCOPY payload /\n", base), (f"FROM {base}\nCOPY payload /other\n", name)):
        target = {"dockerfile-inline": text, "tags": [tag]}
        (tmp_path / "docker-bake.json").write_text(json.dumps({"target": {"default": target}}))
        (tmp_path / "payload").write_text(prefix)
        result = bake(project_src=str(tmp_path), metadata_file="metadata.json")
    assert result["materials"] == [f"docker.io/{base}@{docker('image', 'inspect', '--format={{.Id}}', base)}"]
    assert json.loads((tmp_path / "metadata.json").read_text())["materials"] == result["materials"]


@pytest.mark.full
def test_what_the_caller_built_from_is_kept_with_the_image_that_came_of_it(
    bake: Bake, prefix: str, tmp_path: Path
) -> None:
    (tmp_path / "compose.yml").write_text(json.dumps({"services": {"web": {"image": f"{prefix}/web:1", "build": "."}}}))
    (tmp_path / "Dockerfile").write_text("FROM scratch\nCOPY Dockerfile /\n")
    options = {"project_src": str(tmp_path), "files": ["compose.yml"], "targets": ["web"], "metadata_file": METADATA}
    for inputs in ("abc", "def"):
        bake(**options, inputs=inputs)
        image = docker("image", "inspect", "--format={{.Id}}", f"{prefix}/web:1")
        assert last_build(tmp_path, "web") == {"inputs": inputs, "image": image}
    # Nothing is built: what the last build told stays.
    bake(**options, inputs="ghi", check_mode=True)
    assert last_build(tmp_path, "web")["inputs"] == "def"
    # Who does not say what it is built from has not said it of this image, either.
    bake(**options)
    assert last_build(tmp_path, "web") == {"inputs": "", "image": image}
    (tmp_path / "Dockerfile").write_text("FROM scratch\nCOPY nothing /\n")
    assert bake(**options, inputs="ghi")["failed"] is True
    assert last_build(tmp_path, "web") == {"inputs": "", "image": image}
