# SPDX-License-Identifier: BSD-3-Clause
"""A registry with images that keep to the official ones' contract, and a contributor's stack that is made of them."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.e2e.stack import Stack
from tests.registry import Registry, unpack_program

from .images import push_images


@pytest.fixture(scope="session")
def registry(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Registry]:
    """Return a registry that is still empty."""
    folder = tmp_path_factory.mktemp("registry")
    with Registry(unpack_program(folder), folder / "data") as registry:
        yield registry


@pytest.fixture(scope="session")
def mirror(registry: Registry) -> str:
    """Return the value of the setting REGISTRY for the images."""
    return push_images(registry.address)


@pytest.fixture(scope="session")
def make_stack(mirror: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[..., Stack]]:
    """Return a function that makes stacks of the registry's images, all of which are destroyed at the end."""
    state = tmp_path_factory.mktemp("state")
    made: list[Stack] = []

    def make(**attributes: Any) -> Stack:
        settings = {"registry": mirror} | attributes.pop("settings", {})
        stack = Stack(f"olympia-test-{uuid.uuid4().hex[:8]}", state, settings=settings, **attributes)
        made.append(stack)
        return stack

    yield make
    for stack in made:
        stack.destroy()


@pytest.fixture(scope="session")
def stack(make_stack: Callable[..., Stack]) -> Stack:
    """Return a contributor's stack, which runs. Nobody has said where its images come from: the registry answers."""
    stack = make_stack()
    stack.up()
    return stack
