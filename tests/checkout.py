# SPDX-License-Identifier: BSD-3-Clause
"""A checkout in miniature: the driver, the real roles' specifications, and playbooks of a test's own."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
RECORDINGS = ROOT / "tests/recordings"
HOSTS = """
all:
  hosts:
    localhost:
      ansible_connection: local
      ansible_python_interpreter: "{{ ansible_playbook_python }}"
"""


class Checkout:
    """A checkout in miniature. `olympia` runs in a process of its own, on real playbooks.

    Attributes:
        path: Its root, where the command is called.
        state: The user's state directory.
    """

    def __init__(self, path: Path) -> None:
        """Make it.

        Args:
            path: An empty folder.
        """
        self.path = path
        self.state = path / "state"
        shutil.copytree(ROOT / "src/olympia_provisioner", path / "src/olympia_provisioner")
        shutil.copy(ROOT / "ansible.cfg", path)
        shutil.copy(ROOT / "galaxy.yml", path)
        for name in ("collections", "roles"):
            (path / name).symlink_to(ROOT / name)
        (path / "bin").symlink_to(RECORDINGS / "bin")
        (path / "inventories/local").mkdir(parents=True)
        (path / "inventories/local/hosts.yml").write_text(HOSTS)
        (path / "playbooks").mkdir()
        (path / "playbooks/action_plugins").symlink_to(RECORDINGS / "action_plugins")

    def playbook(self, tasks: str, name: str = "up") -> None:
        """Write a playbook with the tasks."""
        indented = tasks.strip("\n").replace("\n", "\n    ")
        (self.path / f"playbooks/{name}.yml").write_text(
            f"- hosts: all\n  gather_facts: false\n  tasks:\n    {indented}\n"
        )

    def phases(self, **tasks: str) -> None:
        """Write an up.yml of task files that stand where the stack role's do, one for each phase."""
        folder = self.path / "playbooks/roles/olympia_stack/tasks"
        folder.mkdir(parents=True)
        for phase, text in tasks.items():
            (folder / f"{phase}.yml").write_text(text)
        self.playbook(
            "\n".join(f"- ansible.builtin.include_tasks: roles/olympia_stack/tasks/{phase}.yml" for phase in tasks)
        )

    def start(
        self, *arguments: str, stdin: int = subprocess.DEVNULL, stdout: int = subprocess.PIPE, **environment: str
    ) -> subprocess.Popen[str]:
        """Start `olympia` with the arguments, in a session of its own."""
        ours = {
            "PYTHONPATH": str(self.path / "src"),
            "XDG_STATE_HOME": str(self.state),
            "PYTHONUNBUFFERED": "1",
            "GITHUB_ACTIONS": "",
            "GITLAB_CI": "",
            # Otherwise Ansible run by root would not use sudo.
            "ANSIBLE_BECOME_ALLOW_SAME_USER": "True",
        }
        return subprocess.Popen(
            [sys.executable, "-m", "olympia_provisioner", *arguments],
            cwd=self.path,
            env=os.environ | ours | environment,
            stdin=stdin,
            stdout=stdout,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )

    def run(self, *arguments: str, **environment: str) -> tuple[int, str, str]:
        """Run `olympia` to its end; its code, output and errors."""
        # communicate() would translate what ends the lines.
        with tempfile.TemporaryFile() as file:
            process = self.start(*arguments, stdin=subprocess.DEVNULL, stdout=file.fileno(), **environment)
            _output, errors = process.communicate()
            file.seek(0)
            output = file.read().decode()
        assert "Traceback" not in errors
        return process.returncode, output, errors

    def runs(self) -> list[Path]:
        """Return the directories of the runs, oldest first."""
        return sorted((self.state / "olympia/runs").iterdir())


def wait_for(condition: Callable[[], bool], what: str) -> None:
    """Wait until something is true.

    Args:
        condition: Returns whether it is.
        what: What it is.

    Raises:
        AssertionError: It is not true in time.
    """
    deadline = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < deadline, f"waited in vain: {what}"
        time.sleep(0.02)


def alive(pid: int) -> bool:
    """Return whether a process runs.

    Args:
        pid: The process.
    """
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False
