# SPDX-License-Identifier: BSD-3-Clause
"""Package lists of apt: which sources failed, with apt's messages, and how that is reported."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import NamedTuple

from ..core.masking import mask
from ..core.problem import Problem
from .apt_sources import AptSource

# Messages about missing or old lists, some of which are only warnings; other warnings are about existing lists.
_FAILURE = re.compile(
    r"E: .*|W: (?:Failed to fetch|GPG error|An error occurred during the signature|.*signature verif).*"
)
# Follows the lines that say why.
_SUMMARY = "Some index files failed to download"
_UNREADABLE = "The list of sources could not be read"
_LOCKED = "Could not get lock"
# Messages of an installation whose packages are missing from the lists or the sources.
_UNAVAILABLE = re.compile(
    r"No package matching|no available installation candidate|Unable to (?:locate|fetch|correct)|Failed to fetch|unmet depend"
)


class SourceFailure(NamedTuple):
    """A source whose package lists could not be updated.

    `uri` and `path` (the file that names it) are empty if apt does not name the source.
    """

    uri: str
    path: str
    seen: str

    def __str__(self) -> str:
        where = f"{self.uri} ({self.path})" if self.path else "a package source"
        return f"{where}: {self.seen}"


def source_failures(messages: str, sources: Iterable[AptSource]) -> list[SourceFailure]:
    """Return the sources for which `apt-get update` failed.

    :param messages: its standard error, untranslated.
    :param sources: the host's sources.
    :returns: one entry for each source, with apt's first message about it; later ones are consequences.
    """
    # apt's own messages name no credentials.
    paths = {
        re.sub(r"//[^/@]*@", "//", uri.rstrip("/")): one.path for one in sources if one.enabled for uri in one.uris
    }
    found: dict[str, SourceFailure] = {}
    for line in messages.splitlines():
        if not _FAILURE.match(line) or _SUMMARY in line or _UNREADABLE in line:
            continue
        said = mask(re.sub(r"\s+", " ", line.partition(" ")[2]).strip())
        # One mirror's address may begin with another's.
        uri = max((uri for uri in paths if re.search(rf"{re.escape(uri)}(?![^/\s'])", line)), key=len, default="")
        found.setdefault(uri or said, SourceFailure(uri, paths.get(uri, ""), said))
    return list(found.values())


def is_unreadable(messages: str) -> bool:
    """Return whether apt refuses to read its sources, so that nothing at all can be installed."""
    return _UNREADABLE in messages


def is_locked(messages: str) -> bool:
    """Return whether another program is updating the lists."""
    return _LOCKED in messages


def warning(failure: SourceFailure) -> str:
    """Return the warning about a source that is skipped."""
    return f"A package source cannot be used, and is left out: {failure}"


def unreadable(failures: Iterable[SourceFailure]) -> str:
    """Return the error message if apt cannot read its sources at all."""
    return str(
        Problem(
            "apt cannot read its package sources, so nothing can be installed",
            "/etc/apt/sources.list, /etc/apt/sources.list.d",
            "; ".join(failure.seen for failure in failures),
            "Correct or delete the source that apt names, until 'sudo apt-get update' succeeds, then run again.",
        )
    )


def not_installed(packages: Iterable[str], message: str, failures: Iterable[SourceFailure]) -> str:
    """Return why packages could not be installed.

    :param message: what the installation said.
    :param failures: the sources that lack their lists; they are the cause only where packages cannot be had.
    """
    causes = [str(failure) for failure in failures]
    if not causes or not _UNAVAILABLE.search(message):
        return message
    return str(
        Problem(
            f"A package source cannot be used, and no other one has what is needed for {', '.join(packages)}",
            cause="; ".join([*causes, message.strip()]),
            fix="Correct that source, or make it reachable, until 'sudo apt-get update' succeeds, then run again.",
        )
    )
