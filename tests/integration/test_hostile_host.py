# SPDX-License-Identifier: BSD-3-Clause
"""A managed host that answers what it likes: the real Ansible and the real playbooks, and a host whose Python lies."""

from __future__ import annotations

import json
import stat
import subprocess
import sys
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.checkout import ROOT, Checkout
from tests.results import record_of, result_in

from .conftest import docker

# A host owns its Python: what a module has answered there is whatever this prints.
LIAR = """#!{python}
import json, subprocess, sys
done = subprocess.run([{python!r}, *sys.argv[1:]], stdin=sys.stdin, capture_output=True, text=True)
answer = json.loads(done.stdout[done.stdout.index("{{"):])
{lie}
print(json.dumps(answer))
"""
HOSTS = """
all:
  hosts:
    far:
      ansible_connection: local
      ansible_python_interpreter: "{interpreter}"
      olympia_stack_instance: "{instance}"
"""
FILES = """
if "files" in answer:
    {lie}
"""
ESCAPE = "\x1b]0;mine\x07\x1b[2J\x9b31m\rall is well \u202e"


class Hostile(Checkout):
    """A checkout in miniature with the real playbook `collect`, and a host that lies."""

    def __init__(self, path: Path) -> None:
        """Make it, with a host that does not lie yet."""
        super().__init__(path)
        (path / "playbooks/collect.yml").symlink_to(ROOT / "playbooks/collect.yml")
        self.instance = f"olympia-test-{uuid.uuid4().hex[:8]}"
        self.artifacts = path / "out"
        self.lies("")
        self.playbook("- ansible.builtin.debug: {msg: hello}")

    def lies(self, lie: str) -> None:
        """Let the host change each module's `answer` by Python statements."""
        interpreter = self.path / "liar"
        interpreter.write_text(LIAR.format(python=sys.executable, lie=lie))
        interpreter.chmod(0o755)
        hosts = HOSTS.format(interpreter=interpreter, instance=self.instance)
        (self.path / "inventories/local/hosts.yml").write_text(hosts)

    def collects(self, **environment: str) -> tuple[int, str, str]:
        """Plan an `up` that leaves artifacts."""
        return self.run("up", "--check", "--artifacts", "out", **environment)

    def collected(self) -> dict[str, str]:
        """Return what was collected from the host, by path, after a look at each file's and folder's mode."""
        folder = self.artifacts / "hosts/far"
        for path in (folder, *folder.rglob("*")):
            assert not path.is_symlink()
            assert stat.S_IMODE(path.stat().st_mode) == (0o700 if path.is_dir() else 0o600), path
        return {str(path.relative_to(folder)): path.read_text() for path in folder.rglob("*") if path.is_file()}

    def everything(self) -> set[Path]:
        """Return every path of the test's folder but the artifacts, the runs and the driver."""
        apart = (self.artifacts, self.state, self.path / "src")
        return {path for path in self.path.rglob("*") if not any(path.is_relative_to(one) for one in apart)}


@pytest.fixture
def hostile(tmp_path: Path) -> Hostile:
    """Return a checkout with a host that can lie."""
    return Hostile(tmp_path)


SERVICES = [
    "../../../x", "/tmp/olympia-test-x", "..", "", "web\nx", "a" * 300, "w\u00e9b", "$(touch x)", "`x`;x", "{{ 7*7 }}",
    "-x", ".hidden", ESCAPE,
]  # fmt: skip


@pytest.fixture
def labelled(hostile: Hostile) -> Iterator[Hostile]:
    """Return that host with containers, never started, whose labels name services as they like."""
    empty = subprocess.run(["tar", "--create", "--files-from=/dev/null"], capture_output=True, check=True).stdout
    image = f"{hostile.instance}:1"
    subprocess.run(["docker", "import", "-", image], input=empty, capture_output=True, check=True)
    containers = []
    for service in ["web", *SERVICES]:
        labels = {"project": hostile.instance, "oneoff": "False", "service": service}
        named = [f"--label=com.docker.compose.{name}={value}" for name, value in labels.items()]
        containers.append(docker("create", *named, image, "none"))
    yield hostile
    docker("rm", "--force", *containers)
    docker("image", "rm", "--force", image)


def test_a_containers_label_names_no_file_on_the_controller(labelled: Hostile) -> None:
    before = labelled.everything()
    code, output, errors = labelled.collects()
    assert code == 0, errors
    assert labelled.everything() == before
    assert not Path("/tmp/olympia-test-x.log").exists()
    found = labelled.collected()
    assert [name for name in found if name.startswith("logs/")] == ["logs/web.log"]
    assert found["left-out.txt"].count("refused, not a file that is collected") == len(SERVICES)
    assert "\x1b" not in output + errors + found["left-out.txt"]


FORGED = [
    "../../../../x", "/tmp/olympia-test-x", "..", ".", "", "logs", "logs/", "logs/..", "logs/../x", "logs//x", "logs/a/b",
    "logs/x\n", "logs/x\0y", "logs/.x", "logs/-x", "logs/" + "a" * 300, "logs/w\u00e9b", "logs/$(x)", "project/x", "x", ".bashrc",
    "left-out.txt", "tests/{{ 7*7 }}",
]  # fmt: skip


def test_a_forged_answer_chooses_no_path_content_or_mode(hostile: Hostile) -> None:
    files: dict[str, Any] = dict.fromkeys(FORGED, "owned")
    files |= {name: {"content": "owned", "mode": "0755"} for name in ("logs/mode.log", "health.json")}
    files |= {"logs/list.log": ["owned"], "logs/good.log": "as it is {{ 7*7 }}"}
    hostile.lies(FILES.format(lie=f"answer['files'] = {files!r}"))
    before = hostile.everything()
    code, _output, errors = hostile.collects()
    assert code == 0, errors
    assert hostile.everything() == before
    assert not Path("/tmp/olympia-test-x").exists()
    found = hostile.collected()
    assert set(found) == {"settings.json", "left-out.txt", "logs/good.log"}
    assert found["logs/good.log"] == "as it is {{ 7*7 }}"
    assert found["left-out.txt"].count("\n") == len(FORGED) + 3
    assert f"Some files from far were not written; see {hostile.artifacts}/hosts/far/left-out.txt" in errors


@pytest.mark.parametrize("place", ["hosts", "hosts/far/logs/a.log", "result.json"])
def test_nothing_is_written_through_a_link_that_is_in_the_folder(hostile: Hostile, place: str) -> None:
    hostile.lies(FILES.format(lie="answer['files'] = {'logs/a.log': 'owned'}"))
    precious = hostile.path / "precious"
    precious.mkdir()
    (precious / "file").write_text("mine")
    link = hostile.artifacts / place
    # The run itself may leave it: a build does what its source tree says.
    hostile.playbook(f"""
- ansible.builtin.file: {{path: "{link.parent}", state: directory}}
  check_mode: false
- ansible.builtin.file: {{path: "{link}", state: link, force: true, src: "{precious}{"/file" if link.suffix else ""}"}}
  check_mode: false
""")
    code, _output, errors = hostile.collects()
    assert code == 0, errors
    assert {path.name: path.read_text() for path in precious.iterdir()} == {"file": "mine"}
    if not link.suffix:
        assert "cannot be written" in errors and "a link" in errors


def test_a_link_that_an_earlier_run_has_left_is_removed(hostile: Hostile) -> None:
    precious = hostile.path / "precious/far"
    precious.mkdir(parents=True)
    hostile.artifacts.mkdir()
    (hostile.artifacts / "hosts").symlink_to(precious.parent)
    assert hostile.collects()[0] == 0
    assert precious.is_dir() and not list(precious.iterdir())
    assert "settings.json" in hostile.collected()


def test_what_is_no_json_is_left_out_of_the_result(hostile: Hostile) -> None:
    hostile.lies(FILES.format(lie="answer['files'] = {'image.json': '{' * 100000}"))
    code, _output, errors = hostile.collects()
    assert code == 0, errors
    assert set(result_in(hostile.artifacts)["hosts"]["far"]) == {"settings"}


def test_no_template_of_a_host_is_templated(hostile: Hostile) -> None:
    touched = hostile.path / "touched"
    attack = f"{{{{ lookup('pipe', 'touch {touched}') }}}}{{{{ 7 * 191 }}}}"
    hostile.lies(f"answer['stat'] = {{'exists': True, 'said': {attack!r}}}; answer['msg'] = {attack!r}")
    hostile.playbook(
        """
- ansible.builtin.stat: {path: /}
  register: answer
- ansible.builtin.debug: {msg: "{{ answer.stat.said }}"}
- ansible.builtin.debug: {msg: "{{ [answer.stat.said] | join }} {{ answer | to_json }}"}
- ansible.builtin.set_fact: {kept: "{{ answer.stat.said }}"}
- ansible.builtin.debug: {var: kept}
- ansible.builtin.stat: {path: "{{ kept }}"}
- ansible.builtin.debug: {msg: never}
  when: answer.stat.said
  ignore_errors: true
"""
    )
    _code, output, _errors = hostile.run("up")
    assert "lookup(" in output
    assert "1337" not in output
    assert not touched.exists()


def test_facts_of_a_host_are_no_variables(hostile: Hostile) -> None:
    hostile.lies("answer['ansible_facts'] = {'olympia_stack_site_url': 'http://evil.example'}")
    hostile.playbook(
        """
- ansible.builtin.stat: {path: /}
- ansible.builtin.debug: {msg: "{{ olympia_stack_site_url | default('none') }} {{ ansible_facts.olympia_stack_site_url }}"}
"""
    )
    code, output, errors = hostile.run("up")
    assert code == 0, errors
    assert "none http://evil.example" in output


def test_an_answer_adds_no_host_to_the_inventory(hostile: Hostile) -> None:
    hostile.lies(
        "answer['add_host'] = {'host_name': 'evil', 'groups': ['all'], 'host_vars': {}}; answer['add_group'] = 'x'"
    )
    hostile.playbook("- ansible.builtin.stat: {path: /}\n- ansible.builtin.debug: {msg: \"{{ groups['all'] }}\"}")
    code, output, errors = hostile.run("up")
    assert code == 0, errors
    assert "evil" not in output.partition("Debug")[2]


FAILS = """
answer = {{"failed": True, "msg": {said!r}}}
answer["olympia"] = {{"phase": {phase!r}, "kind": "build", "event": "end", "host": "other", "message": "no"}}
"""


def test_what_a_host_says_does_nothing_to_a_terminal_or_a_ci_log(hostile: Hostile) -> None:
    said = f"{ESCAPE}\n::error::owned\n  ::stop-commands::x\n##[error]owned\n"
    hostile.lies(FAILS.format(said=said, phase="x\n::error::x"))
    hostile.playbook("- ansible.builtin.stat: {path: /}")
    code, output, errors = hostile.run("up", GITHUB_ACTIONS="true")
    # A phase of that name is none.
    assert code == 1
    for text in (output, errors):
        assert not {"\x1b", "\x07", "\x9b", "\r", "\u202e"} & set(text)
    commands = [line for line in output.splitlines() if line.lstrip().startswith(("::", "##["))]
    assert [line.partition("::")[2].split(" ")[0].split("::")[0] for line in commands] == ["error"]
    assert "owned" in commands[0] and "\n" not in commands[0]


def test_a_failure_tells_no_more_than_phase_and_kind_of_itself(hostile: Hostile) -> None:
    hostile.lies(FAILS.format(said="no", phase="build"))
    hostile.playbook("- ansible.builtin.stat: {path: /}")
    code, output, _errors = hostile.run("up", "--json")
    events = [json.loads(line) for line in output.splitlines()]
    assert (code, [event["event"] for event in events if event["event"] in ("failure", "end")]) == (
        4,
        ["failure", "end"],
    )
    (failure,) = (event for event in events if event["event"] == "failure")
    assert (failure["host"], failure["kind"]) == ("far", "build")
    assert record_of(hostile.runs()[-1])["failures"][0]["host"] == "far"
