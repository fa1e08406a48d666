"""Tests of YOLO's segments."""

from __future__ import annotations

import os
import warnings
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from napari_maskrcnn.formats import export, read_file, read_labels
from napari_maskrcnn.formats.drawn import FormatWarning
from napari_maskrcnn.formats.outlines import outlines_of
from napari_maskrcnn.formats.runs import runs_of
from tests.formats.label_images import label_images, many_objects

PLANE = np.zeros((10, 20), np.uint16)
PLANE[2:6, 5:15], PLANE[8:, 17:] = 4, 9


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "x.txt"


@pytest.mark.parametrize("labels", label_images(30, ndim=2))
def test_labels_without_holes_come_back_in_their_order(path: Path, labels: np.ndarray) -> None:
    ids, runs = runs_of(labels)
    holed = [
        label
        for label, pieces in zip(ids, outlines_of(runs, labels.shape), strict=True)
        if any(len(piece) > 1 for piece in pieces)
    ]
    labels = np.where(np.isin(labels, holed), 0, labels)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "YOLO's outlines have one piece", FormatWarning)
        export(labels, path)
    _, expected = np.unique(labels, return_inverse=True)
    expected = expected.reshape(labels.shape) + (0 if (labels == 0).any() else 1)
    assert np.array_equal(read_labels(path, shape=labels.shape), expected)


def test_what_is_in_the_file(path: Path) -> None:
    export(PLANE, path)
    lines = path.read_text().splitlines()
    assert [line.split()[0] for line in lines] == ["0", "0"]
    corners = {
        tuple(map(float, pair)) for pair in zip(*[iter(lines[0].split()[1:])] * 2, strict=True)
    }
    assert corners == {(0.25, 0.2), (0.75, 0.2), (0.75, 0.6), (0.25, 0.6)}
    assert os.listdir(path.parent) == ["x.txt"]


def test_the_file_beside_knows_the_shape(path: Path) -> None:
    said = {"model": "nuclei"}
    export(PLANE, path, provenance=said)
    data = read_file(path)
    assert data.labels.shape == PLANE.shape
    assert np.array_equal(data.labels > 0, PLANE > 0)
    assert data.provenance == said


def test_without_a_shape(path: Path) -> None:
    export(PLANE, path)
    with pytest.raises(ValueError, match=r"fractions of an image.*Give the shape"):
        read_labels(path)
    with pytest.raises(ValueError, match=r"belongs to one image, but the shape is \(2, 10, 20\)"):
        read_labels(path, shape=(2, 10, 20))


def test_holes_pieces_and_classes_are_warned_of(path: Path) -> None:
    labels = PLANE.copy()
    labels[3, 7], labels[0, :2] = 0, 9
    table = pd.DataFrame({"index": [4, 9], "class": ["nucleus", "debris"]})
    with pytest.warns(FormatWarning) as caught:
        export(labels, path, table=table)
    texts = [str(each.message) for each in caught]
    assert "filled in those of 1 object (label 4)" in texts[0]
    assert "lines join the pieces of 1 object (label 9)" in texts[1]
    assert texts[2] == "YOLO's classes are numbers: 0 = debris, 1 = nucleus."
    data = read_file(path, shape=labels.shape)
    assert data.table["class"].tolist() == ["1", "0"]
    labels[3, 7] = 4
    assert np.array_equal(data.labels, np.searchsorted([4, 9], labels, "right"))


def test_classes_that_are_numbers_stay(path: Path) -> None:
    table = pd.DataFrame({"index": [4, 9], "class": ["7", "2"]})
    export(PLANE, path, table=table)
    assert [line.split()[0] for line in path.read_text().splitlines()] == ["7", "2"]


def test_stacks_are_refused(path: Path) -> None:
    with pytest.raises(ValueError, match=r"up to 2 axes, but these have the shape \(2, 10, 20\)"):
        export(np.stack([PLANE, PLANE]), path)
    assert os.listdir(path.parent) == []


def test_scores_after_the_corners(path: Path) -> None:
    path.write_text("0 .1 .1 .6 .1 .6 .6 .1 .6 0.25\n\n1 .1 .1 .9 .1 .9 .9 .1 .9 0.5\n")
    data = read_file(path, shape=(10, 10))
    assert data.table["score"].tolist() == [0.25, 0.5]
    assert data.labels[3, 3] == data.table["index"][1] == 3


def test_many_objects(path: Path) -> None:
    labels = many_objects(5000)
    with pytest.warns(FormatWarning, match="YOLO"):
        export(labels, path)
    back = read_labels(path, shape=labels.shape)
    assert np.array_equal(back[labels > 0], labels[labels > 0])


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("0 0.5 0.5 0.2 0.2", "line 2 is a box or less"),
        ("0", "line 2 is a box or less"),
        ("cat .1 .1 .2 .1 .2 .2", "line 2 does not begin with the number of a class"),
        ("-1 .1 .1 .2 .1 .2 .2", "line 2 does not begin with the number of a class"),
        ("0 .1 .1 .2 .1 .2 x", "line 2 has something that is no number"),
        ("0 .1 .1 .2 .1 .2 nan", "line 2: a polygon has the coordinate nan"),
        ("0 .1 .1 .2 .1 .2 1e999", "line 2: a polygon has the coordinate inf"),
        ("0 " + "0 " * 2**24, r"line 2 has more than 33,554,432 bytes"),
    ],
    ids=["box", "class", "name", "negative", "text", "nan", "inf", "endless"],
)
def test_broken_lines(path: Path, line: str, message: str) -> None:
    path.write_text(f"0 .1 .1 .2 .1 .2 .2\n{line}\n")
    with pytest.raises(ValueError, match=message):
        read_labels(path, shape=(10, 10))


def test_foreign_text_is_no_labels(path: Path) -> None:
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + bytes(range(256)))
    with pytest.raises(ValueError, match=r"x\.txt cannot be read as YOLO"):
        read_labels(path, shape=(10, 10))
