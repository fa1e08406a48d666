"""Which image comes next, what they are called, and how fast a person works."""

from __future__ import annotations

import pytest

from napari_maskrcnn.annotate.image_states import State
from napari_maskrcnn.annotate.project.entries import (
    Entry,
    counts,
    free_name,
    name_problem,
    next_open,
)
from napari_maskrcnn.annotate.project.pace import LONGEST_LOOK, Pace

ROWS = (
    Entry("a", "a.tif", State.PREDICTED, certainty=0.8),
    Entry("b", "b.tif", State.VERIFIED, certainty=0.1),
    Entry("c", "c.tif", State.CORRECTING, certainty=0.3),
    Entry("d", "d.tif"),
    Entry("e", "e.tif", State.EXCLUDED),
)


def test_the_next_one_is_open_and_not_the_one_shown() -> None:
    assert [getattr(next_open(ROWS, after), "name", None) for after in "abcde"] == list("ccdaa")
    assert next_open(ROWS) == ROWS[0]
    assert next_open(ROWS[::-1], "e") == ROWS[3]
    assert next_open(ROWS[1:3], "c") is None
    assert next_open([], "x") is None


def test_counts_say_what_is_there() -> None:
    assert list(counts(ROWS).items()) == [
        ("new", 1),
        ("predicted", 1),
        ("in correction", 1),
        ("verified", 1),
        ("excluded", 1),
    ]


def test_names_are_files_on_every_system() -> None:
    assert free_name("cells", []) == "cells"
    assert free_name("Cells", ["cells", "cells-2"]) == "Cells-3"
    assert free_name("a/b:c*?", []) == "a-b-c--"
    assert free_name(" . ", []) == "image"
    for name in ("", "../x", "x.", " x", "a\tb", "x" * 121):
        assert name_problem(name), name
    assert not name_problem("plate 3, well A·1")


def test_pauses_are_no_work() -> None:
    pace = Pace()
    assert pace.objects_per_hour is None
    for now in (100.0, 110.0, 115.0):
        pace.moved(now)
    assert pace.leave(120.0) == 20.0
    pace.verified(10, 20.0)
    pace.moved(1000.0)  # a coffee
    assert pace.leave(1010.0) == LONGEST_LOOK + 10.0
    pace.verified(10, 40.0)
    assert (pace.images, pace.objects_per_hour) == (2, 1200)
    assert pace.leave(1000.0) == pytest.approx(0.0)
