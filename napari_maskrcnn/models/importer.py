"""Importing: a weights file of ours or of torchvision becomes a model that a name finds."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from napari_maskrcnn.models import coco
from napari_maskrcnn.models.card import ModelCard
from napari_maskrcnn.models.folder import add_model, check_name, install, suggested_name
from napari_maskrcnn.models.sniff import FileKind, file_kind


def import_model(file: str | Path, name: str | None = None, overwrite: bool = False) -> Path:
    """Check a weights file and add it to the model folder.

    Parameters
    ----------
    file : str or Path
        A ``.safetensors`` file of napari-maskrcnn, or a ``.pth`` file with the state dict of
        torchvision's ``maskrcnn_resnet50_fpn`` or of its second version. Torchvision's published
        COCO file becomes "coco".
    name : str, optional
        Name of the model; the file's own when None.
    overwrite : bool
        Replace the model of this name.

    Returns
    -------
    Path
        The file in the model folder.

    Raises
    ------
    FileNotFoundError
        When there is no such file.
    WeightsError
        When the file is damaged, of another kind, or does not fit.
    ValueError
        When the name cannot be used.
    FileExistsError
        When there is a model of this name and `overwrite` is False.
    """
    from napari_maskrcnn.models.foreign import read_torchvision
    from napari_maskrcnn.models.weights import WeightsError, build_network

    path = Path(file).expanduser()
    if not path.exists():
        raise FileNotFoundError(f"There is no file {path}.")
    if path.is_dir():
        raise WeightsError(f"{path}: a folder. Name the weights file in it.")
    kind = file_kind(path)
    if kind is FileKind.TORCH and name in (None, coco.NAME) and coco.is_coco_file(path):
        return install_coco(path)
    name = name or suggested_name(path.stem)
    check_name(name)
    if kind is FileKind.SAFETENSORS:
        return add_model(path, name, overwrite)
    tensors, card = read_torchvision(path)
    build_network(card, tensors, path)
    return install(tensors, card.renamed(name), overwrite)


def install_coco(path: Path) -> Path:
    """Turn torchvision's file into the model "coco" of the model folder; return its file.

    Raises
    ------
    WeightsError
        When the file is not torchvision's.
    """
    from napari_maskrcnn.models.foreign import read_torchvision
    from napari_maskrcnn.models.weights import build_network

    tensors, card = read_torchvision(path)
    build_network(card, tensors, path)
    return install(tensors, _described(card), overwrite=True)


def _described(card: ModelCard) -> ModelCard:
    """Return the card of an imported file with what is known of this one."""
    return replace(
        card,
        name=coco.NAME,
        description="Everyday objects in photographs, trained by torchvision on COCO 2017.",
        base="torchvision",
        score=0.5,
    )
