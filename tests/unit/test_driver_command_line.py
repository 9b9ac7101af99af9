# SPDX-License-Identifier: BSD-3-Clause
"""The driver's pure parts: settings, paths, errors, shells."""

from __future__ import annotations

import io
import shlex
from pathlib import Path

import pytest
from ansible_collections.addons.olympia.plugins.module_utils.stack import instance_names as instances
from olympia_provisioner.cli.main import main, make_parser
from olympia_provisioner.cli.verbs import Context, inside
from olympia_provisioner.cli.verbs.reach import place

from olympia_provisioner import paths
from olympia_provisioner.cli import given as settings
from olympia_provisioner.errors import ExitCode, OlympiaError
from olympia_provisioner.present.console import Console
from olympia_provisioner.present.outcome import Report
from olympia_provisioner.present.words import closest
from olympia_provisioner.run.runner import ansible_environment

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.parametrize(
    ("assignment", "variable", "value"),
    [
        ("HTTP_PORT=8080", "olympia_stack_http_port", "8080"),
        ("COMPOSE_FILE=a.yml:b.yml", "olympia_stack_compose_file", "a.yml:b.yml"),
        ("DOCKER_TARGET=production", "olympia_stack_target", "production"),
        ("olympia_docker_users=[]", "olympia_docker_users", "[]"),
        ("OLYMPIA_STACK_INSTANCE=two", "olympia_stack_instance", "two"),
        ("INSTANCE=", "olympia_stack_instance", ""),
        ("HTTP_PROXY=a=b c", "olympia_stack_http_proxy", "a=b c"),
        ("ansible_user=ada", "ansible_user", "ada"),
    ],
)
def test_an_assignment_means_a_variable(assignment: str, variable: str, value: str) -> None:
    assert settings.parse([assignment], ROOT) == {variable: value}


def test_the_last_of_a_name_counts() -> None:
    assert settings.parse(["HTTP_PORT=1", "olympia_stack_http_port=2"], ROOT) == {"olympia_stack_http_port": "2"}


def test_all_wrong_settings_are_named_with_the_nearest_right_one() -> None:
    with pytest.raises(OlympiaError) as caught:
        settings.parse(["HTTP_PROT=1", "olympia_docker_user=x", "quux", "ZZZZ=1"], ROOT)
    message = str(caught.value)
    assert "HTTP_PROT is not a setting. Did you mean HTTP_PORT?" in message
    assert "olympia_docker_user is not a setting. Did you mean olympia_docker_users?" in message
    assert "quux is not of the form NAME=value" in message
    assert "ZZZZ is not a setting.\n" in message
    assert caught.value.code is ExitCode.USAGE


def test_an_error_says_what_where_evidence_and_way_out() -> None:
    error = OlympiaError("It broke", where="here", evidence="one\ntwo\n", way_out="mend it")
    assert str(error) == "It broke\n  where: here\n  seen: one\n    two\n  way out: mend it"
    assert str(OlympiaError("It broke")) == "It broke"


def test_state_is_kept_where_xdg_says(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/home/ada")
    assert paths.state_dir({"XDG_STATE_HOME": "/state"}) == Path("/state/olympia")
    for environment in ({}, {"XDG_STATE_HOME": ""}, {"XDG_STATE_HOME": "relative"}):
        assert paths.state_dir(environment) == Path("/home/ada/.local/state/olympia")


def test_an_inventory_is_a_name_or_a_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "hosts.yml").touch()
    monkeypatch.chdir(tmp_path)
    assert paths.collections_path(ROOT) == ROOT / "collections"
    assert paths.find_inventory("ci", ROOT) == ROOT / "inventories/ci"
    assert paths.find_inventory("hosts.yml", ROOT) == tmp_path / "hosts.yml"
    with pytest.raises(OlympiaError, match="no inventory prod") as caught:
        paths.find_inventory("prod", ROOT)
    assert "ci, local" in caught.value.way_out
    assert caught.value.code is ExitCode.USAGE


def context(*argv: str) -> Context:
    """Return what a verb is given for a command line."""
    arguments, rest = make_parser().parse_known_args(argv)
    assert rest == []
    report = Report(arguments.verb)
    return Context(arguments, ROOT, report, Console(report, {}, io.StringIO()))


def test_the_instance_of_a_shell_is_found_as_settings_are(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", "/s")
    assert inside.project_dir(context("shell")) == Path("/s/olympia") / instances.instance_of(ROOT / "app")
    monkeypatch.setenv("OLYMPIA_STACK_INSTANCE", "two")
    assert inside.project_dir(context("shell")) == Path("/s/olympia/two")
    assert inside.project_dir(context("shell", "INSTANCE=three")) == Path("/s/olympia/three")
    assert inside.project_dir(context("shell", "INSTANCE=three", "PROJECT_DIR=/p")) == Path("/p")


def test_a_shell_without_a_terminal_asks_for_none() -> None:
    compose = ["docker", "compose", "exec"]
    assert inside.exec_command("web", ["bash"], True) == [*compose, "web", "olympia-entrypoint", "bash"]
    assert inside.exec_command("web", ["bash"], False) == [*compose, "-T", "web", "olympia-entrypoint", "bash"]


def test_only_the_applications_containers_have_the_applications_user() -> None:
    compose = ["docker", "compose", "exec"]
    assert inside.exec_command("redis", ["redis-cli"], True) == [*compose, "redis", "redis-cli"]
    assert inside.exec_command("web", ["bash"], True, root=True) == [*compose, "--user=root", "web", "bash"]


@pytest.mark.parametrize(
    ("argv", "words", "given"),
    [
        (["web", "env", "A=b"], ["web", "env", "A=b"], {}),
        (["INSTANCE=two", "web", "env", "A=b"], ["web", "env", "A=b"], {"olympia_stack_instance": "two"}),
        (["-e", "INSTANCE=two", "web", "ls", "-e", "-x"], ["web", "ls", "-e", "-x"], {"olympia_stack_instance": "two"}),
        (["web", "sh", "-c", "exit 3"], ["web", "sh", "-c", "exit 3"], {}),
        (["web", "python3", "--help"], ["web", "python3", "--help"], {}),
    ],
)
def test_what_follows_the_service_is_the_commands_own(argv: list[str], words: list[str], given: dict[str, str]) -> None:
    found = context("exec", *argv)
    assert (found.words, found.given) == (words, given)


def test_logs_are_composes() -> None:
    assert inside.logs_command([], follow=False, tail="all") == ["docker", "compose", "logs", "--tail=all"]
    wanted = ["docker", "compose", "logs", "--follow", "--tail=5", "web", "redis"]
    assert inside.logs_command(["web", "redis"], follow=True, tail="5") == wanted


def test_an_unknown_service_is_answered_with_the_nearest() -> None:
    with pytest.raises(OlympiaError) as caught:
        inside.check_services(["wbe", "redis", "quux"], ["redis", "web"])
    assert str(caught.value).splitlines()[:2] == ["wbe is not a service. Did you mean web?", "quux is not a service."]
    assert caught.value.code is ExitCode.USAGE


@pytest.mark.parametrize(
    ("word", "nearest"), [("pu", "up"), ("dwon", "down"), ("upp", "up"), ("biuld", "build"), ("xyz", "")]
)
def test_the_nearest_word_is_found(word: str, nearest: str) -> None:
    assert closest(word, ["up", "down", "build", "push"]) == nearest


def test_a_mistyped_verb_is_answered_with_the_nearest(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["pu", "HTTP_PORT=80"])
    assert ended.value.code == 2
    assert "pu is not a verb. Did you mean up?" in capsys.readouterr().err


def test_colours_only_where_they_are_wanted() -> None:
    assert "ANSIBLE_FORCE_COLOR" in ansible_environment({}, ROOT, terminal=True)
    assert "ANSIBLE_NOCOLOR" in ansible_environment({}, ROOT, terminal=False)
    assert "ANSIBLE_NOCOLOR" in ansible_environment({"NO_COLOR": "1"}, ROOT, terminal=True)


def test_host_keys_are_checked_unless_the_user_said_otherwise() -> None:
    assert ansible_environment({}, ROOT, terminal=False)["ANSIBLE_HOST_KEY_CHECKING"] == "True"
    own = {"ANSIBLE_HOST_KEY_CHECKING": "False"}
    assert ansible_environment(own, ROOT, terminal=False)["ANSIBLE_HOST_KEY_CHECKING"] == "False"


@pytest.mark.parametrize("argv", [["upp"], [], ["up", "--chekc"], ["up", "-i", "nowhere"], ["up", "ZZZZ=1"]])
def test_wrong_usage_is_code_2(argv: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    try:
        code = main(argv)
    except SystemExit as ended:
        code = int(ended.code or 0)
    assert code == 2
    assert "Traceback" not in capsys.readouterr().err


def test_a_shell_without_a_stack_names_the_others(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    (tmp_path / "olympia/other").mkdir(parents=True)
    (tmp_path / "olympia/other/docker-compose.yml").touch()
    assert main(["shell", "INSTANCE=missing"]) == ExitCode.PREFLIGHT
    assert "Instances beside it: other" in capsys.readouterr().err


REACHED = {
    "project_dir": "/home/ana/.local/state/o'lympia/ana", "services": ["web"], "connection": "ssh", "host": "vm1", "port": "2222",
    "user": "operator", "key": "/keys/id", "options": "-o ProxyJump=hop  -C", "become": "ana",
}  # fmt: skip


def test_a_command_inside_another_hosts_instance_goes_over_ssh_as_its_tenant() -> None:
    command = place("ana.vm1", REACHED, terminal=True).command(
        ["docker", "compose", "exec", "web", "echo", "$(id); 'x'"]
    )
    *ssh, line = command
    assert ssh == ["ssh", "-o", "ProxyJump=hop", "-C", "-t", "-p2222", "-i/keys/id", "--", "operator@vm1"]
    sudo = shlex.split(line)
    assert sudo[:6] == ["sudo", "--set-home", "--user=ana", "--", "sh", "-c"]
    assert shlex.split(sudo[6]) == [
        *("cd", "/home/ana/.local/state/o'lympia/ana", "&&", "exec"),
        *("docker", "compose", "exec", "web", "echo", "$(id); 'x'"),
    ]
    assert place("vm1", REACHED | {"become": "", "user": ""}, terminal=False).command(["true"])[-3:-1] == ["--", "vm1"]
    assert place("here", REACHED | {"connection": "local"}, terminal=False).ssh == ()
    with pytest.raises(OlympiaError, match="only SSH gives a terminal"):
        place("box", REACHED | {"connection": "community.docker.docker"}, terminal=False)
