"""``models``: list, look at, import, remove and download models."""

from __future__ import annotations

import argparse
import json
import threading
from collections.abc import Iterable, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from napari_maskrcnn.cli.console import (
    DONE,
    FAILED,
    PROGRAM,
    UsageError,
    fail,
    say,
    say_result,
    to_json,
)
from napari_maskrcnn.cli.parser import Subparsers, add_json, add_overwrite, add_verb
from napari_maskrcnn.cli.progress import Bar

if TYPE_CHECKING:
    from napari_maskrcnn.models.card import ModelCard

MEGABYTE = 1e6


def add_parser(subparsers: Subparsers) -> None:
    """Add the verb with its own sub-commands."""
    parser = subparsers.add_parser(
        "models",
        help="list, look at, import, remove and download models",
        description="List, look at, import, remove and download models.",
        epilog=f"example:\n  {PROGRAM} models list",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    verbs = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)
    listed = add_verb(verbs, "list", run_list, "list the models", f"{PROGRAM} models list")
    info = add_verb(
        verbs,
        "info",
        run_info,
        "describe a model, or without a name this installation",
        f"{PROGRAM} models info nuclei",
    )
    info.add_argument("name", nargs="?", metavar="NAME", help="a name, or a .safetensors file")
    imported = add_verb(
        verbs,
        "import",
        run_import,
        "check a weights file and add it to the model folder",
        f"{PROGRAM} models import maskrcnn.pth --name mine",
    )
    imported.add_argument(
        "file", type=Path, metavar="FILE", help=".safetensors or torchvision .pth"
    )
    imported.add_argument("--name", help="name of the model (default: the file's)")
    add_overwrite(imported)
    download = add_verb(
        verbs,
        "download",
        run_download,
        "fetch a model from the internet",
        f"{PROGRAM} models download coco",
    )
    download.add_argument(
        "name", choices=("coco",), help="coco: torchvision's, 90 everyday classes, 178 MB"
    )
    for verb in (listed, info, imported, *_add_trash(verbs), download):
        add_json(verb)


def _add_trash(verbs: Subparsers) -> list[argparse.ArgumentParser]:
    """Add the two ways to the trash and back."""
    removed = add_verb(
        verbs,
        "remove",
        run_remove,
        "move a model to the trash folder",
        f"{PROGRAM} models remove mine",
    )
    removed.add_argument("name", metavar="NAME", help="a name that 'models list' shows")
    restored = add_verb(
        verbs,
        "restore",
        run_restore,
        "take a model back out of the trash folder",
        f"{PROGRAM} models restore mine",
    )
    restored.add_argument("name", metavar="NAME", help="name of a model that was removed")
    return [removed, restored]


def run_list(args: argparse.Namespace, stop: threading.Event) -> int:
    """List every model that a name finds."""
    from napari_maskrcnn.models.folder import list_models

    entries = list_models()
    if args.json:
        for entry in entries:
            say(to_json(asdict(entry)))
        return DONE
    rows = [
        (entry.name, entry.kind, f"{entry.size / MEGABYTE:.1f} MB", str(entry.path))
        for entry in entries
    ]
    _columns([("name", "kind", "size", "file"), *rows])
    if not any(name == "coco" for name, *_ in rows):
        say(f"coco (178 MB) can be fetched: {PROGRAM} models download coco")
    return DONE


def run_info(args: argparse.Namespace, stop: threading.Event) -> int:
    """Describe one model, or this installation."""
    from napari_maskrcnn.models.folder import find_model
    from napari_maskrcnn.models.weights import read_tensors

    if args.name is None:
        from napari_maskrcnn.cli.report import installation

        rows = installation()
        if args.json:
            say(to_json(dict(rows)))
        else:
            _columns(rows)
        return DONE
    try:
        path = find_model(args.name)
    except FileNotFoundError as error:
        raise UsageError(str(error)) from error
    try:
        tensors, card = read_tensors(path)
    except (OSError, ValueError) as error:
        return fail(path, error)
    weights = sum(tensor.numel() for tensor in tensors.values())
    if args.json:
        size = path.stat().st_size
        say(to_json({"file": path, "size": size, "weights": weights, **asdict(card)}))
    else:
        _columns(_card_rows(path, card, weights))
    return DONE


def _card_rows(path: Path, card: ModelCard, weights: int) -> list[tuple[str, str]]:
    network: Mapping[str, Any] = card.network
    diameter = "not fixed" if card.diameter is None else f"{card.diameter:g} px"
    return [
        ("name", card.name),
        ("file", f"{path} ({path.stat().st_size / MEGABYTE:.1f} MB)"),
        ("description", card.description or "-"),
        ("base", card.base or "from scratch"),
        ("created", f"{card.created} by napari-maskrcnn {card.plugin_version}"),
        ("classes", ", ".join(network.get("class_names", ()))),
        ("score", f"{card.score:g}"),
        ("diameter", diameter),
        ("backbone", str(network.get("backbone", "-"))),
        ("weights", f"{weights / 1e6:.1f} million"),
        *(("training", json.dumps(record)) for record in card.history),
    ]


def run_import(args: argparse.Namespace, stop: threading.Event) -> int:
    """Import one weights file."""
    from napari_maskrcnn.models.importer import import_model

    try:
        path = import_model(args.file, args.name, args.overwrite)
    except FileExistsError:
        reason = (
            "a model of this name exists; add --overwrite to replace it or choose another --name"
        )
        return fail(args.file, reason)
    except (OSError, ValueError, RuntimeError) as error:
        return fail(args.file, error)
    values = {"name": path.stem, "file": path, "source": args.file}
    say_result(f"{args.file} -> model {path.stem} ({path})", values, args.json)
    return DONE


def run_remove(args: argparse.Namespace, stop: threading.Event) -> int:
    """Move one model to the trash."""
    from napari_maskrcnn.models.folder import remove_model

    try:
        kept = remove_model(args.name)
    except FileNotFoundError as error:
        raise UsageError(str(error)) from error
    except (OSError, ValueError) as error:
        return fail(args.name, error)
    say_result(f"{args.name} -> {kept}", {"name": args.name, "trash": kept}, args.json)
    return DONE


def run_restore(args: argparse.Namespace, stop: threading.Event) -> int:
    """Move one model back from the trash."""
    from napari_maskrcnn.models.trash import restore_model

    try:
        path = restore_model(args.name)
    except FileNotFoundError as error:
        raise UsageError(str(error)) from error
    except (OSError, ValueError) as error:
        return fail(args.name, error)
    values = {"name": path.stem, "file": path}
    say_result(f"{args.name} -> model {path.stem} ({path})", values, args.json)
    return DONE


def run_download(args: argparse.Namespace, stop: threading.Event) -> int:
    """Download coco."""
    from napari_maskrcnn.jobs import run as drain
    from napari_maskrcnn.models.download import DownloadError, download_coco_job

    try:
        with Bar(args.name) as progress:
            path = drain(download_coco_job(stop), progress)
    except (DownloadError, OSError, ValueError) as error:
        return fail(args.name, error)
    if path is None:
        fail(PROGRAM, "stopped: nothing was kept")
        return FAILED
    say_result(f"{args.name} -> {path}", {"name": args.name, "file": path}, args.json)
    return DONE


def _columns(rows: Iterable[tuple[str, ...]]) -> None:
    """Show rows with their columns aligned; the last column is as long as it likes."""
    rows = list(rows)
    widths = [max(len(row[k]) for row in rows) for k in range(len(rows[0]) - 1)]
    for row in rows:
        cells = [cell.ljust(width) for cell, width in zip(row, widths, strict=False)]
        say("  ".join([*cells, row[-1]]))
