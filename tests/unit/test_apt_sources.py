# SPDX-License-Identifier: BSD-3-Clause
"""The host's apt sources, in both formats and with what real hosts have in them."""

from __future__ import annotations

from pathlib import Path

import pytest
from ansible_collections.addons.olympia.plugins.module_utils.host.apt_sources import (
    Mirrors,
    debian_mirrors,
    parse_sources,
    read_host_sources,
)

DEB822 = """\
# the image's own comment
Types: deb deb-src
# a comment within the stanza
URIs: http://mirror.example/debian
Suites: bookworm bookworm-updates
Components: main contrib
Signed-By: /usr/share/keyrings/debian-archive-keyring.gpg

Types: deb
URIs: http://mirror.example/debian-security/
Suites: bookworm-security
Components: main

Types: deb
URIs: https://other.example/debian
Suites: bookworm
Components: main
Enabled: no
"""


def mirrors(texts: dict[str, str]) -> Mirrors:
    return debian_mirrors(parse_sources(texts))


def test_deb822_stanzas_are_parsed() -> None:
    first, second, third = parse_sources({"/etc/apt/sources.list.d/debian.sources": DEB822})
    assert first.types == ("deb", "deb-src")
    assert first.uris == ("http://mirror.example/debian",)
    assert first.suites == ("bookworm", "bookworm-updates")
    assert first.components == ("main", "contrib")
    assert first.signed_by == "/usr/share/keyrings/debian-archive-keyring.gpg"
    assert second.uris == ("http://mirror.example/debian-security/",)
    assert [source.enabled for source in (first, second, third)] == [True, True, False]


def test_deb822_with_an_embedded_key_keeps_the_whole_key() -> None:
    text = "Types: deb\nURIs: https://a.example\nSuites: x\nSigned-By:\n -----BEGIN\n .\n abc\n -----END\nComponents: main\n"
    (source,) = parse_sources({"a.sources": text})
    assert source.signed_by is not None
    assert source.signed_by.split() == ["-----BEGIN", ".", "abc", "-----END"]
    assert source.components == ("main",)


def test_one_line_entries_are_parsed() -> None:
    text = """\
# deb http://commented.example/debian bookworm main # disabled on upgrade to trixie
# deb packages are described elsewhere
deb [arch=amd64,arm64 signed-by=/etc/apt/keyrings/x.asc] https://repo.example/linux/debian bookworm stable  # why
deb-src http://mirror.example/debian bookworm main
deb cdrom:[Debian GNU/Linux 12 _Bookworm_ - Official]/ bookworm main
deb http://flat.example ./
nonsense
"""
    commented, docker, source, cdrom, flat = parse_sources({"/etc/apt/sources.list": text})
    assert (commented.uris, commented.enabled) == (("http://commented.example/debian",), False)
    assert docker.uris == ("https://repo.example/linux/debian",) and docker.enabled
    assert docker.components == ("stable",)
    assert docker.signed_by == "/etc/apt/keyrings/x.asc"
    assert docker.options == {"architectures": "amd64 arm64"}
    assert source.types == ("deb-src",)
    assert cdrom.suites == ("bookworm",)
    assert flat.suites == ("./",) and flat.components == ()


def test_debian_mirrors_of_deb822() -> None:
    assert mirrors({"debian.sources": DEB822}) == Mirrors(
        "http://mirror.example/debian", "http://mirror.example/debian-security"
    )


def test_debian_mirrors_of_one_line_files() -> None:
    text = """\
deb http://mirror.example/debian/ bookworm main
deb http://mirror.example/debian/ bookworm-updates main
deb http://security.example/debian-security bookworm-security main
"""
    assert mirrors({"/etc/apt/sources.list": text}) == Mirrors(
        "http://mirror.example/debian", "http://security.example/debian-security"
    )


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("deb http://archive.example/ubuntu noble main universe\n", id="ubuntu"),
        pytest.param("deb https://docker.example/linux/debian bookworm stable\n", id="only a third party"),
        pytest.param("deb cdrom:[Debian 12]/ bookworm main\n", id="only a disc"),
        pytest.param("deb-src http://mirror.example/debian bookworm main\n", id="only sources"),
        pytest.param("", id="empty"),
        pytest.param("deb [trusted=yes] http://mirror.example/debian bookworm contrib\n", id="only other components"),
    ],
)
def test_no_mirror_where_there_is_none(text: str) -> None:
    assert mirrors({"/etc/apt/sources.list": text}) == Mirrors(None, None)


def test_a_disabled_source_is_no_mirror() -> None:
    stanza = "Types: deb\nURIs: http://mirror.example/debian\nSuites: bookworm\nComponents: main\nEnabled: no\n"
    assert mirrors({"debian.sources": stanza}) == Mirrors(None, None)


def test_a_third_party_with_debian_suite_names_does_not_win() -> None:
    texts = {
        "a.list": "deb [signed-by=/x.gpg] https://apt.vendor.example bookworm main\n",
        "b.list": "deb http://plain.example/archive bookworm main\ndeb http://plain.example/archive bookworm-updates main\n",
    }
    assert mirrors(texts).main == "http://plain.example/archive"


def test_the_hosts_files_are_read_in_order_and_mirror_lists_resolved(tmp_path: Path) -> None:
    parts = tmp_path / "sources.list.d"
    parts.mkdir()
    listed = tmp_path / "mirrors.list"
    listed.write_text("# comment\nhttps://cdn.example/debian\tpriority:1\n")
    (tmp_path / "sources.list").write_text("deb http://first.example/debian bookworm main\n")
    (parts / "old.list.disabled").write_text("deb http://disabled.example/debian bookworm main\n")
    (parts / "cloud.sources").write_text(
        f"Types: deb\nURIs: mirror+file://{listed}\nSuites: bookworm bookworm-updates\nComponents: main\n"
    )
    sources = read_host_sources(tmp_path)
    assert [source.uris for source in sources] == [("http://first.example/debian",), ("https://cdn.example/debian",)]
    assert debian_mirrors(sources).main == "https://cdn.example/debian"
