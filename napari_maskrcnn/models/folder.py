"""The model folder: where models lie, which there are, and how one comes and goes.

Four places, searched in this order: *embedded* (in the package), *user* (the model folder;
"coco" there is a *download*), and *shared* (read-only folders named in an environment variable).
"""

from __future__ import annotations

import logging
import os
import re
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import platformdirs
from psygnal import SignalInstance

from napari_maskrcnn.models.card import FROM_SCRATCH

if TYPE_CHECKING:
    from torch import Tensor

    from napari_maskrcnn.models.card import ModelCard
    from napari_maskrcnn.models.model import Model

_LOG = logging.getLogger(__name__)

HOME_VARIABLE = "NAPARI_MASKRCNN_HOME"
SHARED_VARIABLE = "NAPARI_MASKRCNN_MODELS"
RESERVED = ("nuclei", "coco")
#: Longer names do not fit into a file's on every system, with what is put behind them.
LONGEST_NAME = 100
# Windows keeps these for devices, whatever ends the file's name.
_DEVICES = re.compile(r"(con|prn|aux|nul|com\d|lpt\d)(\..*)?", re.IGNORECASE)
SUFFIX = ".safetensors"
_NAME = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9._-]*")

Kind = Literal["embedded", "user", "download", "shared"]

#: Emitted in the calling thread after a model was added or removed; connect with
#: ``thread="main"`` from a widget.
changed = SignalInstance((), name="changed")


@dataclass(frozen=True)
class ModelEntry:
    """One model that can be chosen by name; `size` in bytes."""

    name: str
    path: Path
    kind: Kind
    size: int


def home_folder() -> Path:
    """Return the folder of everything the plugin keeps for this user (it may not exist yet)."""
    return _own_folder() or Path(platformdirs.user_data_dir("napari-maskrcnn", appauthor=False))


def state_folder() -> Path:
    """Return the folder of work that is not finished yet (it may not exist yet)."""
    return _own_folder() or Path(platformdirs.user_state_dir("napari-maskrcnn", appauthor=False))


def _own_folder() -> Path | None:
    """The folder that the environment names for everything."""
    home = os.environ.get(HOME_VARIABLE)
    return Path(home).expanduser() if home else None


def model_folder() -> Path:
    """Return the folder that models are added to (it may not exist yet)."""
    return home_folder() / "models"


def shared_folders() -> list[Path]:
    """Return the read-only folders that the environment names."""
    named = os.environ.get(SHARED_VARIABLE, "").split(os.pathsep)
    return [Path(folder).expanduser() for folder in named if folder]


def embedded_folder() -> Path:
    """Return the folder of the models that travel in the package."""
    return Path(__file__).parent / "embedded"


def list_models() -> list[ModelEntry]:
    """Return every model that a name finds; of two with one name, the one that is found."""
    found: dict[str, ModelEntry] = {}
    for entry in _all_entries():
        found.setdefault(entry.name, entry)
    return list(found.values())


def find_model(name_or_path: str | Path) -> Path:
    """Return the file of a model.

    Parameters
    ----------
    name_or_path : str or Path
        A value with a path separator or ending in ``.safetensors`` is a file, else a name.

    Raises
    ------
    FileNotFoundError
        When there is no such model; the message lists the names, or says how to get "coco".
    """
    value = str(name_or_path)
    if is_file_value(value):
        path = Path(value).expanduser()
        if not path.exists():
            raise FileNotFoundError(f"There is no weights file {path}.")
        return path
    entries = {entry.name: entry.path for entry in list_models()}
    if value in entries:
        return entries[value]
    if value == "coco":
        from napari_maskrcnn.models.coco import MISSING

        raise FileNotFoundError(MISSING)
    hint = f" For the file in this folder write .{os.sep}{value}." if Path(value).is_file() else ""
    raise FileNotFoundError(
        f"There is no model {value!r}. Models: {', '.join(entries) or 'none'}.{hint}"
    )


def is_file_value(value: str) -> bool:
    """Tell whether a value for a model means a file rather than a name."""
    separators = [separator for separator in (os.sep, os.altsep, "/") if separator]
    return value.endswith(SUFFIX) or any(separator in value for separator in separators)


def add_model(source: str | Path | Model, name: str, overwrite: bool = False) -> Path:
    """Add a model to the model folder under a name and tell every open list.

    Parameters
    ----------
    source : str, Path or Model
        A weights file of napari-maskrcnn, or a model in memory.
    name : str
        Letters, digits, ``.``, ``_`` and ``-``; "nuclei", "coco" and "none" are reserved.
    overwrite : bool
        Replace the model of this name in the model folder.

    Raises
    ------
    ValueError
        When the name cannot be used, or when the file is no usable weights file.
    FileExistsError
        When the model folder has a model of this name and `overwrite` is False.
    """
    from napari_maskrcnn.models.weights import build_network, read_tensors, save_weights

    check_name(name)
    target = _target(name)
    if target.exists() and not overwrite:
        raise FileExistsError(
            f"There is a model {name!r} already. Choose another name, or remove that one first."
        )
    if isinstance(source, str | Path):
        tensors, card = read_tensors(source)
        build_network(card, tensors, Path(source))
        return install(tensors, card.renamed(name), overwrite)
    save_weights(target, source.network, source.card.renamed(name), overwrite)
    changed.emit()
    return target


def install(tensors: dict[str, Tensor], card: ModelCard, overwrite: bool = False) -> Path:
    """Write checked tensors under the name on their card, reserved or not; return the file."""
    from napari_maskrcnn.models.weights import write_tensors

    path = write_tensors(_target(card.name), tensors, card, overwrite)
    changed.emit()
    return path


def remove_model(name: str) -> Path:
    """Move a model of the model folder to the trash folder beside it and return where it lies.

    Raises
    ------
    FileNotFoundError
        When there is no model of this name.
    ValueError
        When the model is embedded or lies in a shared folder.
    """
    entries = {entry.name: entry for entry in list_models()}
    if name not in entries:
        raise FileNotFoundError(f"There is no model {name!r}. Models: {', '.join(entries)}.")
    entry = entries[name]
    if entry.kind == "embedded":
        raise ValueError(f"The model {name!r} is part of the package and cannot be removed.")
    if entry.kind == "shared":
        raise ValueError(
            f"The model {name!r} lies in the shared folder {entry.path.parent}, which is "
            f"read-only here; take the folder out of {SHARED_VARIABLE} to hide it."
        )
    from napari_maskrcnn.models.trash import place_in_trash

    kept = place_in_trash(name)
    shutil.move(entry.path, kept)
    changed.emit()
    return kept


def check_name(name: str) -> None:
    """Raise ValueError when a model cannot be added under this name."""
    if name.endswith(SUFFIX):
        raise ValueError(f"{name!r} is a file name; for the model write {name[: -len(SUFFIX)]!r}.")
    if not _NAME.fullmatch(name):
        raise ValueError(
            f"A model name has letters, digits, '.', '_' and '-' only and does not begin with "
            f"'.', unlike {name!r}; for example {suggested_name(name)!r}."
        )
    if len(name) > LONGEST_NAME:
        raise ValueError(f"The name has {len(name)} letters; give at most {LONGEST_NAME}.")
    if _DEVICES.fullmatch(name):
        raise ValueError(f"Windows keeps the name {name!r} to itself; choose another.")
    if name in (*RESERVED, FROM_SCRATCH) or (embedded_folder() / f"{name}{SUFFIX}").exists():
        raise ValueError(f"The name {name!r} is reserved; choose another, such as 'my-{name}'.")


def suggested_name(text: str) -> str:
    """Return the closest allowed model name to any text."""
    name = re.sub(r"[^A-Za-z0-9._-]+", "-", text.removesuffix(SUFFIX)).strip("-.")
    # Room for a number behind it.
    name = name[: LONGEST_NAME - 10] or "model"
    return f"my-{name}" if _DEVICES.fullmatch(name) else name


def free_name(text: str) -> str:
    """Return an allowed name close to any text that no model has: with a number if need be."""
    taken = taken_names()
    stem = suggested_name(text)
    numbers = (f"{stem}-{number}" for number in range(2, len(taken) + 3))
    return next(name for name in chain([stem], numbers) if name.casefold() not in taken)


def taken_names() -> set[str]:
    """Names that no new model can have, case-folded: some disks know no upper and lower case."""
    names = (*RESERVED, FROM_SCRATCH, *(entry.name for entry in list_models()))
    return {name.casefold() for name in names}


def _target(name: str) -> Path:
    folder = model_folder()
    folder.mkdir(parents=True, exist_ok=True)
    return folder / f"{name}{SUFFIX}"


def _all_entries() -> Iterator[ModelEntry]:
    yield from _entries(embedded_folder(), "embedded")
    yield from _entries(model_folder(), "user")
    for folder in shared_folders():
        yield from _entries(folder, "shared")


def _entries(folder: Path, kind: Kind) -> Iterator[ModelEntry]:
    """Models in a folder; one that cannot be reached, as a share that is away, has none."""
    try:
        yield from _read_entries(folder, kind)
    except OSError as error:
        _LOG.warning("Passed over the model folder %s: %s", folder, error)


def _read_entries(folder: Path, kind: Kind) -> Iterator[ModelEntry]:
    if not folder.is_dir():
        return
    for path in sorted(folder.glob(f"*{SUFFIX}")):
        if _NAME.fullmatch(path.stem) and path.is_file():
            download = kind == "user" and path.stem == "coco"
            yield ModelEntry(path.stem, path, "download" if download else kind, path.stat().st_size)
