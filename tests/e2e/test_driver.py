# SPDX-License-Identifier: BSD-3-Clause
"""The command `olympia` on a real stack: what it prints, and what it ends with."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from .conftest import Stack


@pytest.fixture(scope="module")
def stack(make_stack: Callable[..., Stack]) -> Stack:
    """Return an instance that the driver brings up."""
    return make_stack()


def test_up_brings_the_stack_up_and_prints_its_address(stack: Stack) -> None:
    run = stack.olympia("up", f"HTTP_PORT={stack.port}")
    assert run.code == 0, run.output
    assert stack.url in run.output
    assert stack.get("/services/monitor.json")[0] == 200


def test_a_choice_persists_without_being_said_again(stack: Stack) -> None:
    run = stack.olympia("up")
    assert run.code == 0, run.output
    assert run.changed == 0


def test_a_shell_is_the_applications_user_and_passes_its_exit_code_on(stack: Stack) -> None:
    run = stack.olympia("shell", stdin="id -un; exit 7\n")
    assert (run.code, run.output.split()) == (7, ["olympia"])


def test_djangos_shell_knows_the_sites_data(stack: Stack) -> None:
    code = (
        "from olympia.addons.models import Addon; print(Addon.objects.filter(slug='tab-gardener').count() * 41 + 1)\n"
    )
    run = stack.olympia("djshell", stdin=code)
    assert run.code == 0, run.output
    assert "42" in run.output


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["up", "HTTP_PROT=80"], 2, "Did you mean HTTP_PORT?"),
        (["up", "HTTP_PORT=eighty"], 2, "olympia_stack_http_port has a value that it does not accept"),
        (["up", "MIN_MEMORY_MB=999999999"], 3, "too little memory"),
        (["up", "-i", "no-such-inventory"], 2, "There is no inventory"),
        (["up", "--limit", "nobody"], 1, ""),
    ],
)
def test_what_is_refused_has_its_exit_code_and_no_traceback(
    stack: Stack, arguments: list[str], code: int, words: str
) -> None:
    run = stack.olympia(*arguments)
    assert run.code == code, run.output
    assert words in run.output
    assert "Traceback" not in run.output


def test_down_takes_the_containers_away(stack: Stack) -> None:
    run = stack.olympia("down")
    assert run.code == 0, run.output
    assert stack.healthy() == set()
