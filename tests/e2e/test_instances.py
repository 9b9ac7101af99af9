# SPDX-License-Identifier: BSD-3-Clause
"""Several instances on one engine: those that git worktrees have without being asked for, and some with a name."""

from __future__ import annotations

import itertools
import json
import shutil
import socket
import subprocess
import sys
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.addons.olympia.plugins.module_utils.stack import instance_names as instances

from .stack import ROOT, SERVICES, Run, Stack

# What `Stack` says by itself, and nobody says here.
NOBODY_SAYS: dict[str, Any] = {"instance": None, "http_port": None}


@pytest.fixture(scope="module")
def worktrees(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Two linked worktrees of one repository of the embedded application."""
    main = tmp_path_factory.mktemp("repository") / "main"
    shutil.copytree(ROOT / "app", main)
    git = ["git", "-C", str(main), "-c", "user.name=tests", "-c", "user.email=tests@example.org"]
    for command in (["init", "--quiet"], ["add", "--all"], ["commit", "--quiet", "--message=first"]):
        subprocess.run([*git, *command], check=True)
    linked = [main.parent / f"olympia-test-{uuid.uuid4().hex[:8]}" for _number in range(2)]
    for path in linked:
        subprocess.run([*git, "worktree", "add", "--quiet", str(path)], check=True)
    return linked


def in_worktree(stack: Stack, *arguments: str) -> Run:
    """Run the command `olympia` as a person does who stands in a worktree and says nothing else."""
    done = subprocess.run(
        [str(Path(sys.executable).with_name("olympia")), *arguments],
        cwd=stack.source, env=stack.environment, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False,
    )  # fmt: skip
    return Run(done.returncode, done.stdout)


def port_of(stack: Stack) -> int:
    """Return the port that an instance has chosen for its site."""
    return int(listed(stack)[stack.instance]["url"].rpartition(":")[2])


def listed(stack: Stack) -> dict[str, dict[str, Any]]:
    """Return what `list` says, by instance."""
    run = stack.olympia("list", "--json")
    assert run.code == 0, run.output
    return {one["name"]: one for one in json.loads(run.output)["localhost"]}


@pytest.fixture(scope="module")
def worktree(state: Path, worktrees: list[Path]) -> Iterator[Stack]:
    """The instance of a worktree, which is built and does not run. Nobody has chosen its name or a port."""
    made = Stack(f"addons-server-{worktrees[0].name}", state, source=worktrees[0])
    try:
        run = in_worktree(made, "build")
        assert run.code == 0, run.output
        made.port = port_of(made)
        yield made
    finally:
        made.destroy()


@pytest.fixture(scope="module")
def stacks(
    make_stack: Callable[..., Stack], state: Path, worktrees: list[Path], worktree: Stack
) -> Iterator[list[Stack]]:
    """Three running instances. Nobody has chosen a port, and only the third one has been given its name."""
    run = in_worktree(worktree, "up")
    assert run.code == 0, run.output
    second = Stack(f"addons-server-{worktrees[1].name}", state, source=worktrees[1])
    third = make_stack()
    try:
        second.up(**NOBODY_SAYS)
        third.up(http_port=None)
        for stack in (second, third):
            stack.port = port_of(stack)
        yield [worktree, second, third]
    finally:
        second.destroy()


def parts(stack: Stack) -> dict[str, str]:
    """Return what the engine has of an instance, and since when."""
    project = f"label=com.docker.compose.project={stack.instance}"
    containers = stack.docker("ps", "--all", "--quiet", "--no-trunc", "--filter", project).split()
    since = "{{.Name}} {{.Id}} {{.State.Status}} {{.State.StartedAt}}"
    return {
        "containers": stack.docker("inspect", "--format", since, *sorted(containers)) if containers else "",
        "volumes": stack.docker("volume", "ls", "--format", "{{.Name}}", "--filter", f"name=^{stack.instance}_"),
        "networks": stack.docker("network", "ls", "--format", "{{.ID}}", "--filter", project),
        "image": stack.docker("image", "ls", "--no-trunc", "--format", "{{.ID}}", f"olympia/{stack.instance}"),
    }


def assert_apart(stacks: list[Stack]) -> None:
    """Assert that running instances have a port each, and no secret in common."""
    assert len({stack.port for stack in stacks}) == len(stacks)
    for stack in stacks:
        assert stack.healthy() == SERVICES
        assert stack.get("/__version__")[0] == 200
    of_each = [set(stack.secrets.values()) for stack in stacks]
    assert len(set.union(*of_each)) == sum(map(len, of_each))


def assert_listed(stacks: list[Stack]) -> None:
    """Assert that the list tells of each running instance."""
    found = listed(stacks[0])
    for stack in stacks:
        one = found[stack.instance]
        assert one["state"] == "healthy"
        assert one["url"] == f"http://{stack.instance}.olympia.test:{stack.port}"
        assert one["source_dir"] == str(stack.source)
        assert one["project_dir"] == str(stack.project)
        # Eight services cannot do with less, nor a database.
        assert one["memory"] > 100_000_000
        assert one["disk"] > 10_000_000
        assert one["created"]


@pytest.mark.full
def test_a_worktree_has_an_instance_with_ports_and_secrets_of_its_own(stack: Stack, worktree: Stack) -> None:
    assert worktree.port != stack.port
    assert not set(worktree.secrets.values()) & set(stack.secrets.values())


def test_two_instances_stand_side_by_side(stack: Stack, ci: Stack) -> None:
    assert_apart([stack, ci])


def test_the_list_tells_state_address_source_memory_and_disk(stack: Stack, ci: Stack) -> None:
    assert_listed([stack, ci])


@pytest.mark.full
def test_a_port_of_an_instance_that_does_not_run_is_not_given_away(worktree: Stack) -> None:
    same_block = next(
        name
        for name in (f"olympia-test-{number}" for number in itertools.count())
        if worktree.port in instances.ports(instances.choose_block(name, [])).values()
    )
    run = Stack(same_block, worktree.state).olympia("explain", "HTTP_PORT")
    assert run.code == 0, run.output
    assert "from: host" in run.output
    assert f"HTTP_PORT={worktree.port}" not in run.output


@pytest.mark.full
def test_a_stranger_on_a_kept_port_is_named_and_the_port_is_kept(worktree: Stack) -> None:
    with socket.create_server(("127.0.0.1", worktree.port)):
        run = in_worktree(worktree, "up")
        assert run.code == 3, run.output
        assert f"port {worktree.port} is taken" in run.output
        assert "pytest, process" in run.output
    assert listed(worktree)[worktree.instance]["state"] == "down"
    run = in_worktree(worktree, "up")
    assert run.code == 0, run.output
    assert worktree.get("/__version__")[0] == 200


@pytest.mark.full
def test_an_instance_keeps_its_ports(stacks: list[Stack]) -> None:
    worktree = stacks[0]
    assert worktree.up(**NOBODY_SAYS).changed == 0
    run = in_worktree(worktree, "status")
    assert run.code == 0, run.output
    assert "up would change nothing." in run.output


@pytest.mark.full
def test_three_instances_stand_side_by_side(stacks: list[Stack]) -> None:
    assert_apart(stacks)
    assert_listed(stacks)


# Last, because it clears the cache that the others build with.
@pytest.mark.full
def test_what_one_instance_does_touches_no_other(stacks: list[Stack]) -> None:
    *others, third = stacks
    before = [parts(stack) for stack in others]
    for verb in ("build", "down", "up", "prune", "down"):
        run = third.play(verb, http_port=None)
        assert run.code == 0, run.output
    run = third.olympia("destroy", "--yes")
    assert run.code == 0, run.output
    assert [parts(stack) for stack in others] == before
    assert not any(parts(third).values())
    assert third.instance not in listed(third)
