# SPDX-License-Identifier: BSD-3-Clause
"""What a host is like just now, read without root and without changing anything."""

from __future__ import annotations

import contextlib
import hashlib
import http.client
import json
import os
import pwd
import re
import shutil
import stat
import subprocess
import tempfile
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

from ansible_collections.addons.olympia.plugins.module_utils.build import registry
from ansible_collections.addons.olympia.plugins.module_utils.core import command_environment as environment
from ansible_collections.addons.olympia.plugins.module_utils.host.docker_cli import repository
from ansible_collections.addons.olympia.plugins.module_utils.host.liveness import (
    EngineConnection,
    engine_socket,
    watched,
)

Run = Callable[[list[str]], tuple[int, str, str]]

MANAGED_LINES = 3  # a rendered file carries its header in one of the first lines (a script has its interpreter first)
MANAGED_MARK = "managed by addons.olympia"
ENGINE_DATA = Path("/var/lib/docker")
DEFAULT_BRIDGE = Path("/sys/class/net/docker0")
CA_BUNDLE = Path("/etc/ssl/certs/ca-certificates.crt")  # Debian and Ubuntu
INITIALIZED = ".initialized.json"  # below the project directory
RESTORE = ".restore.json"  # below the project directory: how far a restore has got that goes on, or was interrupted
TEST_RESULTS = "test-results"  # below the project directory: what the site's own tests report
DEPS_IMAGE = "deps/.image"  # the image that the mounted dependencies were taken from
KEPT_CHECKS = 5  # healthchecks that the engine remembers of a container
ANY_PROJECT = '{"name": "any", "services": {"any": {"image": "any"}}}'  # a Compose file that is right
LISTEN = "0A"  # the state of a listening socket in /proc/net/tcp
SITE_TIMEOUT = 5  # seconds that a site may take to say anything
REGISTRY_TIMEOUT = 15  # seconds; a registry that takes longer to answer is of no use for pulling gigabytes


def run(arguments: list[str]) -> tuple[int, str, str]:
    """Run a command and return its return code (127: not found), output and errors. Safe to call from several threads.

    Args:
        arguments: The command and its arguments. One that waits for an engine which no longer answers is ended.
    """
    try:
        process = subprocess.Popen(
            arguments, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment.commands()
        )
    except (FileNotFoundError, PermissionError) as error:
        # The latter where a folder of PATH may not be searched, and none of the others has the program.
        return 127, "", str(error)
    with process, watched(process) as gave_up:
        output, errors = process.communicate()
    return process.returncode, output, errors + "".join(gave_up)


def invoking_uid() -> int:
    """Return the UID of the person behind this process, also under sudo."""
    return int(os.environ.get("SUDO_UID", os.getuid()))


def project_directory(configured: str, instance: str) -> Path:
    """Return the project directory of an instance.

    Args:
        configured: The setting; empty for the default under the user's state directory (XDG base directory specification).
        instance: The instance's name.
    """
    if configured:
        return expanded(configured)
    state = os.environ.get("XDG_STATE_HOME", "")
    # The XDG base directory specification: a relative path is as good as none.
    return (Path(state) if state.startswith("/") else expanded("~/.local/state")) / "olympia" / instance


def snapshots_directory(configured: str) -> Path:
    """Return the folder of all snapshots of this host.

    Args:
        configured: The setting; empty for the default beside the project directories.
    """
    return project_directory(configured, "snapshots")


def expanded(path: str) -> Path:
    """Return a path with the home directory in place of its ~, if there is such a one."""
    try:
        return Path(path).expanduser()
    except RuntimeError:
        return Path(path)


def memory_mb() -> int:
    """Return the host's memory in MiB."""
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // 2**20


def user_memory(uid: int, groups: Path = Path("/sys/fs/cgroup")) -> int:
    """Return the memory that all processes of a user have, in bytes; 0 where no control group tells it.

    Without files that are only cached, as `docker stats` counts it. Everybody may read that.

    Args:
        uid: The user.
        groups: Where control groups are mounted, of version 2, or those of version 1 in folders of their own.
    """
    name = f"user.slice/user-{uid}.slice"
    for folder, usage, cached in (
        (groups / name, "memory.current", "inactive_file"),
        (groups / "memory" / name, "memory.usage_in_bytes", "total_inactive_file"),
    ):
        if used := read_text(folder / usage):
            counted = dict(line.split() for line in read_text(folder / "memory.stat").splitlines())
            return max(0, int(used) - int(counted.get(cached, 0)))
    return 0


def exists(path: Path) -> bool:
    """Return whether something is at a path, as far as this user can see."""
    try:
        return path.exists()
    except OSError:
        return False


def free_disk_mb(path: Path) -> int:
    """Return the free space in MiB where a path is, or would be."""
    while not exists(path):
        path = path.parent
    return shutil.disk_usage(path).free // 2**20


def kernel_setting(name: str) -> int:
    """Return a numeric kernel setting such as `vm.max_map_count`."""
    return int(Path("/proc/sys", *name.split(".")).read_text())


def _listening() -> Iterator[tuple[int, int, str]]:
    """Yield port, UID and inode of each listening TCP socket (proc(5), /proc/net/tcp)."""
    for table in (Path("/proc/net/tcp"), Path("/proc/net/tcp6")):
        for line in table.read_text().splitlines()[1:] if table.exists() else []:
            fields = line.split()
            if fields[3] == LISTEN:
                yield int(fields[1].rpartition(":")[2], 16), int(fields[7]), fields[9]


def listening_ports() -> list[int]:
    """Return the TCP ports that something on this host listens on."""
    return sorted({port for port, _uid, _inode in _listening()})


def foreign_listeners(ports: Iterable[int], uid: int) -> dict[int, str]:
    """Return who listens on TCP ports that are a user's, by port; without root and that user.

    Args:
        ports: The ports.
        uid: The user.
    """
    wanted = set(ports)
    return {
        port: _listener(other, inode) for port, other, inode in _listening() if port in wanted and other not in (0, uid)
    }


def port_owner(run: Run, port: int) -> str:
    """Return who listens on a TCP port, as far as this user can see; empty where nobody does.

    Args:
        run: Runs a command.
        port: The port.
    """
    code, output, _errors = run(["docker", "ps", "--filter", f"publish={port}", "--format", "{{.Names}}"])
    if not code and output.strip():
        return f"the container {output.split()[0]}"
    for other, uid, inode in _listening():
        if other == port:
            return _listener(uid, inode)
    return ""


def _listener(uid: int, inode: str) -> str:
    return _process_with(f"socket:[{inode}]") or f"a program of {user_name(uid)}"


def _process_with(open_file: str) -> str:
    for process in Path("/proc").glob("[0-9]*"):
        try:
            if any(str(file.readlink()) == open_file for file in (process / "fd").iterdir()):
                # A process may call itself anything, an escape sequence for instance.
                name = "".join(filter(str.isprintable, read_text(process / "comm")))
                return f"{name}, process {process.name} of {user_name(process.stat().st_uid)}"
        except OSError:
            # It has ended, or is another user's.
            continue
    return ""


def user_name(uid: int) -> str:
    """Return what to call a user: by the account's name, or by the number where there is no account."""
    try:
        return f"user {pwd.getpwuid(uid).pw_name}"
    except KeyError:
        return f"user {uid}"


def rendered_files(directory: Path, names: Iterable[str]) -> dict[str, dict[str, Any]]:
    """Return checksum, mode and ownership of the rendered files that exist.

    Args:
        directory: The project directory.
        names: Paths below it.
    """
    found: dict[str, dict[str, Any]] = {}
    for name in names:
        path = directory / name
        try:
            content = path.read_bytes()
        except FileNotFoundError:
            continue
        except OSError as error:
            found[name] = {"sha256": "", "mode": "", "managed": True, "error": error.strerror}
            continue
        head = b"\n".join(content.splitlines()[:MANAGED_LINES])
        found[name] = {
            "sha256": hashlib.sha256(content).hexdigest(),
            "mode": f"{stat.S_IMODE(path.stat().st_mode):04o}",
            # A machine that loses its power can leave a file without content; nobody's work is lost with it.
            "managed": not content or MANAGED_MARK.encode() in head,
            "error": "",
        }
    return found


def checksums(directory: Path, names: Iterable[str]) -> dict[str, str]:
    """Return the checksums of the files that exist, by name; the empty string for one that cannot be read.

    Args:
        directory: Where they are.
        names: Paths below it.
    """
    return {name: entry["sha256"] for name, entry in rendered_files(directory, names).items()}


def containers(run: Run, project: str) -> list[dict[str, Any]]:
    """Return the containers of a Compose project, running or not; none without an engine.

    Args:
        run: Runs a command.
        project: The Compose project's name.
    """
    code, output, _errors = run(
        [
            "docker", "ps", "--all", "--no-trunc", "--format", "{{.ID}} {{.Image}}",
            "--filter", f"label=com.docker.compose.project={project}",
            # What `docker compose run` has made is nobody's service.
            "--filter", "label=com.docker.compose.oneoff=False",
        ]
    )  # fmt: skip
    listed = dict(line.split() for line in output.splitlines())
    if code or not listed:
        return []
    code, output, _errors = run(["docker", "inspect", "--type", "container", *listed])
    # A container that goes away between the two commands fails the second one; those that stay are printed all the same.
    return [_container(entry, listed[entry["Id"]]) for entry in json.loads(output or "[]")]


def healthy_at(checks: list[dict[str, Any]]) -> str:
    """Return when a container became healthy; empty where it has not, or where that is too long ago to tell.

    Args:
        checks: Its last healthchecks, the oldest first, as the engine keeps them.
    """
    good = [not check["ExitCode"] for check in checks]
    if True not in good or (len(checks) >= KEPT_CHECKS and good[0]):
        return ""
    end: str = checks[good.index(True)]["End"]
    return end


def _container(entry: dict[str, Any], listed_image: str) -> dict[str, Any]:
    state, labels = entry["State"], entry["Config"]["Labels"]
    bindings = [binding for bound in (entry["HostConfig"]["PortBindings"] or {}).values() for binding in bound or []]
    return {
        "service": labels.get("com.docker.compose.service", ""),
        "working_dir": labels.get("com.docker.compose.project.working_dir", ""),
        "config_hash": labels.get("com.docker.compose.config-hash", ""),
        "id": entry["Id"],
        "image": entry["Image"],
        "image_name": entry["Config"]["Image"],
        # The list has a bare ID once the reference that the container was made from names another image.
        "image_replaced": listed_image != entry["Config"]["Image"],
        "state": state["Status"],
        "health": state.get("Health", {}).get("Status", ""),
        "exit_code": state["ExitCode"],
        "oom_killed": state["OOMKilled"],
        "restarts": entry["RestartCount"],
        "started_at": state["StartedAt"],
        "healthy_at": healthy_at(state.get("Health", {}).get("Log") or []),
        "ports": sorted(int(binding["HostPort"]) for binding in bindings if binding.get("HostPort")),
        "networks": {
            # The engine's own name of them is newer than Compose's aliases.
            name: (endpoint.get("DNSNames") or endpoint.get("Aliases") or [])
            for name, endpoint in entry["NetworkSettings"]["Networks"].items()
        },
    }


def own_ports(found: Iterable[dict[str, Any]]) -> set[int]:
    """Return the ports that running containers of a project publish, and paused ones.

    Args:
        found: The project's containers.
    """
    return {port for container in found if container["state"] in ("running", "paused") for port in container["ports"]}


def unreadable_for_others(source: Path, names: Iterable[str]) -> list[str]:
    """Return the files, with their modes, that only their owner or group may read, as a umask of 077 makes them.

    Args:
        source: The source tree.
        names: Paths in it; those that are not there are left out.
    """
    modes = {name: (source / name).stat().st_mode for name in names if exists(source / name)}
    return [f"{name} has mode {stat.S_IMODE(mode):04o}" for name, mode in modes.items() if not mode & stat.S_IROTH]


def with_carriage_returns(source: Path, names: Iterable[str]) -> list[str]:
    """Return the text files whose lines end as Windows has them.

    Args:
        source: The source tree.
        names: Paths in it; those that cannot be read are left out.
    """
    found = []
    for name in names:
        with contextlib.suppress(OSError):
            if b"\r\n" in (source / name).read_bytes():
                found.append(name)
    return found


def site_error(site: dict[str, Any]) -> str:
    """Return why a site does not answer where it is published; the empty string where it does, with no error of a server's.

    Args:
        site: The `address` of this host that its port is bound to, and that `port`.
    """
    # Bound to all addresses, it is on the loopback address, too.
    address = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(site["address"], site["address"])
    connection = http.client.HTTPConnection(address, site["port"], timeout=SITE_TIMEOUT)
    try:
        connection.request("GET", "/__version__")
        status = connection.getresponse().status
    except (OSError, http.client.HTTPException) as error:
        return str(error) or type(error).__name__
    finally:
        connection.close()
    return f"HTTP {status}" if status >= http.client.INTERNAL_SERVER_ERROR else ""


def firewall_rules(run: Run) -> str | None:
    """Return the rules by which the engine publishes ports; None where only root may see them, or it has its rules elsewhere.

    Args:
        run: Runs a command.
    """
    code, output, _errors = run(["iptables", "--table=nat", "--list-rules", "DOCKER"])
    return None if code else "\n".join(line for line in output.splitlines() if "--to-destination" in line)


def builds_reach_out(run: Run) -> bool | None:
    """Return whether the firewall lets builds, on the engine's default bridge, reach the network.

    None where only root may see that, or the engine has no such bridge on this host.

    Args:
        run: Runs a command.
    """
    code, output, _errors = run(["iptables", "--table=nat", "--list-rules", "POSTROUTING"])
    return None if code or not exists(DEFAULT_BRIDGE) else f"! -o {DEFAULT_BRIDGE.name} -j MASQUERADE" in output


def one_off_containers(run: Run, project: str) -> list[dict[str, str]]:
    """Return name and state of a Compose project's one-off containers, as `docker compose run` makes them.

    Args:
        run: Runs a command.
        project: The Compose project's name.
    """
    code, output, _errors = run(
        [
            "docker", "ps", "--all", "--format", "{{.Names}} {{.State}}",
            "--filter", f"label=com.docker.compose.project={project}",
            "--filter", "label=com.docker.compose.oneoff=True",
        ]
    )  # fmt: skip
    rows = [] if code else [line.split() for line in output.splitlines()]
    return [{"name": name, "state": state} for name, state in rows]


def foreign_files(directory: Path, uid: int, except_names: Iterable[str] = ()) -> list[Path]:
    """Return what below a directory, itself included, does not belong to a user; nothing where there is no directory.

    Args:
        directory: The directory. A link to one is not followed.
        uid: The user.
        except_names: Names of files that may belong to anybody.
    """
    if directory.is_symlink() or not directory.is_dir():
        return []
    paths = [directory, *(Path(base, name) for base, folders, files in os.walk(directory) for name in folders + files)]
    return [path for path in paths if path.name not in except_names and path.lstat().st_uid != uid]


def service_hashes(run: Run, project: Path, files: Iterable[str]) -> dict[str, str]:
    """Return the checksum of each service's configuration, as Compose labels its containers with; empty without a project.

    Args:
        run: Runs a command.
        project: The project directory.
        files: Names of the Compose files in it.
    """
    named = [argument for name in files for argument in ("--file", str(project / name))]
    code, output, _errors = run(
        ["docker", "compose", "--project-directory", str(project), *named, "config", "--hash", "*"]
    )
    return {} if code else dict(line.split() for line in output.splitlines())


def client_error(run: Run, project: Path) -> str:
    """Return why the docker client cannot read files in the project directory, though this user can; empty where it can.

    A client of a snap or in a container sees other files than its user does.

    Args:
        run: Runs a command.
        project: The project directory. Where there is none yet, a folder in the place of it is tried, hidden if that will be.
    """
    place, prefix = project, ""
    while not exists(place):
        place, prefix = place.parent, "." if place.name.startswith(".") else ""
    try:
        with tempfile.TemporaryDirectory(prefix=f"{prefix}olympia-", dir=place) as folder:
            file = Path(folder, "docker-compose.yml")
            file.write_text(ANY_PROJECT, encoding="utf-8")
            code, _output, errors = run(["docker", "compose", "--file", str(file), "config", "--quiet"])
    except OSError:
        # This user cannot write there, which is another problem.
        return ""
    return (errors.strip() or f"return code {code}") if code else ""


def source_git(run: Run, source: Path) -> dict[str, str]:
    """Return what git says of a source tree: where it comes from, without credentials, and its revision.

    What is not known is empty: outside of a repository, without git, or where the tree belongs to another user. The revision
    ends with `-dirty` where files that git tracks were changed.

    Args:
        run: Runs a command.
        source: The source tree.
    """
    git = ["git", "-C", str(source)]
    _code, url, _errors = run([*git, "remote", "get-url", "origin"])
    _code, revision, _errors = run([*git, "describe", "--always", "--dirty", "--abbrev=40", "--exclude=*"])
    # A path says nothing to anybody else.
    public = re.match(r"(?!file:)[a-z+]+://|[\w.-]+@[\w.-]+:", url)
    return {"url": re.sub(r"(?<=://)[^/@]*@", "", url.strip()) if public else "", "revision": revision.strip()}


def address_pools(run: Run) -> list[dict[str, Any]]:
    """Return the address pools that the engine is configured with, each with `Base` and `Size`.

    Args:
        run: Runs a command.
    """
    code, output, _errors = run(["docker", "info", "--format", "{{json .DefaultAddressPools}}"])
    return [] if code else json.loads(output) or []


def volumes(run: Run, *names: str) -> dict[str, tuple[str, dict[str, str]]]:
    """Return when each of some volumes was created, and its labels, by name; missing ones are left out.

    Args:
        run: Runs a command.
        names: Their names.
    """
    # One that is missing fails the command, and the others are printed all the same; without an engine an empty line is.
    _code, output, _errors = run(
        ["docker", "volume", "inspect", "--format", "{{.Name}}\t{{.CreatedAt}}\t{{json .Labels}}", *names]
    )
    rows = (line.split("\t") for line in output.splitlines() if line)
    return {name: (created, json.loads(labels) or {}) for name, created, labels in rows}


def volume_created(run: Run, name: str) -> str:
    """Return when a volume was created, or the empty string where there is none."""
    return next((created for created, _labels in volumes(run, name).values()), "")


def initialization_state(
    volume: str, found: Iterable[dict[str, Any]], service: str, volatile_services: Iterable[str]
) -> dict[str, str]:
    """Return what an initialization holds for: it has to be repeated when anything of this is another.

    Args:
        volume: When the database's volume was created.
        found: The project's containers.
        service: The service that initializes; its image counts.
        volatile_services: Services that forget with every start; the time of their start counts.
    """
    by_service = {entry["service"]: entry for entry in found}
    state = {"volume": volume, "image": by_service[service]["image"] if service in by_service else ""}
    return state | {name: by_service[name]["started_at"] for name in volatile_services if name in by_service}


def read_initialization(marker: Path) -> dict[str, str]:
    """Return the state that was initialized last; empty where there is none that can be read.

    Args:
        marker: The file that remembers it.
    """
    try:
        state = json.loads(marker.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return state if isinstance(state, dict) else {}


def read_text(path: Path) -> str:
    """Return the content of a small file, or the empty string where it cannot be read."""
    try:
        return path.read_text(encoding="utf-8", errors="replace").strip()
    except OSError:
        return ""


def local_names(hosts: Path = Path("/etc/hosts")) -> list[str]:
    """Return the names that the hosts file gives to this host's loopback addresses.

    Args:
        hosts: The hosts file.
    """
    entries = (line.split("#")[0].split() for line in read_text(hosts).splitlines())
    return [name for entry in entries if entry and entry[0] in ("127.0.0.1", "::1") for name in entry[1:]]


def local_images(run: Run, references: Iterable[str]) -> dict[str, str]:
    """Return the IDs of the images of some repositories by all that names them, tags and digests.

    Not of all images: the engine adds up the layers of each one that it lists.

    Args:
        run: Runs a command.
        references: References of the images; those of the same repository are found, too.
    """
    names = sorted({repository(reference) for reference in references})
    filters = [f"--filter=reference={name}" for name in names]
    template = "{{.ID}} {{.Repository}}:{{.Tag}} {{.Repository}}@{{.Digest}}"
    code, output, _errors = run(["docker", "image", "ls", "--digests", "--no-trunc", "--format", template, *filters])
    rows = [] if code else [line.split() for line in output.splitlines()]
    return {name: identity for identity, *named in rows for name in named if "<none>" not in name}


def image_id(run: Run, reference: str) -> str:
    """Return the ID of a local image, or the empty string where there is none."""
    code, output, _errors = run(["docker", "image", "inspect", "--format", "{{.Id}}", reference])
    return "" if code else output.strip()


def registry_answer(run: Run, reference: str) -> registry.Answer:
    """Return what the engine is answered when it asks for an image's description, through its own mirrors and proxy.

    It asks as the engine's `GET /distribution/{name}/json` does (Docker Engine API 1.30 and later): nothing is pulled. For one
    on another host the client asks.

    Args:
        run: Runs a command.
        reference: An image reference.
    """
    path = engine_socket(run)
    if not path:
        return registry.inspect(run, reference)
    connection = EngineConnection(path, REGISTRY_TIMEOUT)
    try:
        connection.request("GET", f"/distribution/{reference}/json")
        with connection.getresponse() as response:
            words = "" if response.status == http.client.OK else json.loads(response.read())["message"]
    except (OSError, http.client.HTTPException) as error:
        return registry.Answer(registry.UNREACHABLE, str(error), "")
    finally:
        connection.close()
    return registry.Answer(registry.classify(words) if words else "", words, "")
