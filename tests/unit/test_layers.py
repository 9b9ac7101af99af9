# SPDX-License-Identifier: BSD-3-Clause
"""Imports go one way, file names are unique, and no file is too long."""

from __future__ import annotations

import ast
from collections import Counter
from collections.abc import Iterator, Mapping
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
COLLECTION = "ansible_collections.addons.olympia"
MAX_LINES = 400
# From the bottom to the top, a layer a line: a file imports only from its own layer and from those above it in this list.
DRIVER = (
    ("errors",),
    ("words", "paths"),
    ("present",),
    ("run",),
    ("cli",),
    ("api",),
    ("__init__",),
    ("__main__",),
)
PLUGINS = (
    ("module_utils/core",),
    ("module_utils/settings",),
    ("module_utils/host",),
    ("module_utils/engine",),
    ("module_utils/stack",),
    ("module_utils/build",),
    ("module_utils/snapshots",),
    ("module_utils/shared",),
    ("module_utils/checks",),
    ("modules", "plugin_utils", "action", "filter", "inventory", "callback"),
)
TREES = {
    "src": (ROOT / "src/olympia_provisioner", "olympia_provisioner", DRIVER),
    "plugins": (ROOT / "plugins", f"{COLLECTION}.plugins", PLUGINS),
}
each_tree = pytest.mark.parametrize("tree", TREES)


def imported(path: Path, folder: Path, package: str) -> Iterator[Path]:
    """Yield the files of a tree that a file of it imports, wherever in the file it does.

    Args:
        path: The file.
        folder: The folder of the tree.
        package: The name that the folder has as a package.
    """
    here = (package, *path.relative_to(folder).parent.parts)
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            base = ".".join(here[: len(here) - node.level + 1]) if node.level else ""
            module = ".".join(filter(None, (base, node.module)))
            names = [f"{module}.{alias.name}" for alias in node.names]
        else:
            continue
        for name in names:
            if name.startswith(f"{package}."):
                target = folder.joinpath(*name.removeprefix(f"{package}.").split("."))
                # What is imported may be a file, something in a file, or something in a package.
                found = (target.with_suffix(".py"), target.parent.with_suffix(".py"), target.parent / "__init__.py")
                yield next((one for one in found if one.is_file()), target)


def graph(tree: str) -> dict[str, set[str]]:
    """Return the files that each file imports, by their paths in the tree.

    Args:
        tree: Its name.
    """
    folder, package, _layers = TREES[tree]
    return {
        path.relative_to(folder).as_posix(): {
            found.relative_to(folder).as_posix() for found in imported(path, folder, package)
        }
        for path in sorted(folder.rglob("*.py"))
    }


def layer(name: str, layers: tuple[tuple[str, ...], ...]) -> int:
    """Return the number of the layer that a file belongs to.

    Args:
        name: The path of the file in its tree.
        layers: The layers of the tree.
    """
    stem = name.removesuffix(".py")
    numbers = [
        number for number, parts in enumerate(layers) for part in parts if stem == part or stem.startswith(f"{part}/")
    ]
    assert numbers, f"{name} belongs to no layer: name its folder in {Path(__file__).name}"
    return numbers[0]


def upward(imports: Mapping[str, set[str]], layers: tuple[tuple[str, ...], ...]) -> list[str]:
    """Return the imports from a higher layer.

    Args:
        imports: What each file imports.
        layers: The layers of the tree.
    """
    return [
        f"{name} imports {other}"
        for name, others in imports.items()
        for other in sorted(others)
        if layer(name, layers) < layer(other, layers)
    ]


@each_tree
def test_imports_go_one_way(tree: str) -> None:
    imports = {name: others for name, others in graph(tree).items() if others}
    assert imports, "no imports were found"
    assert upward(imports, TREES[tree][2]) == []


@each_tree
def test_no_files_import_each_other(tree: str) -> None:
    try:
        TopologicalSorter(graph(tree)).prepare()
    except CycleError as error:
        pytest.fail(" imports ".join(reversed(error.args[1])))


def test_an_upward_import_and_a_cycle_are_found(tmp_path: Path) -> None:
    for name, text in {
        "errors.py": "def f():\n    from .run import runner\n",
        "run/runner.py": "from .. import errors\nfrom ..errors import f\nimport json\n",
        "run/__init__.py": "",
    }.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    imports = {
        name: {path.relative_to(tmp_path).as_posix() for path in imported(tmp_path / name, tmp_path, "package")}
        for name in ("errors.py", "run/runner.py")
    }
    assert imports == {"errors.py": {"run/runner.py"}, "run/runner.py": {"errors.py"}}
    assert upward(imports, DRIVER) == ["errors.py imports run/runner.py"]
    with pytest.raises(CycleError):
        TopologicalSorter(imports).prepare()


def test_no_two_files_have_one_name() -> None:
    paths = [path for folder, _package, _layers in TREES.values() for path in folder.rglob("*.py")]
    # Ansible finds a module's action plugin by the name of the module.
    pairs = {path for path in paths if path == ROOT / "plugins/action" / path.name} & {
        ROOT / "plugins/action" / path.name for path in (ROOT / "plugins/modules").glob("*.py")
    }
    names = Counter(path.name for path in paths if path not in pairs and path.name != "__init__.py")
    assert [name for name, number in names.items() if number > 1] == []


@each_tree
def test_no_file_is_too_long(tree: str) -> None:
    lengths = {path.name: len(path.read_text().splitlines()) for path in TREES[tree][0].rglob("*.py")}
    assert {name: length for name, length in lengths.items() if length > MAX_LINES} == {}
