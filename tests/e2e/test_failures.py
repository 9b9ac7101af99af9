# SPDX-License-Identifier: BSD-3-Clause
"""Services that fail to come up: the run ends with the reason, and the next one mends it."""

from __future__ import annotations

import shutil
from collections.abc import Callable

import pytest

from .conftest import ROOT, Stack


@pytest.fixture(scope="module")
def stack(make_stack: Callable[..., Stack], tmp_path_factory: pytest.TempPathFactory) -> Stack:
    """Return an instance on a source tree of its own."""
    source = tmp_path_factory.mktemp("source") / "app"
    shutil.copytree(ROOT / "app", source)
    return make_stack(source=source)


def test_a_broken_worker_ends_the_run_with_its_log_and_the_next_run_mends_it(stack: Stack) -> None:
    module = stack.source / "src/olympia/amo/celery.py"
    sound = module.read_text()
    module.write_text(sound + "\nraise RuntimeError('broken on purpose')\n")
    run = stack.play("up", wait_timeouts={"worker": 15}, initialize=False)
    assert run.code != 0
    assert "The service worker" in run.output
    assert "broken on purpose" in run.output
    module.write_text(sound)
    stack.up(wait_timeouts="", initialize="")
    assert stack.get("/services/monitor.json")[0] == 200


def test_a_failing_build_names_the_step_and_shows_its_output(stack: Stack) -> None:
    requirements = stack.source / "requirements/prod.txt"
    sound = requirements.read_text()
    requirements.write_text(f"{sound}olympia-has-no-such-package==1.0 --hash=sha256:{'0' * 64}\n")
    run = stack.play("build")
    requirements.write_text(sound)
    assert run.code != 0
    assert "The build failed at the step" in run.output
    assert "olympia-has-no-such-package" in run.output
