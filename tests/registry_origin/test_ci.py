# SPDX-License-Identifier: BSD-3-Clause
"""A CI job on the registry's images."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.e2e.stack import SERVICES, Stack


@pytest.mark.full
def test_a_job_runs_the_sites_own_tests(make_stack: Callable[..., Stack]) -> None:
    stack = make_stack(inventory="ci")
    stack.up()
    assert stack.healthy() == SERVICES
    run = stack.play("test-site")
    assert run.code == 0, run.output
