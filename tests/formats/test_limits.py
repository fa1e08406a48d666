"""Tests of what a file may ask for."""

from __future__ import annotations

from pathlib import Path

import pytest

from napari_maskrcnn.formats.limits import check_bytes, check_shape


@pytest.mark.parametrize("shape", [(1, 1), (3, 512, 700), (46_340, 46_340)])
def test_usual_shapes(shape: tuple[int, ...]) -> None:
    assert check_shape(list(shape)) == shape


@pytest.mark.parametrize(
    ("shape", "message"),
    [
        ((5,), "has the shape 5"),
        ((0, 5), "has the shape 0 × 5"),
        ((-4, -4), "has the shape -4 × -4"),
        ((2.5, 4), "has the shape 2.5 × 4"),
        ((10**9, 10**9), r"1000000000 × 1000000000 pixels; more than 2,147,483,648 are not read"),
        ((9,) * 40, r"9 × 9 × 9 × 9 × 9 × 9 × … pixels"),
    ],
)
def test_absurd_shapes(shape: tuple[int, ...], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        check_shape(shape)


def test_absurd_files(tmp_path: Path) -> None:
    (tmp_path / "x").write_bytes(b"12345")
    check_bytes(tmp_path / "x", 5)
    with pytest.raises(ValueError, match="it has 5 bytes; more than 4 are not read"):
        check_bytes(tmp_path / "x", 4)
