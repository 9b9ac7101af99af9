# SPDX-License-Identifier: BSD-3-Clause
"""The packages of the engine, by distribution and source."""

from __future__ import annotations

SUPPORTED = {
    ("debian", "12"): "Debian 12",
    ("debian", "13"): "Debian 13",
    ("ubuntu", "22.04"): "Ubuntu 22.04",
    ("ubuntu", "24.04"): "Ubuntu 24.04",
    ("ubuntu", "26.04"): "Ubuntu 26.04",
}
# Releases whose own engine is too old, and the release that the packages come from instead.
NEXT_RELEASE = {"bookworm": "trixie"}
# The suites of Ubuntu's component universe that have an engine and plugins which are new enough: one of them is needed.
UBUNTU_SUITES = {
    "jammy": ["jammy-updates"],
    "noble": ["noble-updates", "noble-security"],
    "resolute": ["resolute"],
}
# Package specifications as ansible.builtin.apt reads them: the minimum makes it upgrade what is there and too old.
PACKAGES = {
    "docker": {
        "engine": ["docker-ce>=5:25.0", "docker-ce-cli>=5:25.0", "containerd.io"],
        "buildx": ["docker-buildx-plugin>=0.13"],
        "compose": ["docker-compose-plugin>=2.24"],
    },
    "debian": {
        "engine": ["docker.io>=25.0", "docker-cli>=25.0", "containerd>=1.7"],
        "buildx": ["docker-buildx>=0.13"],
        "compose": ["docker-compose>=2.24"],
    },
    "ubuntu": {
        "engine": ["docker.io>=25.0"],
        "buildx": ["docker-buildx>=0.13"],
        "compose": ["docker-compose-v2>=2.24"],
    },
}
# The only packages that the role takes from the next release.
NEXT_RELEASE_PACKAGES = ["docker.io", "docker-cli", "docker-buildx", "docker-compose", "containerd"]
# What the engine needs and minimal hosts lack, as recommended packages are left out: certificates to reach registries,
# and the `kill` that its systemd unit reloads it with.
SUPPORT_PACKAGES = ["ca-certificates", "iptables", "procps"]
# Packages that cannot be installed beside those of the source.
CONFLICTS = {
    "docker": [
        "docker.io", "docker-cli", "docker-buildx", "docker-compose", "docker-compose-v2", "docker-doc",
        "podman-docker", "containerd", "runc",
    ],
    "distribution": [
        "docker-ce", "docker-ce-cli", "docker-ce-rootless-extras", "docker-buildx-plugin",
        "docker-compose-plugin", "docker-engine", "podman-docker", "containerd.io",
    ],
}  # fmt: skip
# The same for a plugin alone. Neither side declares it: dpkg fails, because both packages have the same file.
PLUGIN_CONFLICTS = {
    "docker": {"buildx": ["docker-buildx"], "compose": ["docker-compose-v2"]},
    "distribution": {"buildx": ["docker-buildx-plugin"], "compose": ["docker-compose-plugin"]},
}
