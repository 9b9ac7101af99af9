# SPDX-License-Identifier: BSD-3-Clause
"""Images that keep to the official ones' contract, under their names, in a registry of this machine's."""

from __future__ import annotations

import json
import os
import subprocess
import tempfile
from pathlib import Path

from ansible_collections.addons.olympia.plugins.module_utils.host.client_config import pip_config
from ansible_collections.addons.olympia.plugins.module_utils.host.system import CA_BUNDLE
from ansible_collections.addons.olympia.plugins.module_utils.stack.service_images import LISTS
from ansible_collections.addons.olympia.plugins.module_utils.stack.services import fill, registry_references

from tests.hosts import make_service_images
from tests.parts import ROOT

IMAGES = ROOT / "tests/images"


def folder_of(reference: str) -> str:
    """Return the folder that an official image is made in: its name."""
    return reference.partition(":")[0]


def push_images(address: str, path: str = "mirror") -> str:
    """Make the images and push them to a registry; return what the setting REGISTRY is to be.

    Args:
        address: Host and port of the registry.
        path: Where they are to be in it.
    """
    own = make_service_images()
    settings = {"elasticsearch_version": "7.17.24"}
    references = {name: fill(registry_references()[name], settings) for name in own}
    registry = f"{address}/{path}"
    common = {
        "args": {"BASE": own["base"], "STAND_IN": own["elasticsearch"]},
        "secret": [f"type=file,id=ca_bundle,src={CA_BUNDLE}", "type=env,id=pip_conf,env=PIP_CONF"],
    }
    targets = {LISTS: {**common, "context": str(ROOT / "roles/olympia_images/files" / LISTS)}}
    for reference in references.values():
        targets[folder_of(reference)] = {
            **common,
            "context": str(IMAGES / folder_of(reference)),
            "contexts": {LISTS: f"target:{LISTS}"},
            "tags": [f"{registry}/{reference}"],
            # Compressing takes longer than pulling over the loopback interface.
            "output": ["type=image,push=true,compression=uncompressed,force-compression=true"],
        }
    wanted = [folder_of(reference) for reference in references.values()]
    definition = {"group": {"default": {"targets": wanted}}, "target": targets}
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, "docker-bake.json")
        file.write_text(json.dumps(definition))
        bake = ["docker", "buildx", "bake", f"--file={file}", "--progress=plain", "--provenance=false"]
        environment = os.environ | {"PIP_CONF": pip_config()}
        done = subprocess.run(bake, env=environment, text=True, capture_output=True, check=False)
        assert done.returncode == 0, done.stderr
    return registry
