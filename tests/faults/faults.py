# SPDX-License-Identifier: BSD-3-Clause
"""The faults: what is done, when, and what has to be said of it."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from olympia_provisioner.run.interruption import parents
from tests.faults.stand import INSTANCE, PROJECT, STATE, Stand
from tests.hosts import Outcome

PHASES = ("preflight", "engine", "images", "render", "build", "start", "initialize", "health")
# The faults that are tried every day, in the phases that leave most behind; all the others are for the full run.
EVERYDAY = {
    "render": "Ansible is killed",
    "build": "the engine is killed",
    "start": "the engine is killed",
    "initialize": "the command is killed",
}
NOTHING_SAID = ""  # by whom was killed, or where nothing is wrong
OTHER_TIME = "/usr/local/bin/python-at-another-time"
# Reserved at once as far as possible, and the rest written.
FILL = """
    fallocate --length=$(df --output=avail --block-size=1 {path} | tail -1) {path}/filler
    dd if=/dev/zero of={path}/filler bs=64K oflag=append conv=notrunc status=none 2>/dev/null || true
"""


# A user's own engine. In a container, as this host is one, every port is open to everybody.
ROOTLESS = """
    set -e
    sysctl --quiet net.ipv4.ip_unprivileged_port_start=1024
    apt-get -qq install --yes iproute2 rootlesskit slirp4netns uidmap >/dev/null
    chmod 0666 /dev/net/tun
    useradd --create-home rootless
    install --directory --mode=0700 --owner=rootless /run/rootless
    systemd-run --quiet --unit=rootless --uid=rootless --setenv=XDG_RUNTIME_DIR=/run/rootless --setenv=HOME=/home/rootless \
        --setenv=PATH=/usr/sbin:/usr/bin /usr/share/docker.io/contrib/dockerd-rootless.sh
    runuser --user=rootless -- docker context create mine --docker host=unix:///run/rootless/docker.sock
    runuser --user=rootless -- docker context use mine
    until runuser --user=rootless -- docker version; do sleep 0.2; done
"""
# systemd refuses what is started too often.
RESTART = "systemctl reset-failed docker.service && systemctl restart docker.service"
# Until the engine has no room for one more.
TAKE_NETWORKS = "while docker network create taken$((++count)); do :; done"


SIGNAL = "systemctl kill --kill-whom=main --signal={} docker.service"
HANGS = r"The engine does not answer within 10 seconds: dockerd, process \d+, was stopped by a signal"


@dataclass(frozen=True)
class Fault:
    """A fault.

    Attributes:
        name: What happens.
        phase: During which phase of a run, or `all phases`; `at rest` for a stack that nobody works on.
        strike: Lets it happen on a stand, and returns what the run said of it: the one that it befell, or the next one.
        says: A pattern that is found in that.
    """

    name: str
    phase: str
    strike: Callable[[Stand], Outcome]
    says: str

    @property
    def everyday(self) -> bool:
        """Whether it is tried every day."""
        return EVERYDAY.get(self.phase) == self.name

    @property
    def identity(self) -> str:
        """What a test is chosen by."""
        # Without apostrophes: it becomes a word of SQL and of shell.
        return f"{self.name} ({self.phase})".replace(" ", "-").replace("'", "")


def family(pid: int) -> list[int]:
    """Return the processes that a process has started, theirs, and so on."""
    parent_of = parents()
    found = [pid]
    for one in found:
        found += [child for child, parent in parent_of.items() if parent == one]
    return found[1:]


def kill_command(process: subprocess.Popen[str]) -> None:
    """Kill the command itself, so that it can do nothing more."""
    process.kill()


def kill_ansible(process: subprocess.Popen[str]) -> None:
    """Kill the command's ansible-playbook, and leave the command."""
    for pid in family(process.pid):
        if b"ansible-playbook" in Path(f"/proc/{pid}/cmdline").read_bytes():
            os.kill(pid, signal.SIGKILL)
            return
    raise AssertionError("no ansible-playbook runs")


def interrupt(process: subprocess.Popen[str]) -> None:
    """Press Ctrl-C."""
    process.send_signal(signal.SIGINT)


def in_a_run(strike: Callable[[subprocess.Popen[str]], object], phase: str) -> Callable[[Stand], Outcome]:
    """Return what lets something befall a run, as soon as a phase begins that has something to do."""
    return lambda stand: stand.up_until(phase, strike, *stand.work_for(phase))


def on_the_host(script: str, phase: str, event: str = "phase") -> Callable[[Stand], Outcome]:
    """Return what lets a script be run on the host when such a phase begins, or at the first event of another kind in it."""
    return in_a_run_of(lambda stand: stand.shell(script), phase, event)


def in_a_run_of(strike: Callable[[Stand], object], phase: str, event: str = "phase") -> Callable[[Stand], Outcome]:
    """Return what lets something befall the stand then."""
    return lambda stand: stand.up_until(phase, lambda _process: strike(stand), *stand.work_for(phase), event=event)


def before_a_run(script: str) -> Callable[[Stand], Outcome]:
    """Return what runs a script on the host of a stack at rest, and then 'up'."""

    def strike(stand: Stand) -> Outcome:
        stand.shell(script)
        return stand.up("--diff")

    return strike


def full_disk(path: str, phase: str) -> Callable[[Stand], Outcome]:
    """Return what fills a disk when a phase of such a run begins, and makes room again after it."""

    def strike(stand: Stand) -> Outcome:
        try:
            return on_the_host(FILL.format(path=path), phase)(stand)
        finally:
            stand.shell(f"rm {path}/filler")

    return strike


def filling_disk(stand: Stand) -> Outcome:
    """Fill the project directory's disk after the look at it, in a run that has something to do before it writes there."""
    settings = [*stand.work_for("images"), *stand.work_for("render")]
    try:
        return stand.up_until("images", lambda _process: stand.shell(FILL.format(path=STATE)), *settings)
    finally:
        stand.shell(f"rm {STATE}/filler")


def reloaded_firewall(stand: Stand) -> Outcome:
    """Empty the firewall of a stack at rest, as a reload does, and do then what has been said that helps."""
    # The policy is what the engine sets where nothing was forwarded before it came, as on most machines.
    stand.shell("iptables --policy FORWARD DROP && iptables --flush && iptables --table=nat --flush")
    run = stand.up()
    assert run.code != 0, run.output
    assert "no rule that leads there" in run.output, run.output
    doctor = stand.olympia("doctor", "site-answer", "firewall-rules").output
    assert "no rule for port" in doctor, doctor
    assert '"healthy": false' in stand.olympia("status", "--json").output
    stand.shell(RESTART)
    return run


def dead_builds(stand: Stand) -> Outcome:
    """Build anew after the firewall was emptied, and restart the engine, as is said to help."""
    stand.shell("docker buildx prune --all --force")
    stand.shell("iptables --policy FORWARD DROP && iptables --flush && iptables --table=nat --flush")
    try:
        return stand.up(*stand.work_for("build"))
    finally:
        stand.shell(RESTART)


def frozen_build(stand: Stand) -> Outcome:
    """Stop the engine's process in the middle of a build that takes long, and let it go on once the run has ended."""
    stand.shell("docker buildx prune --all --force")
    try:
        return on_the_host(SIGNAL.format("STOP"), "build", "step")(stand)
    finally:
        stand.shell(SIGNAL.format("CONT"))


def frozen_start(stand: Stand) -> Outcome:
    """Stop the engine's process while services start, and let it go on once the run has ended."""
    try:
        return on_the_host(SIGNAL.format("STOP"), "start", "service")(stand)
    finally:
        stand.shell(SIGNAL.format("CONT"))


def frozen_engine(stand: Stand) -> Outcome:
    """Bring the stack up and ask the doctor while the engine's process is stopped."""
    stand.shell(SIGNAL.format("STOP"))
    # Who waits for the engine finds it well then, and says nothing of it.
    thaw = threading.Timer(120, lambda: stand.shell(SIGNAL.format("CONT")))
    thaw.start()
    try:
        doctor = stand.olympia("doctor")
        assert "was stopped by a signal" in doctor.output, doctor.output
        return stand.up()
    finally:
        thaw.cancel()
        stand.shell(SIGNAL.format("CONT"))


def without_networks(strike: Callable[[Stand], Outcome]) -> Callable[[Stand], Outcome]:
    """Return what does something that takes all networks that the engine has room for, from a stack that is down."""

    def struck(stand: Stand) -> Outcome:
        stand.shell(f"cd {PROJECT} && docker compose down")
        try:
            return strike(stand)
        finally:
            stand.shell("docker network prune --force")

    return struck


def rootless_engine(stand: Stand) -> Outcome:
    """Bring a stack up as somebody with an engine without root, and ask the doctor; port 80 is the other stack's."""
    stand.shell(ROOTLESS)
    try:
        doctor = stand.olympia("doctor", "ansible_user=rootless", "HTTP_PORT=81")
        assert "port 81 is privileged" in doctor.output, doctor.output
        return stand.up("ansible_user=rootless", "HTTP_PORT=81")
    finally:
        stand.shell("systemctl stop rootless && sysctl --quiet net.ipv4.ip_unprivileged_port_start=0")


def restarted_with(option: str, ask: Callable[[Stand], Outcome], before: str = "") -> Callable[[Stand], Outcome]:
    """Return what asks something of an engine that is started with one more option, and lets it have its old ones back."""
    options = "/etc/systemd/system/docker.service.d/test.conf"
    restart = f"systemctl daemon-reload && {RESTART}"
    command = f"ExecStart=\\nExecStart=/usr/sbin/dockerd --host=fd:// {option}"

    def strike(stand: Stand) -> Outcome:
        stand.shell(
            f"{before}\nmkdir -p {Path(options).parent} && printf '[Service]\\n{command}\\n' > {options} && {restart}"
        )
        try:
            return ask(stand)
        finally:
            stand.shell(f"rm {options} && {restart}")

    return strike


def cut_off(stand: Stand) -> Outcome:
    """Build anew with the host's network cut, and plug it in again."""
    stand.shell("docker buildx prune --all --force")
    try:
        return in_a_run_of(Stand.unplug, "build")(stand)
    finally:
        stand.plug_in()


def container(service: str) -> str:
    """Return the name of a service's container."""
    return f"{INSTANCE}-{service}-1"


def out_of_memory(service: str) -> str:
    """Return the script that lets a service's memory run out.

    The kernel is led to end the service, and not what has taken its memory. The engine starts it again by itself.
    """
    name = container(service)
    return f"""
        docker update --memory=300m --memory-swap=300m {name}
        echo 1000 > /proc/$(docker inspect --format '{{{{.State.Pid}}}}' {name})/oom_score_adj
        docker exec {name} sh -c 'exec tail /dev/zero' || true
        until docker inspect --format '{{{{.RestartCount}}}}' {name} | grep '[1-9]'; do sleep 0.1; done
    """


def two_at_once(stand: Stand) -> Outcome:
    """Bring the stack up twice at the same time, and return what the second one says."""
    said: list[Outcome] = []
    first = in_a_run_of(lambda stand: said.append(stand.up()), "render")(stand)
    assert first.code == 0, first.output
    return said[0]


def at_another_time(offset: str) -> Callable[[Stand], Outcome]:
    """Return what lets everything that Ansible runs on the host have another time during a run that builds and starts.

    The engine and its containers keep the machine's: nothing is preloaded into them.
    """

    def strike(stand: Stand) -> Outcome:
        stand.shell(
            f"printf '#!/bin/sh\\nexec faketime -f {offset} /usr/bin/python3 \"$@\"\\n' > {OTHER_TIME} && chmod 0755 {OTHER_TIME}"
        )
        run = stand.up(f"ansible_python_interpreter={OTHER_TIME}", *stand.work_for("build"))
        assert run.code == 0, run.output
        return run

    return strike


def befalling_runs() -> Iterator[Fault]:
    """Yield the faults that befall a run."""
    for phase in PHASES:
        yield Fault("the command is killed", phase, in_a_run(kill_command, phase), NOTHING_SAID)
        yield Fault("Ansible is killed", phase, in_a_run(kill_ansible, phase), "Ansible was killed")
        yield Fault("somebody presses Ctrl-C", phase, in_a_run(interrupt, phase), "up was interrupted")
    # In the middle of a build, and of containers that start. systemd starts it anew, and a run may come through all the same.
    moments = {"images": "phase", "build": "step", "start": "service", "initialize": "phase", "health": "phase"}
    for phase, event in moments.items():
        kill = on_the_host("systemctl kill --signal=KILL docker.service", phase, event)
        yield Fault("the engine is killed", phase, kill, '[Tt]he engine[a-z, ]+|"result": "done"')
    yield Fault("the engine's disk is full", "build", full_disk("/var/lib/docker", "build"), "no space left on device")
    full = full_disk(STATE, "preflight")
    yield Fault("the project directory's disk is full", "preflight", full, "too little disk space at")
    yield Fault("the project directory's disk fills up", "render", filling_disk, "No space left on device")
    reloaded = r"cause: no firewall rule lets builds reach the network.*\s+fix: Restart the engine"
    yield Fault("the firewall is reloaded", "build", dead_builds, reloaded)
    taken = without_networks(on_the_host(TAKE_NETWORKS, "build"))
    used_up = r"The services were not started: [^\"]+?all address pools of the engine are used up"
    yield Fault("the engine's networks are used up", "build", taken, used_up)
    yield Fault("the engine's process is stopped", "build", frozen_build, HANGS)
    yield Fault("the engine's process is stopped", "start", frozen_start, HANGS)
    yield Fault("the network is cut", "build", cut_off, "Temporary failure resolving")
    yield Fault("the clock is two years ahead", "all phases", at_another_time("+2y"), r"Build the .*\]\s\*+\s+changed")
    yield Fault("the clock is two years behind", "all phases", at_another_time("-2y"), r"Build the .*\]\s\*+\s+changed")
    yield Fault("somebody else brings it up", "render", two_at_once, "is in progress")


def befalling_stacks() -> Iterator[Fault]:
    """Yield the faults that befall a stack at rest."""

    def fault(name: str, script: str, says: str = NOTHING_SAID) -> Fault:
        return Fault(name, "at rest", before_a_run(script), says)

    for name in ("docker-compose.yml", "docker-compose.ci.yml", "Dockerfile", "image/entrypoint.sh", ".env"):
        differs = rf"(?m)^\s*\+\+\+ .*{re.escape(name)}"
        yield fault(f"{name} is removed", f"rm {PROJECT}/{name}", differs)
        yield fault(f"{name} is cut off", f": > {PROJECT}/{name}", differs)
    for what, script in (("removed", "rm"), ("cut off", "truncate --size=0"), ("corrupted", "sed -i s/:/=/")):
        again = r"Initialize the database.*\]\s\*+\s+changed"
        yield fault(f".initialized.json is {what}", f"{script} {PROJECT}/.initialized.json", again)
    for service in ("web", "mysqld", "elasticsearch"):
        name = container(service)
        yield fault(f"{service} is removed", f"docker rm --force {name}", f"{service} has no container")
        yield fault(f"{service} is killed", f"docker kill {name}", f"{service} has ended with exit code 137")
        yield fault(f"{service} is paused", f"docker pause {name}", f"{service} is paused")
    search, database = container("elasticsearch"), container("mysqld")
    yield fault("elasticsearch's memory runs out", out_of_memory("elasticsearch"))
    index = f"docker rm --force {search} && docker volume rm {INSTANCE}_data_elastic"
    yield fault("the search index is removed", index, "elasticsearch has no container")
    image = f"docker image rm --force olympia/{INSTANCE}:local"
    yield fault("the application's image is removed", image, "web runs an image that is gone")
    unfinished = f"docker exec {database} mkdir /var/lib/mysql/.unfinished && docker kill {database}"
    yield fault("the database has half a first start beside it", unfinished, "mysqld has ended with exit code 137")
    yield fault("the builder's cache is removed", "docker buildx prune --all --force")
    yield Fault("the firewall is reloaded", "at rest", reloaded_firewall, "nothing answers at")
    yield Fault("the engine's process is stopped", "at rest", frozen_engine, HANGS)
    taken = without_networks(before_a_run(TAKE_NETWORKS))
    yield Fault("the engine's networks are used up", "at rest", taken, "1. all address pools of the engine are used up")
    privileged = "port 81 is privileged, and the engine is rootless"
    yield Fault("somebody's engine has no root", "at rest", rootless_engine, privileged)
    small = "mkdir -p /elsewhere && mount -t tmpfs -o size=15m tmpfs /elsewhere"
    elsewhere = restarted_with("--data-root=/elsewhere", lambda stand: stand.olympia("doctor", "disk-images"), small)
    yield Fault("the engine's files are on another disk", "at rest", elsewhere, "too little disk space at /elsewhere")
    mounting = restarted_with(
        "--userns-remap=default", lambda stand: stand.up("COMPOSE_FILE=docker-compose.yml", "--check")
    )
    yield Fault("the engine remaps users", "at rest", mounting, "cause: userns-remap is on")
    taken_down = f"cd {PROJECT} && docker compose down"
    yield fault("containers and network are removed", taken_down, r"Bring the Compose project up\]\s\*+\s+changed")


def all_faults() -> list[Fault]:
    """Return the faults, those first that take least."""
    return [*befalling_stacks(), *befalling_runs()]
