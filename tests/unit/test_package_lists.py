# SPDX-License-Identifier: BSD-3-Clause
"""What apt says of its sources, as Debian 12 and 13 print it, and what people are told of that."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from ansible.module_utils.basic import AnsibleModule
from ansible_collections.addons.olympia.plugins.module_utils.host.apt_lists import (
    not_installed,
    source_failures,
    unreadable,
)
from ansible_collections.addons.olympia.plugins.module_utils.host.apt_sources import parse_sources
from ansible_collections.addons.olympia.plugins.modules import package_lists as module

RunModule = Callable[..., dict[str, Any]]
SOURCES = parse_sources(
    {
        "/etc/apt/sources.list": (
            "deb http://mirror.example/debian bookworm main\ndeb http://mirror.example/debian-security s main\n"
        ),
        "/etc/apt/sources.list.d/stale.list": "deb http://ada:secret@vendor.example/x stable main\n",
        "/etc/apt/sources.list.d/off.list": "# deb http://mirror.example/debian/off stable main\n",
    }
)
REFUSED = """\
W: Failed to fetch http://vendor.example/x/dists/stable/InRelease  Could not connect to vendor.example:80 (192.0.2.1).
W: Some index files failed to download. They have been ignored, or old ones used instead.
"""
MISSING = "E: The repository 'http://mirror.example/debian-security s Release' does not have a Release file.\n"
UNSIGNED = """\
W: GPG error: http://vendor.example/x stable InRelease: The following signatures couldn't be verified: NO_PUBKEY 6ED0E7B82643E131
E: The repository 'http://vendor.example/x stable InRelease' is not signed.
"""
UNSIGNED_13 = """\
W: OpenPGP signature verification failed: http://vendor.example/x stable InRelease: Sub-process /usr/bin/sqv returned an error
E: The repository 'http://vendor.example/x stable InRelease' is not signed.
"""
EXPIRED = "E: Release file for http://vendor.example/x/dists/stable/InRelease is expired (invalid since 3d 2h).\n"
HARMLESS = """\
W: http://vendor.example/x/dists/stable/InRelease: Key is stored in legacy trusted.gpg keyring, see the DEPRECATION section.
W: Target Packages (main/binary-amd64/Packages) is configured multiple times in /etc/apt/sources.list:1 and stale.list:1
N: Ignoring file 'x' in directory '/etc/apt/sources.list.d/' as it has no filename extension
"""
CONFLICT = """\
E: Conflicting values set for option Signed-By regarding source http://vendor.example/x/ stable: /a.gpg != /b.gpg
E: The list of sources could not be read.
"""


@pytest.mark.parametrize(
    ("messages", "seen"),
    [
        (REFUSED, "Failed to fetch http://vendor.example/x/dists/stable/InRelease Could not connect to"),
        (UNSIGNED, "GPG error: http://vendor.example/x stable InRelease: The following signatures"),
        (UNSIGNED_13, "OpenPGP signature verification failed"),
        (EXPIRED, "Release file for http://vendor.example/x/dists/stable/InRelease is expired"),
    ],
)
def test_a_source_is_named_by_its_file_with_the_first_of_apts_words(messages: str, seen: str) -> None:
    (failure,) = source_failures(HARMLESS + messages, SOURCES)
    assert (failure.uri, failure.path) == ("http://vendor.example/x", "/etc/apt/sources.list.d/stale.list")
    assert failure.seen.startswith(seen)


def test_sources_whose_addresses_begin_alike_are_told_apart() -> None:
    (failure,) = source_failures(MISSING, SOURCES)
    assert failure.uri == "http://mirror.example/debian-security"
    assert len(source_failures(MISSING + REFUSED, SOURCES)) == 2


def test_warnings_of_lists_that_are_there_are_no_failures() -> None:
    assert source_failures(HARMLESS, SOURCES) == []


def test_apts_own_failures_are_kept_where_they_name_no_source() -> None:
    (failure,) = source_failures("E: Malformed entry 1 in list file /etc/apt/sources.list.d/a.list (Suite)\n", SOURCES)
    assert str(failure) == "a package source: Malformed entry 1 in list file /etc/apt/sources.list.d/a.list (Suite)"


def test_the_cause_comes_before_what_came_of_it() -> None:
    message = not_installed(["nginx"], "No package matching 'nginx' is available", source_failures(REFUSED, SOURCES))
    first, cause, fix = message.splitlines()
    assert first == "A package source cannot be used, and no other one has what is needed for nginx"
    assert cause.startswith("  cause: http://vendor.example/x (/etc/apt/sources.list.d/stale.list): Failed to fetch")
    assert cause.endswith("; No package matching 'nginx' is available")
    assert "sudo apt-get update" in fix


def test_a_failure_that_no_source_can_have_caused_is_told_as_it_is() -> None:
    failures = source_failures(REFUSED, SOURCES)
    assert (
        not_installed(["nginx"], "Could not get lock /var/lib/dpkg/lock", failures)
        == "Could not get lock /var/lib/dpkg/lock"
    )
    assert (
        not_installed(["nginx"], "No package matching 'nginx' is available", [])
        == "No package matching 'nginx' is available"
    )


def test_sources_that_apt_cannot_read_are_told_with_its_words() -> None:
    message = unreadable(source_failures(CONFLICT, SOURCES))
    assert message.startswith("apt cannot read its package sources, so nothing can be installed\n")
    assert "  cause: Conflicting values set for option Signed-By" in message


# --- the module, with an apt-get of the test's own

FAKE_APT = """\
#!/bin/sh
echo "$@" >> {folder}/calls
cat {folder}/messages >&2
exit $(cat {folder}/code)
"""


class FakeApt:
    """A stand-in for `apt-get`, which says what it is told to say."""

    def __init__(self, folder: Path, run_module: RunModule) -> None:
        self.folder = folder
        self._run_module = run_module
        program = folder / "bin" / "apt-get"
        program.parent.mkdir()
        program.write_text(FAKE_APT.format(folder=folder))
        program.chmod(0o755)
        self.says("", 0)

    def says(self, messages: str, code: int) -> None:
        """Let it print messages and end with a code."""
        (self.folder / "messages").write_text(messages)
        (self.folder / "code").write_text(str(code))

    @property
    def calls(self) -> list[str]:
        """What it was called with."""
        path = self.folder / "calls"
        return path.read_text().splitlines() if path.exists() else []

    def update(self, check: bool = False, **arguments: Any) -> dict[str, Any]:
        """Run the module."""
        return self._run_module(module.main, check=check, **arguments)


@pytest.fixture
def apt(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, run_module: RunModule) -> FakeApt:
    """Return the stand-in, which the module finds."""
    fake = FakeApt(tmp_path, run_module)
    lists = tmp_path / "lists"
    lists.mkdir()
    monkeypatch.setattr(module, "LISTS", lists)
    monkeypatch.setattr(module, "read_host_sources", lambda: SOURCES)
    monkeypatch.setenv("PATH", f"{tmp_path}/bin:{os.environ['PATH']}")
    return fake


def test_failures_of_sources_are_told_and_fail_nothing(apt: FakeApt) -> None:
    apt.says(MISSING, 100)
    answer = apt.update()
    assert not answer.get("failed") and answer["updated"] and not answer["changed"]
    assert [failure["path"] for failure in answer["failures"]] == ["/etc/apt/sources.list"]


def test_sources_that_cannot_be_read_fail(apt: FakeApt) -> None:
    apt.says(CONFLICT, 100)
    answer = apt.update()
    assert answer["failed"] and "Conflicting values" in answer["msg"]


def test_lists_are_left_alone_while_they_are_young_and_complete(apt: FakeApt) -> None:
    long_ago = time.time() - 1000
    os.utime(module.LISTS, (long_ago, long_ago))
    apt.says(REFUSED, 0)
    assert apt.update(valid_for=60)["updated"] and apt.update(valid_for=60)["updated"]
    apt.says("", 0)
    assert apt.update(valid_for=60)["updated"]
    assert not apt.update(valid_for=60)["updated"]
    assert len(apt.calls) == 3
    assert apt.update()["updated"]


def test_check_mode_updates_nothing(apt: FakeApt) -> None:
    assert not apt.update(check=True)["updated"] and apt.calls == []


def test_another_program_at_the_lists_is_waited_for(apt: FakeApt, monkeypatch: pytest.MonkeyPatch) -> None:
    waits: list[float] = []

    def sleep(seconds: float) -> None:
        waits.append(seconds)
        apt.says("", 0)

    monkeypatch.setattr(time, "sleep", sleep)
    apt.says("E: Could not get lock /var/lib/apt/lists/lock. It is held by process 7 (apt-get)\n", 100)
    answer = apt.update()
    assert len(waits) == 1 and answer["updated"] and answer["failures"] == []


def test_a_lock_that_stays_is_told(apt: FakeApt) -> None:
    apt.says("E: Could not get lock /var/lib/apt/lists/lock. It is held by process 7 (apt-get)\n", 100)
    (failure,) = apt.update(lock_timeout=0)["failures"]
    assert "held by process 7" in failure["seen"]


def test_a_host_without_apt_is_told_apart(run_module: RunModule, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(AnsibleModule, "get_bin_path", lambda self, name: None)
    assert run_module(module.main)["apt"] is False
