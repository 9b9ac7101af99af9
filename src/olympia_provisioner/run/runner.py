# SPDX-License-Identifier: BSD-3-Clause
"""Running playbooks with ansible-runner; nothing else does that."""

from __future__ import annotations

import contextlib
import json
import os
import shlex
import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from ..errors import ExitCode, Problem
from ..paths import collections_path
from ..present.console import Observer, style
from ..present.outcome import Report
from ..words import harmless
from . import artifacts, locks, record
from .interruption import Interruption
from .playbook import Options, Outcome, arguments, pasteable
from .progress_file import Progress

KEPT_RUNS = 10
# Seconds between two checks for progress.
POLL = 0.2


def new_run(runs: Path, verb: str) -> Path:
    """Create the private directory of a run, and remove the oldest ones.

    Args:
        runs: The folder of all runs.
        verb: The verb that is run.

    Raises:
        Problem: It cannot be written.
    """
    try:
        runs.mkdir(mode=0o700, parents=True, exist_ok=True)
        # Names start with the time in UTC, so that they sort by it in every time zone.
        for old in sorted(path for path in runs.iterdir() if path.is_dir())[: -KEPT_RUNS + 1]:
            # A run in progress keeps its directory, however many runs have started since.
            with contextlib.suppress(OSError), locks.in_use(old):
                shutil.rmtree(old, ignore_errors=True)
        return Path(tempfile.mkdtemp(prefix=f"{time.strftime('%Y%m%dT%H%M%S', time.gmtime())}-{verb}-", dir=runs))
    except OSError as error:
        raise Problem(
            "The directory for runs cannot be written",
            where=str(runs),
            cause=str(error),
            fix="Free disk space or fix the owner of the directory, or set XDG_STATE_HOME to another folder",
        ) from error


def ansible_environment(environment: Mapping[str, str], root: Path, terminal: bool) -> dict[str, str]:
    """Return the environment variables that a run needs besides the user's own.

    Args:
        environment: The process environment.
        root: The root of the collection.
        terminal: Whether the output goes to a terminal.
    """
    plain = not terminal or bool(environment.get("NO_COLOR"))
    # A configuration of the user's own stays in effect, but does not enable the callback of this collection.
    callbacks = ["addons.olympia.phases", *environment.get("ANSIBLE_CALLBACKS_ENABLED", "").split(",")]
    # In a checkout, Ansible finds the collections beside the playbooks.
    installed = (
        {} if (root / "playbooks/collections").exists() else {"ANSIBLE_COLLECTIONS_PATH": str(collections_path(root))}
    )
    return installed | {
        "ANSIBLE_CONFIG": environment.get("ANSIBLE_CONFIG", str(root / "ansible.cfg")),
        "ANSIBLE_CALLBACKS_ENABLED": ",".join(filter(None, callbacks)),
        # Ansible refuses a locale that is missing; this one always exists.
        "LC_ALL": "C.UTF-8",
        "LANGUAGE": "C",
        # The facts of a host must not replace variables of the inventory.
        "ANSIBLE_INJECT_FACT_VARS": "False",
        # ansible-runner disables it by default.
        "ANSIBLE_HOST_KEY_CHECKING": environment.get("ANSIBLE_HOST_KEY_CHECKING", "True"),
        # Ansible always writes to a terminal of ansible-runner, so it cannot see where the output goes.
        "ANSIBLE_NOCOLOR" if plain else "ANSIBLE_FORCE_COLOR": "1",
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{environment.get('PATH', os.defpath)}",
    }


class Run:
    """A run of a playbook, and the collection of artifacts after it.

    Attributes:
        differences: The changes in files, or planned changes, by host; each with before, after and header.
    """

    def __init__(
        self,
        playbook: Path,
        options: Options,
        *,
        root: Path,
        runs: Path,
        report: Report,
        console: Observer,
        quiet: bool = False,
    ):
        """Create the directory of the run.

        Args:
            playbook: The playbook.
            options: The options of the run.
            root: The root of the collection.
            runs: The folder of all runs.
            report: Collects what happens in the run.
            console: Prints the run.
            quiet: Print nothing else, and ask no questions.

        Raises:
            Problem: The directory cannot be written.
        """
        self.playbook, self.options, self.root = playbook, options, root
        self.report, self.console, self.quiet = report, console, quiet
        self.private = new_run(runs, playbook.stem)
        self.log = self.private / "artifacts" / playbook.stem / "stdout"
        self.differences: dict[str, list[dict[str, Any]]] = {}
        self._password = ""

    def execute(self) -> None:
        """Run the playbook and print its output.

        Raises:
            Problem: The run failed.
        """
        try:
            problem = self._perform(lambda event: self._show(self.console.see, event))
            if problem and not self.report.tasks and sys.stdout.isatty():
                # Ansible failed before the first task. Its message is in no event, so the live display does not show it.
                self._print(self._output())
            self.report.end(problem.code if problem else ExitCode.DONE, str(problem or ""))
        finally:
            record.write(self.private, self.report, self.root)
        if self.options.artifacts:
            self._collect(self.options.artifacts)
        if problem:
            raise problem

    def ask(self) -> dict[str, Any]:
        """Run the playbook without printing its output, and return the answer of each host.

        Raises:
            Problem: The run failed; the messages have been printed.
        """
        answers, problem = self.ask_each()
        if problem:
            raise problem
        return answers

    def ask_each(self) -> tuple[dict[str, Any], Problem | None]:
        """Run the playbook without printing its output, and return the answer of each host, and the problem if there was one.

        The answer is the message of a debug task, if that is a dictionary or a list.
        """
        answers: dict[str, Any] = {}
        failures: list[str] = []
        self.console = Observer()

        def see(event: dict[str, Any]) -> None:
            data = event.get("event_data") or {}
            if event.get("event") in ("runner_on_failed", "runner_on_unreachable"):
                failures.append(str(event.get("stdout", "")).replace("\r\n", "\n"))
                self._print(failures[-1])
            elif event.get("event") == "runner_on_file_diff":
                self.differences[str(data["host"])] = data["diff"]
            elif event.get("event") == "runner_on_ok" and isinstance(message := data["res"].get("msg"), dict | list):
                answers[str(data["host"])] = message

        problem = self._perform(see)
        if problem and not failures:
            # Ansible failed before the first host. Its message is in no event.
            self._print(self._output())
        if not (problem or self.options.verbosity):
            # A run that only reads must not push out the directory of an older run.
            shutil.rmtree(self.private, ignore_errors=True)
        return answers, problem

    def _output(self) -> str:
        """Return the output of Ansible."""
        text = self.log.read_text(encoding="utf-8", errors="replace").strip() if self.log.exists() else ""
        return str(harmless(text))

    def _perform(self, see: Callable[[dict[str, Any]], None]) -> Problem | None:
        """Run the playbook, and again with the sudo password if only that was missing.

        Args:
            see: Handles each event.

        Returns:
            The problem, or None if the run succeeded.

        Raises:
            Problem: The password cannot be asked for, or the directory of the run cannot be written.
        """
        if self.options.ask_become_pass:
            self._password = ask_password()
        while True:
            outcome, interruption = Outcome(), Interruption(self.quiet)

            def handle(event: dict[str, Any], outcome: Outcome = outcome) -> bool:
                for observer in (outcome.see, self.report.see, see):
                    observer(event)
                return True

            try:
                with locks.in_use(self.private):
                    return_code = self._play(self.playbook, self.options, handle, interruption)
            except OSError as failure:
                raise self._unwritable(failure) from failure
            problem = self._problem(outcome, return_code, bool(interruption.since))
            if not (problem and outcome.password) or self._password or self.quiet or not sys.stdin.isatty():
                return problem
            # Stop the live display before asking.
            self.console.close()
            self._print(f"\nsudo on {outcome.password} needs a password. The run starts again with it.")
            self._password = ask_password()
            self.options = replace(self.options, ask_become_pass=True)

    def _unwritable(self, error: OSError) -> Problem:
        """Return the problem if the directory of the run cannot be written, for example on a full disk."""
        return Problem(
            "The directory of the run cannot be written",
            where=str(self.private),
            cause=str(error),
            fix="Free disk space, or set XDG_STATE_HOME to another folder",
        )

    def _show(self, show: Callable[..., None], *what: Any) -> None:
        """Print something. If standard output is closed, the run continues without output."""
        try:
            show(*what)
        except OSError:
            self.console = Observer()

    def _print(self, text: str) -> None:
        """Print something to standard error."""
        if not self.quiet:
            print(style(os.environ).text(text), file=sys.stderr, flush=True)

    def _problem(self, outcome: Outcome, return_code: int, interrupted: bool) -> Problem | None:
        """Return the problem of a run, or None if it succeeded."""
        name, fix = self.playbook.stem, ""
        code = ExitCode.INTERRUPTED if interrupted else outcome.exit_code(return_code)
        if code is ExitCode.DONE:
            return None
        if interrupted:
            what, fix = f"{name} was interrupted", "Run the same command again to continue"
        elif outcome.no_hosts and code is ExitCode.USAGE:
            return Problem("No host matched", where=self.options.inventory, fix="Check -i and --limit", code=code)
        elif outcome.password:
            what = f"{name} needs root, and sudo needs a password"
            fix = "Run it on a terminal to be asked for the password, as root, or with passwordless sudo; or set "
            fix += "ANSIBLE_BECOME_PASSWORD_FILE to a file with the password"
        elif return_code < 0:
            what = f"{name}: Ansible was killed" + (f" in the phase {self.report.phase}" if self.report.phase else "")
            fix = "Run the same command again to continue. If the machine ran out of memory, dmesg shows it"
        else:
            what = f"{name} failed" + (f" in the phase {outcome.phase}" if outcome.phase else "")
        return Problem(what, where=str(self.log), fix=fix, code=code)

    def _collect(self, directory: Path) -> None:
        """Write the artifacts of the run: first from data on the controller, then with data from the hosts."""
        artifacts.write(directory, self.report)
        artifacts.write_log(directory, self.log)
        where = {"olympia_stack_artifacts": str(directory / artifacts.HOSTS)}
        # A run with --check has artifacts, too.
        options = replace(self.options, settings={**self.options.settings, **where}, check=False, diff=False)

        def handle(event: dict[str, Any]) -> bool:
            if event.get("event") in ("runner_on_failed", "runner_on_unreachable"):
                self._print(f"Cannot collect artifacts from the host: {event.get('stdout')}")
            return True

        self._play(self.root / "playbooks/collect.yml", options, handle, Interruption())
        for notes in sorted((directory / artifacts.HOSTS).glob(f"*/{artifacts.LEFT_OUT}")):
            self._print(f"Some files from {notes.parent.name} were not written; see {notes}")
        artifacts.write(directory, self.report)

    def _play(
        self,
        playbook: Path,
        options: Options,
        handle: Callable[[dict[str, Any]], bool],
        interruption: Interruption,
    ) -> int:
        """Run a playbook to its end, and return the return code of Ansible; -1 if a signal killed it."""
        # Slow to import, and not needed to refuse wrong arguments.
        import ansible_runner

        settings_file = self.private / f"{playbook.stem}.json"
        with os.fdopen(os.open(settings_file, os.O_WRONLY | os.O_CREAT, 0o600), "w") as file:
            json.dump(dict(options.settings), file)

        cmdline = arguments(options, str(settings_file) if options.settings else "")
        environment = ansible_environment(os.environ, self.root, sys.stdout.isatty())
        if options.verbosity:
            program = Path(sys.executable).with_name("ansible-playbook")
            needed = {name: value for name, value in environment.items() if name != "PATH"}
            self._print(pasteable(needed, [str(program), f"--inventory={options.inventory}", *cmdline, str(playbook)]))

        # Without this file, ansible-runner ignores the settings that are passed to it.
        (self.private / "env").mkdir(exist_ok=True)
        (self.private / "env/settings").write_text(json.dumps({"pexpect_timeout": POLL}))
        progress = Progress(self.private / f"{playbook.stem}.progress")

        def catch_up() -> None:
            for event in progress.new():
                self._show(self.console.progress, event)

        def handle_in_order(event: dict[str, Any]) -> bool:
            # Progress events of a module come before the event of its end.
            catch_up()
            return handle(harmless(event))

        def poll() -> bool:
            catch_up()
            self._show(self.console.beat)
            return interruption.overdue()

        with interruption.handled():
            result = ansible_runner.run(
                private_data_dir=str(self.private),
                # Relative paths in settings start in the working directory.
                project_dir=str(Path.cwd()),
                playbook=str(playbook),
                inventory=options.inventory,
                ident=playbook.stem,
                cmdline=shlex.join(cmdline),
                envvars=environment | {"OLYMPIA_PROGRESS": str(progress.path)},
                passwords={r"BECOME password.*:\s*?$": self._password} if self._password else {},
                # Those files would contain the password.
                suppress_env_files=True,
                quiet=True,
                event_handler=handle_in_order,
                cancel_callback=poll,
            )
            interruption.finish()
        return result.rc if isinstance(result.rc, int) else -1


def ask_password() -> str:
    """Ask for the sudo password on the terminal.

    Raises:
        Problem: There is no terminal.
    """
    import getpass

    if not sys.stdin.isatty():
        raise Problem(
            "Cannot ask for the sudo password without a terminal",
            fix="Run as root or with passwordless sudo, or set ANSIBLE_BECOME_PASSWORD_FILE",
            code=ExitCode.USAGE,
        )
    return getpass.getpass("sudo password: ")
