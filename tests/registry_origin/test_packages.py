# SPDX-License-Identifier: BSD-3-Clause
"""The same tests on images made from packages, with each of the two database servers."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.e2e.stack import Stack

from .test_cycle import (
    marigold,
    test_a_second_up_changes_nothing,
    test_an_upload_is_processed_found_and_served,
    test_services_stop_when_they_are_told_to_and_down_and_up_keep_what_was_there,
)
from .test_data import (
    test_a_night_saves_a_stopped_instance,
    test_a_snapshot_comes_back,
    test_its_own_export_comes_back,
    test_what_a_stopped_instance_held_comes_back_after_its_destruction,
)

pytestmark = pytest.mark.full
__all__ = [
    "marigold",
    "test_a_night_saves_a_stopped_instance",
    "test_a_second_up_changes_nothing",
    "test_a_snapshot_comes_back",
    "test_an_upload_is_processed_found_and_served",
    "test_its_own_export_comes_back",
    "test_services_stop_when_they_are_told_to_and_down_and_up_keep_what_was_there",
    "test_what_a_stopped_instance_held_comes_back_after_its_destruction",
]
SERVERS = {"mysql": "9.", "mariadb": "MariaDB"}


@pytest.fixture(scope="module", params=SERVERS)
def stack(make_stack: Callable[..., Stack], request: pytest.FixtureRequest) -> Stack:
    """Return a contributor's stack on images made from packages, which runs."""
    stack = make_stack(settings={"image_origin": "packages", "olympia_images_database": request.param})
    stack.up()
    assert SERVERS[request.param] in stack.ask_database("SELECT VERSION()")
    return stack
