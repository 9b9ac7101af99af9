# SPDX-License-Identifier: BSD-3-Clause
"""The apt sources of a host: read, parsed, and the Debian mirror found among them.

The engine's packages and the base image come from the mirror that the host itself uses, so that
a machine behind a company mirror needs no additional setting.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from email import message_from_string
from pathlib import Path
from typing import NamedTuple

APT_DIRECTORY = Path("/etc/apt")

# Names of releases in Debian's archive, which distinguish it from Ubuntu's.
DEBIAN_SUITES = frozenset(
    [
        "bullseye",
        "bookworm",
        "trixie",
        "forky",
        "duke",
        "sid",
        "oldoldstable",
        "oldstable",
        "stable",
        "testing",
        "unstable",
    ]
)
FALSE = ("no", "false", "off", "0", "without", "disable")  # apt's words
_ONE_LINE = re.compile(
    r"(?P<type>deb|deb-src)\s+(?:\[(?P<options>[^\]]*)\]\s+)?(?P<uri>cdrom:\[[^\]]*\]\S*|\S+)\s+(?P<suite>\S+)(?P<components>.*)"
)


@dataclass(frozen=True)
class AptSource:
    """One stanza of a `.sources` file, or one line of a `.list` file.

    `options` holds the remaining fields under deb822's names in lower case (`architectures`, `trusted`, ...).
    """

    path: str
    types: tuple[str, ...]
    uris: tuple[str, ...]
    suites: tuple[str, ...]
    components: tuple[str, ...] = ()
    signed_by: str | None = None
    enabled: bool = True
    options: Mapping[str, str] = field(default_factory=dict)

    @property
    def bases(self) -> tuple[str, ...]:
        """Its addresses, without a slash at the end."""
        return tuple(uri.rstrip("/") for uri in self.uris)


class Mirrors(NamedTuple):
    """Base addresses of a Debian archive and of its security archive, without a slash at the end."""

    main: str | None
    security: str | None


def parse_sources(texts: Mapping[str, str]) -> list[AptSource]:
    """Parse apt source files.

    :param texts: path of each file and its text; a path that ends in `.sources` is read as deb822,
        every other one as one-line format, as apt does.
    :returns: the entries in order; disabled ones are included with `enabled` false, and so are lines that are
        commented out, as a release upgrade leaves those of third parties; lines that apt itself would refuse are left out.
    """
    sources: list[AptSource] = []
    for path, text in texts.items():
        parse = _parse_deb822 if path.endswith(".sources") else _parse_one_line
        sources.extend(parse(path, text))
    return sources


def read_host_sources(directory: Path = APT_DIRECTORY) -> list[AptSource]:
    """Read and parse the source files of this host.

    Files that cannot be read are skipped: apt may keep credentials in them. `mirror+file:` addresses,
    which Debian's cloud images use, are replaced by the addresses that the file lists.

    :param directory: where apt's configuration lives.
    """
    parts = directory / "sources.list.d"
    files = [directory / "sources.list"]
    if parts.is_dir():
        files += sorted(path for path in parts.iterdir() if path.suffix in (".list", ".sources"))
    texts: dict[str, str] = {}
    for path in files:
        try:
            texts[str(path)] = path.read_text(encoding="utf-8", errors="replace")
        except OSError:
            continue
    return [_resolve_mirror_file(source) for source in parse_sources(texts)]


def why_unusable(source: AptSource, suite: str, component: str, architecture: str) -> str:
    """Return why apt gets no packages for a host from a source; the empty string if it does.

    :param suite: what the host needs, as are the next two.
    :param architecture: as dpkg names it.
    """
    keys = [key for key in re.split(r"[,\s]+", source.signed_by or "") if key.startswith("/")]
    architectures = source.options.get("architectures", architecture).split()
    if not source.enabled:
        return "it is disabled"
    if "deb" not in source.types:
        return "it names source packages only"
    if suite not in source.suites:
        return f"its suite is {' '.join(source.suites)}, and this host's is {suite}"
    if component not in source.components:
        return f"it lacks component {component}"
    if architecture not in architectures:
        return f"it is for {' '.join(architectures)}, and this host is {architecture}"
    if keys and not any(Path(key).exists() for key in keys):
        return f"its key {' '.join(keys)} does not exist"
    return ""


def offered_suites(sources: Iterable[AptSource], component: str) -> set[str]:
    """Return the suites that enabled sources of packages have with a component."""
    return {
        suite
        for source in sources
        if source.enabled and "deb" in source.types and component in source.components
        for suite in source.suites
    }


def debian_mirrors(sources: Iterable[AptSource]) -> Mirrors:
    """Find the Debian archive, and its security archive, that the sources use.

    A third party may name its suites after Debian's releases too, so among several candidates the
    one wins that also carries the release's updates, that Debian's keyring signs, or that looks like Debian's archive.

    :returns: None for an archive that is not among the sources, as on any host that is not Debian.
    """
    main: dict[str, int] = {}
    security: dict[str, int] = {}
    for source in sources:
        if not source.enabled or "deb" not in source.types or "main" not in source.components:
            continue
        for uri in source.uris:
            if not uri.startswith(("http://", "https://", "ftp://", "file:", "copy:")):
                continue
            base = uri.rstrip("/")
            for suite in source.suites:
                release, _separator, pocket = suite.replace("/", "-").partition("-")
                if release not in DEBIAN_SUITES:
                    continue
                score = 2 * ("debian-archive-keyring" in (source.signed_by or "")) + base.endswith("/debian")
                if pocket == "security" or (pocket == "updates" and "security" in base):
                    security[base] = security.get(base, 0) + score
                elif pocket == "":
                    main[base] = main.get(base, 0) + score
                elif pocket == "updates":
                    main[base] = main.get(base, 0) + score + 4
    return Mirrors(_best(main), _best(security))


def _best(candidates: Mapping[str, int]) -> str | None:
    """Return the candidate with the highest score, the first one among equals."""
    return max(candidates, key=lambda uri: candidates[uri], default=None)


def _source(path: str, fields: dict[str, str], enabled: bool = True) -> AptSource:
    """Return the source that has some fields, as deb822 calls them in lower case."""
    switched_on = fields.pop("enabled", "yes").lower() not in FALSE
    lists = {name: tuple(fields.pop(name, "").split()) for name in ("types", "uris", "suites", "components")}
    signed_by = fields.pop("signed-by", None)
    return AptSource(path=path, **lists, signed_by=signed_by, enabled=enabled and switched_on, options=fields)


def _parse_one_line(path: str, text: str) -> Iterator[AptSource]:
    for line in text.splitlines():
        content = line.strip().lstrip("# ")
        enabled = content == line.strip()
        match = _ONE_LINE.fullmatch(content.split("#", 1)[0].strip())
        # A comment that begins with `deb` is a disabled source only if it has an address.
        if match and (enabled or "://" in match["uri"]):
            fields = dict(option.split("=", 1) for option in (match["options"] or "").split() if "=" in option)
            if "arch" in fields:
                fields["architectures"] = fields.pop("arch").replace(",", " ")
            named = {"types": match["type"], "uris": match["uri"], "suites": match["suite"]}
            yield _source(path, fields | named | {"components": match["components"]}, enabled)


def _parse_deb822(path: str, text: str) -> Iterator[AptSource]:
    lines = "\n".join(line for line in text.splitlines() if not line.startswith("#"))
    for stanza in re.split(r"\n\s*\n", lines):
        # Fields, and values that go on in the next line, are written as in a message.
        fields = {name.lower(): value.strip() for name, value in message_from_string(stanza.strip("\n")).items()}
        if {"types", "uris", "suites"} <= fields.keys():
            yield _source(path, fields)


def _resolve_mirror_file(source: AptSource) -> AptSource:
    uris: list[str] = []
    for uri in source.uris:
        match = re.match(r"mirror\+file:(?://)?(/.*)", uri)
        if match is None:
            uris.append(uri)
            continue
        try:
            lines = Path(match[1]).read_text(encoding="utf-8").splitlines()
        except OSError:
            continue
        uris += [line.split()[0] for line in lines if line.strip() and not line.startswith("#")]
    return replace(source, uris=tuple(uris))
