"""A model ready to predict: a network on its device, with its card and the file it came from."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from napari_maskrcnn.models.card import ModelCard

if TYPE_CHECKING:
    import torch

    from napari_maskrcnn.network.maskrcnn import MaskRCNN


@dataclass(eq=False)
class Model:
    """A network in eval mode on `device`, its card, and its file (None when not saved yet)."""

    network: MaskRCNN
    card: ModelCard
    path: Path | None
    device: torch.device
    _hash: str | None = field(default=None, repr=False)
    _fused: tuple[object, MaskRCNN] | None = field(default=None, init=False, repr=False)

    def __repr__(self) -> str:
        where = f", path={str(self.path)!r}" if self.path else ""
        return (
            f"Model({self.name!r}, classes={self.class_names}{where}, device={str(self.device)!r})"
        )

    @property
    def name(self) -> str:
        """The name people choose the model by."""
        return self.card.name

    @property
    def class_names(self) -> tuple[str, ...]:
        """Names of the classes; class 1 is the first."""
        return tuple(self.network.config.class_names)

    @property
    def score(self) -> float:
        """Score from which an object counts when the user gives none."""
        return self.card.score

    @property
    def weights_hash(self) -> str:
        """SHA-256 of the file as it was loaded, or of the weights when there is no file."""
        if self._hash is None:
            self._hash = file_hash(self.path) if self.path else _state_hash(self.network)
        return self._hash

    def on(self, device: str) -> Model:
        """Copy of this model on another device."""
        import torch

        from napari_maskrcnn.network.maskrcnn import MaskRCNN

        with torch.device("meta"):
            network = MaskRCNN(self.network.config)
        network.to_empty(device=device).load_state_dict(self.network.state_dict())
        return Model(network.eval(), self.card, self.path, torch.device(device), self._hash)

    def fused(self, dtype: torch.dtype) -> MaskRCNN:
        """Copy of the network that predicts faster, computing in `dtype`.

        Made when it is first asked for, and again for another type or after the weights changed.
        """
        from napari_maskrcnn.device import layout
        from napari_maskrcnn.network.fuse import fuse

        state = self.network.state_dict(keep_vars=True).values()
        # Every change of a tensor in place counts its version up.
        versions = [(id(tensor), tensor._version) for tensor in state]
        key = (dtype, self.network.config, *versions)
        if self._fused is None or self._fused[0] != key:
            self._fused = (key, fuse(self.network, dtype, layout(self.device)))
        return self._fused[1]


def file_hash(path: Path) -> str:
    """Return the SHA-256 of a file as 64 hexadecimal digits."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _state_hash(network: MaskRCNN) -> str:
    import torch

    digest = hashlib.sha256()
    for name, tensor in sorted(network.state_dict().items()):
        digest.update(name.encode())
        digest.update(tensor.detach().cpu().contiguous().reshape(-1).view(torch.uint8).numpy())
    return digest.hexdigest()
