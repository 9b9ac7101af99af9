# SPDX-License-Identifier: BSD-3-Clause
"""From one runner to the next: built here, published, pulled by digest, rebuilt from a cache, with nothing else in common."""

from __future__ import annotations

import json
import xml.etree.ElementTree as ElementTree
from collections.abc import Callable
from dataclasses import dataclass

import pytest

from tests.hosts import Host, Outcome

from .conftest import CLOSED_PORT, OPEN_PORT

IMAGE = f"127.0.0.1:{OPEN_PORT}/me/site"
CACHE = f"{IMAGE}:cache"
FOREIGN = f"127.0.0.1:{CLOSED_PORT}/me/site"
# The stages that take long: system packages, dependencies, translations, assets.
LONG_STAGES = ("base", "pip_production", "locales", "assets")


@dataclass
class First:
    """The first runner, and what it did."""

    runner: Host
    up: Outcome
    push: Outcome


@pytest.fixture(scope="module")
def first(make_runner: Callable[[], Host]) -> First:
    """Return a runner that has built the image, brought it up, and published the image and the build's cache."""
    runner = make_runner()
    assert runner.images() == set()
    up = runner.olympia("up", f"CACHE_TO={CACHE}", "olympia_docker_image_store=containerd")
    assert up.code == 0, up.output
    push = runner.olympia("push", f"DOCKER_TAG={IMAGE}:1")
    assert push.code == 0, push.output
    return First(runner, up, push)


@pytest.fixture(scope="module")
def digest(first: First) -> str:
    """Return the digest that the first runner's push has printed."""
    return first.push.found(r"DOCKER_DIGEST=(sha256:[0-9a-f]{64})")


@pytest.fixture(scope="module")
def second(first: First, digest: str, make_runner: Callable[[], Host]) -> Host:
    """Return a runner that has pulled the image by its digest, and runs it."""
    runner = make_runner()
    assert runner.images() == set()
    pulled = [f"IMAGE={IMAGE}", f"DOCKER_DIGEST={digest}"]
    up = runner.olympia("up", *pulled, "--artifacts", str(runner.folder / "up"))
    assert up.code == 0, up.output
    return runner


def test_a_runner_without_images_builds_and_ends_healthy(first: First) -> None:
    assert json.loads(first.runner.site("/services/monitor.json"))["worker"]["state"] is True
    assert "olympia/addons-server:local" in first.runner.images()


def test_service_images_come_from_the_mirror(first: First) -> None:
    assert {"redis:6.2", "mysql:8.0", "elasticsearch:7.17.24"} <= first.runner.images()
    assert [image for image in first.runner.images() if image.startswith("olympia/")] == ["olympia/addons-server:local"]


def test_an_image_that_is_pulled_by_digest_is_that_image_and_healthy(second: Host, digest: str) -> None:
    assert json.loads(second.site("/services/monitor.json"))["worker"]["state"] is True
    assert json.loads(second.artifact("up/hosts/runner/image.json"))["digest"] == digest


def test_an_engine_that_is_good_enough_is_left_alone(second: Host) -> None:
    phases = [phase["name"] for phase in json.loads(second.artifact("up/result.json"))["phases"]]
    assert phases[:2] == ["preflight", "images"]
    assert "engine" not in phases


def test_a_runner_that_pulls_builds_nothing(second: Host) -> None:
    assert second.project_file("build-metadata.json") == ""
    assert "RUN" not in second.inside("docker", "buildx", "du", "--verbose")


def test_the_sites_tests_run_in_the_pulled_image_and_their_report_is_an_artifact(second: Host, digest: str) -> None:
    run = second.olympia("test-site", "--artifacts", str(second.folder / "test"))
    assert run.code == 0, run.output
    cases = ElementTree.fromstring(second.artifact("test/hosts/runner/tests/junit.xml")).findall(".//testcase")
    assert "test_every_service_is_checked_for_real" in {case.get("name") for case in cases}
    assert f"{len(cases)} tests of the site passed" in run.output
    assert json.loads(second.artifact("test/hosts/runner/image.json"))["digest"] == digest


def test_a_cache_spares_another_runner_every_long_stage(first: First, make_runner: Callable[[], Host]) -> None:
    third = make_runner()
    build = third.olympia("build", f"DOCKER_TAG={IMAGE}:1", f"CACHE_FROM={CACHE}", f"CACHE_TO={CACHE}")
    assert build.code == 0, build.output
    # Its engine is one that cannot: that slows others, and fails nobody.
    assert "No build cache is written" in build.output
    steps = json.loads(third.project_file("build-metadata.json"))["steps"]
    long = [step for step in steps if step["name"].startswith(tuple(f"[{stage} " for stage in LONG_STAGES))]
    assert {step["name"].split()[0][1:] for step in long} == set(LONG_STAGES), steps
    assert [step["name"] for step in long if not step["cached"]] == []


def test_an_image_that_is_refused_is_built_here_and_the_stack_runs(first: First) -> None:
    up = first.runner.olympia("up", f"DOCKER_TAG={FOREIGN}:1")
    assert up.code == 0, up.output
    assert "the registry refuses it without other credentials. It is built here instead" in " ".join(up.output.split())
    assert f"{FOREIGN}:1" in first.runner.images()
    assert json.loads(first.runner.site("/services/monitor.json"))["worker"]["state"] is True


def test_a_push_that_is_refused_ends_well_and_says_so(first: First) -> None:
    push = first.runner.olympia("push", f"DOCKER_TAG={FOREIGN}:1")
    assert push.code == 0, push.output
    assert f"{FOREIGN}:1 was built, and not pushed" in push.output
