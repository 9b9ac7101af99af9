# SPDX-License-Identifier: BSD-3-Clause
"""What a shell completes after `olympia`, made from the parser and the settings."""

from __future__ import annotations

import argparse
import shlex
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from .. import given as settings
from . import backup, snapshot, tenant
from .base import Context, Verb

# Verbs whose words are services; those of `explain` are settings.
OF_SERVICES = ("logs", "exec")
BASH = """\
# To use it now: eval "$(olympia completion bash)". For good: put that into ~/.bashrc.
_olympia() {
    local word=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD-1]} words=
    COMPREPLY=()
    # Bash takes HTTP_PORT=80 for three words. A value is the user's own, or a file.
    if [[ $word == = || $before == = ]]; then return; fi
    if [[ $before == -i ]]; then
        mapfile -t COMPREPLY < <(compgen -W @INVENTORIES@ -- "$word")
        return
    fi
    case $COMP_CWORD:${COMP_WORDS[1]} in
        1:*) words=@VERBS@ ;;
@CASES@
    esac
    mapfile -t COMPREPLY < <(compgen -W "$words" -- "$word")
    if [[ ${COMPREPLY[0]-} == *= ]]; then compopt -o nospace; fi
}
complete -o default -F _olympia olympia
"""
ZSH = """\
#compdef olympia
# To use it now: eval "$(olympia completion zsh)". For good: put that into ~/.zshrc, after compinit.
_olympia() {
    local -a verbs
    verbs=(
@VERBS@
    )
    if (( CURRENT == 2 )); then
        _describe verb verbs
        return
    fi
    case $words[2] in
@CASES@
    esac
}
compdef _olympia olympia
"""

# Words that stand after a verb.
ACTIONS = {"backup": backup.ACTIONS, "snapshot": snapshot.ACTIONS, "tenant": tenant.ACTIONS}


@dataclass(frozen=True)
class Choices:
    """What may stand after a verb.

    Attributes:
        summary: What the verb does.
        options: Its options.
        words: Settings as `NAME=`, and the words that it takes.
    """

    summary: str
    options: tuple[str, ...]
    words: tuple[str, ...]


def choices(verbs: Mapping[str, argparse.ArgumentParser], root: Path) -> dict[str, Choices]:
    """Return what may stand after each verb.

    Args:
        verbs: The parser of each.
        root: The checkout.
    """
    from ansible_collections.addons.olympia.plugins.module_utils.settings.sources import (
        STACK_PREFIX,
        short_name,
    )
    from ansible_collections.addons.olympia.plugins.module_utils.stack import services

    known = settings.known_settings(root)
    names = sorted(short_name(name) if name.startswith(STACK_PREFIX) else name for name in known)
    assignments = tuple(f"{name}=" for name in names)

    def words(verb: str) -> tuple[str, ...]:
        if verb == "completion":
            return tuple(SCRIPTS)
        if actions := ACTIONS.get(verb):
            return (*actions, *assignments)
        more = tuple(names) if verb == "explain" else services.started() if verb in OF_SERVICES else ()
        return (*more, *assignments)

    return {
        verb: Choices(
            parser.description or "",
            tuple(option for action in parser._actions for option in action.option_strings),
            words(verb),
        )
        for verb, parser in verbs.items()
    }


def bash(found: Mapping[str, Choices], inventories: str) -> str:
    """Return the script for bash.

    Args:
        found: What may stand after each verb.
        inventories: Names of inventories, with spaces between them.
    """
    cases = [
        f"        *:{verb}) words={shlex.quote(' '.join((*one.options, *one.words)))} ;;" for verb, one in found.items()
    ]
    return (
        BASH.replace("@INVENTORIES@", shlex.quote(inventories))
        .replace("@VERBS@", shlex.quote(" ".join(found)))
        .replace("@CASES@", "\n".join(cases))
    )


def zsh(found: Mapping[str, Choices], inventories: str) -> str:
    """Return the script for zsh.

    Args:
        found: What may stand after each verb.
        inventories: Names of inventories, with spaces between them.
    """
    verbs = [f"        {shlex.quote(f'{verb}:{one.summary}')}" for verb, one in found.items()]
    cases = []
    for verb, one in found.items():
        plain = [*one.options, *(word for word in one.words if not word.endswith("="))]
        assignments = [word for word in one.words if word.endswith("=")]
        cases += [
            f"        {verb})",
            f"            if [[ $words[CURRENT-1] == -i ]]; then compadd {inventories}; _files; return; fi",
            f"            compadd -- {' '.join(plain)}",
            f"            compadd -S '' -- {' '.join(assignments)} ;;",
        ]
    return ZSH.replace("@VERBS@", "\n".join(verbs)).replace("@CASES@", "\n".join(cases))


def fish(found: Mapping[str, Choices], inventories: str) -> str:
    """Return the script for fish.

    Args:
        found: What may stand after each verb.
        inventories: Names of inventories, with spaces between them.
    """
    lines = ["# To use it: olympia completion fish > ~/.config/fish/completions/olympia.fish"]
    for verb, one in found.items():
        lines.append(f"complete -c olympia -f -n __fish_use_subcommand -a {verb} -d {_fish_quote(one.summary)}")
        after = f"-n '__fish_seen_subcommand_from {verb}'"
        lines += [f"complete -c olympia {after} -a '{' '.join((*one.options, *one.words))}'"]
        if "-i" in one.options:
            lines.append(f"complete -c olympia {after} -s i -x -a '{inventories}'")
    return "\n".join(lines) + "\n"


def _fish_quote(text: str) -> str:
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"


SCRIPTS: dict[str, Callable[[Mapping[str, Choices], str], str]] = {"bash": bash, "zsh": zsh, "fish": fish}


def run(context: Context) -> None:
    """Print the script for a shell.

    Args:
        context: The command.
    """
    # The parser has this verb, too.
    from ..main import verb_parsers

    inventories = " ".join(sorted(path.name for path in (context.root / "inventories").iterdir() if path.is_dir()))
    print(SCRIPTS[context.arguments.shell](choices(verb_parsers(), context.root), inventories), end="")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the argument of `completion`.

    Args:
        parser: Its parser.
    """
    parser.add_argument("shell", choices=SCRIPTS, help="the shell")


VERBS = (
    Verb("completion", "print a script that lets a shell complete this command", run, add_arguments, on_hosts=False),
)
