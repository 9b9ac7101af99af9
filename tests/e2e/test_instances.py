# SPDX-License-Identifier: BSD-3-Clause
"""Several instances on one engine: two that git worktrees have without being asked for, and one with a name."""

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
from ansible_collections.addons.olympia.plugins.module_utils import instances

from tests.e2e.conftest import ROOT, Run, Stack

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


def listed(stack: Stack) -> dict[str, dict[str, Any]]:
    """Return what `list` says, by instance."""
    run = stack.olympia("list", "--json")
    assert run.code == 0, run.output
    return {one["name"]: one for one in json.loads(run.output)["localhost"]}


@pytest.fixture(scope="module")
def stacks(make_stack: Callable[..., Stack], state: Path, worktrees: list[Path]) -> Iterator[list[Stack]]:
    """Three running instances. Nobody has chosen a port, and only the third one has been given its name."""
    first, second = (Stack(f"addons-server-{path.name}", state, source=path) for path in worktrees)
    third = make_stack()
    try:
        first.up(**NOBODY_SAYS)
        run = in_worktree(second, "up")
        assert run.code == 0, run.output
        third.up(http_port=None)
        found = listed(first)
        for stack in (first, second, third):
            stack.port = int(found[stack.instance]["url"].rpartition(":")[2])
        yield [first, second, third]
    finally:
        first.destroy()
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


def test_each_worktree_has_an_instance_with_ports_of_its_own(stacks: list[Stack]) -> None:
    assert len({stack.port for stack in stacks}) == 3
    for stack in stacks:
        assert len(stack.healthy()) == 8
        assert stack.get("/__version__")[0] == 200


def test_the_list_tells_state_address_source_memory_and_disk(stacks: list[Stack]) -> None:
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


def test_no_two_have_a_secret_in_common(stacks: list[Stack]) -> None:
    of_each = [set(stack.secrets.values()) for stack in stacks]
    assert len(set.union(*of_each)) == sum(map(len, of_each))


def test_an_instance_keeps_its_ports(stacks: list[Stack]) -> None:
    assert stacks[0].up(**NOBODY_SAYS).changed == 0
    run = in_worktree(stacks[1], "status")
    assert run.code == 0, run.output
    assert "up would change nothing." in run.output


def test_a_port_of_an_instance_that_does_not_run_is_not_given_away(stacks: list[Stack]) -> None:
    first, second, _third = stacks
    assert in_worktree(second, "down").code == 0
    same_block = next(
        name
        for name in (f"olympia-test-{number}" for number in itertools.count())
        if second.port in instances.ports(instances.choose_block(name, [])).values()
    )
    run = Stack(same_block, first.state).olympia("explain", "HTTP_PORT")
    assert run.code == 0, run.output
    assert "from: host" in run.output
    assert f"HTTP_PORT={second.port}" not in run.output


def test_a_stranger_on_a_kept_port_is_named_and_the_port_is_kept(stacks: list[Stack]) -> None:
    second = stacks[1]
    assert in_worktree(second, "down").code == 0
    with socket.create_server(("127.0.0.1", second.port)):
        run = in_worktree(second, "up")
        assert run.code == 3, run.output
        assert f"port {second.port} is taken" in run.output
        assert "pytest, process" in run.output
    assert listed(second)[second.instance]["state"] == "down"
    run = in_worktree(second, "up")
    assert run.code == 0, run.output
    assert second.get("/__version__")[0] == 200


# Last, because it clears the cache that the others build with.
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
