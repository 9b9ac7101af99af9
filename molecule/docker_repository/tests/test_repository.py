# SPDX-License-Identifier: BSD-3-Clause
"""The host after the role: packages of one source only, and no trace of the old one that apt would read."""

from __future__ import annotations

from testinfra.host import Host


def installed(host: Host) -> set[str]:
    listed = host.check_output("dpkg-query --show --showformat '${db:Status-Status} ${Package}\n'")
    return {line.split()[1] for line in listed.splitlines() if line.startswith("installed ")}


def test_dockers_packages_replace_the_distributions(host: Host) -> None:
    packages = installed(host)
    assert {"docker-ce", "docker-ce-cli", "containerd.io", "docker-buildx-plugin", "docker-compose-plugin"} <= packages
    assert not packages & {"docker.io", "docker-cli", "docker-compose", "containerd", "runc"}


def test_the_engine_is_held_at_the_version_that_was_asked_for(host: Host) -> None:
    assert host.check_output("docker version --format '{{.Server.Version}} {{.Client.Version}}'") == (
        "26.1.5+dfsg1 26.1.5+dfsg1"
    )
    assert "5:27.0.0-1" in host.check_output("apt-cache madison docker-ce")
    assert "0 upgraded, 0 newly installed" in host.check_output("apt-get --simulate dist-upgrade")
    held = host.file("/etc/apt/preferences.d/olympia-docker").content_string
    assert held.startswith("# Managed by the role addons.olympia.olympia_docker")


def test_the_old_source_is_kept_where_apt_does_not_read_it(host: Host) -> None:
    assert not host.file("/etc/apt/sources.list.d/docker.list").exists
    # Somebody has configured it twice.
    for name in ("docker.list.disabled", "docker.list.disabled.~1~"):
        assert host.file(f"/etc/apt/sources.list.d/{name}").contains("signed-by=/etc/apt/keyrings/docker.gpg")
    update = host.run("apt-get update")
    assert update.rc == 0 and "W:" not in update.stderr and "N:" not in update.stderr


def test_the_source_names_its_key(host: Host) -> None:
    source = host.file("/etc/apt/sources.list.d/olympia-docker.sources").content_string
    assert source.startswith("# Managed by the role addons.olympia.olympia_docker")
    assert "URIs: http://127.0.0.1:8080/linux/debian\n" in source
    assert "Signed-By:\n -----BEGIN PGP PUBLIC KEY BLOCK-----\n .\n" in source
    assert not host.file("/etc/apt/sources.list.d/olympia-next-release.sources").exists
