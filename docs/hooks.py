"""Pages that are made from the code while the site is built, so that they cannot fall behind.

The command reference comes from the parser, one page of API from each room of the package, and the
changelog and the contributor's guide from the root of the repository.
"""

from __future__ import annotations

import argparse
import os
from collections.abc import Iterator
from pathlib import Path

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files

ROOT = Path(__file__).parent.parent
PACKAGE = ROOT / "napari_maskrcnn"
COPIED = {"changelog.md": "CHANGELOG.md", "contributing.md": "CONTRIBUTING.md"}
# The order of the flow: image, network, instances, corrections, training, export.
TOP = ("jobs", "images", "instances")
ROOMS = ("network", "models", "sources", "predict")
ROOMS += ("annotate", "train", "formats", "widgets", "cli")


def on_config(config: MkDocsConfig) -> MkDocsConfig:
    """Add a page for each room that exists to the navigation."""
    pages = [{"top of the package": "reference/rooms/top.md"}]
    pages += [{room: f"reference/rooms/{room}.md"} for room in ROOMS if (PACKAGE / room).is_dir()]
    for entry in config.nav or []:
        if isinstance(entry, dict) and "Reference" in entry:
            entry["Reference"].append({"The rooms": pages})
    return config


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the pages themselves."""
    made = {
        "reference/command-line.md": command_reference(),
        "reference/rooms/top.md": module_page("The top of the package", top_modules()),
    }
    for name, source in COPIED.items():
        made[name] = (ROOT / source).read_text(encoding="utf-8")
    for room in ROOMS:
        if (PACKAGE / room).is_dir():
            made[f"reference/rooms/{room}.md"] = module_page(f"`{room}`", room_modules(room))
    for name, text in made.items():
        files.append(File.generated(config, name, content=text))
    return files


def top_modules() -> list[str]:
    """Name the modules that belong to no room, the flow's own first."""
    others = sorted(
        path.stem
        for path in PACKAGE.glob("*.py")
        if not path.stem.startswith("_") and path.stem not in TOP
    )
    return [f"napari_maskrcnn.{name}" for name in (*TOP, *others)]


def room_modules(room: str) -> list[str]:
    """Name a room and its public modules, the room itself first, also those in rooms of its own."""
    paths = [p.relative_to(PACKAGE).with_suffix("") for p in (PACKAGE / room).rglob("*.py")]
    public = [p.parent if p.name == "__init__" else p for p in paths if p.name != "__main__"]
    return [".".join((PACKAGE.name, *p.parts)) for p in sorted(public) if p.name[0] != "_"]


def module_page(title: str, modules: list[str]) -> str:
    """Write a page that documents modules by their docstrings."""
    directives = "\n".join(
        f"::: {name}\n    options:\n      show_root_full_path: true\n      show_submodules: false\n"
        for name in modules
    )
    return f"# {title}\n\n{directives}"


def command_reference() -> str:
    """Write the help of every command as one page."""
    os.environ |= {"COLUMNS": "88", "NO_COLOR": "1"}
    from napari_maskrcnn.cli.commands import build_parser

    sections = [
        "# Command line",
        "Everything that the window does, for scripts and servers. "
        "Exit status: 0 all done; 1 some inputs failed; 2 wrong usage.",
    ]
    for heading, parser in commands(build_parser(), level=2):
        sections += [heading, f"```text\n{parser.format_help().rstrip()}\n```"]
    return "\n\n".join(sections) + "\n"


def commands(
    parser: argparse.ArgumentParser, level: int
) -> Iterator[tuple[str, argparse.ArgumentParser]]:
    """Yield a heading and a parser for a command and everything below it."""
    yield f"{'#' * level} {parser.prog}", parser
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            for child in dict.fromkeys(action.choices.values()):
                yield from commands(child, level + 1)
