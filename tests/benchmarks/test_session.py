"""The scripted sessions repair label images by real edits, and count what they do."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, cast

import numpy as np
import pytest
from numpy.typing import NDArray

from benchmarks.session.brush import with_brush
from benchmarks.session.lasso import along, groups
from benchmarks.session.state import Session
from benchmarks.session.tools import Policy, slide, with_tools
from napari_maskrcnn.annotate.edits import add_polygon
from napari_maskrcnn.instances import Instances


def truth() -> NDArray[np.int32]:
    image = np.zeros((40, 60), np.int32)
    image[2:12, 2:12] = 1
    image[20:32, 4:16] = 2
    image[5:20, 30:45] = 3
    return image


class Model:
    """Stands for a prompter that knows the truth, or finds nothing."""

    def __init__(self, knows: bool) -> None:
        self.knows = knows

    def box(self, box: Any) -> Instances:
        if not self.knows:
            raise ValueError("nothing")
        return self.click((box[1] + box[3]) / 2, (box[0] + box[2]) / 2)

    def click(self, y: float, x: float, taken: object = None) -> Instances:
        at = truth()[int(y), int(x)] if self.knows else -1
        return Instances.from_labels((truth() == at).astype(np.int32))


def repaired(
    labels: NDArray[np.int32], policy: Policy | None = None, knows: bool = True
) -> Session:
    session = Session(labels, truth())
    model, rng = cast("Any", Model(knows)), np.random.default_rng(0)
    with_tools(session, model, policy or Policy(), rng)
    assert session.errors() == 0
    return session


def damaged() -> NDArray[np.int32]:
    """One is missing, 2 is half, and 4 is nothing."""
    image = truth()
    image[image == 1] = 0
    image[20:26, 4:16] = 0
    image[35:39, 50:58] = 4
    return image


@pytest.mark.parametrize(
    ("policy", "knows", "actions"),
    [
        # 4 is deleted, then both are drawn; what is half is drawn anew.
        (Policy(), True, {"key": 2, "click": 1, "outline": 2}),
        (Policy(covered=True), True, {"key": 3, "box": 1, "click": 1, "outline": 1}),
        (Policy(True, missed=2), True, {"key": 2, "box": 1, "click": 2}),
        (Policy(True, missed=2), False, {"key": 3, "box": 1, "click": 2, "outline": 2}),
    ],
)
def test_tools_repair_everything(policy: Policy, knows: bool, actions: dict[str, int]) -> None:
    assert +repaired(damaged(), policy, knows).actions == actions


def test_pieces_are_merged_and_what_is_one_is_split() -> None:
    image = truth()
    image[20:32, 9:16] = 9
    image[2:12, 2:12] = 3
    image[8:11, 12:30] = 3
    assert +repaired(image).actions == {"key": 2, "lasso": 1, "line": 1}


def test_labels_that_are_too_large_shrink_together() -> None:
    image = np.zeros((40, 60), np.int32)
    image[1:14, 1:14] = 1
    image[19:34, 2:18] = 2
    image[5:20, 30:45] = 3
    true = np.zeros_like(image)
    true[3:13, 3:13] = 1
    true[21:33, 4:16] = 2
    true[5:20, 30:45] = 3
    session = Session(image, true)
    assert len(session.wrong()) == 2
    with_tools(session, cast("Any", Model(True)), Policy(), np.random.default_rng(0))
    assert session.errors() == 0
    assert +session.actions == {"key": 1, "lasso": 1}


def test_a_neighbour_that_keeps_the_pixels_is_drawn_anew_too() -> None:
    image = truth()
    image[image == 1] = 0
    true = truth()
    image[5:20, 26:45] = 3
    true[5:20, 24:30] = 4
    session = Session(image, true)
    with_tools(session, cast("Any", Model(True)), Policy(), np.random.default_rng(0))
    assert session.errors() == 0


def test_several_labels_go_in_one_drag_unless_one_between_them_stays() -> None:
    image = np.zeros((20, 60), np.int32)
    for label, x in enumerate((2, 12, 22, 32), 1):
        image[5:10, x : x + 5] = label
    assert sorted(map(sorted, groups(image, [1, 2, 4]))) == [[1, 2], [4]]
    assert sorted(map(sorted, groups(image, [1, 2, 4], free=[3]))) == [[1, 2, 4]]


def test_the_sliders_are_moved_when_that_repairs_more_than_it_costs() -> None:
    found = Instances.from_labels(damaged())
    session = Session(found.to_labels(), truth())
    slide(session, found, 0.5)
    assert session.count == 0  # without 4 one error less, for one drag
    found = replace(Instances.from_labels(truth()), scores=np.full(3, 0.6, np.float32))
    session = Session(np.zeros_like(truth()), truth())
    slide(session, found, 0.99)
    assert +session.actions == {"slider": 1}
    assert session.errors() == 0


def test_the_brush_repairs_everything() -> None:
    session = Session(damaged(), truth())
    with_brush(session)
    assert session.errors() == 0
    # The brush; a number and a drag for two; the eraser and a drag.
    assert +session.actions == {"key": 4, "stroke": 3}


def test_a_label_that_is_only_too_large_is_erased_to_size() -> None:
    image = truth()
    image[2:12, 12:18] = 1
    session = Session(image, truth())
    with_brush(session)
    assert np.array_equal(session.labels, truth())
    assert session.count == 2


def test_the_eraser_passes_over_neighbours_in_one_drag() -> None:
    image = truth()
    image[34:37, 50:53] = 4
    image[36:39, 55:58] = 5
    session = Session(image, truth())
    with_brush(session)
    assert np.array_equal(session.labels, truth())
    assert +session.actions == {"key": 1, "stroke": 1}


def test_nothing_to_do_takes_no_action() -> None:
    session = repaired(truth(), Policy(True, missed=2))
    with_brush(session)
    assert session.count == 0


def test_an_outline_holds_the_pixels_of_its_object() -> None:
    image = np.zeros((40, 60), np.int32)
    edit, _ = add_polygon(image, along(truth() == 3), 3)
    edit.apply(image)
    assert np.array_equal(image == 3, truth() == 3)
