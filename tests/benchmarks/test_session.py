"""The scripted sessions repair label images by real edits, and count what they do."""

from __future__ import annotations

from typing import Any, cast

import numpy as np
import pytest
from numpy.typing import NDArray

from benchmarks.session import Session, outline, with_brush, with_tools
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
        x, y = int((box[0] + box[2]) / 2), int((box[1] + box[3]) / 2)
        return Instances.from_labels((truth() == truth()[y, x]).astype(np.int32))


def damaged() -> NDArray[np.int32]:
    """One is missing, 2 is half, and 4 is nothing."""
    image = truth()
    image[image == 1] = 0
    image[20:26, 4:16] = 0
    image[35:39, 50:58] = 4
    return image


@pytest.mark.parametrize(
    ("patience", "knows", "actions"),
    # Find, two boxes, Delete, a click; Find and two boxes more; Delete, two clicks, Add, two drags.
    [(9, True, 5), (9, False, 9), (0, True, 6), (1, False, 8)],
)
def test_tools_repair_everything(patience: int, knows: bool, actions: int) -> None:
    session = Session(damaged(), truth())
    with_tools(session, cast("Any", Model(knows)), patience, np.random.default_rng(0))
    assert session.wrong() == []
    assert session.extra() == []
    assert session.actions == actions


def test_the_brush_repairs_everything() -> None:
    session = Session(damaged(), truth())
    with_brush(session)
    assert session.wrong() == []
    assert session.extra() == []
    # The brush; a number and a drag for two; the eraser and a drag.
    assert session.actions == 7


def test_a_label_that_is_only_too_large_is_erased_to_size() -> None:
    image = truth()
    image[2:12, 12:18] = 1
    session = Session(image, truth())
    with_brush(session)
    assert np.array_equal(session.labels, truth())
    assert session.actions == 2


def test_nothing_to_do_takes_no_action() -> None:
    session = Session(truth(), truth())
    with_brush(session)
    with_tools(session, cast("Any", Model(True)), 9, np.random.default_rng(0))
    assert session.actions == 0


def test_an_outline_holds_the_pixels_of_its_object() -> None:
    image = np.zeros((40, 60), np.int32)
    add_polygon(image, outline(truth() == 3), 3).apply(image)
    assert np.array_equal(image == 3, truth() == 3)
