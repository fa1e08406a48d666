"""Colours that a labels layer has for a while; its own come back exactly."""

from __future__ import annotations

import weakref
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from napari.layers import Labels


@dataclass(frozen=True, eq=False)
class _Coloured:
    owner: object
    shown: Any
    own: Any


_coloured: weakref.WeakKeyDictionary[Labels, _Coloured] = weakref.WeakKeyDictionary()


def put_on(layer: Labels, colormap: Any, owner: object) -> None:
    """Give a layer a colormap until `take_off`; one that another owner gave is replaced."""
    last = _coloured.get(layer)
    # Colours that were chosen in napari meanwhile are the layer's own.
    own = last.own if last is not None and layer.colormap is last.shown else layer.colormap
    layer.colormap = colormap
    _coloured[layer] = _Coloured(owner, layer.colormap, own)


def take_off(layer: Labels, owner: object) -> None:
    """Give a layer its own colormap back, unless another owner, or a person, gave it one since."""
    last = _coloured.get(layer)
    if last is None or last.owner is not owner:
        return
    del _coloured[layer]
    if layer.colormap is last.shown:
        layer.colormap = last.own
