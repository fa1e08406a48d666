"""The classes of a labels layer, with their colours: kept in its metadata, in a fixed order."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from napari_maskrcnn.annotate.states import class_names
from napari_maskrcnn.widgets.prediction import prediction_of

if TYPE_CHECKING:
    from napari.layers import Labels

KEY = "napari-maskrcnn classes"
#: Easy to tell apart, also for the colour-blind (Okabe and Ito), then brighter and darker ones.
COLOURS = (
    "#e69f00", "#56b4e9", "#009e73", "#f0e442", "#0072b2", "#d55e00", "#cc79a7", "#ffffff",
    "#8c564b", "#b5cf6b", "#9467bd", "#17becf",
)  # fmt: skip
NO_CLASS = "#9a9a9a"


def classes_of(layer: Labels) -> dict[str, str]:
    """Colour ``#rrggbb`` of every class by its name: of the model, of the objects, and added."""
    known: dict[str, str] = dict(layer.metadata.get(KEY, {}))
    record = prediction_of(layer)
    names = [*(record.kept.class_names if record is not None else ()), *class_names(layer.features)]
    renamed = layer.metadata.get(f"{KEY} renamed", {})
    for name in names:
        _add(known, renamed.get(name, name))
    # The journal's thread may be writing the one that was there.
    layer.metadata[KEY] = known
    return dict(known)


def add_class(layer: Labels, name: str) -> str:
    """Add a class; return its name without blanks around.

    Raises
    ------
    ValueError
        For an empty name, or one that exists.
    """
    known = classes_of(layer)
    name = _checked(known, name)
    _add(known, name)
    _keep(layer, known)
    return name


def rename_class(layer: Labels, old: str, new: str) -> str:
    """Rename a class in the list and in the table; return the new name without blanks around.

    Raises
    ------
    ValueError
        For an empty name, or one that exists.
    """
    known = classes_of(layer)
    new = _checked(known, new)
    # The model goes on calling it as before.
    renamed = layer.metadata.get(f"{KEY} renamed", {})
    again = {name: new for name, now in renamed.items() if now == old}
    layer.metadata[f"{KEY} renamed"] = {**renamed, **again, old: new}
    _keep(layer, {new if name == old else name: colour for name, colour in known.items()})
    table = layer.features
    if "class" in table:
        layer.features = table.assign(**{"class": table["class"].replace({old: new})})
    return new


def remove_class(layer: Labels, name: str) -> None:
    """Remove a class that no object has.

    Raises
    ------
    ValueError
        Objects have it, or it is one that the model finds.
    """
    if name in class_names(layer.features):
        raise ValueError(
            f"Objects are of the class “{name}”. Give them another one first, with the class tool."
        )
    known = classes_of(layer)
    known.pop(name, None)
    _keep(layer, known)
    if name in classes_of(layer):
        raise ValueError(f"The model finds “{name}”; only classes that you added can be removed.")


def set_colour(layer: Labels, name: str, colour: str) -> None:
    """Give a class a colour, ``#rrggbb``."""
    _keep(layer, classes_of(layer) | {name: colour})


def class_colormap(layer: Labels) -> Any:
    """Make a colormap in which every object has the colour of its class."""
    from napari.utils import DirectLabelColormap

    colours: dict[int | None, Any] = {None: NO_CLASS, 0: "transparent"}
    by_name = {name: np.array(_rgba(colour)) for name, colour in classes_of(layer).items()}
    table = layer.features
    if {"index", "class", "area"} <= set(table.columns):
        there = table[table["area"] > 0]
        for i, name in zip(there["index"].tolist(), there["class"].tolist(), strict=True):
            if name in by_name:
                colours[int(i)] = by_name[name]
    return DirectLabelColormap(color_dict=colours)


def _keep(layer: Labels, known: dict[str, str]) -> None:
    """Keep the classes with a layer, and have the journal write them."""
    layer.metadata[KEY] = known
    layer.events.metadata()


def _add(known: dict[str, str], name: str) -> None:
    if name not in known:
        free = [colour for colour in COLOURS if colour not in known.values()]
        known[name] = free[0] if free else COLOURS[len(known) % len(COLOURS)]


def _checked(known: dict[str, str], name: str) -> str:
    name = name.strip()
    if not name:
        raise ValueError("A class needs a name. Type one.")
    if name in known:
        raise ValueError(f"There is a class {name!r} already. Choose another name.")
    return name


def _rgba(colour: str) -> tuple[float, float, float, float]:
    red, green, blue = (int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5))
    return red, green, blue, 1.0
