# SPDX-License-Identifier: BSD-3-Clause
"""How the images' base is made, with the real mmdebstrap and the real engine."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from ansible_collections.addons.olympia.plugins.module_utils.stack.service_images import package_sources

from .conftest import docker

RELEASE = "bookworm"


@pytest.fixture
def tag() -> Iterator[str]:
    """Return a tag that no image has, and remove the one that gets it."""
    name = f"olympia-test-{uuid.uuid4().hex[:8]}:1"
    yield name
    docker("image", "rm", "--force", name)


@pytest.mark.full
def test_who_wants_what_is_being_made_waits_for_it(run_module: Callable[..., dict[str, Any]], tag: str) -> None:
    # Unpacked only: the smallest root that mmdebstrap makes.
    arguments = {
        "tag": tag,
        "release": RELEASE,
        "sources": package_sources(RELEASE),
        "options": ["--variant=extract", "--include=base-files"],
    }
    with ThreadPoolExecutor() as pool:
        results = [run.result() for run in [pool.submit(run_module, "base_image", arguments) for _both in range(2)]]
    assert sorted(result["changed"] for result in results) == [False, True], results
    assert docker("image", "ls", "--quiet", tag.partition(":")[0]).split() == [docker("image", "ls", "--quiet", tag)]
