# SPDX-License-Identifier: BSD-3-Clause
"""The driver with the real Ansible, on playbooks in a miniature checkout. No engine is needed."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import signal
import struct
import subprocess
import sys
import termios
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from olympia_provisioner import Stack
from olympia_provisioner.errors import ExitCode
from olympia_provisioner.run.locks import held
from tests.checkout import Checkout, alive, wait_for
from tests.playback import log
from tests.recording import PLACEHOLDER, STORIES, load, recorded, shape
from tests.results import cases_in, files_in, record_of, result_in

SETTINGS = {"olympia_stack_debug": {"value": True, "source": "inventory"}}
# The real one asks an engine.
COLLECT = """
- ansible.builtin.copy:
    src: "{{ playbook_dir }}/collected/"
    dest: "{{ olympia_stack_artifacts }}/{{ inventory_hostname }}/"
"""


class Told(NamedTuple):
    """What a run has come to."""

    checkout: Checkout
    code: int
    output: str
    errors: str


def with_collection(path: Path) -> Checkout:
    """Return a miniature checkout that has something to collect."""
    checkout = Checkout(path)
    checkout.playbook(COLLECT, "collect")
    (path / "playbooks/collected").mkdir()
    (path / "playbooks/collected/settings.json").write_text(json.dumps(SETTINGS))
    return checkout


@pytest.fixture
def checkout(tmp_path: Path) -> Checkout:
    """Return a miniature checkout that has something to collect."""
    return with_collection(tmp_path)


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Told]:
    """Run each story once, and return what it has come to."""

    def run(name: str) -> Told:
        checkout = with_collection(tmp_path_factory.mktemp(name))
        return Told(checkout, *STORIES[name].run(checkout, *(["--artifacts", "some/where"] if name == "done" else [])))

    # Two at a time, for Ansible mostly starts.
    with ThreadPoolExecutor(2) as pool:
        return dict(zip(STORIES, pool.map(run, STORIES), strict=True))


def waiting(checkout: Checkout, *, deaf: bool = False) -> Path:
    """Write an up.yml with a task that takes long, and return the file that its command writes its process into."""
    pid_file = checkout.path / "pid"
    script = checkout.path / "wait"
    first, last = ("trap '' INT TERM HUP", "sleep 1000") if deaf else ("", "exec sleep 1000")
    script.write_text(f"#!/bin/sh\n{first}\necho $$ > {pid_file}.new\nmv {pid_file}.new {pid_file}\n{last}\n")
    script.chmod(0o755)
    checkout.playbook(f"- name: Sleep long\n  ansible.builtin.command: {script}")
    return pid_file


def process_in(pid_file: Path) -> int:
    """Return the process that a file names, as soon as it does."""
    wait_for(pid_file.exists, "the task has started")
    return int(pid_file.read_text())


def terminal_of(columns: int = 80) -> tuple[int, int]:
    """Return the two ends of a terminal."""
    ours, theirs = os.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 40, columns, 0, 0))
    return ours, theirs


def read_until(words: str, process: subprocess.Popen[str]) -> str:
    """Return what a process prints as errors up to some words."""
    assert process.stderr
    text = ""
    while not text.endswith(words):
        letter = process.stderr.read(1)
        assert letter, text
        text += letter
    return text


def is_kept_nowhere(word: bytes, checkout: Checkout) -> bool:
    """Return whether no file of a checkout's runs has a word in it."""
    return not any(path.is_file() and word in path.read_bytes() for path in checkout.state.rglob("*"))


@pytest.mark.parametrize("name", STORIES)
def test_a_recording_is_what_a_real_run_tells(told: dict[str, Told], name: str) -> None:
    checkout = told[name].checkout
    lines = recorded(checkout)
    assert shape(lines) == shape(load(name)), f"run: tests/record {name}"
    (run,) = checkout.runs()
    kept = log(lines[1:]).replace(PLACEHOLDER, str(checkout.path))
    assert (run / "artifacts/up/stdout").read_text() == kept.replace("\r\n", "\n")


@pytest.mark.parametrize(
    ("name", "code", "printed", "said"),
    [
        ("done", 0, "at your service", ""),
        ("marked", 5, "no good", "olympia: up failed in the phase some\n  where: "),
        ("full", 4, "it is full", "olympia: up failed in the phase build\n"),
        ("failed", 1, "cannot read", "olympia: up failed\n"),
        ("unreachable", 6, "Connection refused", "olympia: up failed\n"),
        ("no_hosts", 2, "no hosts matched", "olympia: No host matched\n"),
        ("idle_play", 0, "no hosts matched", ""),
        ("broken", 1, "no_such_module_at_all", "olympia: up failed\n"),
        ("sudo", 1, "a password is required", "olympia: up needs root, and sudo needs a password\n"),
    ],
)
def test_each_outcome_has_its_code_and_words(
    told: dict[str, Told], name: str, code: int, printed: str, said: str
) -> None:
    _checkout, found, output, errors = told[name]
    assert found == code
    assert printed in output
    assert errors.startswith(said) and bool(errors) is bool(said)
    # Lines end as lines do, and have no colours in a file.
    assert "\r" not in output and "\033[" not in output


def test_a_secret_result_is_in_no_record(told: dict[str, Told]) -> None:
    (run,) = told["rendered"].checkout.runs()
    assert "open-sesame" not in (run / "record.json").read_text()


def test_settings_options_and_all_output_arrive_and_the_command_can_be_pasted(checkout: Checkout) -> None:
    target = checkout.path / "written"
    checkout.playbook(
        '- ansible.builtin.debug: {msg: "port <{{ olympia_stack_http_port }}>"}\n'
        "- ansible.builtin.debug: {msg: \"{{ range(20000) | join('\\n') }}\"}\n"
        f"- ansible.builtin.copy: {{dest: {target}, content: hello}}"
    )
    code, output, errors = checkout.run("up", "-v", "HTTP_PORT=80 81", "--check", "--diff")
    assert code == 0
    assert "port <80 81>" in output
    assert [line.strip() for line in output.splitlines() if line.strip().isdecimal()] == [str(n) for n in range(20000)]
    assert "PLAY RECAP" in output
    assert "+hello" in output
    assert not target.exists()
    (run,) = checkout.runs()
    assert json.loads((run / "up.json").read_text()) == {"olympia_stack_http_port": "80 81"}
    pasted = subprocess.run(errors, shell=True, text=True, capture_output=True, check=False)  # noqa: S602
    assert pasted.returncode == 0, pasted
    assert "port <80 81>" in pasted.stdout


def test_what_hosts_know_is_collected_after_a_run(told: dict[str, Told]) -> None:
    checkout, _code, output, _errors = told["done"]
    folder = checkout.path / "some/where"
    assert set(files_in(folder)) == {"result.json", "junit.xml", "ansible.log", "hosts/localhost/settings.json"}
    result = result_in(folder)
    assert (result["result"], result["hosts"]) == ("done", {"localhost": {"settings": SETTINGS}})
    assert output.count("PLAY RECAP") == 1, "Collecting is not the user's affair"
    assert (folder / "ansible.log").read_bytes().decode().strip() == output.strip()


@pytest.mark.parametrize(
    ("number", "artifacts"),
    [(signal.SIGINT, []), pytest.param(signal.SIGTERM, ["--artifacts", "out"], marks=pytest.mark.full)],
)
def test_an_interruption_ends_the_children_too_and_is_told(
    checkout: Checkout, number: int, artifacts: list[str]
) -> None:
    pid_file = waiting(checkout)
    process = checkout.start("up", *artifacts)
    child = process_in(pid_file)
    assert alive(child)
    process.send_signal(number)
    output, errors = process.communicate(timeout=60)
    assert (process.returncode, "Traceback" in errors) == (130, False)
    assert "up was interrupted" in errors
    assert "User interrupted execution" in output, "Ansible was to end by itself"
    wait_for(lambda: not alive(child), "the task's command has ended")

    (run,) = checkout.runs()
    record = record_of(run)
    assert (record["result"], record["exit_code"]) == ("interrupted", 130)
    assert [(task["name"], task["status"]) for task in record["tasks"]] == [("Sleep long", "unfinished")]
    assert checkout.run("report")[0] == 0
    text = (run / "report.html").read_text()
    assert "Where it was interrupted" in text and "Sleep long" in text

    if artifacts:
        folder = checkout.path / "out"
        result = result_in(folder)
        assert (result["result"], result["exit_code"]) == ("interrupted", 130)
        assert "up was interrupted" in result["error"]
        assert result["hosts"] == {"localhost": {"settings": SETTINGS}}
        assert ("olympia", "up", "error") in cases_in(folder)
        assert "User interrupted execution" in (folder / "ansible.log").read_text()


def test_a_second_interruption_kills_what_ignores_the_first(checkout: Checkout) -> None:
    pid_file = waiting(checkout, deaf=True)
    process = checkout.start("up")
    child = process_in(pid_file)
    process.send_signal(signal.SIGINT)
    read_until("Interrupted", process)
    assert alive(child)
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=60)
    assert process.returncode == 130
    wait_for(lambda: not alive(child), "the deaf command has ended")


def test_an_ansible_that_dies_is_a_failure_and_until_then_the_instance_is_locked(checkout: Checkout) -> None:
    pid_file = waiting(checkout)
    process = checkout.start("up")
    task = process_in(pid_file)
    code, _output, errors = checkout.run("up")
    assert code == ExitCode.CONFLICT
    assert "Another run for the instance addons-server is in progress" in errors
    assert f"olympia up, process {process.pid}" in errors
    # The parent of the worker that runs the task is Ansible itself.
    (ansible,) = (
        int(path.parent.name)
        for path in Path("/proc").glob("[0-9]*/stat")
        if int(path.read_text().rpartition(")")[2].split()[1]) == process.pid
    )
    os.kill(ansible, signal.SIGKILL)
    os.kill(task, signal.SIGKILL)
    _output, errors = process.communicate(timeout=60)
    assert process.returncode == 1
    assert errors.startswith("olympia: up: Ansible was killed")
    assert "Traceback" not in errors


def test_a_driver_that_is_killed_leaves_no_lock(checkout: Checkout) -> None:
    pid_file = waiting(checkout)
    process = checkout.start("up")
    task = process_in(pid_file)
    process.kill()
    process.communicate(timeout=60)
    # What Ansible has started still runs, and nobody is left to end it.
    assert alive(task)
    with held(checkout.state / "olympia", "addons-server", "up"):
        os.kill(task, signal.SIGKILL)


def test_the_password_is_asked_for_where_it_turns_out_to_be_needed_and_kept_nowhere(checkout: Checkout) -> None:
    checkout.playbook(STORIES["sudo"].tasks)
    terminal, other_end = terminal_of()
    process = checkout.start("up", stdin=other_end)
    assert "sudo on localhost needs a password." in read_until("sudo password: ", process)
    os.write(terminal, b"open sesame\n")
    output, errors = process.communicate(timeout=60)
    assert (process.returncode, "result.stdout: became" in output) == (0, True), output + errors
    assert is_kept_nowhere(b"sesame", checkout)


def test_a_wrong_password_ends_with_sudos_own_words_and_is_kept_nowhere(checkout: Checkout) -> None:
    checkout.playbook(STORIES["sudo"].tasks)
    terminal, other_end = terminal_of()
    process = checkout.start("up", "-K", stdin=other_end)
    # What is typed before the question is thrown away.
    assert read_until("sudo password: ", process) == "sudo password: "
    os.write(terminal, b"open barley\n")
    output, errors = process.communicate(timeout=60)
    assert process.returncode == 1, output + errors
    assert "Incorrect sudo password" in output or "Sorry, try again" in output
    assert "olympia: up " in errors
    assert "Traceback" not in errors
    assert is_kept_nowhere(b"barley", checkout)


def test_a_step_is_drawn_while_its_module_runs_and_the_run_goes_on_when_its_terminal_is_gone(
    checkout: Checkout,
) -> None:
    tell = (
        "import json, os, time, pathlib; file = open(os.environ['OLYMPIA_PROGRESS'], 'a'); "
        "event = dict(kind='step', name='[base 1/2] RUN make', host='localhost', state='running', seconds=0); "
        "print(json.dumps(event), file=file, flush=True); "
        "[time.sleep(0.02) for _ in range(3000) if not pathlib.Path('go-on').exists()]"
    )
    checkout.phases(
        build=f'- ansible.builtin.command: {{argv: [python3, -c, "{tell}"], chdir: "{checkout.path}"}}\n',
        start="- ansible.builtin.debug: {msg: at your service}\n",
    )
    ours, theirs = terminal_of()
    process = checkout.start("up", stdout=theirs, TERM="xterm", LC_ALL="C.UTF-8")
    os.close(theirs)
    written = b""
    with contextlib.suppress(OSError):
        while b"[base 1/2] RUN make" not in written and (data := os.read(ours, 65536)):
            written += data
    assert b"[base 1/2] RUN make" in written
    os.close(ours)
    (checkout.path / "go-on").touch()
    _output, errors = process.communicate(timeout=60)
    assert (process.returncode, errors) == (0, "")
    (run,) = checkout.runs()
    assert record_of(run)["result"] == "done"
    assert "at your service" in (run / "artifacts/up/stdout").read_text()


def test_a_silent_run_gives_signs_of_life(checkout: Checkout) -> None:
    console = checkout.path / "src/olympia_provisioner/present/console.py"
    source = console.read_text()
    assert source.count("HEARTBEAT = 30.0") == 1
    console.write_text(source.replace("HEARTBEAT = 30.0", "HEARTBEAT = 0.5"))
    seen = checkout.path / "seen"
    # It ends only because the test has seen the line, else it fails.
    task = f"- name: Be silent\n  ansible.builtin.wait_for: {{path: {seen}, timeout: 30, sleep: 1}}\n"
    checkout.phases(build=task)
    process = checkout.start("up")
    assert process.stdout
    for line in process.stdout:
        if line == "... still running, build: Be silent\n":
            seen.touch()
    _output, errors = process.communicate(timeout=60)
    assert (process.returncode, errors) == (0, "")


def test_programs_get_what_a_run_has_come_to_in_a_thread_too_and_nothing_is_printed(
    checkout: Checkout, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(checkout.state))
    monkeypatch.setattr("olympia_provisioner.api.collection_root", lambda: checkout.path)
    monkeypatch.setattr(sys, "path", [*sys.path])
    target = checkout.path / "written"
    checkout.playbook(f"- ansible.builtin.copy: {{dest: {target}, content: '{{{{ olympia_stack_http_port }}}}'}}")
    results: list[Any] = []
    thread = threading.Thread(target=lambda: results.append(Stack(HTTP_PORT=8080).up()))
    thread.start()
    thread.join(60)
    assert [(result.verb, result.changed) for result in results] == [("up", 1)]
    assert target.read_text() == "8080"
    assert capfd.readouterr() == ("", "")


def test_a_disk_without_room_for_what_ansible_runner_keeps_is_a_sentence(checkout: Checkout) -> None:
    # No file may grow beyond so many bytes, which programs meet as they do a full disk.
    start = "import resource, runpy; resource.setrlimit(resource.RLIMIT_FSIZE, (300, 300));"
    start += "import sys; sys.argv = ['olympia', 'up', 'HTTP_PORT=8080'];"
    start += "runpy.run_module('olympia_provisioner', run_name='__main__')"
    environment = os.environ | {"PYTHONPATH": str(checkout.path / "src"), "XDG_STATE_HOME": str(checkout.state)}
    done = subprocess.run(
        [sys.executable, "-c", start], cwd=checkout.path, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 1
    assert "The directory of the run cannot be written" in done.stderr
    assert "Traceback" not in done.stderr
