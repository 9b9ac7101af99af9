# SPDX-License-Identifier: BSD-3-Clause
"""The stack of the inventory `local`: what this host's settings make of it, beside what every stack promises."""

from __future__ import annotations

from tests.testinfra.conftest import Stack, stack

__all__ = ["stack"]


def test_the_application_has_the_uid_of_the_contributor(stack: Stack) -> None:
    assert not stack.closed
    assert stack.exec("web", "id", "-u", "olympia") == "1234567" == stack.run("id", "-u")


def test_the_contributor_owns_what_is_hers(stack: Stack) -> None:
    for path in (stack.project, stack.env["SOURCE_DIR"], f"{stack.project}/deps"):
        assert stack.run("find", path, "!", "-user", "ada") == "", path


def test_the_site_is_published_on_loopback_only_and_the_database_not_at_all(stack: Stack) -> None:
    bindings = {name: one["HostConfig"]["PortBindings"] for name, one in stack.containers.items()}
    published = {(name, bound["HostIp"]) for name, ports in bindings.items() for one in ports.values() for bound in one}
    assert published == {("nginx", "127.0.0.1")}


def test_what_was_put_in_before_down_is_listed_found_and_served(stack: Stack) -> None:
    assert "Kept" in stack.get("/search/?q=survives")[1]
    assert stack.get("/user-media/kept.xpi") == (200, "kept")


def test_the_choice_that_was_taken_back_is_gone(stack: Stack) -> None:
    assert stack.env["COMPOSE_FILE"] == "docker-compose.yml"
    assert "customs" not in stack.containers
