# SPDX-License-Identifier: BSD-3-Clause
"""The workflows in docs/ci: read as their service reads them, and their commands run, in a fresh clone with a real registry.

Each job has a state directory of its own, as on a runner of its own; the engine, and with it the images, is this machine's. What
the services do themselves is done here: checking out, expressions, outputs, and looking for the artifacts.
"""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import uuid
import xml.etree.ElementTree as ElementTree
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.registry import Registry, free_port, unpack_program

ROOT = Path(__file__).resolve().parents[2]
WORKFLOWS = ROOT / "docs/ci"
EXPRESSION = re.compile(r"\$\{\{\s*(.+?)\s*\}\}")


@dataclass
class Service:
    """A CI service with a workspace.

    Attributes:
        folder: Where clones and state directories are.
        image: Name of the image in a registry.
        instance: Name of the stack.
    """

    folder: Path
    image: str
    instance: str = field(default_factory=lambda: f"olympia-test-{uuid.uuid4().hex[:8]}")
    port: int = field(default_factory=free_port)

    @property
    def clone(self) -> Path:
        """A clone of the provisioner."""
        return self.folder / "clone"

    def run(self, script: str, cwd: Path, job: str, environment: dict[str, str]) -> str:
        """Run a step's commands as the services do: with bash, which ends at the first failure. They must succeed."""
        kept = {
            name: value
            for name, value in os.environ.items()
            if not name.startswith(("OLYMPIA_", "COMPOSE_", "DOCKER_", "GITHUB_", "GITLAB_", "CI"))
        }
        own = {
            "XDG_STATE_HOME": str(self.folder / "state" / job),
            "OLYMPIA_STACK_INSTANCE": self.instance,
            "OLYMPIA_STACK_HTTP_PORT": str(self.port),
        }
        done = subprocess.run(
            ["bash", "-e", "-o", "pipefail", "-c", script],
            cwd=cwd, env=kept | own | environment, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stdout
        return done.stdout


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """Return a service whose workspace is a clone of the provisioner with an addons-server in it."""
    folder = tmp_path_factory.mktemp("ci")
    with Registry(unpack_program(folder), folder / "registry") as registry:
        service = Service(folder, f"{registry.address}/me/site")
        subprocess.run(["git", "clone", "--quiet", ROOT, service.clone], check=True)
        (service.clone / "addons-server").symlink_to("app")
        yield service
        # One stack, whichever job has brought it up.
        service.run(".venv/bin/olympia down -i ci", service.clone, next((folder / "state").iterdir()).name, {})
        remove_images(registry.address, service.instance)


def remove_images(registry: str, instance: str) -> None:
    """Remove what the jobs have left in this machine's engine."""
    volumes = docker("volume", "ls", "--quiet", "--filter", f"name=^{instance}_")
    docker("volume", "rm", *volumes)
    images = docker("image", "ls", "--quiet", "--filter", f"reference={registry}/*/*", "--filter", "dangling=false")
    images += docker("image", "ls", "--quiet", "--filter", f"reference=olympia/{instance}")
    docker("image", "rm", "--force", *set(images))


def docker(*arguments: str) -> list[str]:
    """Run a docker command; it must succeed. Return the words of its output."""
    done = subprocess.run(["docker", *arguments], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout.split()


def count_tests(artifacts: Path) -> int:
    """Return the number of the site's tests by the report among a job's artifacts."""
    report = ElementTree.parse(artifacts / "hosts/localhost/tests/junit.xml")
    return len(list(report.iter("testcase")))


def test_the_generic_script_publishes_and_tests_the_image(service: Service) -> None:
    output = service.run(
        f"sh docs/ci/generic.sh {shlex.quote(str(service.clone / 'app'))}",
        service.clone,
        "generic",
        {"IMAGE": service.image, "VERSION": "generic"},
    )
    artifacts = service.clone / "artifacts"
    digest = (artifacts / "push/hosts/localhost/project/published.env").read_text().strip().partition("=")[2]
    assert f"DOCKER_DIGEST={digest}" in output
    assert f"{service.image}@{digest}" in (artifacts / "test-site/hosts/localhost/image.json").read_text()
    assert f"{count_tests(artifacts / 'test-site')} tests of the site passed" in output


def test_the_generic_script_needs_no_registry(service: Service) -> None:
    output = service.run(f"sh docs/ci/generic.sh {service.clone}/app", service.clone, "generic-bare", {})
    assert "tests of the site passed" in output


def github_value(text: str, known: dict[str, str]) -> str:
    """Return a text with its expressions replaced; each must be a known one."""
    return EXPRESSION.sub(lambda match: known[match[1]], text)


def test_github_runs_the_jobs_in_order_and_passes_the_digest_on(service: Service) -> None:
    workflow = yaml.safe_load((WORKFLOWS / "github.yml").read_text())
    known = {
        "vars.IMAGE": service.image,
        "vars.REGISTRY": service.image.partition("/")[0],
        "github.server_url": "https://git.example",
        "github.repository": "me/addons-server",
        "github.run_id": "7",
        "github.sha": "0123abc",
        "secrets.REGISTRY_USER": "",
    }
    logs = []
    for name, job in workflow["jobs"].items():
        needed = [job["needs"]] if "needs" in job else []
        assert all(f"needs.{one}" in known for one in needed), "a job comes after those that it needs"
        environment = {key: github_value(value, known) for key, value in job["env"].items()} | {
            "GITHUB_ACTIONS": "true"
        }
        outputs = service.folder / f"{name}.outputs"
        outputs.touch()
        subprocess.run(["rm", "-rf", "artifacts"], cwd=service.clone, check=True)
        for step in job["steps"]:
            if "run" in step:
                logs.append(
                    service.run(step["run"], service.clone, name, environment | {"GITHUB_OUTPUT": str(outputs)})
                )
            elif step["uses"].startswith("actions/upload-artifact@"):
                assert (service.clone / step["with"]["path"] / "result.json").is_file()
            else:
                assert step["uses"].startswith(("actions/checkout@", "docker/login-action@"))
        written = dict(line.split("=", 1) for line in outputs.read_text().splitlines())
        known[f"needs.{name}"] = ""
        for output, value in job.get("outputs", {}).items():
            steps = {
                f"steps.{step['id']}.outputs.{key}": text
                for step in job["steps"]
                if "id" in step
                for key, text in written.items()
            }
            known[f"needs.{name}.outputs.{output}"] = github_value(value, steps)
    digest = known["needs.image.outputs.digest"]
    assert digest.startswith("sha256:")
    assert "::group::build\n" in logs[1]
    assert f"{service.image}@{digest}" in (service.clone / "artifacts/hosts/localhost/image.json").read_text()
    assert count_tests(service.clone / "artifacts") > 0


def test_gitlab_runs_the_stages_in_order_and_passes_the_digest_on(service: Service) -> None:
    pipeline = yaml.safe_load((WORKFLOWS / "gitlab.yml").read_text())
    predefined = {
        "CI_COMMIT_SHA": "4567def",
        "CI_JOB_URL": "https://git.example/7",
        "CI_REGISTRY": service.image.partition("/")[0],
        "CI_REGISTRY_IMAGE": service.image,
        "CI_REGISTRY_USER": "ci",
        "CI_REGISTRY_PASSWORD": "none",
        "PROVISIONER": str(ROOT),
        "GITLAB_CI": "true",
    }
    passed_on: dict[str, str] = {}
    for stage in pipeline["stages"]:
        for name, job in pipeline.items():
            if not isinstance(job, dict) or job.get("stage") != stage:
                continue
            checkout = service.folder / f"gitlab-{name}"
            subprocess.run(["cp", "--archive", ROOT / "app", checkout], check=True)
            variables = {key: predefined.get(value[1:], value) for key, value in pipeline["variables"].items()}
            script = "\n".join([*pipeline["default"]["before_script"], *job["script"]])
            log = service.run(script, checkout, name, predefined | variables | passed_on)
            assert all((checkout / path).exists() for path in job["artifacts"]["paths"])
            reports = job["artifacts"]["reports"]
            for report in [reports["junit"]] if isinstance(reports["junit"], str) else reports["junit"]:
                assert list(ElementTree.parse(checkout / report).iter("testcase"))
            if "dotenv" in reports:
                lines = (checkout / reports["dotenv"]).read_text().splitlines()
                passed_on |= dict(line.split("=", 1) for line in lines)
    assert "section_start:" in log
    assert (
        f"{service.image}@{passed_on['DOCKER_DIGEST']}"
        in (checkout / "artifacts/hosts/localhost/image.json").read_text()
    )
    assert count_tests(checkout / "artifacts") > 0


def test_no_workflow_puts_an_expression_into_a_command() -> None:
    workflow: dict[str, Any] = yaml.safe_load((WORKFLOWS / "github.yml").read_text())
    commands = [step["run"] for job in workflow["jobs"].values() for step in job["steps"] if "run" in step]
    assert commands
    assert [command for command in commands if EXPRESSION.search(command)] == []
