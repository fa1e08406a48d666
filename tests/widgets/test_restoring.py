"""What belongs to a restored layer is found again, and nothing else is taken for it."""

from __future__ import annotations

import json

import numpy as np
import pytest
from napari.components import ViewerModel
from napari.layers import Image, Labels

from napari_maskrcnn.annotate.image_states import States, put_states, states_in
from napari_maskrcnn.widgets.layers import FILE
from napari_maskrcnn.widgets.restoring import _find
from napari_maskrcnn.widgets.stored_layer import LayerParts


@pytest.mark.parametrize("kind", [Image, Labels])
def test_a_file_of_the_same_name_in_another_folder_is_another(kind: type) -> None:
    viewer = ViewerModel()
    layer = kind(np.zeros((4, 5), int), name="img", metadata={FILE: "/day2/img.tif"})
    viewer.add_layer(layer)
    described = {"name": "img", "shape": [4, 5]}
    assert _find(viewer, kind, described | {"path": "/day1/img.tif"}) is None
    assert _find(viewer, kind, described | {"path": "/day2/img.tif", "name": "x"}) is layer
    # The name counts where a file is not known.
    assert _find(viewer, kind, described | {"path": None}) is layer
    del layer.metadata[FILE]
    assert _find(viewer, kind, described | {"path": "/day1/img.tif"}) is layer


def test_what_another_plugin_left_costs_nothing_of_ours() -> None:
    layer = Labels(np.zeros((4, 5), int))
    put_states(layer.metadata, States())
    layer.metadata.update({"grid": {(0, 1): "A1"}, 7: "seven", "well": "B2"})
    parts = LayerParts(layer, lambda: None)
    metadata = json.loads(parts.changed()["metadata"]())
    assert states_in(metadata) == States()
    assert metadata["well"] == "B2"
    assert "grid" not in metadata
    parts.changed()
