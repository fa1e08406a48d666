"""Tests of the TIFF files themselves: what Fiji and others will find in them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import tifffile
from PIL import Image

from napari_maskrcnn.formats import export, read_labels

LABELS = np.arange(24, dtype=np.int32).reshape(4, 6)


@pytest.mark.parametrize(
    ("largest", "dtype"),
    [(255, np.uint8), (256, np.uint16), (65_535, np.uint16), (65_536, np.uint32)],
)
def test_smallest_type(tmp_path: Path, largest: int, dtype: type) -> None:
    labels = LABELS.copy()
    labels[-1, -1] = largest
    written = tifffile.imread(export(labels, tmp_path / "x.tif"))
    assert written.dtype == dtype
    assert written[-1, -1] == largest


def test_imagej_stack_with_pixel_size(tmp_path: Path) -> None:
    stack = np.stack([LABELS, LABELS])
    with tifffile.TiffFile(export(stack, tmp_path / "x.tif", scale=(2.0, 0.5, 0.25))) as tif:
        assert tif.is_imagej
        metadata = tif.imagej_metadata
        assert (metadata["slices"], metadata["spacing"], metadata["unit"]) == (2, 2.0, "um")
        assert (metadata["min"], metadata["max"]) == (0.0, 23.0)
        tags = tif.pages[0].tags
        assert tags["XResolution"].value == (4, 1)
        assert tags["YResolution"].value == (2, 1)
        assert tags["Compression"].value == tifffile.COMPRESSION.ADOBE_DEFLATE


def test_large_labels_keep_the_pixel_size(tmp_path: Path) -> None:
    with tifffile.TiffFile(export(LABELS + 70_000, tmp_path / "x.tif", scale=(0.5, 0.25))) as tif:
        assert not tif.is_imagej
        tags = tif.pages[0].tags
        assert tags["XResolution"].value == (40_000, 1)
        assert tags["YResolution"].value == (20_000, 1)
        assert tags["ResolutionUnit"].value == tifffile.RESUNIT.CENTIMETER


def test_compresses(tmp_path: Path) -> None:
    labels = np.zeros((500, 500), dtype=np.uint16)
    labels[100:200, 100:200] = 300
    assert export(labels, tmp_path / "x.tif").stat().st_size < 10_000


def test_big_endian_comes_back_native(tmp_path: Path) -> None:
    tifffile.imwrite(tmp_path / "x.tif", LABELS.astype(">u2"), byteorder=">")
    labels = read_labels(tmp_path / "x.tif")
    assert labels.dtype == np.uint16
    assert labels.dtype.isnative
    assert np.array_equal(labels, LABELS)


def test_signed_types_stay(tmp_path: Path) -> None:
    tifffile.imwrite(tmp_path / "x.tif", LABELS)
    assert read_labels(tmp_path / "x.tif").dtype == np.int32


@pytest.mark.parametrize("pages", [1, 3])
def test_reads_lzw(tmp_path: Path, pages: int) -> None:
    labels = [LABELS.astype(np.uint16) + 300 * page for page in range(pages)]
    first, *others = (Image.fromarray(page) for page in labels)
    first.save(tmp_path / "x.tif", compression="tiff_lzw", save_all=True, append_images=others)
    assert np.array_equal(read_labels(tmp_path / "x.tif"), np.squeeze(labels))


def test_colour_picture(tmp_path: Path) -> None:
    colours = np.zeros((4, 6, 3), dtype=np.uint8)
    tifffile.imwrite(tmp_path / "x.tif", colours, photometric="rgb")
    with pytest.raises(ValueError, match=r"x\.tif .*: it is a colour picture"):
        read_labels(tmp_path / "x.tif")
