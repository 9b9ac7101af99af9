# SPDX-License-Identifier: BSD-3-Clause
"""The command line."""

from __future__ import annotations

import argparse
import contextlib
import os
import sys
import tempfile
import traceback
from collections.abc import Sequence
from pathlib import Path

from ..errors import ExitCode, OlympiaError
from ..paths import collection_root, make_importable
from ..present.console import Console, JsonLines, Observer
from ..present.outcome import Report
from ..present.words import did_you_mean
from ..run import artifacts
from .verbs import VERBS, Context, Verb, inside


def make_parser() -> argparse.ArgumentParser:
    """Return the parser of the command line."""
    return _parsers()[0]


def verb_parsers() -> dict[str, argparse.ArgumentParser]:
    """Return the parser of each verb's arguments."""
    return _parsers()[1]


def _parsers() -> tuple[argparse.ArgumentParser, dict[str, argparse.ArgumentParser]]:
    parser = argparse.ArgumentParser(prog="olympia", description="Runs the addons-server stack.")
    verbs = parser.add_subparsers(dest="verb", required=True, metavar="VERB")
    parsers = {}
    for verb in VERBS:
        one = verbs.add_parser(verb.name, help=verb.summary, description=verb.summary.capitalize() + ".")
        one.set_defaults(check=False, diff=False, artifacts=None, events=False, divide=verb.divide)
        verb.add_arguments(one)
        add_common_arguments(one, verb)
        if verb.on_hosts:
            add_host_arguments(one)
        if verb.changes:
            add_change_arguments(one)
        parsers[verb.name] = one
    return parser, parsers


def add_common_arguments(parser: argparse.ArgumentParser, verb: Verb) -> None:
    """Add settings, and the words that the verb takes.

    Args:
        parser: The verb's parser.
        verb: The verb.
    """
    parser.add_argument(
        "assignments",
        # Options after the service belong to the command that is run there.
        nargs=argparse.REMAINDER if verb.divide is inside.command_after_service else "*",
        metavar=f"{verb.words} NAME=value".strip(),
        help="NAME=value is a setting, such as HTTP_PORT=8080 or COMPOSE_FILE=a.yml:b.yml",
    )
    parser.add_argument("-e", action="append", default=[], metavar="NAME=value", dest="more", help="a setting")


def add_host_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of verbs that run a playbook.

    Args:
        parser: The verb's parser.
    """
    parser.add_argument(
        "-i",
        default=os.environ.get("OLYMPIA_INVENTORY") or "local",
        metavar="local|ci|PATH",
        dest="inventory",
        help="the inventory (default: OLYMPIA_INVENTORY of the environment, or local)",
    )
    parser.add_argument("--limit", default="", metavar="HOSTS", help="only these hosts of the inventory")
    parser.add_argument("-K", "--ask-become-pass", action="store_true", help="ask for the password of sudo first")
    parser.add_argument("-v", action="count", default=0, dest="verbosity", help="say more; up to -vvvv")


def add_change_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of verbs that change something on a host.

    Args:
        parser: The verb's parser.
    """
    parser.add_argument("--check", action="store_true", help="say what would change, and change nothing")
    parser.add_argument("--diff", action="store_true", help="show what changes in files")
    parser.add_argument(
        "--artifacts", type=Path, metavar="DIR", help="leave result, logs and rendered files in this folder, for CI"
    )
    parser.add_argument("--plain", action="store_true", help="print Ansible's own lines, also on a terminal")
    parser.add_argument("--json", action="store_true", dest="events", help="print an event a line, for programs")


def choose_console(arguments: argparse.Namespace, report: Report) -> Observer:
    """Return what tells of a run: events for programs, a drawing on a terminal that can be drawn on, else lines.

    Args:
        arguments: The command line.
        report: The run.
    """
    if arguments.events:
        return JsonLines(report, sys.stdout)
    # Who asks for more than progress wants to read Ansible's own lines.
    asked = [getattr(arguments, name, False) for name in ("verbosity", "check", "diff", "plain")]
    if not sys.stdout.isatty() or os.environ.get("TERM", "dumb") == "dumb" or any(asked):
        return Console(report, os.environ, sys.stdout)
    from ..present.terminal import Terminal

    return Terminal(report, sys.stdout)


def execute(arguments: argparse.Namespace, root: Path, report: Report, console: Observer) -> ExitCode:
    """Do what a parsed command line says, and return the exit code.

    Args:
        arguments: The command line.
        root: The checkout.
        report: What is to be told of a run.
        console: What prints it.

    Raises:
        OlympiaError: It cannot be done, or was not.
    """
    folder = arguments.artifacts and arguments.artifacts.expanduser().absolute()
    if folder:
        artifacts.prepare(folder)
    verb = next(verb for verb in VERBS if verb.name == arguments.verb)
    try:
        return verb.run(Context(arguments, root, report, console, folder)) or ExitCode.DONE
    except OlympiaError as error:
        report.end(error.code, str(error))
        if folder:
            artifacts.write(folder, report)
        raise


def crash(error: Exception) -> OlympiaError:
    """Return what to say of an error that nobody has thought of; its traceback goes into a file.

    Args:
        error: The error.
    """
    where = ""
    # Where the disk is full, the sentence has to do.
    with (
        contextlib.suppress(OSError),
        tempfile.NamedTemporaryFile("w", prefix="olympia-crash-", suffix=".txt", delete=False) as file,
    ):
        traceback.print_exception(error, file=file)
        where = file.name
    return OlympiaError(
        "Something happened that should not",
        where=where,
        evidence=f"{type(error).__name__}: {error}",
        way_out="Report it with that file, which says where; look first for what should not be shown to others",
    )


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command and return its exit code.

    Args:
        argv: The arguments; those of the process when None.
    """
    parser = make_parser()
    given = sys.argv[1:] if argv is None else list(argv)
    names = [verb.name for verb in VERBS]
    if given and not given[0].startswith("-") and given[0] not in names:
        parser.error(f"{given[0]} is not a verb. {did_you_mean(given[0], names) or 'olympia --help lists them.'}")
    arguments, rest = parser.parse_known_args(given)
    # argparse takes positional arguments in one place only; assignments may stand between options.
    wrong = [argument for argument in rest if argument.startswith("-")]
    if wrong:
        parser.error(f"there is no option {' '.join(wrong)}; olympia {arguments.verb} --help lists them")
    arguments.assignments += rest
    report = Report(arguments.verb)
    console = choose_console(arguments, report)
    try:
        root = collection_root()
        make_importable(root)
        return execute(arguments, root, report, console)
    except OlympiaError as error:
        report.end(error.code, str(error))
        console.fail()
        print(f"olympia: {error}", file=sys.stderr)
        return error.code
    except KeyboardInterrupt:
        return ExitCode.INTERRUPTED
    except BrokenPipeError:
        return ExitCode.UNEXPECTED
    except Exception as error:
        # Nobody should have to read a traceback; whoever mends this needs it.
        print(f"olympia: {crash(error)}", file=sys.stderr)
        return ExitCode.UNEXPECTED
    finally:
        try:
            console.close()
            sys.stdout.flush()
        except OSError:
            # Nobody reads any more, as with `| head`, or a terminal that is gone: what is left to print goes nowhere.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
