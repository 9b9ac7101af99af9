# SPDX-License-Identifier: BSD-3-Clause
"""The command line."""

from __future__ import annotations

import argparse
import contextlib
import os
import sys
import tempfile
import traceback
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ..errors import ExitCode, Problem
from ..paths import collection_root, make_importable
from ..present.console import Console, JsonLines, Observer
from ..present.outcome import Report
from ..run import artifacts
from ..words import did_you_mean
from .verbs import VERBS, Context, Verb, completion

# Options of the verbs that change something on a host.
CHANGE_OPTIONS: Mapping[str, Mapping[str, Any]] = {
    "--check": {"action": "store_true", "help": "report what would change, and change nothing"},
    "--diff": {"action": "store_true", "help": "show changes in files"},
    "--artifacts": {
        "type": Path,
        "metavar": "DIR",
        "help": "write result, logs and rendered files to this folder, for CI",
    },
    "--plain": {"action": "store_true", "help": "print Ansible's own output, also on a terminal"},
    "--json": {"action": "store_true", "dest": "events", "help": "print one event per line, for programs"},
}


def make_parser() -> argparse.ArgumentParser:
    """Return the parser of the command line, with completers for argcomplete."""
    parser = argparse.ArgumentParser(prog="olympia", description="Run the addons-server stack.")
    verbs = parser.add_subparsers(dest="verb", required=True, metavar="VERB")
    for verb in VERBS:
        one = verbs.add_parser(
            verb.name,
            help=verb.summary,
            description=f"{verb.summary[0].upper()}{verb.summary[1:]}.",
            usage=verb.usage,
            epilog=verb.epilog,
        )
        one.set_defaults(check=False, diff=False, artifacts=None, events=False, divide=verb.divide)
        add_options(one, verb.options)
        add_settings(one, verb)
        if verb.on_hosts:
            add_host_options(one)
        if verb.changes:
            add_options(one, CHANGE_OPTIONS)
    return parser


def add_options(parser: argparse.ArgumentParser, options: Mapping[str, Mapping[str, Any]]) -> None:
    """Add options to a parser.

    Args:
        parser: The parser of a verb.
        options: The options, as `Verb.options` has them.
    """
    for names, keywords in options.items():
        parser.add_argument(*names.split(), **keywords)


def add_settings(parser: argparse.ArgumentParser, verb: Verb) -> None:
    """Add the settings and the words of a verb.

    Args:
        parser: The parser of the verb.
        verb: The verb.
    """
    positional = parser.add_argument(
        "assignments",
        nargs=argparse.REMAINDER if verb.command else "*",
        metavar=f"{verb.words} NAME=value".strip(),
        help="NAME=value is a setting, such as HTTP_PORT=8080 or COMPOSE_FILE=a.yml:b.yml",
    )
    positional.completer = completion.words_of(verb)  # type: ignore[attr-defined]
    parser.add_argument("-e", action="append", default=[], metavar="NAME=value", dest="more", help="a setting")


def add_host_options(parser: argparse.ArgumentParser) -> None:
    """Add the options of the verbs that run a playbook.

    Args:
        parser: The parser of a verb.
    """
    inventory = parser.add_argument(
        "-i",
        default=os.environ.get("OLYMPIA_INVENTORY") or "local",
        metavar="local|ci|PATH",
        dest="inventory",
        help="the inventory (default: the environment variable OLYMPIA_INVENTORY, or local)",
    )
    inventory.completer = completion.inventories  # type: ignore[attr-defined]
    parser.add_argument("--limit", default="", metavar="HOSTS", help="only these hosts of the inventory")
    parser.add_argument("-K", "--ask-become-pass", action="store_true", help="ask for the sudo password first")
    parser.add_argument("-v", action="count", default=0, dest="verbosity", help="verbose; up to -vvvv")


def choose_console(arguments: argparse.Namespace, report: Report) -> Observer:
    """Return what prints a run: events for programs, the live display on a capable terminal, lines elsewhere.

    Args:
        arguments: The command line.
        report: Collects what happens in the run.
    """
    if arguments.events:
        return JsonLines(report, sys.stdout)
    # With these options, people want to read Ansible's own output.
    asked = [getattr(arguments, name, False) for name in ("verbosity", "check", "diff", "plain")]
    if not sys.stdout.isatty() or os.environ.get("TERM", "dumb") == "dumb" or any(asked):
        return Console(report, os.environ, sys.stdout)
    from ..present.terminal import Terminal

    return Terminal(report, sys.stdout)


def execute(arguments: argparse.Namespace, root: Path, report: Report, console: Observer) -> ExitCode:
    """Run the verb of a command line, and return the exit code.

    Args:
        arguments: The command line.
        root: The root of the collection.
        report: Collects what happens in the run.
        console: Prints the run.

    Raises:
        Problem: The verb failed.
    """
    folder = arguments.artifacts and arguments.artifacts.expanduser().absolute()
    if folder:
        artifacts.prepare(folder)
    verb = next(verb for verb in VERBS if verb.name == arguments.verb)
    try:
        return verb.run(Context(arguments, root, report, console, folder)) or ExitCode.DONE
    except Problem as problem:
        report.end(problem.code, str(problem))
        if folder:
            artifacts.write(folder, report)
        raise


def crash(error: Exception) -> Problem:
    """Return the problem for an unexpected exception. Its traceback goes into a file.

    Args:
        error: The exception.
    """
    where = ""
    # On a full disk, there is no file.
    with (
        contextlib.suppress(OSError),
        tempfile.NamedTemporaryFile("w", prefix="olympia-crash-", suffix=".txt", delete=False) as file,
    ):
        traceback.print_exception(error, file=file)
        where = file.name
    return Problem(
        "Internal error",
        where=where,
        cause=f"{type(error).__name__}: {error}",
        fix="Report it with that file, after removing anything confidential from the file",
    )


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command and return its exit code.

    Args:
        argv: The arguments; by default those of the process.
    """
    parser = make_parser()
    if "_ARGCOMPLETE" in os.environ:
        import argcomplete

        argcomplete.autocomplete(parser)
    given = sys.argv[1:] if argv is None else list(argv)
    names = [verb.name for verb in VERBS]
    if given and not given[0].startswith("-") and given[0] not in names:
        parser.error(f"{given[0]} is not a verb. {did_you_mean(given[0], names) or 'olympia --help lists them.'}")
    arguments, rest = parser.parse_known_args(given)
    # argparse takes the positional arguments from one place only, but settings may stand between options.
    wrong = [argument for argument in rest if argument.startswith("-")]
    if wrong:
        parser.error(f"unknown option: {' '.join(wrong)}; olympia {arguments.verb} --help lists the options")
    arguments.assignments += rest
    report = Report(arguments.verb)
    console = choose_console(arguments, report)
    try:
        root = collection_root()
        make_importable(root)
        return execute(arguments, root, report, console)
    except Problem as problem:
        report.end(problem.code, str(problem))
        console.fail()
        print(f"olympia: {problem}", file=sys.stderr)
        return problem.code
    except KeyboardInterrupt:
        return ExitCode.INTERRUPTED
    except BrokenPipeError:
        return ExitCode.UNEXPECTED
    except Exception as error:
        print(f"olympia: {crash(error)}", file=sys.stderr)
        return ExitCode.UNEXPECTED
    finally:
        try:
            console.close()
            sys.stdout.flush()
        except OSError:
            # The reader is gone, as with `| head` or a closed terminal: discard the remaining output.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
