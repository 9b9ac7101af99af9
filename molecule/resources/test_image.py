# SPDX-License-Identifier: BSD-3-Clause
"""Make an image of a plain Debian host from packages, once for each content, and print its tag.

A test host starts as a person's machine would: with the package sources and indexes, and the extra certificate authorities,
of the network it is in. They are taken from the host that runs the tests.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "collections"))

from ansible_collections.addons.olympia.plugins.module_utils.host.apt_sources import (  # noqa: E402
    debian_mirrors,
    read_host_sources,
)
from ansible_collections.addons.olympia.plugins.module_utils.host.client_config import npm_config, pip_config  # noqa: E402

CERTIFICATES = Path("/usr/local/share/ca-certificates")
SYSTEMD = ["ca-certificates", "dbus", "passwd", "python3", "python3-apt", "sudo", "systemd", "systemd-sysv"]
RUNNER = [
    *SYSTEMD,
    "docker-buildx",
    "docker-cli",
    "docker-compose",
    "docker.io",
    "e2fsprogs",
    "git",
    "iptables",
    "openssh-server",
    "procps",
]
PACKAGES = {
    # What ansible needs, and what an unprivileged user needs to become root.
    "none": ["ca-certificates", "passwd", "python3", "sudo"],
    "systemd": SYSTEMD,
    # A runner as CI services offer them, or a machine that an operator reaches: the engine is there, images are not.
    "docker": RUNNER,
    "bare-ssh": [*SYSTEMD, "openssh-server"],
}


def source_lines(release: str) -> list[str]:
    """Return one-line apt sources of a release, from this host's mirrors.

    :raises SystemExit: this host has no Debian mirror.
    """
    mirrors = debian_mirrors(read_host_sources())
    if mirrors.main is None:
        raise SystemExit("This host's apt sources name no Debian mirror, from which the test hosts could be made.")
    lines = [f"deb {mirrors.main} {release} main", f"deb {mirrors.main} {release}-updates main"]
    if mirrors.security:
        lines.append(f"deb {mirrors.security} {release}-security main")
    return lines


def make(release: str, service_manager: str) -> str:
    """Make the image unless it exists, and return its tag."""
    sources = source_lines(release)
    certificates = sorted(CERTIFICATES.rglob("*.crt"))
    indexes = {"/etc/pip.conf": pip_config(), "/etc/npmrc": npm_config()}
    inputs = [*sources, *indexes.values(), *PACKAGES[service_manager], Path(__file__).read_text(encoding="utf-8")]
    digest = hashlib.sha256("\0".join(inputs).encode())
    for certificate in certificates:
        digest.update(certificate.read_bytes())
    tag = f"olympia-test/{release}-{service_manager}:{digest.hexdigest()[:12]}"
    if subprocess.run(["docker", "image", "inspect", tag], capture_output=True, check=False).returncode == 0:
        return tag
    command = [
        "mmdebstrap",
        "--quiet",
        "--variant=apt",
        "--mode=root" if os.geteuid() == 0 else "--mode=unshare",
        f"--include={','.join(PACKAGES[service_manager])}",
        '--aptopt=Acquire::Languages "none"',
        # Manual pages and translations would be most of what is written.
        "--dpkgopt=path-exclude=/usr/share/man/*",
        "--dpkgopt=path-exclude=/usr/share/locale/*",
        "--dpkgopt=path-exclude=/usr/share/doc/*",
    ]
    for certificate in certificates:
        command.append(f"--customize-hook=copy-in {certificate} {CERTIFICATES}")
    command += ['--customize-hook=chroot "$1" update-ca-certificates', release]
    with tempfile.TemporaryDirectory() as directory:
        archive = Path(directory) / "root.tar"
        for path, text in indexes.items():
            own = Path(directory) / Path(path).name
            own.write_text(text, encoding="utf-8")
            command.insert(-1, f"--customize-hook=upload {own} {path}")
        subprocess.run([*command, str(archive), *sources], check=True, stdout=sys.stderr)
        subprocess.run(["docker", "import", str(archive), tag], check=True, stdout=sys.stderr)
    return tag


def main() -> None:
    """Run the program."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("release", help="Debian's name of the release")
    parser.add_argument("service_manager", choices=sorted(PACKAGES))
    arguments = parser.parse_args()
    print(make(arguments.release, arguments.service_manager))


if __name__ == "__main__":
    main()
