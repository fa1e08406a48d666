"""A name or a file to a model that is ready to predict."""

from __future__ import annotations

from pathlib import Path

from napari_maskrcnn.device import choose_device
from napari_maskrcnn.models.folder import find_model
from napari_maskrcnn.models.model import Model, file_hash


def load_model(name_or_path: str | Path, device: str = "auto") -> Model:
    """Load a model by name or file, ready to predict.

    Parameters
    ----------
    name_or_path : str or Path
        A name that ``napari-maskrcnn models list`` shows, or a ``.safetensors`` file (a value with
        a path separator or that suffix is a file).
    device : str
        ``auto``, ``cpu``, ``cuda`` or ``mps``.

    Raises
    ------
    FileNotFoundError
        When there is no such model; "coco" is never downloaded without asking.
    WeightsError
        When the file is damaged, foreign, or does not fit the network it describes.
    """
    from napari_maskrcnn.models.weights import load_weights

    path = find_model(name_or_path)
    chosen = choose_device(device)
    network, card = load_weights(path)
    # The hash is of these very weights: later the file may be another one, or gone.
    return Model(network.to(chosen).eval(), card, path, chosen, file_hash(path))
