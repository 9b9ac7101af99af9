# SPDX-License-Identifier: BSD-3-Clause
"""Shell completion: the scripts of argcomplete, and the words that it completes."""

from __future__ import annotations

from collections.abc import Callable

from ...paths import collection_root, make_importable
from ..assignments import known_settings, short_names
from .base import Context, Verb

SHELLS = ("bash", "zsh", "fish")


def words_of(verb: Verb) -> Callable[..., list[str]]:
    """Return the completer for the words and settings of a verb.

    Args:
        verb: The verb.
    """

    def complete(prefix: str, **_more: object) -> list[str]:
        if "=" in prefix:
            return []
        root = collection_root()
        make_importable(root)
        from ansible_collections.addons.olympia.plugins.module_utils.stack import services

        settings = short_names(known_settings(root))
        first = verb.words.partition(" ")[0]
        words = {"SERVICE": list(services.started()), "SETTING": settings}.get(
            first, first.split("|") if "|" in first else []
        )
        return [*words, *(f"{name}=" for name in settings)]

    return complete


def inventories(prefix: str, **_more: object) -> list[str]:
    """Complete the inventories of the collection, and files.

    Args:
        prefix: What was typed so far.
    """
    from argcomplete.completers import FilesCompleter

    names = sorted(path.name for path in (collection_root() / "inventories").iterdir() if path.is_dir())
    return [*names, *FilesCompleter()(prefix)]


def run(context: Context) -> None:
    """Print the completion script of a shell.

    Args:
        context: The command.
    """
    from argcomplete.shell_integration import shellcode

    print(shellcode(["olympia"], shell=context.arguments.shell))


VERBS = (
    Verb(
        "completion",
        "print a script that makes a shell complete this command",
        run,
        {"shell": {"choices": SHELLS, "help": "the shell"}},
        on_hosts=False,
        epilog='To use it, add `eval "$(olympia completion bash)"` to ~/.bashrc, or the same with zsh to ~/.zshrc after compinit; '
        "or write the output to ~/.config/fish/completions/olympia.fish.",
    ),
)
