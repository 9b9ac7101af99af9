# SPDX-License-Identifier: BSD-3-Clause
"""What docs/security.md promises of a stack that runs.

pytest tests/testinfra/test_security.py --instance NAME --hosts ssh://vm.example.org [--sudo]
"""

from __future__ import annotations

import ipaddress
import json
import re
import shlex

import pytest

from .conftest import SECRETS, Stack

APPLICATION = ("web", "worker")
SERVICES = (*APPLICATION, "nginx", "mysqld", "redis", "rabbitmq", "elasticsearch", "memcached")
# Bits of the kernel's capabilities (linux/capability.h).
CAPABILITIES = {"CHOWN": 0, "DAC_OVERRIDE": 1, "FOWNER": 3, "KILL": 5, "SETGID": 6, "SETUID": 7, "SYS_CHROOT": 18}
FOR_THE_ENTRYPOINT = {"CHOWN", "DAC_OVERRIDE", "KILL", "SETGID", "SETUID"}
GIVES_UP_ROOT = {"CHOWN", "DAC_OVERRIDE", "FOWNER", "SETGID", "SETUID"}
# What the images of a registry need, and those that are made here do not.
FROM_A_REGISTRY = {
    "nginx": GIVES_UP_ROOT | {"KILL"},
    "mysqld": GIVES_UP_ROOT,
    "redis": GIVES_UP_ROOT,
    "rabbitmq": GIVES_UP_ROOT,
    "elasticsearch": GIVES_UP_ROOT | {"KILL", "SYS_CHROOT"},
}
READ_ONLY = ("memcached", "redis")
READ_ONLY_WHERE_MADE_HERE = ("mysqld", "rabbitmq", "elasticsearch")
# Knocks at the three that have passwords, at their own addresses, as the host and whoever is on it can. With the libraries that
# the application has, and the password out of the environment or with none.
KNOCK = """
import os, sys
service, address, password = sys.argv[1], sys.argv[2], os.environ[sys.argv[4]] if sys.argv[3] == "with" else ""
try:
    if service == "mysqld":
        import MySQLdb
        MySQLdb.connect(host=address, user="root", passwd=password, connect_timeout=10)
    elif service == "redis":
        import redis
        redis.Redis(host=address, password=password or None, socket_timeout=10).ping()
    else:
        import kombu
        user = ("olympia", password) if password else ("guest", "guest")
        kombu.Connection(hostname=address, userid=user[0], password=user[1], virtual_host="olympia", connect_timeout=10).connect()
    print("let in")
except Exception as error:
    print("refused:", error)
"""
REFUSALS = {
    "mysqld": ("MYSQL_ROOT_PASSWORD", "access denied"),
    "redis": ("REDIS_PASSWORD", "authenticat"),
    "rabbitmq": ("RABBITMQ_PASSWORD", "access_refused"),
}


def kernels(stack: Stack, service: str) -> dict[str, str]:
    """Return what the kernel says of a container's first process (proc(5), /proc/pid/status)."""
    lines = stack.exec(service, "cat", "/proc/1/status").splitlines()
    return {name: value.strip() for name, _, value in (line.partition(":") for line in lines)}


def allowed(stack: Stack, service: str) -> set[str]:
    """Return the capabilities that a service's container may have."""
    if service in APPLICATION:
        return FOR_THE_ENTRYPOINT
    return FROM_A_REGISTRY.get(service, set()) if stack.env["IMAGE_ORIGIN"] == "registry" else set()


def known_secrets(stack: Stack) -> dict[str, str]:
    """Return the stack's secrets by name; each of them is one."""
    found = {name: stack.env[name] for name in SECRETS}
    assert all(len(value) >= 16 for value in found.values())
    return found


@pytest.mark.parametrize("service", SERVICES)
def test_nothing_in_the_container_gains_privileges(stack: Stack, service: str) -> None:
    assert kernels(stack, service)["NoNewPrivs"] == "1", stack.containers[service]["HostConfig"]["SecurityOpt"]


@pytest.mark.parametrize("service", SERVICES)
def test_the_container_has_the_capabilities_that_its_entrypoint_needs(stack: Stack, service: str) -> None:
    bounds = int(kernels(stack, service)["CapBnd"], 16)
    assert bounds == sum(1 << CAPABILITIES[name] for name in allowed(stack, service)), (
        f"{bounds:#x}, of {stack.containers[service]['HostConfig']['CapAdd']}"
    )


@pytest.mark.parametrize("service", APPLICATION)
def test_the_application_itself_has_no_capability(stack: Stack, service: str) -> None:
    script = "for status in /proc/[0-9]*/status; do echo $(grep -E '^(Uid|CapEff):' $status 2>/dev/null); done"
    processes = [line.split() for line in stack.exec(service, "bash", "-c", script).splitlines()]
    uid = stack.exec(service, "id", "-u", "olympia")
    own = [effective for _uid, real, *_others, _name, effective in processes if real == uid]
    assert own and set(own) == {"0" * 16}, processes


@pytest.mark.parametrize("service", (*READ_ONLY, *READ_ONLY_WHERE_MADE_HERE))
def test_the_root_is_read_only(stack: Stack, service: str) -> None:
    writable = service in READ_ONLY_WHERE_MADE_HERE and stack.env["IMAGE_ORIGIN"] == "registry"
    # Root may write anywhere but in a file system that is mounted read-only.
    ask = ["docker", "exec", "--user=root", stack.containers[service]["Id"], "bash", "-c"]
    assert stack.run(*ask, "test -w /usr && echo writable || echo read-only") == (
        "writable" if writable else "read-only"
    )


@pytest.mark.parametrize("service", SERVICES)
def test_memory_and_processes_are_limited(stack: Stack, service: str) -> None:
    limits = stack.containers[service]["HostConfig"]
    memory, processes = limits["Memory"], limits["PidsLimit"]
    assert 0 < memory <= 4 << 30 and 0 < (processes or 0) <= 4096
    # The second of each is that of cgroup v1.
    script = (
        "cat /sys/fs/cgroup/memory.max 2>/dev/null || cat /sys/fs/cgroup/memory/memory.limit_in_bytes;"
        "cat /sys/fs/cgroup/pids.max 2>/dev/null || cat /sys/fs/cgroup/pids/pids.max"
    )
    assert stack.exec(service, "bash", "-c", script).split() == [str(memory), str(processes)]


@pytest.mark.parametrize("service", SERVICES)
def test_logs_do_not_fill_the_disk(stack: Stack, service: str) -> None:
    logs = stack.containers[service]["HostConfig"]["LogConfig"]
    assert (logs["Type"], set(logs["Config"])) == ("json-file", {"max-file", "max-size"}), logs


def test_ports_are_on_the_loopback_address_unless_asked_otherwise(stack: Stack) -> None:
    addresses = {
        binding["HostIp"]
        for one in stack.containers.values()
        for bound in one["HostConfig"]["PortBindings"].values()
        for binding in bound
    }
    assert addresses
    if "BIND_ADDRESS" in stack.env:
        assert addresses == {stack.env["BIND_ADDRESS"]}
    else:
        assert all(ipaddress.ip_address(address).is_loopback for address in addresses), addresses


@pytest.mark.parametrize("service", SERVICES)
def test_the_engines_socket_is_in_no_container(stack: Stack, service: str) -> None:
    mounts = stack.containers[service]["Mounts"]
    assert not [mount["Source"] for mount in mounts if mount["Source"].endswith("docker.sock")]
    assert not stack.containers[service]["HostConfig"]["Privileged"]


@pytest.mark.parametrize("service", REFUSALS)
@pytest.mark.parametrize("password", ["without", "with"])
def test_the_hosts_bridge_leads_to_it_with_the_password_only(stack: Stack, service: str, password: str) -> None:
    (network,) = stack.containers[service]["NetworkSettings"]["Networks"].values()
    name, refusal = REFUSALS[service]
    answer = stack.run(
        *["docker", "run", "--rm", "--network=host", f"--env-file={stack.project}/.env", "--entrypoint=python3"],
        *[stack.containers["web"]["Image"], "-c", KNOCK, service, network["IPAddress"], password, name],
    )
    if password == "with":
        assert answer == "let in"
    else:
        assert answer.startswith("refused:") and refusal in answer.lower(), answer


@pytest.mark.parametrize("service", SERVICES)
def test_no_secret_is_in_the_logs(stack: Stack, service: str) -> None:
    logs = stack.host.run(f"docker logs {stack.containers[service]['Id']}")
    assert logs.rc == 0, logs.stderr
    text = logs.stdout + logs.stderr
    assert [name for name, secret in known_secrets(stack).items() if secret in text] == []


def test_no_secret_is_in_a_process_list(stack: Stack) -> None:
    # As anybody on the host sees it.
    listed = stack.run("sh", "-c", "cat /proc/[0-9]*/cmdline 2>/dev/null | tr '\\0' ' '")
    assert "celery" in listed, "the list has the containers' processes"
    assert [name for name, secret in known_secrets(stack).items() if secret in listed] == []


@pytest.mark.parametrize("service", SERVICES)
def test_no_secret_is_in_what_the_services_images_say_of_themselves(stack: Stack, service: str) -> None:
    image = stack.containers[service]["Image"]
    known = stack.run("docker", "history", "--no-trunc", image) + stack.run("docker", "image", "inspect", image)
    assert [name for name, secret in known_secrets(stack).items() if secret in known] == []


def test_no_secret_is_in_a_file_that_others_may_read(stack: Stack) -> None:
    pattern = "|".join(re.escape(secret) for secret in known_secrets(stack).values())
    search = ["grep", "--recursive", "--files-with-matches", "--extended-regexp", "--exclude-dir=deps", "--", pattern]
    found = stack.host.run(shlex.join([*search, stack.project]))
    assert found.stdout.split() == [f"{stack.project}/.env"], "the only file with a secret, and that one is there"
    assert stack.host.file(f"{stack.project}/.env").mode == 0o600


def test_the_image_says_whose_it_is_and_who_made_it(stack: Stack) -> None:
    (image,) = json.loads(stack.run("docker", "image", "inspect", stack.containers["web"]["Image"]))
    labels = image["Config"]["Labels"]
    assert labels["addons.olympia.created-by"] == "addons.olympia"
    # A published image has been another instance's.
    built_here = stack.env["DOCKER_IMAGE"].startswith(f"olympia/{stack.instance}:")
    assert labels["addons.olympia.instance"] == stack.instance or not built_here
    if commit := stack.env["DOCKER_COMMIT"]:
        assert labels["org.opencontainers.image.revision"] == commit
