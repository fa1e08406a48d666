"""The rules of the house: imports point one way, heavy ones come late, rooms stay small."""

from __future__ import annotations

import ast
import os
import subprocess
import sys
from collections.abc import Iterator
from importlib.metadata import packages_distributions, requires
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parent.parent
PACKAGE = ROOT / "napari_maskrcnn"
WINDOW_TOOLKITS = {"napari", "qtpy", "superqt", "magicgui", "vispy", "pyqtgraph"}
WINDOW_TOOLKITS |= {"PyQt5", "PyQt6", "PySide2", "PySide6"}
ON_TOP = {"widgets", "cli", "demo", "__main__"}
MOST_LINES_A_FILE = 300
MOST_LINES_A_FUNCTION = 50
MOST_LINES_A_FORWARD = 15


def python_files(*folders: Path) -> list[Path]:
    return sorted(path for folder in folders for path in folder.rglob("*.py"))


def room_of(path: Path) -> str:
    """Name the room (subpackage, or module at the top) that a file of the package belongs to."""
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


def module_name(path: Path) -> str:
    """Return the dotted name under which a file of the package is imported."""
    return ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")


def imports_of(path: Path) -> Iterator[str]:
    """Yield the dotted name of everything a file imports, wherever in the file it does so."""
    package = path.relative_to(ROOT).parent.parts
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            above = package[: len(package) - node.level + 1] if node.level else ()
            source = ".".join([*above, *([node.module] if node.module else [])])
            yield from (f"{source}.{alias.name}" for alias in node.names)


def rooms_imported(path: Path) -> set[str]:
    """Return the rooms of the package that a file imports from, its own left out."""
    rooms = {name.split(".")[1] for name in imports_of(path) if name.startswith("napari_maskrcnn.")}
    here = {item.stem for item in PACKAGE.iterdir()}
    return (rooms & here) - {room_of(path)}


def reachable(graph: dict[str, set[str]], start: str) -> set[str]:
    """Return every module that a module imports, directly or through others."""
    found: set[str] = set()
    waiting = [start]
    while waiting:
        new = graph[waiting.pop()] - found
        found |= new
        waiting += new
    return found


def run_python(code: str) -> str:
    """Run code in a fresh interpreter and return what it printed."""
    environment = os.environ | {"QT_QPA_PLATFORM": "offscreen"}
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, env=environment, timeout=240
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_relative_and_absolute_imports_are_both_seen() -> None:
    from_here = rooms_imported(PACKAGE / "predict" / "plane.py")
    assert {"jobs", "images", "instances"} <= from_here


def test_rooms_import_in_one_direction() -> None:
    files = {module_name(path): path for path in python_files(PACKAGE)}
    files.pop("napari_maskrcnn", None)  # lazy: it names everything and loads nothing
    graph = {
        module: {n if n in files else n.rpartition(".")[0] for n in imports_of(path)} & set(files)
        for module, path in files.items()
    }
    behind = {module: reachable(graph, module) for module in graph}
    circles = {
        (module, other)
        for module in graph
        for other in behind[module]
        if module in behind[other] and room_of(files[module]) != room_of(files[other])
    }
    assert not circles
    assert "napari_maskrcnn.network.maskrcnn" in behind["napari_maskrcnn.predict.plane"]


def test_the_network_knows_only_torch_and_arrays() -> None:
    allowed = {"torch", "torchvision", "numpy", *sys.stdlib_module_names}
    for path in python_files(PACKAGE / "network"):
        foreign = {name.split(".")[0] for name in imports_of(path)} - {"napari_maskrcnn"} - allowed
        assert not foreign, f"{path} imports {foreign}"
        assert not rooms_imported(path), f"{path} imports from {rooms_imported(path)}"


def test_only_widgets_and_the_command_line_know_a_window() -> None:
    below = [path for path in python_files(PACKAGE) if room_of(path) not in ON_TOP]
    for path in below:
        names = {name.split(".")[0] for name in imports_of(path)}
        assert not names & WINDOW_TOOLKITS, f"{path} imports {names & WINDOW_TOOLKITS}"
        if path != PACKAGE / "__init__.py":
            assert not rooms_imported(path) & ON_TOP, f"{path} imports a room that stands on top"


def test_what_is_imported_is_declared_and_what_is_declared_is_imported() -> None:
    declared = {
        canonicalize_name(Requirement(line).name)
        for line in requires("napari-maskrcnn") or []
        if "extra ==" not in line
    }
    brought = packages_distributions()
    used: set[str] = set()
    for path in python_files(PACKAGE):
        for module in {name.split(".")[0] for name in imports_of(path)}:
            if module in sys.stdlib_module_names or module == "napari_maskrcnn":
                continue
            sources = {canonicalize_name(name) for name in brought[module]} & declared
            assert sources, f"{path} imports {module}, which pyproject.toml does not name"
            used |= sources
    assert used == declared


@pytest.mark.parametrize(
    "code",
    [
        "import napari_maskrcnn",
        "from napari_maskrcnn.cli import main\n"
        "import contextlib\n"
        "with contextlib.suppress(SystemExit):\n"
        "    main(['--help'])",
    ],
    ids=["import", "help"],
)
def test_heavy_libraries_come_late(code: str) -> None:
    heavy = "{'torch', 'torchvision', 'napari', 'skimage', 'qtpy', 'scipy'}"
    printed = run_python(
        f"{code}\nimport sys\nprint('loaded:', sorted({heavy} & set(sys.modules)))"
    )
    assert printed.splitlines()[-1] == "loaded: []"


def test_importing_every_widget_leaves_torch_out() -> None:
    printed = run_python(
        "import importlib, pkgutil, sys\n"
        "import napari_maskrcnn.widgets as room\n"
        "names = [m.name for m in pkgutil.walk_packages(room.__path__, room.__name__ + '.')]\n"
        "for name in names: importlib.import_module(name)\n"
        "print(len(names) > 3, 'torch' in sys.modules)"
    )
    assert printed.splitlines()[-1] == "True False"


def test_opening_the_panel_leaves_torch_out() -> None:
    printed = run_python(
        "import sys, napari\n"
        "viewer = napari.Viewer(show=False)\n"
        "_, panel = viewer.window.add_plugin_dock_widget('napari-maskrcnn', 'Mask R-CNN')\n"
        "print(type(panel).__module__.split('.')[0], 'torch' in sys.modules)\n"
        "viewer.close()"
    )
    assert printed.splitlines()[-1] == "napari_maskrcnn False"


@pytest.mark.parametrize(
    "path",
    python_files(PACKAGE, ROOT / "tests", ROOT / "docs", ROOT / "benchmarks"),
    ids=lambda path: path.relative_to(ROOT).as_posix(),
)
def test_rooms_stay_small(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert text.count("\n") <= MOST_LINES_A_FILE
    if ROOT / "tests" in path.parents:
        return  # a test may tell a long story
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            docstring = ast.get_docstring(node, clean=False)
            written = (node.end_lineno or node.lineno) - node.lineno + 1
            length = written - (docstring.count("\n") + 1 if docstring else 0)
            assert length <= MOST_LINES_A_FUNCTION, f"{node.name} (line {node.lineno}): {length}"


@pytest.mark.parametrize("path", python_files(PACKAGE / "network"), ids=lambda path: path.name)
def test_what_a_network_computes_reads_like_its_figure(path: Path) -> None:
    for layer in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(layer, ast.ClassDef) and "nn." in " ".join(map(ast.unparse, layer.bases)):
            for method in layer.body:
                if isinstance(method, ast.FunctionDef) and method.name != "__init__":
                    body = method.body[1:] if ast.get_docstring(method) else method.body
                    length = (body[-1].end_lineno or 0) - body[0].lineno + 1 if body else 0
                    assert length <= MOST_LINES_A_FORWARD, f"{layer.name}.{method.name}: {length}"
