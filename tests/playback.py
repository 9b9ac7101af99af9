# SPDX-License-Identifier: BSD-3-Clause
"""The command `olympia` in the tests' own process, with recordings in place of Ansible."""

from __future__ import annotations

import io
import json
import shlex
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from olympia_provisioner.cli import main as cli

from .recording import PLACEHOLDER, load


@dataclass(frozen=True)
class Call:
    """What the driver has given to ansible-runner.

    Attributes:
        given: All of it.
        arguments: The command line of ansible-playbook.
        settings: The content of the file that is named there.
    """

    given: dict[str, Any]
    arguments: list[str]
    settings: dict[str, str]

    @property
    def playbook(self) -> str:
        """The name of the playbook."""
        return Path(self.given["playbook"]).stem


def log(lines: list[dict[str, Any]]) -> str:
    """Return what ansible-runner keeps of what Ansible prints.

    Args:
        lines: The events of a recording.
    """
    # What belongs to no event is kept as it comes from the terminal.
    ends = ("\r\n" if line["event"] == "verbose" else "\n" if line["stdout"] else "" for line in lines)
    return "".join(line["stdout"] + end for line, end in zip(lines, ends, strict=True))


@dataclass
class Player:
    """Stands in for `ansible_runner.run`.

    Attributes:
        path: What stands for the checkout's path in recordings.
        plays: The recordings of each playbook, in turn; the last one is played again and again. By default, `done`.
        calls: What the driver has given, oldest first.
        effects: What a playbook does besides, by its name; takes what the driver has given.
        meanwhile: Is called after each event, with that event and what the driver has given, before the driver is asked whether to
            cancel.
    """

    path: Path
    plays: dict[str, list[str]] = field(default_factory=dict)
    calls: list[Call] = field(default_factory=list)
    effects: dict[str, Callable[[Call], None]] = field(default_factory=dict)
    meanwhile: Callable[[Mapping[str, Any], Call], None] = lambda _event, _call: None

    def __call__(self, **given: Any) -> SimpleNamespace:
        """Play a recording, and return its return code and status."""
        assert Path(given["playbook"]).is_file()
        arguments = shlex.split(given["cmdline"])
        files = [Path(one.partition("@")[2]) for one in arguments if one.startswith("--extra-vars=@")]
        call = Call(given, arguments, json.loads(files[0].read_text()) if files else {})
        self.calls.append(call)
        names = self.plays.get(call.playbook, ["done"])
        result, *events = self._events(names.pop(0) if len(names) > 1 else names[0])
        kept = Path(given["private_data_dir"]) / "artifacts" / given["ident"]
        kept.mkdir(mode=0o700, parents=True, exist_ok=True)
        (kept / "stdout").write_text(log(events), newline="")
        if effect := self.effects.get(call.playbook):
            effect(call)
        for event in events:
            given["event_handler"](event)
            self.meanwhile(event, call)
            if given["cancel_callback"]():
                return SimpleNamespace(rc=254, status="canceled")
        return SimpleNamespace(**result)

    def _events(self, name: str) -> list[dict[str, Any]]:
        """Return a recording as if it happened now and here."""
        now = datetime.now(UTC)
        here = json.dumps(str(self.path))[1:-1]
        lines: list[dict[str, Any]] = json.loads(json.dumps(load(name)).replace(PLACEHOLDER, here))
        for line in lines[1:]:
            line["created"] = (now + timedelta(seconds=line["created"])).isoformat()
        return lines


class Driver:
    """The command, called in a folder of a test's own, with the project's real playbooks and settings.

    Attributes:
        path: The folder.
        state: The user's state directory.
        player: What stands in for Ansible.
    """

    def __init__(self, path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
        """Let the command be called.

        Args:
            path: The folder.
            monkeypatch: Pytest's.
            capsys: Pytest's.
        """
        import ansible_runner

        self.path, self.state = path, path / "state"
        self.player = Player(path)
        self._monkeypatch, self._capsys = monkeypatch, capsys
        monkeypatch.setattr(ansible_runner, "run", self.player)
        monkeypatch.setenv("XDG_STATE_HOME", str(self.state))
        for service in ("GITHUB_ACTIONS", "GITLAB_CI"):
            monkeypatch.delenv(service, raising=False)
        monkeypatch.chdir(path)

    def run(self, *arguments: str, **environment: str) -> tuple[int, str, str]:
        """Run `olympia` with the arguments; its code, output and errors."""
        with self._monkeypatch.context() as patch:
            for name, value in environment.items():
                patch.setenv(name, value)
            code = cli.main(arguments)
        output, errors = self._capsys.readouterr()
        assert "Traceback" not in errors
        return code, output, errors

    def plays(self, *recordings: str, playbook: str = "up") -> None:
        """Let runs of a playbook be these recordings, in turn; the last one again and again."""
        self.player.plays[playbook] = list(recordings)

    @property
    def calls(self) -> list[Call]:
        """What ansible-runner was given, oldest first."""
        return self.player.calls

    def runs(self) -> list[Path]:
        """Return the directories of the runs, oldest first."""
        return sorted((self.state / "olympia/runs").iterdir())


class Typist(io.StringIO):
    """A standard input that is a terminal."""

    def isatty(self) -> bool:
        """Return what a terminal does."""
        return True
