# SPDX-License-Identifier: BSD-3-Clause
"""The bill of materials, from what an image has printed."""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.addons.olympia.plugins.module_utils.build import spdx as sbom

IMAGE = {"Id": "sha256:abc", "RepoTags": ["olympia/two:local"], "RepoDigests": []}
# The keys that SPDX 2.3 wants of a document (clause 6) and of a package (clause 7).
OF_A_DOCUMENT = {"spdxVersion", "dataLicense", "SPDXID", "name", "documentNamespace", "creationInfo"}
OF_A_PACKAGE = {"name", "SPDXID", "downloadLocation"}


def made(*packages: dict[str, str]) -> dict[str, Any]:
    """Return the bill of materials of an image with these packages."""
    found = {"distribution": "debian", "release": "12", "packages": list(packages)}
    return sbom.document(IMAGE, found, "2026-11-25T15:00:00Z")


def package(kind: str, name: str, version: str = "1.0", **more: str) -> dict[str, str]:
    """Return what the reader prints of a package."""
    return {"type": kind, "name": name, "version": version} | more


@pytest.mark.parametrize(
    ("found", "address"),
    [
        (
            package("deb", "libstdc++6", "1:12.2-14+b1", arch="amd64"),
            "pkg:deb/debian/libstdc%2B%2B6@1%3A12.2-14%2Bb1?arch=amd64&distro=debian-12",
        ),
        (package("pypi", "Django_Rest.Framework"), "pkg:pypi/django-rest-framework@1.0"),
        (package("npm", "@scope/thing"), "pkg:npm/%40scope/thing@1.0"),
    ],
    ids=lambda value: value["type"] if isinstance(value, dict) else "",
)
def test_a_package_has_an_address(found: dict[str, str], address: str) -> None:
    assert made(found)["packages"][1]["externalRefs"][0]["referenceLocator"] == address


def test_the_document_has_what_the_specification_wants() -> None:
    document = made(package("pypi", "Django"), package("npm", "npm"))
    assert set(document) >= OF_A_DOCUMENT
    assert (document["spdxVersion"], document["dataLicense"]) == ("SPDX-2.3", "CC0-1.0")
    assert document["documentNamespace"].startswith("urn:uuid:")
    for one in document["packages"]:
        assert set(one) >= OF_A_PACKAGE
    identities = [one["SPDXID"] for one in document["packages"]]
    assert len(set(identities)) == 3
    related = {
        (one["spdxElementId"], one["relationshipType"], one["relatedSpdxElement"]) for one in document["relationships"]
    }
    image, *contained = identities
    assert related == {("SPDXRef-DOCUMENT", "DESCRIBES", image), *((image, "CONTAINS", one) for one in contained)}


def test_what_is_installed_twice_is_one_package() -> None:
    assert len(made(package("npm", "ms"), package("npm", "ms"), package("npm", "ms", "2.0"))["packages"]) == 3


def test_an_image_without_a_name_is_named_by_its_id() -> None:
    image = {"Id": "sha256:abc", "RepoTags": [], "RepoDigests": []}
    found = {"distribution": "debian", "release": "12", "packages": []}
    assert sbom.document(image, found, "2026-11-25T15:00:00Z")["name"] == "sha256:abc"


@pytest.mark.parametrize(
    "said", ["MIT", "Apache-2.0", "(MIT OR Apache-2.0)", "GPL-2.0-or-later WITH Bison-exception-2.2"]
)
def test_a_license_of_the_list_is_told(said: str) -> None:
    assert made(package("npm", "x", license=said))["packages"][1]["licenseDeclared"] == said


@pytest.mark.parametrize("said", ["", "BSD", "UNLICENSED", "SEE LICENSE IN LICENSE.md", "MIT/X11"])
def test_another_license_is_not_made_up(said: str) -> None:
    assert made(package("npm", "x", license=said))["packages"][1]["licenseDeclared"] == "NOASSERTION"
