# SPDX-License-Identifier: BSD-3-Clause
"""The one place that runs ansible-runner."""

from __future__ import annotations

import contextlib
import json
import os
import shlex
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType
from typing import Any

from .errors import ExitCode, OlympiaError
from .paths import make_importable
from .playbook import Options, Outcome, arguments

KEPT_RUNS = 10
# Seconds in which Ansible may end its workers and their children before they are killed.
GRACE = 10.0
IDENT = "run"


def parents() -> dict[int, int]:
    """Return the parent of every living process, from /proc; nothing where there is no /proc."""
    found: dict[int, int] = {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):
            # The name in parentheses may hold anything; the state and the parent follow it.
            state, parent = stat.read_text().rpartition(")")[2].split()[:2]
            if state != "Z":
                found[int(stat.parent.name)] = int(parent)
    return found


def descendants() -> set[int]:
    """Return the processes that this one has started, theirs, and so on."""
    parent_of = parents()
    found: set[int] = set()
    while new := {pid for pid, parent in parent_of.items() if parent in found | {os.getpid()}} - found:
        found |= new
    return found


@dataclass
class Interruption:
    """Ctrl-C and SIGTERM during a run.

    The first one is passed on to Ansible, which ends its workers and their children, each in a session of its own. What does
    not end in time, or by the second one, is killed.

    Attributes:
        since: When the first one came, in seconds of the monotonic clock; 0 before.
        impatient: Whether another one came.
        started: What ran when the first one came.
    """

    since: float = 0.0
    impatient: bool = False
    started: set[int] = field(default_factory=set)

    def __call__(self, _number: int, _frame: FrameType | None) -> None:
        """Handle the signal."""
        if self.since:
            self.impatient = True
            return
        self.since = time.monotonic()
        print("\nInterrupted: ending what runs (again to kill it) ...", file=sys.stderr, flush=True)
        self.started = descendants()
        for pid, parent in parents().items():
            if parent == os.getpid():
                os.kill(pid, signal.SIGINT)

    def overdue(self) -> bool:
        """Return whether what runs should be killed now."""
        return bool(self.since) and (self.impatient or time.monotonic() - self.since > GRACE)

    def finish(self) -> None:
        """Wait for the end of what Ansible has left behind, and kill it when it is overdue."""
        while left := self.started & parents().keys():
            if self.overdue():
                for pid in left:
                    with contextlib.suppress(ProcessLookupError, PermissionError):
                        os.kill(pid, signal.SIGKILL)
                return
            time.sleep(0.05)

    @contextlib.contextmanager
    def handled(self) -> Iterator[None]:
        """Handle the signals meanwhile."""
        before = {number: signal.signal(number, self) for number in (signal.SIGINT, signal.SIGTERM)}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)


def new_run(runs: Path, verb: str) -> Path:
    """Make the private directory of a run, and remove the oldest ones.

    Args:
        runs: The folder of all runs.
        verb: What is run.

    Raises:
        OlympiaError: It cannot be written.
    """
    try:
        runs.mkdir(mode=0o700, parents=True, exist_ok=True)
        # Names begin with the time, so they sort by it.
        for old in sorted(path for path in runs.iterdir() if path.is_dir())[: -KEPT_RUNS + 1]:
            shutil.rmtree(old, ignore_errors=True)
        return Path(tempfile.mkdtemp(prefix=f"{time.strftime('%Y%m%dT%H%M%S')}-{verb}-", dir=runs))
    except OSError as error:
        raise OlympiaError(
            "The directory for runs cannot be written",
            where=str(runs),
            evidence=str(error),
            way_out="Make room or give it to yourself, or set XDG_STATE_HOME to another folder",
        ) from error


def ansible_environment(environment: Mapping[str, str], root: Path, terminal: bool) -> dict[str, str]:
    """Return the environment variables that a run needs besides the user's own.

    Args:
        environment: The process environment.
        root: The checkout.
        terminal: Whether the output goes to a terminal.
    """
    plain = not terminal or bool(environment.get("NO_COLOR"))
    return {
        "ANSIBLE_CONFIG": environment.get("ANSIBLE_CONFIG", str(root / "ansible.cfg")),
        # ansible-runner would turn the check off.
        "ANSIBLE_HOST_KEY_CHECKING": environment.get("ANSIBLE_HOST_KEY_CHECKING", "True"),
        # Ansible writes to a terminal of ansible-runner's, wherever the output goes in the end.
        "ANSIBLE_NOCOLOR" if plain else "ANSIBLE_FORCE_COLOR": "1",
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{environment.get('PATH', os.defpath)}",
    }


def run(playbook: Path, options: Options, *, root: Path, runs: Path) -> None:
    """Run a playbook, printing what it prints.

    Args:
        playbook: The playbook.
        options: How to run it.
        root: The checkout.
        runs: The folder of all runs.

    Raises:
        OlympiaError: It did not end well; the code says how.
    """
    password = ask_password() if options.ask_become_pass else ""
    # Slow to import, and not needed to say that an argument is wrong.
    import ansible_runner

    make_importable(root)
    private = new_run(runs, playbook.stem)
    settings_file = private / "settings.json"
    with os.fdopen(os.open(settings_file, os.O_WRONLY | os.O_CREAT, 0o600), "w") as file:
        json.dump(dict(options.settings), file)
    outcome, interruption = Outcome(), Interruption()

    def handle(event: dict[str, Any]) -> bool:
        outcome.see(event)
        if event.get("stdout"):
            print(event["stdout"].replace("\r\n", "\n"), flush=True)
        return True

    with interruption.handled():
        result = ansible_runner.run(
            private_data_dir=str(private),
            # Relative paths among the settings are the user's.
            project_dir=str(Path.cwd()),
            playbook=str(playbook),
            inventory=options.inventory,
            ident=IDENT,
            cmdline=shlex.join(arguments(options, str(settings_file))),
            envvars=ansible_environment(os.environ, root, sys.stdout.isatty()),
            passwords={r"BECOME password.*:\s*?$": password} if password else {},
            settings={"pexpect_timeout": 1},
            # They would keep the password.
            suppress_env_files=True,
            quiet=True,
            event_handler=handle,
            cancel_callback=interruption.overdue,
        )
        interruption.finish()
    log = private / "artifacts" / IDENT / "stdout"
    if interruption.since:
        raise OlympiaError(
            f"{playbook.stem} was interrupted",
            where=str(log),
            way_out="The same command goes on from here",
            code=ExitCode.INTERRUPTED,
        )
    code = outcome.exit_code(result.rc if isinstance(result.rc, int) else -1)
    if outcome.no_hosts and code is ExitCode.USAGE:
        raise OlympiaError("No host matched", where=options.inventory, way_out="See -i and --limit", code=code)
    if code is not ExitCode.DONE:
        phase = f" in the phase {outcome.phase}" if outcome.phase else ""
        raise OlympiaError(f"{playbook.stem} failed{phase}", where=str(log), code=code)


def ask_password() -> str:
    """Ask for the password of sudo on the terminal.

    Raises:
        OlympiaError: There is no terminal to ask on.
    """
    import getpass

    if not sys.stdin.isatty():
        raise OlympiaError(
            "The password of sudo cannot be asked for without a terminal",
            way_out="Run as root or with passwordless sudo, or set ANSIBLE_BECOME_PASSWORD_FILE",
            code=ExitCode.USAGE,
        )
    return getpass.getpass("sudo password: ")
