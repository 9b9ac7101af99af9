# SPDX-License-Identifier: BSD-3-Clause
"""The driver runs real playbooks, in a temporary root with playbooks of its own."""

from __future__ import annotations

import io
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
HOSTS = """
all:
  hosts:
    localhost:
      ansible_connection: local
      ansible_python_interpreter: "{{ ansible_playbook_python }}"
"""


class Checkout:
    """A checkout in miniature: the driver, the real roles' specifications, and one playbook."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.state = path / "state"
        shutil.copytree(ROOT / "src/olympia_provisioner", path / "src/olympia_provisioner")
        shutil.copy(ROOT / "ansible.cfg", path)
        shutil.copy(ROOT / "galaxy.yml", path)
        for name in ("collections", "roles"):
            (path / name).symlink_to(ROOT / name)
        (path / "inventories/local").mkdir(parents=True)
        (path / "inventories/local/hosts.yml").write_text(HOSTS)
        (path / "playbooks").mkdir()

    def playbook(self, tasks: str) -> None:
        """Write up.yml with the tasks."""
        indented = tasks.strip("\n").replace("\n", "\n    ")
        (self.path / "playbooks/up.yml").write_text(f"- hosts: all\n  gather_facts: false\n  tasks:\n    {indented}\n")

    def start(
        self, *arguments: str, stdin: int = subprocess.DEVNULL, stdout: int = subprocess.PIPE, **environment: str
    ) -> subprocess.Popen[str]:
        """Start `olympia` with the arguments, in a session of its own."""
        return subprocess.Popen(
            [sys.executable, "-m", "olympia_provisioner", *arguments],
            cwd=self.path,
            env=os.environ
            | {"PYTHONPATH": str(self.path / "src"), "XDG_STATE_HOME": str(self.state), "PYTHONUNBUFFERED": "1"}
            | environment,
            stdin=stdin,
            stdout=stdout,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )

    def run(self, *arguments: str, **environment: str) -> tuple[int, str, str]:
        """Run `olympia` to its end; its code, output and errors."""
        process = self.start(*arguments, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, **environment)
        output, errors = process.communicate()
        assert "Traceback" not in errors
        return process.returncode, output, errors

    def runs(self) -> list[Path]:
        """Return the directories of the runs, oldest first."""
        return sorted((self.state / "olympia/runs").iterdir())


@pytest.fixture
def checkout(tmp_path: Path) -> Checkout:
    return Checkout(tmp_path)


def wait_for(condition: Callable[[], bool], what: str) -> None:
    deadline = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < deadline, f"waited in vain: {what}"
        time.sleep(0.05)


def alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def test_settings_reach_the_playbook_and_its_output_the_user(checkout: Checkout) -> None:
    checkout.playbook('- ansible.builtin.debug: {msg: "port <{{ olympia_stack_http_port }}>"}')
    code, output, errors = checkout.run("up", "HTTP_PORT=80 81")
    assert (code, errors) == (0, "")
    assert "port <80 81>" in output
    assert "\033[" not in output
    (run,) = checkout.runs()
    assert json.loads((run / "up.json").read_text()) == {"olympia_stack_http_port": "80 81"}
    assert (run / "up.json").stat().st_mode & 0o777 == 0o600
    assert run.stat().st_mode & 0o777 == 0o700


def test_lines_end_as_lines_do(checkout: Checkout) -> None:
    checkout.playbook('- ansible.builtin.debug: {msg: ["one", "two"]}')
    process = checkout.start("up")
    # communicate() would translate what ends them.
    assert isinstance(process.stdout, io.TextIOWrapper)
    process.stdout.reconfigure(newline="")
    output = process.stdout.read()
    process.communicate()
    assert "one" in output
    assert "\r" not in output


def test_a_marked_failure_decides_the_exit_code(checkout: Checkout) -> None:
    # A plain action plugin of the playbook's own fails as the role's do, with a marker in its result.
    plugins = checkout.path / "playbooks/action_plugins"
    plugins.mkdir()
    (plugins / "marked.py").write_text(
        "from ansible.plugins.action import ActionBase\n"
        "class ActionModule(ActionBase):\n"
        "    def run(self, tmp=None, task_vars=None):\n"
        "        return dict(failed=True, msg='no good', olympia=dict(phase='some', kind='unhealthy'))\n"
    )
    checkout.playbook("- block:\n    - ansible.builtin.command: /bin/false\n  rescue:\n    - marked:\n")
    code, output, errors = checkout.run("up")
    assert code == 5
    assert "no good" in output
    assert errors.startswith("olympia: up failed in the phase some\n  where: ")
    assert "no good" in Path(errors.splitlines()[1].partition(": ")[2]).read_text()


def test_any_other_failure_is_code_1(checkout: Checkout) -> None:
    checkout.playbook("- ansible.builtin.command: /bin/false")
    code, _output, errors = checkout.run("up")
    assert code == 1
    assert errors.startswith("olympia: up failed\n")


def test_an_unreachable_host_is_code_6(checkout: Checkout) -> None:
    checkout.playbook("- ansible.builtin.ping:")
    (checkout.path / "far.yml").write_text("all: {hosts: {far: {ansible_host: 127.0.0.1, ansible_port: 1}}}\n")
    # An ssh that never connects, with ssh's own code for that.
    ssh = checkout.path / "ssh"
    ssh.write_text("#!/bin/sh\necho 'connect to host 127.0.0.1 port 1: Connection refused' >&2\nexit 255\n")
    ssh.chmod(0o755)
    code, output, _errors = checkout.run("up", "-i", "far.yml", f"ansible_ssh_executable={ssh}")
    assert code == 6, output


def test_an_inventory_without_hosts_is_code_2(checkout: Checkout) -> None:
    checkout.playbook("- ansible.builtin.ping:")
    (checkout.path / "none.yml").write_text("all: {hosts: {}}\n")
    code, _output, errors = checkout.run("up", "-i", "none.yml")
    assert code == 2
    assert "No host matched" in errors


def test_a_play_without_hosts_among_others_is_no_failure(checkout: Checkout) -> None:
    checkout.playbook("- ansible.builtin.ping:")
    with (checkout.path / "playbooks/up.yml").open("a") as playbook:
        playbook.write("- hosts: none_of_them\n  tasks: []\n")
    code, _output, errors = checkout.run("up")
    assert (code, "No host matched" in errors) == (0, False)


def test_a_broken_playbook_is_code_1_with_ansibles_words(checkout: Checkout) -> None:
    checkout.playbook("- no_such_module_at_all: {}")
    code, output, _errors = checkout.run("up")
    assert code == 1
    assert "no_such_module_at_all" in output


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interruption_ends_the_children_too(checkout: Checkout, tmp_path: Path, number: int) -> None:
    pid_file = tmp_path / "pid"
    checkout.playbook(
        f"- ansible.builtin.shell: 'echo $$ > {pid_file}.new; mv {pid_file}.new {pid_file}; exec sleep 1000'"
    )
    process = checkout.start("up")
    wait_for(pid_file.exists, "the task has started")
    child = int(pid_file.read_text())
    assert alive(child)
    process.send_signal(number)
    output, errors = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "up was interrupted" in errors
    assert "User interrupted execution" in output, "Ansible was to end by itself"
    wait_for(lambda: not alive(child), "the task's command has ended")


def test_a_second_interruption_kills_what_ignores_the_first(checkout: Checkout, tmp_path: Path) -> None:
    pid_file = tmp_path / "pid"
    deaf = tmp_path / "deaf"
    deaf.write_text(
        f"#!/bin/sh\ntrap '' INT TERM HUP\necho $$ > {pid_file}.new\nmv {pid_file}.new {pid_file}\nsleep 1000\n"
    )
    deaf.chmod(0o755)
    checkout.playbook(f"- ansible.builtin.command: {deaf}")
    process = checkout.start("up")
    wait_for(pid_file.exists, "the task has started")
    child = int(pid_file.read_text())
    process.send_signal(signal.SIGINT)
    assert process.stderr
    while "Interrupted" not in process.stderr.readline():
        pass
    assert alive(child)
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=60)
    assert process.returncode == 130
    wait_for(lambda: not alive(child), "the deaf command has ended")


def sudo_in(checkout: Checkout) -> None:
    """Write a sudo that wants a password, and up.yml with a task that needs it.

    With ANSIBLE_BECOME_ALLOW_SAME_USER root uses it, too: else a test that root runs would test nothing.
    """
    sudo = checkout.path / "sudo"
    # What Ansible needs of sudo: -p PROMPT, a password from standard input, then the command; -n for not asking.
    sudo.write_text(
        """#!/bin/sh
case " $* " in *" -n "*) echo 'sudo: a password is required' >&2; exit 1 ;; esac
while [ "$#" -gt 0 ]; do
  case $1 in
    -p) prompt=$2; shift 2 ;;
    -u) shift 2 ;;
    -*) shift ;;
    *) break ;;
  esac
done
printf '%s' "$prompt" >&2
read -r password
[ "$password" = 'open sesame' ] || { echo 'Sorry, try again.' >&2; exit 1; }
exec "$@"
"""
    )
    sudo.chmod(0o755)
    checkout.playbook(
        f"- ansible.builtin.command: echo became\n  become: true\n  vars: {{ansible_become_exe: {sudo}}}\n"
        "  register: result\n- ansible.builtin.debug: {var: result.stdout}"
    )


def test_the_password_of_sudo_is_asked_for_and_kept_nowhere(checkout: Checkout) -> None:
    sudo_in(checkout)
    terminal, other_end = os.openpty()
    process = checkout.start("up", "-K", stdin=other_end, ANSIBLE_BECOME_ALLOW_SAME_USER="True")
    # What is typed before the question is thrown away.
    assert process.stderr
    assert process.stderr.read(len("sudo password: ")) == "sudo password: "
    os.write(terminal, b"open sesame\n")
    output, errors = process.communicate(timeout=60)
    assert (process.returncode, "result.stdout: became" in output) == (0, True), output + errors
    for path in checkout.state.rglob("*"):
        assert not path.is_file() or b"sesame" not in path.read_bytes(), path


def test_a_wrong_password_ends_with_sudos_own_words_and_is_kept_nowhere(checkout: Checkout) -> None:
    sudo_in(checkout)
    terminal, other_end = os.openpty()
    process = checkout.start("up", "-K", stdin=other_end, ANSIBLE_BECOME_ALLOW_SAME_USER="True")
    assert process.stderr
    assert process.stderr.read(len("sudo password: ")) == "sudo password: "
    os.write(terminal, b"open barley\n")
    output, errors = process.communicate(timeout=60)
    assert process.returncode == 1, output + errors
    assert "Incorrect sudo password" in output or "Sorry, try again" in output
    assert "olympia: up " in errors
    assert "Traceback" not in errors
    for path in checkout.state.rglob("*"):
        assert not path.is_file() or b"barley" not in path.read_bytes(), path


def test_an_ansible_that_dies_is_a_failure(checkout: Checkout, tmp_path: Path) -> None:
    pid_file = tmp_path / "pid"
    # The parent of the worker that runs the task is Ansible itself.
    checkout.playbook(
        f"- ansible.builtin.shell: 'echo $$ > {pid_file}.new; mv {pid_file}.new {pid_file}; exec sleep 1000'"
    )
    process = checkout.start("up")
    wait_for(pid_file.exists, "the task has started")
    (ansible,) = (
        int(path.parent.name)
        for path in Path("/proc").glob("[0-9]*/stat")
        if int(path.read_text().rpartition(")")[2].split()[1]) == process.pid
    )
    os.kill(ansible, signal.SIGKILL)
    os.kill(int(pid_file.read_text()), signal.SIGKILL)
    _output, errors = process.communicate(timeout=60)
    assert process.returncode == 1
    assert errors.startswith("olympia: up: Ansible was killed")
    assert "Traceback" not in errors


def test_the_password_is_asked_for_where_it_turns_out_to_be_needed(checkout: Checkout) -> None:
    sudo_in(checkout)
    terminal, other_end = os.openpty()
    process = checkout.start("up", stdin=other_end, ANSIBLE_BECOME_ALLOW_SAME_USER="True")
    assert process.stderr
    question = ""
    while not question.endswith("sudo password: "):
        letter = process.stderr.read(1)
        assert letter, question
        question += letter
    assert "Sudo wants a password for that." in question
    os.write(terminal, b"open sesame\n")
    output, errors = process.communicate(timeout=60)
    assert (process.returncode, "result.stdout: became" in output) == (0, True), output + errors
    for path in checkout.state.rglob("*"):
        assert not path.is_file() or b"sesame" not in path.read_bytes(), path


def test_a_password_that_is_needed_and_cannot_be_asked_for_has_a_way_out(checkout: Checkout) -> None:
    sudo_in(checkout)
    code, _output, errors = checkout.run("up", ANSIBLE_BECOME_ALLOW_SAME_USER="True")
    assert code == 1
    assert "up needs root, and sudo wants a password" in errors
    assert "ANSIBLE_BECOME_PASSWORD_FILE" in errors


def test_the_command_that_is_run_can_be_pasted(checkout: Checkout) -> None:
    checkout.playbook('- ansible.builtin.debug: {msg: "port <{{ olympia_stack_http_port }}>"}')
    assert "ansible-playbook" not in checkout.run("up")[2]
    code, _output, errors = checkout.run("up", "-v", "HTTP_PORT=80 81", "--check")
    assert code == 0
    pasted = subprocess.run(errors, shell=True, text=True, capture_output=True, check=False)  # noqa: S602
    assert pasted.returncode == 0, pasted
    assert "port <80 81>" in pasted.stdout


def test_the_password_cannot_be_asked_for_without_a_terminal(checkout: Checkout) -> None:
    checkout.playbook("- ansible.builtin.ping:")
    code, _output, errors = checkout.run("up", "-K")
    assert code == 2
    assert "without a terminal" in errors


def test_old_runs_are_removed_and_young_ones_kept(checkout: Checkout) -> None:
    checkout.playbook("- ansible.builtin.debug: {msg: x}")
    for number in range(15):
        (checkout.state / f"olympia/runs/20200101T0000{number:02}-up-x").mkdir(parents=True)
    assert checkout.run("up")[0] == 0
    names = [run.name for run in checkout.runs()]
    assert len(names) == 10
    assert names[0] == "20200101T000006-up-x"


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["up"], "The lock of the instance cannot be made"),
        (["up", "--check"], "The directory for runs cannot be written"),
    ],
)
def test_a_state_directory_that_cannot_be_written_is_a_sentence(
    checkout: Checkout, arguments: list[str], sentence: str
) -> None:
    checkout.playbook("- ansible.builtin.debug: {msg: x}")
    checkout.state.write_text("a file where the folder should go")
    code, _output, errors = checkout.run(*arguments)
    assert code == 1
    assert sentence in errors


def test_large_output_arrives_whole(checkout: Checkout) -> None:
    checkout.playbook("- ansible.builtin.debug: {msg: \"{{ range(40000) | map('string') | list }}\"}")
    code, output, _errors = checkout.run("up")
    assert code == 0
    assert "39999" in output
    assert "PLAY RECAP" in output


def test_check_and_diff_are_passed_on(checkout: Checkout, tmp_path: Path) -> None:
    target = tmp_path / "written"
    checkout.playbook(f"- ansible.builtin.copy: {{dest: {target}, content: hello}}")
    code, output, _errors = checkout.run("up", "--check", "--diff")
    assert code == 0
    assert "+hello" in output
    assert not target.exists()


def test_a_reader_that_goes_away_is_no_traceback(checkout: Checkout) -> None:
    process = checkout.start("completion", "bash")
    assert process.stdout and process.stderr
    process.stdout.close()
    assert "Traceback" not in process.stderr.read()
    process.wait()


@pytest.mark.parametrize("room", [10, 300])
def test_a_disk_without_room_for_the_run_is_a_sentence(checkout: Checkout, room: int) -> None:
    checkout.playbook("- ansible.builtin.debug: {msg: x}")
    # No file may grow beyond so many bytes, which programs meet as they do a full disk.
    start = f"import resource, runpy; resource.setrlimit(resource.RLIMIT_FSIZE, ({room}, {room}));"
    start += "import sys; sys.argv = ['olympia', 'up', 'HTTP_PORT=8080'];"
    start += "runpy.run_module('olympia_provisioner', run_name='__main__')"
    environment = os.environ | {"PYTHONPATH": str(checkout.path / "src"), "XDG_STATE_HOME": str(checkout.state)}
    done = subprocess.run(
        [sys.executable, "-c", start], cwd=checkout.path, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 1
    assert "The directory of the run cannot be written" in done.stderr
    assert "Traceback" not in done.stderr


def test_what_nobody_has_thought_of_leaves_its_traceback_in_a_file(checkout: Checkout, tmp_path: Path) -> None:
    (checkout.path / "src/olympia_provisioner/artifacts.py").open("a").write("def prepare(_): raise KeyError('oh')\n")
    code, _output, errors = checkout.run("up", "--artifacts", "x", TMPDIR=str(tmp_path))
    assert code == 1
    assert "Something happened that should not" in errors
    assert "KeyError: 'oh'" in errors
    (crash,) = tmp_path.glob("olympia-crash-*.txt")
    assert str(crash) in errors
    assert "Traceback" in crash.read_text()
