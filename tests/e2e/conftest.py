# SPDX-License-Identifier: BSD-3-Clause
"""The stacks that the tests share: a contributor's and a CI job's. Each is brought up once, and put back by whoever changes it."""

from __future__ import annotations

import os
import shutil
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from .processes import ProcessList
from .stack import ROOT, Run, Stack, outcome, send_upload, wait_until, xpi

HERE = Path(__file__).parent
# Tests that need more from a stack come later, and the one that destroys it last.
ORDER = [
    "refusals",
    "local",
    "verbs",
    "security",
    "doctor",
    "doctor_host",
    "instances",
    "snapshots",
    "failures",
    "load",
    "destroy",
    "browser",
]
# The contributor's.
UID = 1234567
# It runs, and answers nobody.
DEAF_WORKER = """
from celery.signals import worker_ready

app.conf.worker_enable_remote_control = False
worker_ready.connect(lambda **_: print("broken on purpose", flush=True), weak=False)
"""


def place(item: pytest.Item) -> int:
    """Return where a test comes in the order; those of other folders keep their places."""
    return ORDER.index(item.path.stem.removeprefix("test_")) if item.path.parent == HERE else -1


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Bring the tests into their order."""
    items.sort(key=place)


@dataclass(frozen=True)
class Watched:
    """A stack, and what was seen of the run that has made it.

    Attributes:
        stack: The stack.
        run: The run.
        command_lines: Those of all processes that there were meanwhile.
        artifacts: What the run has left for a CI job, and its report.
        secrets: The stack's secrets after the run, by name.
    """

    stack: Stack
    run: Run
    command_lines: set[bytes]
    artifacts: Path
    secrets: dict[str, str]


@pytest.fixture(scope="session")
def state(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a state directory for all instances of the session."""
    return tmp_path_factory.mktemp("state")


@pytest.fixture(scope="session")
def make_stack(state: Path) -> Iterator[Callable[..., Stack]]:
    """Return a function that makes stacks, all of which are destroyed at the end."""
    made: list[Stack] = []

    def make(**attributes: Any) -> Stack:
        stack = Stack(instance=f"olympia-test-{uuid.uuid4().hex[:8]}", state=state, **attributes)
        made.append(stack)
        return stack

    yield make
    for stack in made:
        stack.destroy()


def copy_source(tmp_path_factory: pytest.TempPathFactory, uid: int = -1) -> Path:
    """Return a source tree that tests may edit.

    Args:
        tmp_path_factory: Pytest's.
        uid: Whom it belongs to.
    """
    source = tmp_path_factory.mktemp("source") / "app"
    shutil.copytree(ROOT / "app", source)
    for path in (source, *source.rglob("*")):
        os.chown(path, uid, -1)
    return source


@pytest.fixture(scope="session")
def watched(make_stack: Callable[..., Stack], tmp_path_factory: pytest.TempPathFactory) -> Watched:
    """Return the contributor's stack, brought up by the command while somebody watched."""
    stack = make_stack(source=copy_source(tmp_path_factory, UID), settings={"host_uid": str(UID)})
    artifacts = tmp_path_factory.mktemp("run") / "artifacts"
    settings = [f"HTTP_PORT={stack.port}", f"SOURCE_DIR={stack.source}", f"HOST_UID={UID}"]
    with ProcessList() as watching:
        run = stack.olympia("up", "-vvv", "--diff", "--artifacts", str(artifacts), *settings)
    assert run.code == 0, run.output
    report = stack.olympia("report", "--output", str(artifacts / "report.html"))
    assert report.code == 0, report.output
    return Watched(stack, run, watching.seen, artifacts, stack.secrets)


@pytest.fixture(scope="session")
def stack(watched: Watched) -> Stack:
    """Return the contributor's stack, which runs, on a source tree of its own."""
    return watched.stack


@pytest.fixture(scope="session")
def bare(make_stack: Callable[..., Stack]) -> Stack:
    """Return an instance that nobody has brought up."""
    return make_stack()


@dataclass(frozen=True)
class Upload:
    """An add-on that the site has taken.

    Attributes:
        content: The file.
        url: The path to download it from.
    """

    content: bytes
    url: str


@pytest.fixture(scope="session")
def marigold(stack: Stack) -> Upload:
    """Return an add-on that somebody has uploaded to the contributor's stack, and that the site lists."""
    content = xpi("Marigold", "marigold@example.org", description="Counts petals")
    status = send_upload(stack, content)
    result = wait_until(lambda: outcome(stack, status), "the worker processes the upload")
    assert result["status"] == "valid", result
    return Upload(content, result["download_url"])


@dataclass(frozen=True)
class RedJob:
    """A CI job that has failed, because its worker answers nobody.

    Attributes:
        stack: The job's stack.
        run: The failed `up`, in the words of GitHub's logs.
        artifacts: What it has left.
    """

    stack: Stack
    run: Run
    artifacts: Path


@pytest.fixture(scope="session")
def red_job(make_stack: Callable[..., Stack], tmp_path_factory: pytest.TempPathFactory) -> RedJob:
    """Return a CI job whose `up` has failed."""
    stack = make_stack(inventory="ci", source=copy_source(tmp_path_factory))
    artifacts = tmp_path_factory.mktemp("job") / "artifacts"
    module = stack.source / "src/olympia/amo/celery.py"
    sound = module.read_text()
    module.write_text(sound + DEAF_WORKER)
    settings = [f"HTTP_PORT={stack.port}", f"SOURCE_DIR={stack.source}", 'WAIT_TIMEOUTS={"worker": 20}']
    run = stack.olympia("up", "-i", "ci", *settings, "--artifacts", str(artifacts), GITHUB_ACTIONS="true")
    module.write_text(sound)
    return RedJob(stack, run, artifacts)


@pytest.fixture(scope="session")
def ci(red_job: RedJob) -> Stack:
    """Return the stack of the next job, which runs: somebody has repaired the worker."""
    run = red_job.stack.olympia("up", "-i", "ci", "WAIT_TIMEOUTS=")
    assert run.code == 0, run.output
    return red_job.stack
