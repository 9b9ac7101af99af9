# SPDX-License-Identifier: BSD-3-Clause
"""The stack of the release before, taken over by this one: what was there is there."""

from __future__ import annotations

from pathlib import Path

import yaml
from tests.testinfra.conftest import Stack, stack

__all__ = ["stack"]
ROOT = Path(__file__).resolve().parents[3]


def test_it_was_another_release_that_made_the_stack(stack: Stack) -> None:
    version = yaml.safe_load((ROOT / "galaxy.yml").read_text())["version"]
    assert stack.run("cat", "/root/release-before") != version


def test_secrets_and_volumes_are_those_of_the_release_before(stack: Stack) -> None:
    # Compared apart: a failing assertion prints what it compares. A release may bring a secret of its own.
    kept = set(stack.run("cat", "/root/secrets-before").splitlines()) <= set(
        stack.run("cat", f"{stack.project}/.env").splitlines()
    )
    assert kept
    assert set(stack.run("cat", "/root/volumes-before").split()) <= set(
        stack.run("docker", "volume", "ls", "-q").split()
    )


def test_what_was_put_in_before_is_listed_found_and_served(stack: Stack) -> None:
    assert "Kept" in stack.get("/search/?q=survives")[1]
    assert stack.get("/user-media/kept.xpi") == (200, "kept")


def test_an_image_that_a_newer_build_has_replaced_goes(stack: Stack) -> None:
    mine = f"label=addons.olympia.instance={stack.instance}"
    left = stack.run("docker", "image", "ls", "--no-trunc", "--quiet", "--filter", mine).split()
    assert left == [stack.containers["web"]["Image"]]


def test_the_source_tree_that_nobody_has_edited_is_this_releases(stack: Stack) -> None:
    check = "sha256sum --check --quiet --strict ../source.sha256"
    assert stack.run("sh", "-c", f"cd {stack.project}/source && {check}") == ""
    # One that differs between the releases.
    name = "src/olympia/lib/settings_base.py"
    assert stack.run("cat", f"{stack.project}/source/{name}") == (ROOT / "app" / name).read_text().strip()
