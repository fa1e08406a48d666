"""Labels are said to be right plane by plane, and layer by layer, without a project."""

from __future__ import annotations

import numpy as np
import pytest
from napari.components import ViewerModel

from napari_maskrcnn.annotate.image_states import State, States, states_in
from napari_maskrcnn.widgets.layers import PASSING
from napari_maskrcnn.widgets.verifying import NO_LABELS, verify_plain, verify_plane


def test_what_is_only_shown_for_a_while_is_passed_over() -> None:
    model = ViewerModel()
    first = model.add_labels(np.zeros((8, 9), np.int32), name="first")
    mark = {PASSING: True}
    passing = model.add_labels(np.zeros((8, 9), np.int32), name="held-out", metadata=mark)
    model.layers.selection.active = model.add_image(np.zeros((8, 9)))
    verify_plain(model)
    assert states_in(first.metadata) == States(State.VERIFIED)
    assert states_in(passing.metadata) is None
    assert passing.visible
    model.layers.remove(first)
    with pytest.raises(ValueError, match=NO_LABELS):
        verify_plain(model)


def test_rolled_axes_have_no_next_plane() -> None:
    model = ViewerModel()
    labels = model.add_labels(np.zeros((3, 8, 9), np.int32), name="cells")
    model.dims.roll()
    with pytest.raises(ValueError, match="last two axes of 'cells'"):
        verify_plane(model, labels)
    assert states_in(labels.metadata) is None
    model.dims.order = (0, 2, 1)
    model.dims.set_point(0, 1)
    assert not verify_plane(model, labels)
    assert states_in(labels.metadata).of((1, None, None)) is State.VERIFIED
    assert model.dims.current_step[0] == 2
