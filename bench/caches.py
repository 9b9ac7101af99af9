# SPDX-License-Identifier: BSD-3-Clause
"""The image's build on a host without images: alone, and with the cache that another host has written."""

from __future__ import annotations

import json
import tempfile

from .bare_machine import PHASES, host
from .measuring import Found, run


def measure(rounds: int) -> Found:
    """Return the seconds of the phase `build`, alone and with the cache.

    Args:
        rounds: How often.
    """
    took: dict[str, list[float]] = {"alone": [], "with_cache": []}
    for _ in range(rounds):
        with tempfile.TemporaryDirectory() as cache:
            for name, setting, words in (("alone", "cache_to", "dest"), ("with_cache", "cache_from", "src")):
                with host("olympia-bench-cache", "docker", f"--volume={cache}:/cache") as inventory:
                    settings = {
                        f"olympia_stack_{setting}": [f"type=local,{words}=/cache"],
                        "olympia_docker_image_store": "containerd",
                    }
                    output = run(
                        ["ansible-playbook", "-i", inventory, "playbooks/build.yml", "-e", json.dumps(settings)]
                    )
                    phases = PHASES.search(output)
                    words_of = phases[1].split() if phases else []
                    took[name].append(float(dict(zip(words_of[::2], words_of[1::2], strict=True))["build"]))
    return Found(facts={"cache": took})
