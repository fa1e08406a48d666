"""Series with tracks, and lazy layers of several levels under any transform."""

from __future__ import annotations

from typing import Any

import dask.array as da
import numpy as np
from napari.layers import Tracks

from napari_maskrcnn.widgets.layers import TRANSFORMS
from napari_maskrcnn.widgets.prediction import KEY
from tests.widgets.predicting import docked, predict


def test_a_series_keeps_its_numbers_and_shows_tracks(
    make_napari_viewer: Any, qtbot: Any, tiny_model: str, nuclei: tuple[Any, Any]
) -> None:
    viewer = make_napari_viewer()
    image = viewer.add_image(np.stack([nuclei[0]] * 3), name="series", scale=(9, 0.5, 0.5))
    widget = docked(viewer, tiny_model)
    form = widget.form
    form.where.setCurrentText("Whole stack")
    form.stack.planes.setCurrentText("frames of a series (t)")
    form.stack.tracks.setChecked(True)
    predict(qtbot, widget)
    layer = widget.header.labels.layer()
    assert np.array_equal(layer.data[0], layer.data[1])
    assert np.array_equal(layer.data[0], layer.data[2])
    count = int(layer.data.max())
    assert len(layer.features) == count + 1
    (tracks,) = (item for item in viewer.layers if isinstance(item, Tracks))
    assert len(tracks.data) == 3 * count
    assert np.array_equal(tracks.scale, image.scale)
    first = tracks.data[tracks.data[:, 0] == 1]
    assert np.allclose(first[:, 2:], np.argwhere(layer.data[0] == 1).mean(axis=0))
    # A slider keeps the planes together.
    widget.choice.score.setValue(round(float(layer.features["score"].median()), 2))
    assert 0 < int(layer.data.max()) < count
    assert np.array_equal(layer.data[0], layer.data[2])
    predict(qtbot, widget)
    assert sum(isinstance(item, Tracks) for item in viewer.layers) == 1


def test_the_level_that_fits_is_looked_at_and_labels_lie_over_the_full_image(
    make_napari_viewer: Any, qtbot: Any, tiny_model: str, nuclei: tuple[Any, Any]
) -> None:
    viewer = make_napari_viewer()
    full = da.from_array(np.kron(nuclei[0], np.ones((4, 4), np.uint8)), chunks=128)
    levels = [full, full[::2, ::2], full[::4, ::4]]
    image = viewer.add_image(
        levels, multiscale=True, name="slide", contrast_limits=(0, 255),
        scale=(0.5, 0.5), rotate=20, translate=(30, -4), units=("um", "um"),
    )  # fmt: skip
    widget = docked(viewer, tiny_model)
    widget.form.diameter.set_value(72)  # the model knows 18: the third level shows them so
    predict(qtbot, widget)
    layer = widget.header.labels.layer()
    assert layer.data.shape == (512, 512)
    for name in TRANSFORMS:
        assert np.array_equal(getattr(layer, name), getattr(image, name)), name
    (found,) = layer.metadata[KEY].kept.planes.values()
    assert found.shape == (512, 512)
    # What was found in the third level alone, four times as large.
    alone = viewer.add_image(nuclei[0], name="small")
    widget.header.images.choose(alone)
    widget.form.diameter.set_value(18)
    predict(qtbot, widget)
    small = widget.header.labels.layer().data > 0
    big = layer.data[::4, ::4] > 0
    assert (small & big).sum() / (small | big).sum() > 0.9
