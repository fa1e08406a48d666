"""Our weights files: safetensors whose metadata rebuild the network that they belong to.

A file is read in three steps, each of which can refuse it: the container (is it whole?), the
card (which network?) and the tensors (does every one fit, is every number finite?).
"""

from __future__ import annotations

import zlib
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from napari_maskrcnn.formats.atomic import atomic_path
from napari_maskrcnn.models.card import ModelCard
from napari_maskrcnn.models.sniff import FileKind, file_kind

if TYPE_CHECKING:
    from torch import Tensor

    from napari_maskrcnn.network.maskrcnn import MaskRCNN

SUFFIX = ".safetensors"
CHECKSUM_KEY = "napari-maskrcnn.crc32"


class WeightsError(ValueError):
    """A weights file that cannot be used; the message says what it is and what to do."""


def save_weights(
    path: str | Path,
    network: MaskRCNN,
    card: ModelCard,
    overwrite: bool = False,
    half: bool = False,
) -> Path:
    """Write a network with its card to one safetensors file, whole or not at all.

    Parameters
    ----------
    path : str or Path
        The file to write; it must end in ``.safetensors``.
    network : MaskRCNN
        The network, on any device, in any mode.
    card : ModelCard
        Its card; ``card.network`` is filled in from the network.
    overwrite : bool
        Replace a file that exists.
    half : bool
        Store kernels and matrices as float16, half the size; norms and biases stay float32.

    Raises
    ------
    FileExistsError
        When the file exists and `overwrite` is False.
    WeightsError
        When the name does not end in ``.safetensors``, or when a weight is not finite (or leaves
        the range of float16 with `half`).
    """
    tensors = {name: tensor.detach().cpu() for name, tensor in network.state_dict().items()}
    if half:
        tensors = {name: _halved(tensor) for name, tensor in tensors.items()}
    card = replace(card, network=network.config.to_dict())
    return write_tensors(path, tensors, card, overwrite)


def load_weights(path: str | Path) -> tuple[MaskRCNN, ModelCard]:
    """Read a file of :func:`save_weights` and rebuild its network on the CPU in eval mode.

    Raises
    ------
    FileNotFoundError
        When there is no such file.
    WeightsError
        When the file is damaged, of another kind, or does not fit the network that it describes.
    """
    tensors, card = read_tensors(path)
    return build_network(card, tensors, Path(path)), card


def write_tensors(
    path: str | Path, tensors: Mapping[str, Tensor], card: ModelCard, overwrite: bool = False
) -> Path:
    """Write named tensors and a card as they are; see :func:`save_weights` for the errors."""
    import safetensors.torch

    path = Path(path)
    if path.suffix != SUFFIX:
        raise WeightsError(f"{path}: weights files end in {SUFFIX}; name it {path.stem}{SUFFIX}.")
    _check_finite(tensors, path, "Nothing was written; train again with a lower learning rate.")
    contiguous = {name: tensor.contiguous() for name, tensor in tensors.items()}
    metadata = {**card.to_metadata(), CHECKSUM_KEY: _checksum(contiguous)}
    content = safetensors.torch.save(contiguous, metadata)
    with atomic_path(path, overwrite) as part:
        part.write_bytes(content)
    return path


def read_card(path: str | Path) -> ModelCard:
    """Read the card of one of our files and nothing else of it, which takes no time.

    Raises
    ------
    FileNotFoundError
        When there is no such file.
    WeightsError
        When the file is of another kind, cut short, or has no card.
    """
    import safetensors

    path = Path(path)
    _check_container(path)
    try:
        with safetensors.safe_open(path, framework="np") as file:
            return ModelCard.from_metadata(file.metadata() or {})
    except (safetensors.SafetensorError, ValueError) as error:
        raise WeightsError(f"{path}: {error}. Use a file that napari-maskrcnn saved.") from error


def read_tensors(path: str | Path) -> tuple[dict[str, Tensor], ModelCard]:
    """Read the tensors (memory-mapped, on the CPU) and the card of one of our files, checked."""
    import safetensors
    from safetensors.torch import load_file

    path = Path(path)
    _check_container(path)
    try:
        with safetensors.safe_open(path, framework="pt") as file:
            metadata: dict[str, str] = file.metadata() or {}
        card = ModelCard.from_metadata(metadata)
        tensors: dict[str, Tensor] = load_file(path)
    except safetensors.SafetensorError as error:
        raise WeightsError(
            f"{path}: the file is damaged or cut short ({error}). Download or copy it again."
        ) from error
    except ValueError as error:
        raise WeightsError(
            f"{path}: a safetensors file, but not one of napari-maskrcnn: {error}. "
            f"Use a file that napari-maskrcnn saved."
        ) from error
    if metadata.get(CHECKSUM_KEY, _checksum(tensors)) != _checksum(tensors):
        raise WeightsError(
            f"{path}: the numbers in the file have changed since it was written, so it is "
            f"damaged. Download or copy it again."
        )
    return tensors, card


def build_network(card: ModelCard, tensors: Mapping[str, Tensor], path: Path) -> MaskRCNN:
    """Build the network of `card` with these tensors; `path` names the file in errors."""
    import torch

    from napari_maskrcnn.network.config import NetworkConfig
    from napari_maskrcnn.network.maskrcnn import MaskRCNN

    try:
        # Without memory: no initial values are drawn, and no size in a card can exhaust it.
        with torch.device("meta"):
            network = MaskRCNN(NetworkConfig.from_dict(card.network))
    except (TypeError, ValueError, LookupError, AttributeError, RuntimeError) as error:
        raise WeightsError(
            f"{path}: its card describes no network that this version can build ({error}). "
            f"Update napari-maskrcnn, or use a file that it saved."
        ) from error
    _check_fit(network.state_dict(), tensors, path)
    _check_finite(tensors, path, "The file cannot be used; take another model.")
    network.to_empty(device="cpu").load_state_dict(dict(tensors))
    return network.eval()


def _check_container(path: Path) -> None:
    if not path.exists():
        raise FileNotFoundError(f"There is no weights file {path}.")
    if path.is_dir():
        raise WeightsError(f"{path}: a folder. Name the {SUFFIX} file in it.")
    kind = file_kind(path)
    if kind is FileKind.TORCH:
        raise WeightsError(
            f"{path}: {kind.value}. Import it first: napari-maskrcnn models import {path}"
        )
    if kind is not FileKind.SAFETENSORS:
        raise WeightsError(f"{path}: {kind.value}. Use a {SUFFIX} file of napari-maskrcnn.")


def _check_fit(expected: Mapping[str, Any], found: Mapping[str, Tensor], path: Path) -> None:
    shapes = [
        f"{name} is {tuple(found[name].shape)} instead of {tuple(expected[name].shape)}"
        for name in expected
        if name in found and found[name].shape != expected[name].shape
    ]
    faults = {
        "missing": [name for name in expected if name not in found],
        "unexpected": [name for name in found if name not in expected],
        "wrong shape": shapes,
    }
    listed = [f"{what}: {_shortened(names)}" for what, names in faults.items() if names]
    if listed:
        raise WeightsError(
            f"{path}: its weights do not fit a Mask R-CNN of the kind it describes; "
            f"{'; '.join(listed)}. Use a file that napari-maskrcnn saved or imported."
        )


def _check_finite(tensors: Mapping[str, Tensor], path: Path, remedy: str) -> None:
    bad = [name for name, tensor in tensors.items() if not bool(tensor.isfinite().all())]
    if bad:
        raise WeightsError(
            f"{path}: weights that are not finite numbers: {_shortened(bad)}. {remedy}"
        )


def _shortened(names: list[str], limit: int = 4) -> str:
    more = f" and {len(names) - limit} more" if len(names) > limit else ""
    return ", ".join(names[:limit]) + more


def _halved(tensor: Tensor) -> Tensor:
    # Norms and biases are vectors; in float16 a small running variance would become zero.
    return tensor.half() if tensor.is_floating_point() and tensor.ndim >= 2 else tensor


def _checksum(tensors: Mapping[str, Tensor]) -> str:
    import torch

    value = 0
    for name in sorted(tensors):
        value = zlib.crc32(name.encode(), value)
        value = zlib.crc32(tensors[name].reshape(-1).view(torch.uint8).numpy().data, value)
    return f"{value:08x}"
