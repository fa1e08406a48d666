"""The trash of the model folder: what was removed lies there until it is restored."""

from __future__ import annotations

import os
import re
import shutil
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from napari_maskrcnn.models.folder import (
    RESERVED,
    SUFFIX,
    changed,
    check_name,
    free_name,
    home_folder,
    list_models,
    model_folder,
    taken_names,
)

_STAMP = "%Y%m%d-%H%M%S-%f"
_NAME = re.compile(r"(?P<name>.+)-(?P<stamp>\d{8}-\d{6}-\d{6})")


@dataclass(frozen=True)
class TrashedModel:
    """A model that was removed: its name, where it lies now, and when (UTC)."""

    name: str
    path: Path
    removed: datetime


def trash_folder() -> Path:
    """Return the folder that removed models are moved to (it may not exist yet)."""
    return home_folder() / "trash"


def place_in_trash(name: str) -> Path:
    """Return where a model that is removed now will lie; its folder is made."""
    trash_folder().mkdir(parents=True, exist_ok=True)
    return trash_folder() / f"{name}-{datetime.now(UTC):{_STAMP}}{SUFFIX}"


def trashed_models() -> list[TrashedModel]:
    """Return the removed models, the last removed first."""
    found = []
    for path in trash_folder().glob(f"*{SUFFIX}"):
        match = _NAME.fullmatch(path.stem)
        if match is not None and path.is_file():
            try:
                when = datetime.strptime(match["stamp"], _STAMP).replace(tzinfo=UTC)
            except ValueError:
                # A file of somebody's whose digits are no time.
                continue
            found.append(TrashedModel(match["name"], path, when))
    return sorted(found, key=lambda model: model.removed, reverse=True)


def restore_model(model: TrashedModel | str) -> Path:
    """Move a removed model back to the model folder and tell every open list.

    Parameters
    ----------
    model : TrashedModel or str
        One that `trashed_models` gave, or a name: the last one removed of it.

    Returns
    -------
    Path
        Where it lies: under another name, with a number, when its own was taken meanwhile.

    Raises
    ------
    FileNotFoundError
        When no model of this name is in the trash.
    """
    if isinstance(model, str):
        models = trashed_models()
        named = [found for found in models if found.name == model]
        if not named:
            names = ", ".join(dict.fromkeys(found.name for found in models)) or "none"
            raise FileNotFoundError(f"There is no model {model!r} in the trash. Models: {names}.")
        model = named[0]
    # Not the reserved names: a download comes back under its own.
    free = model.name.casefold() not in {entry.name.casefold() for entry in list_models()}
    name = model.name if free else free_name(model.name)
    model_folder().mkdir(parents=True, exist_ok=True)
    target = model_folder() / f"{name}{SUFFIX}"
    if name == model.name:
        shutil.move(model.path, target)
    else:
        _install_as(model.path, name)
        model.path.unlink()
    changed.emit()
    return target


def rename_model(name: str, new: str) -> Path:
    """Give a model of the model folder another name, also on its card.

    Raises
    ------
    FileNotFoundError, ValueError
        When there is no such model, it is none of the model folder, or the new name cannot be used.
    FileExistsError
        When a model has the new name.
    """
    entries = {entry.name: entry for entry in list_models()}
    if name not in entries:
        raise FileNotFoundError(f"There is no model {name!r}. Models: {', '.join(entries)}.")
    if name in RESERVED or entries[name].kind != "user":
        raise ValueError(f"The model {name!r} is not yours to rename; only those you added are.")
    if new == name:
        return entries[name].path
    check_name(new)
    if new.casefold() in taken_names() - {name.casefold()}:
        raise FileExistsError(f"There is a model {new!r} already. Choose another name.")
    path = _install_as(entries[name].path, new)
    os.unlink(entries[name].path)
    changed.emit()
    return path


def _install_as(path: Path, name: str) -> Path:
    from napari_maskrcnn.models.folder import install
    from napari_maskrcnn.models.weights import read_tensors

    tensors, card = read_tensors(path)
    return install(tensors, card.renamed(name))
