from __future__ import annotations

import pytest

from napari_maskrcnn.sources.axes import (
    channel_axis,
    check_axes,
    guess_axes,
    letter_of,
    unique_axes,
)


@pytest.mark.parametrize(
    ("shape", "axes"),
    [
        ((50, 60), "YX"),
        ((50, 60, 3), "YXS"),
        ((50, 60, 4), "YXS"),
        ((50, 60, 2), "YXC"),
        ((5, 50, 60), "QYX"),
        ((3, 50, 60), "QYX"),
        ((3, 8, 9), "QYX"),
        ((5, 50, 60, 3), "QYXS"),
        ((5, 50, 60, 16), "QYXC"),
    ],
)
def test_the_shape_tells_the_axes(shape: tuple[int, ...], axes: str) -> None:
    assert guess_axes(shape) == axes


@pytest.mark.parametrize("shape", [(2, 3, 50, 60), (2, 3, 4, 50, 60), (1, 2, 3, 50, 60, 3)])
def test_a_shape_that_does_not_tell_asks_for_names(shape: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match=rf"{len(shape)} axes .*such as TZCYX"):
        guess_axes(shape)


def test_a_row_of_pixels_is_no_image() -> None:
    with pytest.raises(ValueError, match=r"shape \(9,\); it needs rows and columns"):
        guess_axes((9,))


def test_axes_fit_the_array() -> None:
    assert check_axes(" zcyx", (5, 2, 8, 9)) == "ZCYX"
    with pytest.raises(
        ValueError, match=r"'ZYX' do not fit: the image has 4 axes \(5 × 2 × 8 × 9\)"
    ):
        check_axes("ZYX", (5, 2, 8, 9))
    with pytest.raises(ValueError, match="'Z Y' do not fit"):
        check_axes("Z Y", (5, 2, 8))
    with pytest.raises(ValueError, match="'YYX' name one axis twice"):
        check_axes("YYX", (5, 2, 8))
    with pytest.raises(ValueError, match="'ZCY' have no plane"):
        check_axes("ZCY", (5, 2, 8))


@pytest.mark.parametrize(
    ("letters", "axes"),
    [
        ("TZCYX", "TZCYX"),
        ("QQYX", "QPYX"),
        ("tzyx", "TZYX"),
        ("QQ", "YX"),
        ("QQQS", "QYXS"),
        ("XYZ", "XYZ"),
        ("Q1YX", "QPYX"),
    ],
)
def test_letters_of_files_become_names(letters: str, axes: str) -> None:
    assert unique_axes(letters) == axes


@pytest.mark.parametrize(
    ("name", "letter"),
    [
        *(("t", "T"), ("Time", "T"), ("rows", "Y"), ("col", "X"), ("channels", "C"), ("Z", "Z")),
        *(("position", "p"), ("camera", "Q"), ("", ""), (None, "n")),
    ],
)
def test_names_of_axes_have_letters(name: object, letter: str) -> None:
    assert letter_of(name) == letter


def test_colour_goes_before_channels() -> None:
    assert channel_axis("CYXS") == 3
    assert channel_axis("ZCYX") == 1
    assert channel_axis("ZYX") is None
