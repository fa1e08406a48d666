"""Weights files ↔ networks: our format, the model folder, the embedded model, foreign files."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from napari_maskrcnn.models.card import ModelCard
    from napari_maskrcnn.models.folder import add_model, find_model, list_models, remove_model
    from napari_maskrcnn.models.importer import import_model
    from napari_maskrcnn.models.load import load_model
    from napari_maskrcnn.models.model import Model
    from napari_maskrcnn.models.weights import WeightsError, load_weights, save_weights

_MODULES = {
    "Model": "model",
    "ModelCard": "card",
    "WeightsError": "weights",
    "add_model": "folder",
    "find_model": "folder",
    "import_model": "importer",
    "list_models": "folder",
    "load_model": "load",
    "load_weights": "weights",
    "remove_model": "folder",
    "save_weights": "weights",
}

__all__ = [
    "Model",
    "ModelCard",
    "WeightsError",
    "add_model",
    "find_model",
    "import_model",
    "list_models",
    "load_model",
    "load_weights",
    "remove_model",
    "save_weights",
]


def __getattr__(name: str) -> Any:
    # Listing models must not import torch, so each name is imported when it is first used.
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(f"{__name__}.{_MODULES[name]}"), name)
