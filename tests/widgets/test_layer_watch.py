"""Whatever way labels are edited, the journal holds what the layer holds."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import dask.array as da
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from napari.components import ViewerModel
from napari.layers import Labels

from napari_maskrcnn.annotate.journal.batch import StoredLayer
from napari_maskrcnn.annotate.journal.file import Journal
from napari_maskrcnn.annotate.journal.session import Session
from napari_maskrcnn.annotate.journal.table import table_from_bytes
from napari_maskrcnn.widgets.layer_watch import LayerWatch
from napari_maskrcnn.widgets.placing import change
from napari_maskrcnn.widgets.prediction import predicted_labels
from napari_maskrcnn.widgets.stored_layer import read_look
from tests.predict.test_stored import kept as kept_prediction


class Watched:
    """A labels layer in a viewer without a window, and its journal."""

    def __init__(self, path: Path, data: Any) -> None:
        self.viewer = ViewerModel()
        self.layer = data if isinstance(data, Labels) else Labels(data, name="cells")
        self.viewer.add_layer(self.layer)
        self.session = Session(path, lambda: None, self._fail)
        self.watch = LayerWatch(self.layer, lambda: self.viewer, self.session)
        self.path = path

    def _fail(self, error: Exception | None) -> None:
        raise AssertionError(error)

    def stored(self) -> tuple[StoredLayer, np.ndarray]:
        self.session.flush()
        journal = self.session.writer._journal
        assert journal is not None
        (layer,) = journal.layers()
        return layer, journal.array(layer)

    def check(self) -> StoredLayer:
        layer, found = self.stored()
        assert np.array_equal(found, self.layer.data)
        return layer


@pytest.fixture
def watched(tmp_path: Path) -> Iterator[Callable[..., Watched]]:
    made: list[Watched] = []

    def make(data: Any) -> Watched:
        made.append(Watched(tmp_path / str(len(made)) / "journal.sqlite", data))
        made[-1].check() if not made[-1].watch._tracked.recorder.lazy else None
        return made[-1]

    yield make
    for each in made:
        each.session.close()


def paint(layer: Labels, rng: np.random.Generator) -> None:
    layer.brush_size = int(rng.integers(1, 30))
    at = [int(rng.integers(n)) for n in layer.data.shape]
    layer.paint(at, int(rng.integers(0, 9)))


def act(viewer: ViewerModel, layer: Labels, kind: str, seed: int) -> None:
    """Do one of the things that change labels."""
    rng = np.random.default_rng(seed)
    at = [int(rng.integers(n)) for n in layer.data.shape]
    if kind == "paint":
        paint(layer, rng)
    elif kind == "stroke":
        with layer.block_history():
            for _ in range(3):
                paint(layer, rng)
    elif kind == "fill":
        layer.fill(at, int(rng.integers(0, 9)))
    elif kind == "setitem":
        layer.data_setitem(np.nonzero(layer.data == layer.data[tuple(at)]), int(rng.integers(9)))
    elif kind == "polygon":
        shown = viewer.dims.displayed
        points = np.array([at] * 3, float)
        points[:, shown] = rng.integers(0, 40, (3, 2))
        layer.paint_polygon(points, int(rng.integers(1, 9)))
    elif kind == "script":
        # Another plugin, in the plane that is shown.
        layer.data[tuple(_plane(viewer))] = rng.integers(9)
        layer.refresh()
    elif kind == "slider":
        viewer.dims.set_current_step(0, int(rng.integers(layer.data.shape[0])))
    elif kind == "undo":
        layer.undo()
    elif kind == "redo":
        layer.redo()


def _plane(viewer: ViewerModel) -> list[int | slice]:
    plane: list[int | slice] = [slice(5, 15)] * viewer.dims.ndim
    for axis in viewer.dims.not_displayed:
        plane[axis] = int(viewer.dims.current_step[axis])
    return plane


KINDS = ("paint", "stroke", "fill", "setitem", "polygon", "script", "slider", "undo", "redo")


@given(
    script=st.lists(
        st.tuples(st.sampled_from((*KINDS, "write", "undo")), st.integers(0, 2**32 - 1)),
        max_size=20,
    )
)
@settings(max_examples=25, deadline=None)
def test_any_sequence_of_edits_undos_and_redos(script: list[tuple[str, int]]) -> None:
    with TemporaryDirectory() as folder:
        watched = Watched(Path(folder) / "journal.sqlite", np.zeros((3, 300, 280), np.int32))
        for kind, seed in script:
            if kind == "write":
                watched.session.flush()
            else:
                act(watched.viewer, watched.layer, kind, seed)
        watched.check()
        watched.session.close()


def test_every_kind_of_edit_counts_as_one(watched: Callable[..., Watched]) -> None:
    each = watched(np.zeros((2, 40, 40), np.int32))
    kinds = ("paint", "stroke", "fill", "setitem", "script", "undo", "redo")
    for done, kind in enumerate(kinds, 1):
        before = each.layer.data.copy()
        seed = 1
        while np.array_equal(before, each.layer.data):
            act(each.viewer, each.layer, kind, seed)
            seed += 1
            assert seed < 50, kind
        assert each.check().edits == done, kind
    assert each.watch._tracked.edited


def test_a_stroke_reaches_the_journal_before_the_mouse_is_let_go(
    watched: Callable[..., Watched],
) -> None:
    each = watched(np.zeros((2, 600, 600), np.int32))
    each.viewer.dims.order = (1, 2, 0)  # sideways: axes 2 and 0 on the screen
    each.layer._begin_stroke()
    each.layer.paint((1, 300, 400), 5)
    assert each.layer._staged_history
    assert (each.stored()[1] == 5).sum() > 0
    each.check()
    each.layer._commit_stroke()
    assert each.check().edits == 1


def test_the_slider_alone_reads_and_counts_nothing(watched: Callable[..., Watched]) -> None:
    each = watched(np.ones((4, 600, 600), np.int32))
    for z in (1, 2, 3, 0):
        each.viewer.dims.set_current_step(0, z)
        assert each.watch._tracked._window is None
    assert each.check().edits == 0


def test_features_name_and_place_follow(watched: Callable[..., Watched]) -> None:
    each = watched(np.ones((40, 40), np.int32))
    each.layer.features = {"index": [0, 1], "class": ["", "a"]}
    each.layer.name = "renamed"
    each.layer.scale = (0.5, 0.25)
    stored = each.check()
    assert stored.edits == 1  # the table; not the name, nor the scale
    assert table_from_bytes(stored.parts["features"])["class"].tolist() == ["", "a"]
    look = read_look(stored.parts)
    assert (look["name"], look["scale"]) == ("renamed", [0.5, 0.25])


def test_an_array_in_the_place_of_another(watched: Callable[..., Watched]) -> None:
    each = watched(np.ones((40, 40), np.int32))
    each.layer.data = np.full((300, 50), 3, np.uint16)
    assert each.check().tiles.dtype == "<u2"
    each.layer.paint((200, 20), 4)
    assert each.check().edits == 2


def test_a_slider_of_the_prediction_is_no_edit_but_is_kept(
    watched: Callable[..., Watched],
) -> None:
    from napari.layers import Image

    kept = kept_prediction()
    image = Image(np.zeros((3, 64, 80)), name="stack")
    each = watched(predicted_labels(image, kept, kept_choice(0.3), "stack instances"))
    before = each.layer.data.copy()
    change(each.viewer.layers, each.layer, kept, kept_choice(0.8))
    assert (each.layer.data != before).any(axis=(1, 2)).sum() == 2  # not only the plane shown
    stored = each.check()
    assert stored.edits == 0
    assert b"choice" not in stored.parts["look"]
    each.layer.paint((0, 10, 10), 5)
    assert each.check().edits == 1


def kept_choice(score: float) -> Any:
    from napari_maskrcnn.predict.kept import Choice

    return Choice(score)


def test_of_lazy_labels_only_what_was_painted_is_read(watched: Callable[..., Watched]) -> None:
    read: list[Any] = []

    def block(block_info: Any = None) -> np.ndarray:
        read.append(block_info[None]["chunk-location"])
        return np.zeros((1, 256, 256), np.int32)

    labels = da.map_blocks(block, chunks=((1,) * 5, (256,) * 2, (256,) * 2), dtype=np.int32)
    each = watched(Labels(labels))
    assert each.watch._tracked.recorder.lazy
    each.viewer.dims.set_current_step(0, 3)
    each.layer.paint((3, 30, 300), 5)
    read.clear()
    _, found = each.stored()
    assert set(read) == {(3, 0, 1)}
    assert (found == 5).sum() == np.asarray(each.layer.data[3] == 5).sum() > 0
    journal = each.session.writer._journal
    assert isinstance(journal, Journal)
    assert not journal.layers()[0].whole


def test_after_the_layer_is_closed_nothing_is_heard(watched: Callable[..., Watched]) -> None:
    each = watched(np.ones((40, 40), np.int32))
    each.layer.paint((20, 20), 5)
    each.watch.close()
    each.layer.paint((5, 5), 6)
    layer, found = each.stored()
    assert layer.ended == "closed"
    assert not (found == 6).any()
    assert (found == 5).any()
