# SPDX-License-Identifier: BSD-3-Clause
"""A software bill of materials of an image, in the JSON format of SPDX 2.3 (ISO/IEC 5962). Pure functions."""

from __future__ import annotations

import re
import uuid
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

# Runs inside the image, with the image's own Python, and prints what the package managers there know.
READER = r"""
import importlib.metadata, json, os, platform, subprocess

release = platform.freedesktop_os_release()
found = []
format = "${db:Status-Status}\t${Package}\t${Version}\t${Architecture}\n"
listed = subprocess.run(["dpkg-query", "--show", "--showformat=" + format], capture_output=True, text=True, check=True)
for line in listed.stdout.splitlines():
    status, name, version, architecture = line.split("\t")
    if status == "installed":
        found.append({"type": "deb", "name": name, "version": version, "arch": architecture})
for one in importlib.metadata.distributions():
    # What Debian has packaged is among its packages.
    if not str(one.locate_file("")).startswith("/usr/lib/python3/"):
        said = {"license": one.metadata.get("License-Expression") or ""}
        found.append({"type": "pypi", "name": one.metadata["Name"], "version": one.version, **said})
for root in ("/deps", "/usr/lib/node_modules", "/usr/local/lib/node_modules"):
    for folder, _, files in os.walk(root):
        parts = folder.split("/")
        place = -3 if parts[-2:-1] and parts[-2].startswith("@") else -2
        if "package.json" in files and len(parts) > 2 and parts[place] == "node_modules":
            with open(os.path.join(folder, "package.json"), encoding="utf-8") as file:
                about = json.load(file)
            if about.get("name") and about.get("version"):
                said = about.get("license") if isinstance(about.get("license"), str) else ""
                found.append({"type": "npm", "name": about["name"], "version": about["version"], "license": said})
print(json.dumps({"distribution": release["ID"], "release": release.get("VERSION_ID", ""), "packages": found}))
"""
UNKNOWN = "NOASSERTION"
# Names of SPDX's list of licenses: nearly all have a number; of the others, those that packages have. They stand in
# expressions (SPDX 2.3, annex D). What else a package says of its license is no such name.
NAME = r"\(*(?:MIT|ISC|Unlicense|Zlib|WTFPL|[A-Za-z+-]+[0-9][A-Za-z0-9.+-]*)\)*"
LICENSE = re.compile(rf"{NAME}(?: (?:AND|OR|WITH) {NAME})*")


def purl(package: Mapping[str, str], distribution: str, release: str) -> str:
    """Return the address of a package, by the package-url specification.

    Args:
        package: Its type, name and version.
        distribution: What os-release(5) of the image has as ID.
        release: What it has as VERSION_ID.
    """
    name, version = package["name"], quote(package["version"], safe="")
    if package["type"] == "deb":
        qualifiers = f"arch={package['arch']}&distro={distribution}-{release}"
        return f"pkg:deb/{distribution}/{quote(name, safe='')}@{version}?{qualifiers}"
    if package["type"] == "pypi":
        return f"pkg:pypi/{re.sub(r'[-_.]+', '-', name).lower()}@{version}"
    return f"pkg:npm/{quote(name, safe='/')}@{version}"


def document(image: Mapping[str, Any], found: Mapping[str, Any], created: str) -> dict[str, Any]:
    """Return the bill of materials of an image.

    Args:
        image: What the engine says of it.
        found: What the reader printed.
        created: The current time, in UTC, such as 2026-11-25T15:00:00Z.
    """
    identity: str = image["Id"]
    reference = (image["RepoTags"] or image["RepoDigests"] or [identity])[0]
    packages = {
        purl(package, found["distribution"], found["release"]): package
        for package in sorted(found["packages"], key=lambda one: (one["type"], one["name"], one["version"]))
    }
    described = {
        "SPDXID": "SPDXRef-image",
        "name": reference,
        "versionInfo": identity,
        "primaryPackagePurpose": "CONTAINER",
        "supplier": UNKNOWN,
    }
    contained: list[dict[str, Any]] = [
        {
            "SPDXID": f"SPDXRef-package-{number}",
            "name": package["name"],
            "versionInfo": package["version"],
            "supplier": UNKNOWN,
            "licenseDeclared": license_of(package),
            "externalRefs": [
                {"referenceCategory": "PACKAGE-MANAGER", "referenceType": "purl", "referenceLocator": address}
            ],
        }
        for number, (address, package) in enumerate(packages.items(), start=1)
    ]
    # What is said of no package, and the specification wants for each.
    rest = {
        "downloadLocation": UNKNOWN,
        "filesAnalyzed": False,
        "licenseConcluded": UNKNOWN,
        "licenseDeclared": UNKNOWN,
        "copyrightText": UNKNOWN,
    }
    return {
        "spdxVersion": "SPDX-2.3",
        "dataLicense": "CC0-1.0",
        "SPDXID": "SPDXRef-DOCUMENT",
        "name": reference,
        "documentNamespace": f"urn:uuid:{uuid.uuid5(uuid.NAMESPACE_URL, f'{identity} {created}')}",
        "creationInfo": {"created": created, "creators": ["Tool: addons.olympia"]},
        "packages": [rest | package for package in (described, *contained)],
        "relationships": [
            _related("SPDXRef-DOCUMENT", "DESCRIBES", "SPDXRef-image"),
            *(_related("SPDXRef-image", "CONTAINS", package["SPDXID"]) for package in contained),
        ],
    }


def license_of(package: Mapping[str, str]) -> str:
    """Return the license that a package declares, where it has the form of an expression of SPDX."""
    said = package.get("license", "")
    return said if LICENSE.fullmatch(said) else UNKNOWN


def _related(one: str, how: str, other: str) -> dict[str, str]:
    return {"spdxElementId": one, "relationshipType": how, "relatedSpdxElement": other}
