from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import tifffile
from PIL import Image

from napari_maskrcnn.formats import limits
from napari_maskrcnn.images import (
    check_image,
    is_constant,
    percentiles,
    read_image,
    stretch,
    to_chw,
    unit,
)


@pytest.mark.parametrize(
    ("image", "message"),
    [
        (np.zeros((1, 1)), "1 × 1 px; at least 4 × 4"),
        (np.zeros((3, 50)), "3 × 50 px"),
        (np.zeros((0, 50)), "0 × 50 px"),
        (np.zeros((8, 8, 0)), r"shape \(8, 8, 0\): it has no channels"),
        (np.full((8, 8), np.nan), "no finite pixel"),
        (np.full((8, 8), np.inf), "no finite pixel"),
        (np.zeros((8, 8), complex), "complex128"),
        (np.zeros((8, 8), object), "object"),
        (np.zeros((5, 8, 40)), r"shape \(5, 8, 40\).*predict_stack"),
        (np.zeros(8), r"shape \(8,\)"),
    ],
)
def test_what_cannot_be_used_is_named(image: np.ndarray, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        check_image(image)


@pytest.mark.parametrize("dtype", [bool, np.uint8, np.int16, np.uint32, np.float16, np.float64])
def test_every_real_type_becomes_three_float_channels(dtype: type) -> None:
    found = to_chw(np.eye(6).astype(dtype))
    wide = np.dtype(dtype).itemsize > 2 and dtype is not np.float32
    assert found.dtype == (np.float64 if wide else np.float32)
    assert found.shape == (3, 6, 6)
    assert stretch(found).dtype == unit(found, np.dtype(dtype)).dtype == np.float32
    assert (found == np.eye(6)).all()


def test_channels_are_chosen_and_alpha_is_left_out() -> None:
    image = np.stack([np.full((5, 5), v) for v in (10, 20, 30, 255)], -1).astype(np.uint8)
    assert to_chw(image)[:, 0, 0].tolist() == [10, 20, 30]
    assert to_chw(image[..., :2])[:, 0, 0].tolist() == [10, 10, 10]
    assert to_chw(image, (2,))[:, 0, 0].tolist() == [30, 30, 30]
    assert to_chw(image, (1, 0))[:, 0, 0].tolist() == [20, 10, 10]
    assert to_chw(image, (2, 1, 0))[:, 0, 0].tolist() == [30, 20, 10]
    for wrong in ((4,), (), (-1,), (0, 1, 2, 3), (0.5,), "01"):
        with pytest.raises(ValueError, match="from 0 to 3, for the image has 4 channels"):
            to_chw(image, wrong)


def test_pixels_that_are_not_finite_become_background() -> None:
    image = np.full((5, 5), 7.0)
    image[0, 0], image[1, 1], image[2, 2] = np.nan, np.inf, 3.0
    found = to_chw(image)
    assert found[0, 0, 0] == found[0, 1, 1] == 3
    assert np.isfinite(found).all()


def test_stretching_ignores_outliers_and_keeps_colours() -> None:
    rng = np.random.default_rng(0)
    chw = rng.uniform(100, 200, (3, 64, 64)).astype(np.float32)
    chw[0, 0, 0] = 1e6
    found = stretch(chw)
    assert abs(float(np.percentile(found, 50)) - 0.5) < 0.05
    assert found.max() == 2.0
    low, high = percentiles(chw)
    assert 100 < low < 105
    assert 195 < high < 205
    tile = stretch(chw[:, :8, 8:16], (low, high))
    np.testing.assert_array_equal(tile, found[:, :8, 8:16])


def test_a_few_bright_pixels_in_a_flat_image_are_not_lost() -> None:
    chw = np.zeros((3, 100, 100), np.float32)
    chw[:, 5, 5] = 50
    assert stretch(chw).max() == 1


def test_a_constant_image() -> None:
    assert not stretch(np.full((3, 5, 5), 9, np.float32)).any()
    assert is_constant(np.full((4, 4), 3))
    assert is_constant(np.array([[np.nan, 1.0], [1.0, np.inf]]))
    assert not is_constant(np.array([[0, 1]]))


def test_integers_are_divided_by_their_largest_value() -> None:
    assert unit(np.full((3, 2, 2), 255, np.float32), np.dtype(np.uint8)).max() == 1
    assert unit(np.full((3, 2, 2), 0.3, np.float32), np.dtype(np.float32)).max() == np.float32(0.3)


@pytest.mark.parametrize("suffix", [".tif", ".png", ".TIFF"])
def test_files_come_back(suffix: str, tmp_path: Path) -> None:
    image = np.arange(48, dtype=np.uint16).reshape(6, 8) * 1000
    path = tmp_path / f"x{suffix}"
    if suffix == ".png":
        Image.fromarray(image).save(path)
    else:
        tifffile.imwrite(path, image)
    np.testing.assert_array_equal(read_image(path), image)


@pytest.mark.parametrize("suffix", [".png", ".jpg", ".bmp"])
def test_pictures_may_be_larger_than_pillow_allows(
    suffix: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    image, path = np.full((16, 16), 77, np.uint8), tmp_path / f"x{suffix}"
    Image.fromarray(image).save(path)
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 100)
    np.testing.assert_array_equal(read_image(path), image)
    monkeypatch.setattr(limits, "MOST_PIXELS", 255)
    with pytest.raises(ValueError, match="16 × 16 pixels; more than 255 are not read"):
        read_image(path)


def test_a_picture_of_another_kind_than_its_suffix_is_read(tmp_path: Path) -> None:
    image = np.full((16, 16), 77, np.uint8)
    for name, kind in (("x.jpg", "png"), ("x.png", "webp"), ("x.bmp", "jpeg")):
        Image.fromarray(image).convert("RGB").save(tmp_path / name, format=kind, quality=100)
        assert read_image(tmp_path / name).shape == (16, 16, 3)


@pytest.mark.parametrize("compression", ["lzw", "zlib", "jpeg"])
def test_compressed_tiffs_are_read(compression: str, tmp_path: Path) -> None:
    image = np.full((16, 16), 77, np.uint8)
    tifffile.imwrite(tmp_path / "x.tif", image, compression=compression)
    np.testing.assert_array_equal(read_image(tmp_path / "x.tif"), image)


def test_what_cannot_be_read_is_named(tmp_path: Path) -> None:
    for name in ("x.png", "x.tif", "x.jpg"):
        (tmp_path / name).write_text("no image")
        with pytest.raises(ValueError, match=f"{name}: cannot be read"):
            read_image(tmp_path / name)
    with pytest.raises(ValueError, match=r"x\.doc: not a known image type"):
        read_image(tmp_path / "x.doc")
    with pytest.raises(FileNotFoundError, match=r"missing\.png"):
        read_image(tmp_path / "missing.png")


def test_a_channel_without_a_finite_pixel_is_named() -> None:
    image = np.ones((5, 5, 2))
    image[..., 0] = np.nan
    with pytest.raises(ValueError, match=r"channels \(0,\) of the image have no finite pixel"):
        to_chw(image)
    assert (to_chw(image, (1,)) == 1).all()


@pytest.mark.parametrize("dtype", [np.float64, np.int32, np.uint32, np.int64])
def test_what_lies_on_a_large_offset_is_seen(dtype: type) -> None:
    low = np.arange(100).reshape(10, 10)
    high = (low + 1_000_000_000).astype(dtype)
    seen, expected = stretch(to_chw(high)), stretch(to_chw(low.astype(dtype)))
    np.testing.assert_allclose(seen, expected, atol=1e-6)


def test_values_beyond_float32_are_no_intensities() -> None:
    image = np.ones((5, 5))
    image[0, 0], image[1, 1] = 1e300, -1e300
    assert (to_chw(image) == 1).all()


def test_an_image_of_one_channel_leaves_no_choice() -> None:
    with pytest.raises(ValueError, match=r"\(1,\); leave it out, for the image has 1 channel\."):
        to_chw(np.eye(5), (1,))
