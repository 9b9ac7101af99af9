# SPDX-License-Identifier: BSD-3-Clause
"""What users add to a stack: Compose files, variables, hooks and targets of a Makefile."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from ansible_collections.addons.olympia.plugins.module_utils.checks import shapes
from ansible_collections.addons.olympia.plugins.module_utils.core.masking import MASK, looks_secret, mask_named
from ansible_collections.addons.olympia.plugins.module_utils.stack import derived as stack
from ansible_collections.addons.olympia.plugins.module_utils.stack import extensions
from ansible_collections.addons.olympia.plugins.modules import instance_hook
from ansible_collections.addons.olympia.plugins.plugin_utils.rendering import extra
from ansible_collections.addons.olympia.plugins.plugin_utils.rendering.project import application_environment
from tests.unit.test_stack import PACKAGE_IMAGES, facts, values

MINE = """
services:
  mine: {image: x}
  web: {environment: {A: b}, volumes: !override [a:/b]}
  once: {image: x, profiles: [tools]}
"""


def test_files_of_project_and_source_tree_are_merged_in_the_order_of_their_names(tmp_path: Path) -> None:
    project, source = tmp_path / "project", tmp_path / "source"
    for folder, names in ((project / "compose.d", "ac"), (source / ".olympia/compose.d", "bc")):
        folder.mkdir(parents=True)
        for name in names:
            (folder / f"{name}.yml").write_text(name)
        (folder / "notes.txt").write_text("nothing of ours")
    tree = f"{source}/.olympia/compose.d"
    found = ["compose.d/a.yml", f"{tree}/b.yml", f"{tree}/c.yml", "compose.d/c.yml"]
    assert list(extensions.compose_files(project, source)) == found
    assert extensions.compose_files(tmp_path, tmp_path) == {}


def test_an_added_service_is_waited_for_and_its_file_is_one_of_composes() -> None:
    texts = {"compose.d/mine.yml": MINE, "compose.d/empty.yml": ""}
    assert extra.services(texts) == ["mine"]
    assert extra.check(texts) == []
    found = facts(compose_d=texts)
    settings = stack.derive(values(), found, PACKAGE_IMAGES, extra=["mine"])
    assert settings["services"][-1] == "mine"
    assert settings["compose_files"] == [stack.BASE_FILE, *texts]
    assert stack.images_to_pull(settings, found, PACKAGE_IMAGES.values()) == []


def test_a_timeout_of_no_service_is_a_problem() -> None:
    texts = {"compose.d/mine.yml": MINE}
    assert extra.check_timeouts({"mine": 1, "web": 2}, texts) == []
    (problem,) = extra.check_timeouts({"mime": 1}, texts)
    assert problem.setting == "olympia_stack_wait_timeouts"
    assert problem.fix == "Did you mean mine?"


@pytest.mark.parametrize("text", ["- a", "services: [", "a: b: c", "\t"])
def test_a_file_that_is_none_of_composes_is_a_problem(text: str) -> None:
    (problem,) = extra.check({"compose.d/x.yml": text})
    assert "compose.d/x.yml" in problem.what and problem.cause and problem.fix
    assert extra.services({"compose.d/x.yml": text}) == []


def test_a_service_without_a_healthcheck_is_healthy_when_it_runs() -> None:
    settings = stack.derive(values(), facts(), PACKAGE_IMAGES, extra=["mine"])
    containers = [{"service": name, "state": "running", "health": "healthy"} for name in settings["services"]]
    assert stack.healthy(settings, facts(containers=[*containers[:-1], containers[-1] | {"health": ""}]))
    assert not stack.healthy(settings, facts(containers=[*containers[:-1], containers[-1] | {"health": "starting"}]))


def test_variables_have_names_of_their_own_in_the_env_file_and_secrets_are_apart() -> None:
    given = {"FXA_CLIENT_SECRET": "do not tell", "COMPOSE_FILE": "x", "API_KEY": "short"}
    assert application_environment(given, secret=True) == {"APPLICATION_FXA_CLIENT_SECRET": "do not tell"}
    assert application_environment(given, secret=False) == {
        "APPLICATION_COMPOSE_FILE": "x",
        "APPLICATION_API_KEY": "short",
    }
    assert stack.derive(values(environment={"ON": True, "N": 1}), facts(), {})["environment"] == {
        "ON": "true",
        "N": "1",
    }


@pytest.mark.parametrize(
    "name", ["FXA_CLIENT_SECRET", "GITHUB_TOKEN", "SMTP_PASSWORD", "API_KEY", "KEY", "google_credentials"]
)
def test_a_name_that_looks_secret_hides_its_value(name: str) -> None:
    assert looks_secret(name)
    assert mask_named({"value": {name: "x", "OTHER": "y"}}) == {"value": {name: MASK, "OTHER": "y"}}


def test_a_name_that_looks_harmless_does_not() -> None:
    assert not any(map(looks_secret, ("FXA_CLIENT_ID", "MONKEY", "KEYBOARD", "CINDER_SERVER_URL")))


def test_a_variable_has_the_name_of_one() -> None:
    (problem,) = shapes.check(values(environment={"a-b": "c"}))
    assert problem.setting == "olympia_stack_environment"
    assert shapes.check(values(environment={"A_1": "c"}, wait_timeouts={"mine": 3})) == []


def test_the_hooks_of_a_source_tree_are_found(tmp_path: Path) -> None:
    (tmp_path / ".olympia/hooks").mkdir(parents=True)
    for name in ("post-up", "pre-down", "notes"):
        (tmp_path / ".olympia/hooks" / name).touch()
    assert extensions.hooks(tmp_path) == ["post-up", "pre-down"]


def hook(folder: Path, text: str, mode: int = 0o755) -> Path:
    """Return a hook that is a shell script."""
    path = folder / "post-up"
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(mode)
    folder.chmod(0o755)
    return path


@pytest.fixture
def open_folder() -> Iterator[Path]:
    """Return a folder that every user may read, unlike pytest's own."""
    with tempfile.TemporaryDirectory(prefix="olympia-hook-") as folder:
        yield Path(folder)


def test_a_hook_gets_what_it_is_given_and_never_runs_as_root(
    open_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SECRET_OF_MINE", "not for hooks")
    path = hook(open_folder, 'echo "$(id -u) $OLYMPIA_ADDRESS ${SECRET_OF_MINE:-none}"; pwd; exit 3')
    code, output = instance_hook.run(path, open_folder, {"OLYMPIA_ADDRESS": "http://here"}, 9500)
    user = os.getuid() or 9500
    assert (code, output.splitlines()) == (3, [f"{user} http://here none", str(open_folder)])


def test_a_hook_that_is_not_executable_is_an_error(open_folder: Path) -> None:
    with pytest.raises(OSError, match="Permission"):
        instance_hook.run(hook(open_folder, "true", 0o644), open_folder, {}, 9500)
