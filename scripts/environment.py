# SPDX-License-Identifier: BSD-3-Clause
"""The virtual environment and the third-party collections of a checkout.

Standard library only: this runs before anything is installed. Each part carries a stamp with the hash of its inputs, written
last; a part whose stamp differs (an edited lock, an interrupted run) is made again.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
LOCKS = ROOT / "requirements"
VENV = ROOT / ".venv"
# Made first, so that an environment that somebody else made is never taken for ours.
MARKER = ".olympia-provisioner"
UNREACHABLE = "Is the package index reachable? pip's own settings (pip config list) say which one is asked."


class BootstrapError(Exception):
    """What went wrong, with the way out, as it is shown to people."""


def fingerprint(*inputs: str | Path) -> str:
    """Return the hash of texts and of the contents of files."""
    digest = hashlib.sha256()
    for item in inputs:
        content = item.read_bytes() if isinstance(item, Path) else item.encode()
        digest.update(b"%d:" % len(content) + content)
    return digest.hexdigest()


def wanted_stamps(venv: Path, dev: bool) -> dict[Path, str]:
    """Return the stamp files of a finished environment with their contents.

    Args:
        venv: The virtual environment.
        dev: Whether the tools for tests and lint belong to it.
    """
    python = f"{sys.version_info.major}.{sys.version_info.minor} {venv}"
    runtime = fingerprint(python, LOCKS / "runtime.txt")
    stamps = {venv / MARKER / "runtime": runtime, venv / MARKER / "project": fingerprint(ROOT / "pyproject.toml")}
    if dev:
        stamps[venv / MARKER / "dev"] = fingerprint(runtime, LOCKS / "dev.txt")
    return stamps


def stamped(path: Path, content: str) -> bool:
    """Return whether a stamp file has the content."""
    try:
        return path.read_text() == content
    except OSError:
        return False


def wanted_collections() -> list[str]:
    """Return the names of the collections in requirements.yml."""
    return re.findall(r"- name: (\S+)", (ROOT / "requirements.yml").read_text())


def collections_stamp(collections: Path) -> tuple[Path, str]:
    """Return the stamp file of the third-party collections with its content."""
    python = f"{sys.version_info.major}.{sys.version_info.minor}"
    content = fingerprint(python, ROOT / "requirements.yml", LOCKS / "collections.txt")
    return collections / "ansible_collections" / ".stamp", content


@contextmanager
def step(text: str) -> Iterator[None]:
    """Say what is being done, and how long it took."""
    started = time.monotonic()
    print(f"bootstrap: {text} ...", end=" ", flush=True)
    try:
        yield
    except BaseException:
        print("stopped")
        raise
    print(f"{time.monotonic() - started:.1f} s")


def call(command: list[str], way_out: str, **more_environment: str) -> None:
    """Run a command quietly.

    Args:
        command: The command.
        way_out: What to do when it fails.
        more_environment: What it gets besides this process's environment.

    Raises:
        BootstrapError: It failed; with the end of its output.
    """
    # A user's pip settings for installing elsewhere have no meaning inside a virtual environment.
    environment = (
        os.environ | {"PIP_DISABLE_PIP_VERSION_CHECK": "1", "PIP_NO_INPUT": "1", "PIP_USER": "0"} | more_environment
    )
    done = subprocess.run(
        command, cwd=ROOT, env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    )
    if done.returncode:
        tail = "\n".join(done.stdout.decode(errors="replace").splitlines()[-15:])
        raise BootstrapError(f"{' '.join(command)} ended with {done.returncode}:\n{tail}\n{way_out}")


def bundled_pip() -> Path:
    """Return the pip wheel that comes with this Python.

    Raises:
        BootstrapError: There is none.
    """
    import sysconfig
    from importlib.util import find_spec

    folders = [sysconfig.get_config_var("WHEEL_PKG_DIR")]
    spec = find_spec("ensurepip")
    if spec and spec.origin:
        folders.append(str(Path(spec.origin).parent / "_bundled"))
        for folder in filter(None, folders):
            for wheel in sorted(Path(folder).glob("pip-*.whl")):
                return wheel
    raise BootstrapError(
        f"{sys.executable} comes without ensurepip, so it cannot make a virtual environment with pip. "
        "On Debian and Ubuntu: apt-get install python3-venv. Or name another Python: make up PYTHON=python3.13"
    )


def make_venv(venv: Path) -> None:
    """Make an empty virtual environment with pip, in place of an outdated or unfinished one.

    Raises:
        BootstrapError: Something else stands there, or this Python lacks what is needed.
    """
    import sysconfig
    import venv as venv_module
    import zipfile

    wheel = bundled_pip()
    if venv.exists():
        if not (venv / MARKER).is_dir():
            raise BootstrapError(f"{venv} was not made by this project and is left alone: move it away, then try again")
        # The stamps go first: an environment that is half gone must not look finished.
        shutil.rmtree(venv / MARKER)
        (venv / MARKER).mkdir()
        for entry in venv.iterdir():
            if entry.name == MARKER:
                continue
            if entry.is_dir() and not entry.is_symlink():
                shutil.rmtree(entry)
            else:
                entry.unlink()
    else:
        (venv / MARKER).mkdir(parents=True)
    venv_module.EnvBuilder(symlinks=True).create(venv)
    # What `python -m ensurepip` does, without the five seconds in which it compiles pip.
    site_packages = sysconfig.get_path("purelib", "venv", {"base": str(venv), "installed_base": str(venv)})
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(site_packages)


def pip(venv: Path, *arguments: str) -> list[str]:
    """Return the command that runs an environment's pip."""
    return [str(venv / "bin" / "python"), "-m", "pip", *arguments]


def install_lock(venv: Path, lock: str) -> None:
    """Install what a lock in requirements/ names, uncompiled: most of it is never imported."""
    call(
        pip(venv, "install", "--quiet", "--no-compile", "--require-hashes", f"--requirement=requirements/{lock}"),
        UNREACHABLE,
    )


def compile_modules(venv: Path) -> None:
    """Compile what a run imports. Python does so by itself, but not where PYTHONDONTWRITEBYTECODE is set, as in many CI images."""
    python = venv / "bin" / "python"
    # What a host gets is sent as source, and pip and Ansible's own tests take no part in a run.
    left_out = r"/(ansible/modules|ansible_test|pip)/"
    folders = [str(venv / "lib"), str(ROOT / "src")]
    call([str(python), "-m", "compileall", "-q", "-j", "0", "-x", left_out, *folders], "Is the disk full?")


def install_project(venv: Path) -> None:
    """Install the command olympia, editable, with the build backend that the lock brought."""
    call(
        pip(venv, "install", "--quiet", "--no-deps", "--no-build-isolation", "--editable=."),
        "pyproject.toml describes the package.",
    )


def make_collections(venv: Path, collections: Path) -> None:
    """Take the collections out of the `ansible` wheel that goes with this Python's ansible-core: made aside, then renamed.

    Not from Galaxy, which has no hashes to check.

    Args:
        venv: The virtual environment.
        collections: The folder that holds ansible_collections/.

    Raises:
        BootstrapError: The wheel cannot be had.
    """
    import zipfile

    for leftover in collections.glob(".new-*"):
        shutil.rmtree(leftover)
    aside = Path(tempfile.mkdtemp(prefix=".new-", dir=collections))
    try:
        call(
            pip(
                venv,
                "download",
                "--quiet",
                "--no-deps",
                "--only-binary=:all:",
                "--require-hashes",
                "--requirement=requirements/collections.txt",
                f"--dest={aside}",
            ),
            UNREACHABLE,
        )
        (wheel,) = aside.glob("ansible-*.whl")
        folders = {name: f"ansible_collections/{name.replace('.', '/')}/" for name in wanted_collections()}
        with zipfile.ZipFile(wheel) as archive:
            archive.extractall(
                aside, [entry for entry in archive.namelist() if entry.startswith(tuple(folders.values()))]
            )
        for name, folder in folders.items():
            place = collections / folder
            place.parent.mkdir(parents=True, exist_ok=True)
            if place.exists():
                place.rename(aside / f"old-{name}")
            (aside / folder).rename(place)
    finally:
        shutil.rmtree(aside, ignore_errors=True)


def ready(venv: Path, collections: Path, dev: bool) -> bool:
    """Return whether there is nothing to do."""
    return all(stamped(path, content) for path, content in wanted_stamps(venv, dev).items()) and collections_ready(
        collections
    )


def collections_ready(collections: Path) -> bool:
    """Return whether the third-party collections are in place."""
    folders = (collections / "ansible_collections" / name.replace(".", "/") for name in wanted_collections())
    return stamped(*collections_stamp(collections)) and all(folder.is_dir() for folder in folders)


def check_links() -> None:
    """Refuse a checkout whose symbolic links are text files, as git writes them on file systems that have none.

    Raises:
        BootstrapError: The collection cannot be found through its link.
    """
    link = ROOT / "collections/ansible_collections/addons/olympia"
    if link.is_file():
        raise BootstrapError(
            f"{link} is a file, and a symbolic link in the repository: this checkout was made without links.\n"
            "On a file system that has them: git config core.symlinks true && git checkout -- collections playbooks"
        )


def prepare(venv: Path, collections: Path, dev: bool) -> None:
    """Make what differs.

    Raises:
        BootstrapError: Something is missing or out of reach.
    """
    check_links()
    runtime, project, *rest = wanted_stamps(venv, dev).items()
    if not stamped(*runtime):
        with step(f"{venv.name} with Python {sys.version.split()[0]} and the packages of requirements/runtime.txt"):
            make_venv(venv)
            install_lock(venv, "runtime.txt")
            runtime[0].write_text(runtime[1])
    if not stamped(*project):
        with step("the command olympia"):
            install_project(venv)
            compile_modules(venv)
            project[0].write_text(project[1])
    for path, content in rest:
        if not stamped(path, content):
            with step("the tools of requirements/dev.txt"):
                install_lock(venv, "dev.txt")
                path.write_text(content)
    if not collections_ready(collections):
        path, content = collections_stamp(collections)
        path.unlink(missing_ok=True)
        with step("the collections of requirements.yml"):
            make_collections(venv, collections)
        path.write_text(content)


def main(arguments: list[str]) -> int:
    """Bring the checkout's environment up to date.

    Args:
        arguments: `--dev` for the tools of tests and lint too.
    """
    dev = arguments == ["--dev"]
    if arguments and not dev:
        print("usage: scripts/bootstrap [--dev]", file=sys.stderr)
        return 2
    collections = ROOT / "collections"
    if ready(VENV, collections, dev):
        return 0
    lock = os.open(ROOT, os.O_RDONLY)
    try:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            print("bootstrap: another one is at work here; waiting for it", flush=True)
            fcntl.flock(lock, fcntl.LOCK_EX)
        prepare(VENV, collections, dev)
    except BootstrapError as error:
        print(f"bootstrap: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("bootstrap: interrupted; the next one goes on from here", file=sys.stderr)
        return 130
    finally:
        os.close(lock)
    return 0
