# SPDX-License-Identifier: BSD-3-Clause
"""The one place that runs ansible-runner."""

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

from ..errors import ExitCode, OlympiaError
from ..paths import collections_path
from ..present.console import Observer, Silent, style
from ..present.outcome import Report
from ..present.words import harmless
from . import artifacts, locks, record
from .interruption import Interruption
from .playbook import Options, Outcome, arguments, pasteable
from .told import Progress

KEPT_RUNS = 10
# Seconds between two looks at what goes on.
POLL = 0.2


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
        # Names begin with the time of UTC, so they sort by it wherever the clock is read from.
        for old in sorted(path for path in runs.iterdir() if path.is_dir())[: -KEPT_RUNS + 1]:
            # One that goes on stays, however many have begun since.
            with contextlib.suppress(OSError), locks.in_use(old):
                shutil.rmtree(old, ignore_errors=True)
        return Path(tempfile.mkdtemp(prefix=f"{time.strftime('%Y%m%dT%H%M%S', time.gmtime())}-{verb}-", dir=runs))
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
    # Of a user's own configuration, SSH, Vault and callbacks count; of this collection's callback it cannot know. The collection
    # itself is found beside the playbooks.
    callbacks = ["addons.olympia.phases", *environment.get("ANSIBLE_CALLBACKS_ENABLED", "").split(",")]
    # A checkout's playbooks have them beside them.
    installed = (
        {} if (root / "playbooks/collections").exists() else {"ANSIBLE_COLLECTIONS_PATH": str(collections_path(root))}
    )
    return installed | {
        "ANSIBLE_CONFIG": environment.get("ANSIBLE_CONFIG", str(root / "ansible.cfg")),
        "ANSIBLE_CALLBACKS_ENABLED": ",".join(filter(None, callbacks)),
        # One that is not there ends Ansible; this one is everywhere.
        "LC_ALL": "C.UTF-8",
        "LANGUAGE": "C",
        # What a host says of itself replaces no variable of the inventory.
        "ANSIBLE_INJECT_FACT_VARS": "False",
        # ansible-runner would turn the check off.
        "ANSIBLE_HOST_KEY_CHECKING": environment.get("ANSIBLE_HOST_KEY_CHECKING", "True"),
        # Ansible writes to a terminal of ansible-runner's, wherever the output goes in the end.
        "ANSIBLE_NOCOLOR" if plain else "ANSIBLE_FORCE_COLOR": "1",
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{environment.get('PATH', os.defpath)}",
    }


class Run:
    """A run of a playbook, and what is collected after it.

    Attributes:
        differences: What the playbook would change in files, or has changed, by host: each with before, after and header.
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
        """Make its private directory.

        Args:
            playbook: The playbook.
            options: How to run it.
            root: The checkout.
            runs: The folder of all runs.
            report: What is to be told of it.
            console: What prints it.
            quiet: Print nothing besides, and ask nothing.

        Raises:
            OlympiaError: A folder cannot be written.
        """
        self.playbook, self.options, self.root = playbook, options, root
        self.report, self.console, self.quiet = report, console, quiet
        self.private = new_run(runs, playbook.stem)
        self.log = self.private / "artifacts" / playbook.stem / "stdout"
        self.differences: dict[str, list[dict[str, Any]]] = {}
        self._password = ""

    def execute(self) -> None:
        """Run the playbook, printing what it prints.

        Raises:
            OlympiaError: It did not end well; the code says how.
        """
        try:
            error = self._perform(lambda event: self._show(self.console.see, event))
            if error and not self.report.tasks and sys.stdout.isatty():
                # Ansible has not come to any task: no event has what it said, and the terminal shows events.
                self._say(self._words())
            self.report.end(error.code if error else ExitCode.DONE, str(error or ""))
        finally:
            record.write(self.private, self.report, self.root)
        if self.options.artifacts:
            self._collect(self.options.artifacts)
        if error:
            raise error

    def ask(self) -> dict[str, Any]:
        """Run the playbook without printing what it prints, and return its answer by host.

        Raises:
            OlympiaError: It did not end well; what failed has been printed.
        """
        answers, error = self.ask_each()
        if error:
            raise error
        return answers

    def ask_each(self) -> tuple[dict[str, Any], OlympiaError | None]:
        """Run the playbook without printing what it prints, and return the answers by host, and what came of the other hosts.

        The answer is the message of a debug task, where that is more than a text.
        """
        answers: dict[str, Any] = {}
        failures: list[str] = []
        self.console = Silent()

        def see(event: dict[str, Any]) -> None:
            data = event.get("event_data") or {}
            if event.get("event") in ("runner_on_failed", "runner_on_unreachable"):
                failures.append(str(event.get("stdout", "")).replace("\r\n", "\n"))
                self._say(failures[-1])
            elif event.get("event") == "runner_on_file_diff":
                self.differences[str(data["host"])] = data["diff"]
            elif event.get("event") == "runner_on_ok" and isinstance(message := data["res"].get("msg"), dict | list):
                answers[str(data["host"])] = message

        error = self._perform(see)
        if error and not failures:
            # Ansible has not come to any host; no event has what it said.
            self._say(self._words())
        if not (error or self.options.verbosity):
            # A look is not worth keeping in place of an older run, which may still be going on.
            shutil.rmtree(self.private, ignore_errors=True)
        return answers, error

    def _words(self) -> str:
        """Return all that Ansible has said."""
        text = self.log.read_text(encoding="utf-8", errors="replace").strip() if self.log.exists() else ""
        return str(harmless(text))

    def _perform(self, see: Callable[[dict[str, Any]], None]) -> OlympiaError | None:
        """Run the playbook, once more with the password of sudo where only that was missing.

        Args:
            see: Takes each event.

        Returns:
            What it has come to, or None where all went well.

        Raises:
            OlympiaError: The password cannot be asked for.
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
            error = self._error(outcome, return_code, bool(interruption.since))
            if not (error and outcome.password) or self._password or self.quiet or not sys.stdin.isatty():
                return error
            # Nothing is to be drawn where the password is typed.
            self.console.close()
            self._say(f"\nSudo on {outcome.password} wants a password for that. The run begins again with it.")
            self._password = ask_password()
            self.options = replace(self.options, ask_become_pass=True)

    def _unwritable(self, error: OSError) -> OlympiaError:
        """Return what to say where the run's directory cannot be written, as on a full disk."""
        return OlympiaError(
            "The directory of the run cannot be written",
            where=str(self.private),
            evidence=str(error),
            way_out="Make room there, or set XDG_STATE_HOME to another folder",
        )

    def _show(self, show: Callable[..., None], *what: Any) -> None:
        """Show something; the run goes on when nobody is there any more to see it."""
        try:
            show(*what)
        except OSError:
            self.console = Silent()

    def _say(self, text: str) -> None:
        """Tell something besides the answer."""
        if not self.quiet:
            print(style(os.environ).text(text), file=sys.stderr, flush=True)

    def _error(self, outcome: Outcome, return_code: int, interrupted: bool) -> OlympiaError | None:
        """Return what the run has come to, or None where all went well."""
        name = self.playbook.stem
        if interrupted:
            return OlympiaError(
                f"{name} was interrupted",
                where=str(self.log),
                way_out="The same command goes on from here",
                code=ExitCode.INTERRUPTED,
            )
        code = outcome.exit_code(return_code)
        if outcome.no_hosts and code is ExitCode.USAGE:
            return OlympiaError(
                "No host matched", where=self.options.inventory, way_out="See -i and --limit", code=code
            )
        if outcome.password and code is not ExitCode.DONE:
            return OlympiaError(
                f"{name} needs root, and sudo wants a password",
                where=str(self.log),
                way_out="Run it on a terminal, where it asks; or as root or with passwordless sudo; or set "
                "ANSIBLE_BECOME_PASSWORD_FILE to a file that has the password",
                code=code,
            )
        if return_code < 0:
            during = f" in the phase {self.report.phase}" if self.report.phase else ""
            return OlympiaError(
                f"{name}: Ansible was killed{during}",
                where=str(self.log),
                way_out="The same command goes on from here. Where memory had run out, dmesg says so",
                code=code,
            )
        phase = f" in the phase {outcome.phase}" if outcome.phase else ""
        return None if code is ExitCode.DONE else OlympiaError(f"{name} failed{phase}", where=str(self.log), code=code)

    def _collect(self, directory: Path) -> None:
        """Leave behind what a run has to show: first what is known here, then what the hosts know."""
        artifacts.write(directory, self.report)
        artifacts.write_log(directory, self.log)
        where = {"olympia_stack_artifacts": str(directory / artifacts.HOSTS)}
        # Also a plan leaves something behind.
        options = replace(self.options, settings={**self.options.settings, **where}, check=False, diff=False)

        def handle(event: dict[str, Any]) -> bool:
            if event.get("event") in ("runner_on_failed", "runner_on_unreachable"):
                self._say(f"The host was not asked: {event.get('stdout')}")
            return True

        self._play(self.root / "playbooks/collect.yml", options, handle, Interruption())
        for notes in sorted((directory / artifacts.HOSTS).glob(f"*/{artifacts.LEFT_OUT}")):
            self._say(f"Not all that {notes.parent.name} has sent was written: {notes} says what")
        artifacts.write(directory, self.report)

    def _play(
        self,
        playbook: Path,
        options: Options,
        handle: Callable[[dict[str, Any]], bool],
        interruption: Interruption,
    ) -> int:
        """Run a playbook to its end, and return Ansible's return code; -1 where it died of a signal."""
        # Slow to import, and not needed to say that an argument is wrong.
        import ansible_runner

        settings_file = self.private / f"{playbook.stem}.json"
        with os.fdopen(os.open(settings_file, os.O_WRONLY | os.O_CREAT, 0o600), "w") as file:
            json.dump(dict(options.settings), file)

        cmdline = arguments(options, str(settings_file) if options.settings else "")
        environment = ansible_environment(os.environ, self.root, sys.stdout.isatty())
        if options.verbosity:
            program = Path(sys.executable).with_name("ansible-playbook")
            needed = {name: value for name, value in environment.items() if name != "PATH"}
            self._say(pasteable(needed, [str(program), f"--inventory={options.inventory}", *cmdline, str(playbook)]))

        # Without this file ansible-runner forgets settings that it is given otherwise.
        (self.private / "env").mkdir(exist_ok=True)
        (self.private / "env/settings").write_text(json.dumps({"pexpect_timeout": POLL}))
        progress = Progress(self.private / f"{playbook.stem}.progress")

        def catch_up() -> None:
            for event in progress.new():
                self._show(self.console.progress, event)

        def handle_in_order(event: dict[str, Any]) -> bool:
            # What a module has told comes before what Ansible says of its end.
            catch_up()
            return handle(harmless(event))

        def poll() -> bool:
            catch_up()
            self._show(self.console.beat)
            return interruption.overdue()

        with interruption.handled():
            result = ansible_runner.run(
                private_data_dir=str(self.private),
                # Relative paths among the settings are the user's.
                project_dir=str(Path.cwd()),
                playbook=str(playbook),
                inventory=options.inventory,
                ident=playbook.stem,
                cmdline=shlex.join(cmdline),
                envvars=environment | {"OLYMPIA_PROGRESS": str(progress.path)},
                passwords={r"BECOME password.*:\s*?$": self._password} if self._password else {},
                # They would keep the password.
                suppress_env_files=True,
                quiet=True,
                event_handler=handle_in_order,
                cancel_callback=poll,
            )
            interruption.finish()
        return result.rc if isinstance(result.rc, int) else -1


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
