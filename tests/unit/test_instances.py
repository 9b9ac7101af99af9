# SPDX-License-Identifier: BSD-3-Clause
"""What keeps instances apart where nobody has said how, and how their list looks."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.addons.olympia.plugins.module_utils.host import ports, system
from ansible_collections.addons.olympia.plugins.module_utils.stack import instance_names as instances
from ansible_collections.addons.olympia.plugins.modules import instances_info

from olympia_provisioner.cli.verbs import list as verb

NOW = datetime(2026, 1, 2, 12, 0, tzinfo=UTC)


def git(folder: Path, *arguments: str) -> None:
    """Run git in a folder."""
    identity = ["-c", "user.name=tests", "-c", "user.email=tests@example.org"]
    subprocess.run(["git", *identity, *arguments], cwd=folder, check=True, capture_output=True)


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """A git repository with a commit."""
    main = tmp_path / "main"
    main.mkdir()
    git(main, "init", "--quiet")
    git(main, "commit", "--quiet", "--allow-empty", "--message=first")
    return main


@pytest.mark.parametrize(
    ("worktree", "instance"),
    [
        ("feature", "addons-server-feature"),
        ("Fix_#12+urgent", "addons-server-fix-12-urgent"),
        ("x" * 80, f"addons-server-{'x' * 49}"),
    ],
)
def test_each_linked_worktree_has_an_instance(repository: Path, worktree: str, instance: str) -> None:
    path = repository.parent / worktree
    git(repository, "worktree", "add", "--quiet", str(path))
    assert instances.instance_of(path) == instance
    assert instances.instance_of(path / "app") == instance


def test_a_main_worktree_has_the_default_instance(repository: Path) -> None:
    assert instances.instance_of(repository) == "addons-server"


def test_a_submodule_is_no_worktree(repository: Path, tmp_path: Path) -> None:
    other = tmp_path / "other"
    other.mkdir()
    git(other, "init", "--quiet")
    git(other, "-c", "protocol.file.allow=always", "submodule", "add", "--quiet", str(repository), "inside")
    assert (other / "inside/.git").is_file()
    assert instances.instance_of(other / "inside") == "addons-server"


def test_what_is_in_no_repository_has_the_default_instance(tmp_path: Path) -> None:
    (tmp_path / ".git").touch()
    assert instances.instance_of(tmp_path) == "addons-server"
    assert instances.instance_of(Path("/no/such/tree")) == "addons-server"


def test_the_default_instance_has_addons_servers_own_ports() -> None:
    assert instances.ports(instances.choose_block("addons-server", [22])) == {
        "olympia_stack_http_port": 80,
        "olympia_stack_frontend_port": 7011,
    }


@pytest.mark.parametrize("name", ["addons-server", "two", "three"])
def test_a_block_with_a_taken_port_is_left_alone(name: str) -> None:
    first = instances.choose_block(name, [])
    for port in instances.ports(first).values():
        assert instances.choose_block(name, [port]) not in (first, 0)


def test_a_named_instance_never_has_the_default_ones_ports() -> None:
    everything = range(1, 65536)
    assert instances.choose_block("two", everything) != 0
    assert instances.choose_block("addons-server", everything) == 0


def test_blocks_have_no_port_in_common() -> None:
    ports = [port for block in range(instances.BLOCKS + 1) for port in instances.ports(block).values()]
    assert len(ports) == len(set(ports))
    assert max(ports) <= 65535


@pytest.mark.parametrize(
    ("text", "block"), [("0", 0), ("200", 200), ("201", None), ("-1", None), ("", None), ("x", None)]
)
def test_a_block_is_read_back(text: str, block: int | None) -> None:
    assert instances.kept_block({"PORT_BLOCK": text}) == block


def test_kept_ports_are_those_of_instances_that_do_not_run_too(tmp_path: Path) -> None:
    contents = {
        "found": "# --- derived\nPORT_BLOCK=2\n",
        "chosen": "# --- choices\nHTTP_PORT=9001\n# --- derived\nPORT_BLOCK=0\n",
        "broken": "what is this\n",
    }
    for name, content in contents.items():
        (tmp_path / name).mkdir()
        (tmp_path / name / ".env").write_text(content)
    assert set(instances.kept_ports(tmp_path)) == {8110, 8111, 80, 7011, 9001}


@pytest.mark.parametrize(
    ("text", "size"), [("512B", 512), ("1.5GiB", 1610612736), ("12.3MB", 12300000), ("4kB", 4000), ("N/A", 0)]
)
def test_the_engines_sizes_are_bytes(text: str, size: int) -> None:
    assert instances.size(text) == size


def test_the_memory_of_a_users_processes_is_without_cached_files_in_either_version_of_control_groups(
    tmp_path: Path,
) -> None:
    assert system.user_memory(2001, tmp_path) == 0
    files = {
        "memory": ("memory.usage_in_bytes", "900", "total_inactive_file 400\ninactive_file 1\n"),
        ".": ("memory.current", "500", "anon 3\ninactive_file 200\n"),
    }
    # Version 2 counts where both are mounted.
    for place, (usage, used, counted), memory in zip(files, files.values(), (500, 300), strict=True):
        folder = tmp_path / place / "user.slice/user-2001.slice"
        folder.mkdir(parents=True)
        (folder / usage).write_text(f"{used}\n")
        (folder / "memory.stat").write_text(counted)
        assert system.user_memory(2001, tmp_path) == memory
    assert system.user_memory(2002, tmp_path) == 0


def test_an_instance_is_alone_where_no_other_one_runs() -> None:
    runs, down = instance(), instance(running=0)
    assert instances.alone([down, runs]) is runs
    assert instances.alone([runs, instance()]) is None
    assert instances.alone([down]) is None


class FakeModule:
    """What a module has of Ansible, with a docker command that gives every container the same memory."""

    def __init__(self, driver: str, folder: Path) -> None:
        """Make the command.

        Args:
            driver: The engine's driver of control groups.
            folder: Where to put the command.
        """
        self.command = folder / "docker"
        stats = "one 1.5GiB / 6GiB\\ntwo 1.5GiB / 6GiB\\n"
        self.command.write_text(f"#!/bin/sh\ncase $1 in info) echo {driver} ;; stats) printf '{stats}' ;; esac\n")
        self.command.chmod(0o755)

    def get_bin_path(self, name: str) -> str:
        """Return a path of the command."""
        return str(self.command)


@pytest.mark.parametrize(
    ("driver", "uid", "memory", "shares"),
    [("systemd", 0, {"one": 1610612736, "two": 1610612736}, False), ("none", 0, {}, True), ("none", 1, {}, False)],
)
def test_an_engine_without_control_groups_cannot_tell_containers_apart(
    driver: str, uid: int, memory: dict[str, int], shares: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine = instances_info.Engine(FakeModule(driver, tmp_path))
    monkeypatch.setattr(instances_info, "engine_socket", lambda _run: f"/run/user/{os.getuid() + uid}/docker.sock")
    assert engine.memory() == memory
    # The engine of somebody else says nothing of this user's processes.
    assert engine.shares_memory() is shares


def test_who_has_a_port_is_named() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        owner = ports.port_owner(lambda _command: (127, "", ""), server.getsockname()[1])
    assert f"process {os.getpid()} of user" in owner


def test_who_has_a_port_is_named_in_print_whatever_the_process_calls_itself() -> None:
    script = (
        "import socket, time; open('/proc/self/comm', 'wb').write(b'\\x1b]0;x\\n\\xff'); "
        "s = socket.create_server(('::1', 0), family=socket.AF_INET6); print(s.getsockname()[1], flush=True); time.sleep(99)"
    )
    with subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True) as other:
        assert other.stdout
        port = int(other.stdout.readline())
        named = ports.port_owner(lambda _command: (127, "", ""), port)
        other.kill()
    assert named.startswith("]0;x\ufffd, process ")


def test_a_container_that_has_a_port_is_named() -> None:
    assert ports.port_owner(lambda _command: (0, "two-nginx-1\n", ""), 80) == "the container two-nginx-1"


def instance(**changed: Any) -> dict[str, Any]:
    """Return an instance as a host answers it, some of it changed."""
    return {
        "name": "addons-server",
        "containers": 8,
        "running": 8,
        "healthy": 8,
        "url": "http://olympia.test",
        "loopback_url": "http://127.0.0.1",
        "source_dir": "/src",
        "project_dir": "/s/addons-server",
        "created": "2026-01-01T11:00:00Z",
        "memory": 1_234_000_000,
        "disk": 300_000_000,
    } | changed


@pytest.mark.parametrize(
    ("changed", "state"),
    [
        ({}, "healthy"),
        ({"healthy": 7}, "7 of 8 healthy"),
        ({"running": 0, "healthy": 0}, "stopped"),
        ({"containers": 0, "running": 0, "healthy": 0}, "down"),
    ],
)
def test_the_state_of_an_instance(changed: dict[str, Any], state: str) -> None:
    assert verb.state(instance(**changed)) == state


def test_instances_are_a_table() -> None:
    down = dict.fromkeys(("containers", "running", "healthy", "memory"), 0)
    other = instance(name="two", created="", disk=10, loopback_url="", source_dir="", **down)
    assert verb.as_text({"engine": True, "expires": "", "instances": [instance(), other]}, NOW).splitlines() == [
        "INSTANCE       STATE    AGE  MEMORY  DISK",
        "addons-server  healthy  1 d  1.2 GB  300.0 MB",
        "  http://127.0.0.1",
        "  /src",
        "two            down                  < 1 MB",
    ]


def test_a_table_says_whose_time_ends_where_any_does() -> None:
    one = {"engine": True, "expires": "2026-01-31", "instances": [instance()]}
    over = {"engine": True, "expires": "2025-12-31", "instances": [instance(name="two")]}
    never = {"engine": True, "expires": "", "instances": [instance(name="three", memory=0)]}
    assert verb.as_table({"ana.vm1": one, "ben.vm1": over, "cay.vm1": never}, NOW).splitlines() == [
        "HOST     INSTANCE       STATE    AGE  MEMORY  DISK      EXPIRES",
        "ana.vm1  addons-server  healthy  1 d  1.2 GB  300.0 MB  2026-01-31",
        "ben.vm1  two            healthy  1 d  1.2 GB  300.0 MB  2025-12-31 expired",
        "cay.vm1  three          healthy  1 d          300.0 MB",
    ]
    assert verb.as_table({"cay.vm1": never}, NOW).splitlines()[0].split()[-1] == "DISK"


def test_no_instance_is_said_in_a_sentence() -> None:
    assert (
        verb.as_text({"engine": True, "expires": "", "instances": []}, NOW)
        == "There are no instances. olympia up creates one."
    )


def test_without_an_engine_nothing_is_said_to_be_down() -> None:
    assert "no engine" in verb.as_text({"engine": False, "expires": "", "instances": [instance()]}, NOW)
