"""Tests of labels in pictures."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from napari_maskrcnn.formats import read_labels


@pytest.mark.parametrize(("dtype", "largest"), [(np.uint8, 255), (np.uint16, 40_000)])
def test_grey_png(tmp_path: Path, dtype: type, largest: int) -> None:
    labels = np.array([[0, 3], [largest, 1]], dtype=dtype)
    Image.fromarray(labels).save(tmp_path / "x.png")
    back = read_labels(tmp_path / "x.png")
    assert back.dtype == dtype
    assert np.array_equal(back, labels)


def test_palette_gives_numbers_not_colours(tmp_path: Path) -> None:
    picture = Image.fromarray(np.array([[0, 1, 2]], dtype=np.uint8), mode="P")
    picture.putpalette([0, 0, 0, 255, 0, 0, 0, 255, 0])
    picture.save(tmp_path / "x.png")
    assert read_labels(tmp_path / "x.png").tolist() == [[0, 1, 2]]


def test_black_and_white_is_one_object(tmp_path: Path) -> None:
    Image.fromarray(np.array([[True, False]])).save(tmp_path / "x.png")
    assert read_labels(tmp_path / "x.png").tolist() == [[1, 0]]


def test_colour_picture(tmp_path: Path) -> None:
    Image.new("RGB", (4, 4)).save(tmp_path / "x.png")
    with pytest.raises(ValueError, match=r"x\.png .*: it is a colour picture"):
        read_labels(tmp_path / "x.png")


def test_the_size_that_an_array_claims_is_not_believed(tmp_path: Path) -> None:
    with (tmp_path / "x.npy").open("wb") as file:
        header = {"descr": "<i4", "fortran_order": False, "shape": (10**6, 10**6)}
        np.lib.format.write_array_header_1_0(file, header)
    with pytest.raises(ValueError, match=r"x\.npy cannot be read .* are not read"):
        read_labels(tmp_path / "x.npy")
