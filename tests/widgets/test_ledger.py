"""The table follows the pixels through any strokes, undo and redo, and so do the counts."""

from __future__ import annotations

from typing import Any

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from napari.components import ViewerModel
from napari.layers import Labels

from napari_maskrcnn.annotate.counts import difference
from napari_maskrcnn.annotate.rows import synced_rows
from napari_maskrcnn.widgets import toolbox
from napari_maskrcnn.widgets.corrections import Corrections
from napari_maskrcnn.widgets.ledger import ledger_of
from napari_maskrcnn.widgets.tools import Stroke, Tool

SHAPE = (3, 14, 16)
MEASURED = ["index", "area", "bbox"]
# Nearly all of them on an object, so that nearly all strokes do something.
SPOTS = st.sampled_from([(4, 2), (2, 5), (4, 10), (7, 13), (10, 4), (11, 3), (10, 9), (6, 8)])
CLICKS = SPOTS.map(lambda spot: [spot])
LINES = st.integers(0, 15).map(lambda column: [(-1, column + 0.3), (14, column - 0.6)])
BOXES = st.integers(6, 17).map(lambda right: [(-1, -1), (-1, right), (15, right), (15, -1)])
TWICE = st.tuples(SPOTS, SPOTS)
KINDS = {toolbox.RENUMBER: TWICE, toolbox.MERGE: TWICE, toolbox.SPLIT: TWICE}


def strokes(tool: Tool) -> st.SearchStrategy[Any]:
    """Strokes that suit a tool: clicks, lines or outlines; a tuple is two clicks."""
    points = [KINDS.get(tool, CLICKS)]
    points += [BOXES] if tool.closes else [LINES] if tool.draws else []
    return st.tuples(st.just(tool), st.one_of(points), st.integers(0, 2))


# What the model is asked for comes from its thread, not from the stroke.
PLAIN = [tool for tool in toolbox.TOOLS if tool is not toolbox.FIND]
STROKES = st.sampled_from(PLAIN).flatmap(strokes)
PAINTS = st.tuples(
    st.sampled_from(["paint", "fill"]),
    st.tuples(st.integers(0, 13), st.integers(0, 15), st.integers(0, 6)),
    st.integers(0, 2),
)
MOVES = st.sampled_from(["undo", "redo", "small"])
ACTIONS = st.lists(st.one_of(STROKES, STROKES, PAINTS, MOVES), min_size=4, max_size=16)


def start() -> np.ndarray:
    labels = np.zeros(SHAPE, np.int32)
    labels[:, 1:7, 1:7] = 1
    labels[0, 3:5, 3:5] = 0
    labels[0, 2:9, 8:15] = 2
    labels[2, 8:13, 2:12] = 3
    labels[0, 10:12, 3:5] = 3
    return labels


class Person:
    """Someone who does anything to a layer, and remembers every state of it."""

    def __init__(self) -> None:
        self.viewer = ViewerModel()
        self.layer: Labels = self.viewer.add_labels(start())
        self.corrections = Corrections(self.viewer)
        self.ledger = ledger_of(self.layer)
        self.states = [start()]
        self.at = 0

    def act(self, action: Any) -> None:
        if action == "undo":
            self.layer.undo()
            self.at = max(0, self.at - 1)
        elif action == "redo":
            self.layer.redo()
            self.at = min(len(self.states) - 1, self.at + 1)
        else:
            self.edit(action)
            if not np.array_equal(self.layer.data, self.states[self.at]):
                self.states[self.at + 1 :] = [self.layer.data.copy()]
                self.at += 1

    def edit(self, action: Any) -> None:
        try:
            if action == "small":
                self.corrections.remove_small(self.layer, 5)
                return
            tool, points, at = action
            self.viewer.dims.set_point(0, at)
            if isinstance(tool, str):
                row, column, label = points
                getattr(self.layer, tool)((at, row, column), label)
                return
            self.corrections.forget()
            for part in points if isinstance(points, tuple) else [points]:
                path = np.atleast_2d(np.array(part, float))
                plane = (at, None, None)
                self.corrections.apply(Stroke(tool, self.layer, plane, path, len(path) == 1))
        except ValueError:
            assert np.array_equal(self.layer.data, self.states[self.at])

    def check(self) -> None:
        data, table = self.layer.data, self.layer.features
        assert data.dtype == np.int32
        assert data.min() >= 0
        assert np.array_equal(data, self.states[self.at])
        fresh = synced_rows(data, table)
        assert table[MEASURED].to_dict("list") == fresh[MEASURED].to_dict("list")
        assert table["index"].is_unique
        named = {int(i): name for i, name in zip(table["index"], table["class"], strict=True)}
        assert all(isinstance(named[int(i)], str) for i in np.unique(data))


@given(ACTIONS)
@settings(max_examples=60, deadline=None)
def test_any_strokes_undone_and_done_again(actions: list[Any]) -> None:
    person = Person()
    for action in actions:
        person.act(action)
        person.check()
    while person.at:
        person.act("undo")
        person.check()
    assert np.array_equal(person.layer.data, start())
    assert difference(start(), person.layer.data).corrections == 0
    for _ in person.states[1:]:
        person.act("redo")
        person.check()


@given(ACTIONS)
@settings(max_examples=20, deadline=None)
def test_counts_do_not_depend_on_numbers_or_on_the_way(actions: list[Any]) -> None:
    person = Person()
    for action in actions:
        person.act(action)
    counts = difference(start(), person.layer.data)
    ids = np.unique(person.layer.data)
    other = np.searchsorted(ids, person.layer.data) * 1_000_003 + (person.layer.data > 0) * 77
    assert difference(start().astype(np.int64), other) == counts


def test_a_step_that_reverts_the_one_before_is_told_apart() -> None:
    person = Person()
    square = np.nonzero(start() == 2)
    everything = np.nonzero(np.ones(SHAPE, bool))
    for indices, label in ((square, 9), (everything, 0), (square, 9), (square, 0), (square, 9)):
        person.layer.data_setitem(indices, label)
        person.states.append(person.layer.data.copy())
        person.at += 1
        person.check()
    for move in ["undo"] * 5 + ["redo"] * 5 + ["undo", "undo", "redo", "undo", "undo", "redo"]:
        person.act(move)
        person.check()


def test_a_stroke_over_its_own_trace_is_one_step() -> None:
    person = Person()
    person.viewer.dims.set_point(0, 0)
    with person.layer.block_history():
        for row, column, label in ((5, 5, 4), (5, 6, 4), (5, 7, 5), (5, 5, 5), (12, 12, 4)):
            person.layer.paint((0, row, column), label)
    person.states.append(person.layer.data.copy())
    person.at = 1
    person.check()
    person.act("undo")
    person.check()
    person.act("redo")
    person.check()


def test_other_data_in_the_layer_is_measured_anew() -> None:
    person = Person()
    person.layer.data_setitem(np.nonzero(start() == 2), 0)
    person.layer.data = np.roll(start(), 1, axis=1)
    person.states, person.at = [person.layer.data.copy()], 0
    person.check()


def test_lazy_labels_can_be_painted_and_undone() -> None:
    import dask.array as da

    model = ViewerModel()
    layer = model.add_labels(da.ones((2, 300, 300), chunks=(1, 256, 256), dtype=np.int32))
    ledger_of(layer)
    layer.paint((0, 20, 20), 3)
    layer.undo()
    layer.redo()
    layer.fill((0, 100, 100), 5)
    pixels = np.asarray(layer.data)
    areas = dict(zip(layer.features["index"], layer.features["area"], strict=True))
    for label in (3, 5):
        assert areas[label] == np.count_nonzero(pixels[0] == label) > 0
