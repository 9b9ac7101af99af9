# SPDX-License-Identifier: BSD-3-Clause
"""The stack of the inventory `ci`: what this host's settings make of it, beside what every stack promises."""

from __future__ import annotations

from tests.testinfra.conftest import Stack, stack

__all__ = ["stack"]


def test_the_image_is_a_closed_system_that_runs_as_9500(stack: Stack) -> None:
    assert stack.closed
    assert stack.exec("web", "id", "-u", "olympia") == "9500"


def test_the_image_is_for_production_and_has_its_translations(stack: Stack) -> None:
    assert stack.env["DOCKER_TARGET"] == "production"
    assert len(stack.exec("web", "find", "locale", "-name", "django.mo").splitlines()) == 2


def test_the_image_says_what_it_was_built_from(stack: Stack) -> None:
    labels = stack.containers["web"]["Config"]["Labels"]
    told = ("org.opencontainers.image.revision", "org.opencontainers.image.version", "addons.olympia.build")
    assert [labels[name] for name in told] == ["abc123", "local", "https://ci.example.org/7"]


def test_what_was_put_in_before_down_is_listed_found_and_served(stack: Stack) -> None:
    assert "Kept" in stack.get("/search/?q=survives")[1]
    assert stack.get("/user-media/kept.xpi") == (200, "kept")


def test_no_secret_of_the_build_is_in_the_image(stack: Stack) -> None:
    canary = "canary.example.org"
    assert canary in stack.run("cat", f"{stack.project}/secrets/pip.conf")
    container = stack.containers["web"]
    search = f"find / -xdev -type f -exec grep --files-with-matches --fixed-strings {canary} {{}} + || true"
    assert stack.run("docker", "exec", "--user=root", container["Id"], "sh", "-c", search) == ""
    history = stack.run("docker", "history", "--no-trunc", container["Image"])
    assert canary not in history and "CERTIFICATE" not in history


def test_prune_has_left_nothing_of_the_builders_cache(stack: Stack) -> None:
    assert "from exec" not in stack.run("docker", "buildx", "du", "--verbose")
