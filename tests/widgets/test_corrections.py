"""What strokes do to a layer and its table, without a window: one step of Undo each."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
from napari.components import ViewerModel
from napari.layers import Labels

from napari_maskrcnn.annotate.rows import synced_rows
from napari_maskrcnn.widgets import fresh, toolbox
from napari_maskrcnn.widgets.corrections import Corrections
from napari_maskrcnn.widgets.ledger import ledger_of
from napari_maskrcnn.widgets.tools import Stroke, Tool


def plane() -> np.ndarray:
    """A square with a hole, a dumbbell, an object in two pieces, and a speck."""
    labels = np.zeros((50, 80), np.int32)
    labels[4:16, 4:16] = 1
    labels[8:11, 8:11] = 0
    rows, columns = np.mgrid[:50, :80]
    for centre in (30, 42):
        labels[np.hypot(rows - 14, columns - centre) <= 7] = 2
    labels[25:35, 5:15] = 3
    labels[28:30, 18:20] = 3
    labels[40:42, 40:42] = 4
    labels[25:35, 60:70] = 7
    return labels


class Bench:
    """A layer, and strokes on it."""

    def __init__(self, data: np.ndarray | None = None) -> None:
        self.viewer = ViewerModel()
        self.before = plane() if data is None else data
        self.layer: Labels = self.viewer.add_labels(self.before.copy(), name="cells instances")
        self.corrections = Corrections(self.viewer)

    def stroke(self, tool: Tool, *points: Sequence[float], at: int | None = None) -> str:
        index = (None, None) if at is None else (at, None, None)
        path = np.array(points, float)
        return self.corrections.apply(Stroke(tool, self.layer, index, path, len(points) == 1))

    def check(self) -> None:
        """The table says what the labels hold."""
        table = self.layer.features
        again = synced_rows(self.layer.data, table)
        assert table[["index", "area", "bbox"]].equals(again[["index", "area", "bbox"]])
        assert set(np.unique(self.layer.data)) <= set(table["index"])

    def undo(self) -> None:
        """One step back is where this began."""
        self.check()
        self.layer.undo()
        assert np.array_equal(self.layer.data, self.before)
        self.check()

    def area(self, label: int) -> int:
        return int((self.layer.data == label).sum())

    def values(self, column: str) -> dict[int, str]:
        table = self.layer.features
        return dict(zip(table["index"], table[column], strict=True))


@pytest.fixture
def bench() -> Bench:
    return Bench()


AROUND_1_AND_3 = [(0, 0), (0, 23), (40, 23), (40, 0)]


@pytest.mark.parametrize(
    ("tool", "points", "said", "areas"),
    [
        (toolbox.DELETE, [(30, 10)], "Deleted 3.", {3: 0}),
        (toolbox.DELETE, AROUND_1_AND_3, "Deleted 2 objects.", {1: 0, 3: 0}),
        (toolbox.MERGE, AROUND_1_AND_3, "Merged 2 objects into 1.", {1: 239, 3: 0}),
        (toolbox.SPLIT, [(14, 36)], "Now click the middle of the next part of 2.", {}),
        (toolbox.SPLIT, [(4, 36.5), (24, 36.5)], "Split 2: the other piece is 8.", {}),
        (toolbox.ADD, [(20.5, 30.5), (20.5, 40.5), (30.5, 40.5)], "Added 8.", {8: 55}),
        (toolbox.FILL, [(5, 5)], "Filled the holes of 1.", {1: 144}),
        (toolbox.GROW, [(41, 41)], "Widened 4.", {4: 12}),
        (toolbox.SHRINK, [(30, 65)], "Narrowed 7.", {7: 64}),
        (toolbox.LARGEST, AROUND_1_AND_3, "Kept the largest piece of 2 objects.", {1: 135, 3: 100}),
    ],
)
def test_one_stroke_is_one_step(
    bench: Bench, tool: Tool, points: list, said: str, areas: dict[int, int]
) -> None:
    assert bench.stroke(tool, *points) == said
    assert {i: bench.area(i) for i in areas} == areas
    if said.startswith("Now"):
        assert np.array_equal(bench.layer.data, bench.before)
    else:
        bench.undo()
        bench.layer.redo()
        bench.check()
    assert bench.layer.selected_label == int(bench.layer.features["index"].max()) + 1


def test_clicked_seeds_split_again_and_again(bench: Bench) -> None:
    bench.layer.features = bench.layer.features
    ledger_of(bench.layer).toggle_class([2], "cell")
    bench.stroke(toolbox.SPLIT, (14, 30))
    assert bench.stroke(toolbox.SPLIT, (14, 42)).startswith("Split 2: the new piece is 8.")
    assert bench.layer.data[14, 30] == 2
    assert bench.layer.data[14, 42] == 8
    assert abs(bench.area(2) - bench.area(8)) <= 15
    # A third click cuts the part that it lies in, between its seed and this one.
    bench.stroke(toolbox.SPLIT, (14, 46))
    assert [int(bench.layer.data[14, column]) for column in (30, 42, 46)] == [2, 8, 9]
    assert bench.values("class")[9] == "cell"
    bench.layer.undo()
    bench.undo()
    # A click on the background forgets the seeds.
    assert bench.stroke(toolbox.SPLIT, (45, 5)) == toolbox.SPLIT.hint
    assert bench.stroke(toolbox.SPLIT, (14, 30)).startswith("Now click")


def test_small_objects_go_by_button(bench: Bench) -> None:
    assert bench.corrections.remove_small(bench.layer, 20) == "Removed 1 object."
    assert bench.area(4) == 0
    bench.undo()
    with pytest.raises(ValueError, match="fewer than 4 pixels"):
        bench.corrections.remove_small(bench.layer, 4)


def test_smooth_changes_only_its_object(bench: Bench) -> None:
    bench.stroke(toolbox.SMOOTH, (30, 65))
    assert bench.area(7) == 96
    others = (bench.before != 7) & (bench.layer.data != 7)
    assert np.array_equal(bench.layer.data[others], bench.before[others])
    bench.undo()


def test_accept_toggles_and_is_no_pixel(bench: Bench) -> None:
    ledger_of(bench.layer)
    states = bench.values("state")
    assert bench.stroke(toolbox.ACCEPT, (30, 10)) == "3 accepted."
    assert bench.values("state") == states | {3: "accepted"}
    assert bench.stroke(toolbox.ACCEPT, *AROUND_1_AND_3) == "2 objects accepted."
    assert bench.stroke(toolbox.ACCEPT, *AROUND_1_AND_3) == "2 objects no longer accepted."
    assert bench.values("state") == states
    assert np.array_equal(bench.layer.data, bench.before)


def test_painted_objects_get_the_class_and_give_it_back(bench: Bench) -> None:
    ledger = ledger_of(bench.layer)
    ledger.toggle_class([1, 2, 3], "cell")
    with pytest.raises(ValueError, match="no class to give"):
        bench.stroke(toolbox.CLASS, (30, 10))
    ledger.class_name = "mitosis"
    across = [(30, 2), (30, 50), (14, 42)]
    assert bench.stroke(toolbox.CLASS, *across) == "2 objects: mitosis."
    assert {bench.values("class")[i] for i in (2, 3)} == {"mitosis"}
    assert bench.stroke(toolbox.CLASS, (30, 10)) == "3: cell again."
    assert bench.values("class")[3] == "cell"
    # What the brush draws is of the active class as well.
    bench.layer.data_setitem((np.array([45]), np.array([5])), 20)
    assert bench.values("class")[20] == "mitosis"
    bench.check()


def film() -> np.ndarray:
    """Four planes: object 1 in the first, 5 in the first and last, 9 in plane 2 only."""
    labels = np.zeros((4, 50, 80), np.int32)
    labels[0, 4:16, 4:16] = 1
    labels[0, 20:30, 20:30] = 5
    labels[3, 20:30, 32:42] = 5
    labels[2, 40:45, 60:70] = 9
    return labels


def test_copy_goes_to_the_next_plane_and_shows_it() -> None:
    bench = Bench(film())
    bench.viewer.dims.set_point(0, 0)
    assert bench.stroke(toolbox.COPY, (10, 10), at=0) == "Copied 1 to plane 1."
    assert (bench.layer.data == 1).sum(axis=(1, 2)).tolist() == [144, 144, 0, 0]
    assert bench.viewer.dims.current_step[0] == 1
    bench.undo()
    with pytest.raises(ValueError, match="This is the last plane"):
        bench.stroke(toolbox.COPY, (25, 37), at=3)


def test_interpolation_fills_the_planes_between() -> None:
    bench = Bench(film())
    assert bench.stroke(toolbox.INTERPOLATE, (25, 25), at=0) == "Filled 2 planes of 5."
    assert (bench.layer.data == 5).sum(axis=(1, 2)).tolist() == [100, 100, 100, 100]
    assert (bench.layer.data[1] == 5).any(axis=0).nonzero()[0][[0, -1]].tolist() == [24, 33]
    bench.undo()


def test_delete_and_renumber_through_the_stack() -> None:
    bench = Bench(film())
    bench.stroke(toolbox.DELETE, (25, 25), at=0)
    assert (bench.layer.data == 5).any(axis=(1, 2)).tolist() == [False, False, False, True]
    bench.undo()
    assert bench.stroke(toolbox.DELETE_STACK, (25, 25), at=0) == "Deleted 5 in all planes."
    assert not (bench.layer.data == 5).any()
    bench.undo()
    assert bench.stroke(toolbox.RENUMBER, (42, 65), at=2).startswith("Now click")
    said = bench.stroke(toolbox.RENUMBER, (25, 25), at=0)
    assert said == "5 is 9 now, in all planes. Click the next."
    assert (bench.layer.data == 9).any(axis=(1, 2)).tolist() == [True, False, True, True]
    bench.undo()


def test_stack_tools_say_that_there_is_no_stack(bench: Bench) -> None:
    for tool in (toolbox.COPY, toolbox.INTERPOLATE):
        with pytest.raises(ValueError, match="Open a stack"):
            bench.stroke(tool, (30, 10))


def test_very_many_pixels_go_into_a_fresh_layer(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fresh, "MOST_PIXELS", 100)
    bench.layer.opacity = 0.3
    bench.stroke(toolbox.ACCEPT, (30, 65))
    said = bench.stroke(toolbox.DELETE, *AROUND_1_AND_3)
    assert said.startswith("Deleted 2 objects. Too many pixels for Undo")
    made: Any = bench.viewer.layers[1]
    assert repr(made.name) in said
    assert np.array_equal(bench.layer.data, bench.before)
    assert set(np.unique(made.data)) == {0, 2, 4, 7}
    assert (made.opacity, made.visible, bench.layer.visible) == (0.3, True, False)
    assert bench.viewer.layers.selection.active is made
    rows = made.features.set_index("index")
    assert rows.loc[[1, 3, 7], "area"].tolist() == [0, 0, 100]
    assert rows.loc[7, "state"] == "accepted"
    assert list(bench.layer.features["area"])[1] == 135


def test_a_mask_of_255_can_be_corrected() -> None:
    data = np.zeros((30, 30), np.uint8)
    data[4:10, 4:10] = data[20:25, 20:25] = 255
    bench = Bench(data)
    line = [(7, 0), (7, 12)]
    assert bench.stroke(toolbox.SPLIT, *line)
    assert (bench.layer.data[5, 5], bench.layer.data[8, 5]) == (255, 1)
    bench.undo()
    assert bench.stroke(toolbox.DELETE, (5, 5)) == "Deleted 255."
    assert not bench.layer.data.any()
    bench.undo()


def test_labels_that_are_computed_are_refused_in_words() -> None:
    import dask.array as da

    layer = ViewerModel().add_labels(da.ones((30, 30), dtype=np.int32), name="lazy")
    point = np.array([(5.0, 5.0)])
    with pytest.raises(ValueError, match=r"'lazy' are computed .* Save it"):
        Corrections(ViewerModel()).apply(Stroke(toolbox.DELETE, layer, (None, None), point, True))
