# SPDX-License-Identifier: BSD-3-Clause
"""The hosts after the role: engines that run, and nothing else touched."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
from testinfra.host import Host

NEXT_RELEASE = {"docker.io", "docker-cli", "docker-buildx", "docker-compose", "containerd"}


def name(host: Host) -> str:
    hostname: str = host.check_output("hostname")
    return hostname


def daemon_json(host: Host) -> dict[str, Any]:
    content: dict[str, Any] = json.loads(as_root(host, "cat /etc/docker/daemon.json"))
    return content


def as_root(host: Host, command: str) -> str:
    with host.sudo():
        output: str = host.check_output(command)
    return output


def version(text: str) -> tuple[int, ...]:
    match = re.search(r"(\d+)\.(\d+)", text)
    assert match is not None, text
    return tuple(int(number) for number in match.groups())


def suites_of_installed(policy: str) -> list[str]:
    """Return the suites that offer the installed version, out of what `apt-cache policy` says of a package."""
    _, _, installed = policy.partition("***")
    suites = []
    for line in installed.splitlines()[1:]:
        source = re.match(r" {8,}-?\d+ \S+://\S+ (\S+?)/", line)
        if re.match(r" {5}\S", line):
            break
        if source:
            suites.append(source[1])
    return suites


@pytest.mark.parametrize(
    ("command", "minimum"),
    [
        ("docker version --format '{{.Server.Version}}'", (25, 0)),
        ("docker buildx version", (0, 13)),
        ("docker compose version --short", (2, 24)),
    ],
)
def test_versions_are_sufficient(host: Host, command: str, minimum: tuple[int, int]) -> None:
    assert version(as_root(host, command)) >= minimum


def test_containers_run(host: Host) -> None:
    as_root(
        host,
        "sh -c \"tar -chP /bin/sleep $(ldd /bin/sleep | grep -o '/[^ ]*' | tr '\\n' ' ') | docker import - sleeper\"",
    )
    as_root(host, "docker run --rm sleeper /bin/sleep 0")


def test_recommendations_reach_new_engines(host: Host) -> None:
    content = daemon_json(host)
    assert content["builder"]["gc"]["policy"] == [{"all": True, "keepStorage": "20GB"}]
    if name(host) != "debian12-old":
        assert content["log-opts"] == {"max-size": "10m", "max-file": "3"}
        store = as_root(host, "docker info --format '{{.DriverStatus}}'")
        assert "io.containerd.snapshotter.v1" in store


def test_an_existing_configuration_is_merged_with(host: Host) -> None:
    if name(host) != "debian12-old":
        return
    content = daemon_json(host)
    assert content["log-driver"] == "journald" and "log-opts" not in content
    assert content["max-concurrent-downloads"] == 2
    assert content["mtu"] == 1400
    assert content["labels"] == ["team=addons"]
    assert host.file("/etc/docker/daemon.json").mode == 0o640
    (backup,) = as_root(host, "sh -c 'ls /etc/docker/daemon.json.*~'").split()
    assert json.loads(as_root(host, f"cat {backup}"))["labels"] == ["team=nobody"]
    assert as_root(host, "docker info --format '{{.Labels}}'") == "[team=addons]"


def test_images_of_an_upgraded_engine_stay_visible(host: Host) -> None:
    if name(host) == "debian12-old":
        assert as_root(host, "docker images --quiet kept")


def test_only_the_engine_comes_from_the_next_release(host: Host) -> None:
    if not name(host).startswith("debian12"):
        return
    listed = as_root(host, "apt-cache policy $(dpkg-query --show --showformat '${Package} ')")
    foreign = {
        block.split(":", 1)[0]
        for block in re.split(r"\n(?=\S)", listed)
        if (suites := suites_of_installed(block)) and all(suite.startswith("trixie") for suite in suites)
    }
    assert foreign == NEXT_RELEASE
    assert "0 upgraded, 0 newly installed" in as_root(host, "apt-get --simulate dist-upgrade")


def test_people_are_in_the_group(host: Host) -> None:
    member = {"debian12-noinit": "ada", "debian12-old": "grace"}.get(name(host))
    if member:
        assert "docker" in host.user(member).groups


def test_what_was_written_says_so(host: Host) -> None:
    if name(host).startswith("debian12"):
        for path in ("sources.list.d/olympia-next-release.sources", "preferences.d/olympia-next-release"):
            assert host.file(f"/etc/apt/{path}").content_string.startswith(
                "# Managed by the role addons.olympia.olympia_docker"
            )
    assert not host.file("/usr/sbin/policy-rc.d").exists
