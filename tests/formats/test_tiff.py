"""Tests of the TIFF files themselves: what Fiji and others will find in them."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import tifffile
from PIL import Image

from napari_maskrcnn.formats import export, read_file, read_labels, tiff
from tests.formats.label_images import label_images

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


def test_a_series_is_one_of_frames(tmp_path: Path) -> None:
    stack = np.stack([LABELS, LABELS, LABELS])
    path = export(stack, tmp_path / "x.tif", scale=(2.0, 0.5, 0.25), axes="tyx")
    with tifffile.TiffFile(path) as tif:
        assert tif.imagej_metadata["frames"] == 3
        assert "slices" not in tif.imagej_metadata
        assert "spacing" not in tif.imagej_metadata
        assert tif.series[0].axes == "TYX"
    data = read_file(path)
    assert (data.axes, data.scale) == ("TYX", (2.0, 0.5, 0.25))
    export(np.stack([stack, stack]), path, axes="ZTYX", overwrite=True)
    with tifffile.TiffFile(path) as tif:
        assert tif.imagej_metadata["frames"] == 6
    export(np.stack([stack, stack]), path, axes="TZYX", overwrite=True)
    with tifffile.TiffFile(path) as tif:
        assert tif.series[0].axes == "TZYX"
    for wrong in ("TXY", "YX", "T1X", 5):
        with pytest.raises(ValueError, match="one letter for each"):
            export(stack, tmp_path / "y.tif", axes=wrong)


def test_large_labels_keep_the_pixel_size(tmp_path: Path) -> None:
    stack = np.stack([LABELS + 70_000] * 3)
    with tifffile.TiffFile(export(stack, tmp_path / "x.tif", scale=(2.0, 0.5, 0.25))) as tif:
        assert tif.is_imagej
        assert (tif.imagej_metadata["slices"], tif.imagej_metadata["spacing"]) == (3, 2.0)
        assert tif.pages[0].tags["XResolution"].value == (4, 1)
        assert tif.series[0].shape == (3, 4, 6)
        assert tif.series[0].dtype == np.uint32


@pytest.mark.parametrize("labels", label_images(50))
def test_round_trip_with_all_that_goes_along(tmp_path: Path, labels: np.ndarray) -> None:
    scale = (3.0, 2.0, 0.5, 0.25)[-labels.ndim :]
    said = {"model": "nuclei", "counts": {"added": 3}, "note": "µ"}
    data = read_file(export(labels, tmp_path / "x.tif", scale=scale, provenance=said))
    assert data.labels.shape == labels.shape
    assert np.array_equal(data.labels, labels)
    assert data.scale == scale
    assert data.provenance == said


@pytest.mark.parametrize("shape", [(1, 1, 4, 6), (2, 1, 4, 6), (2, 3, 2, 4, 6), (1, 2, 1, 3, 4, 6)])
def test_any_number_of_axes(tmp_path: Path, shape: tuple[int, ...]) -> None:
    labels = np.arange(np.prod(shape)).reshape(shape)
    assert np.array_equal(read_labels(export(labels, tmp_path / "x.tif")), labels)


def test_large_files_are_bigtiff(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    stack = np.stack([LABELS, LABELS])
    for most, big in ((stack.size, False), (stack.size - 1, True)):
        monkeypatch.setattr(tiff, "MOST_CLASSIC_BYTES", most)
        with tifffile.TiffFile(export(stack, tmp_path / "x.tif", overwrite=True)) as tif:
            assert tif.is_bigtiff == big
            assert np.array_equal(tif.asarray(), stack)


def edited(path: Path, labels: np.ndarray, resolution: tuple[int, int], **metadata: object) -> None:
    """Save labels over a file as ImageJ does: with the *Info* that it had."""
    with tifffile.TiffFile(path) as tif:
        info = (tif.imagej_metadata or {})["Info"]
    tifffile.imwrite(
        path,
        labels.astype(np.uint16),
        imagej=True,
        resolution=resolution,
        metadata={"unit": "um", "Info": info, **metadata},
    )


class TestEditedInImagej:
    def test_turned(self, tmp_path: Path) -> None:
        path = export(LABELS, tmp_path / "x.tif", scale=(0.5, 0.25))
        edited(path, LABELS.T, (2, 4))
        data = read_file(path)
        assert np.array_equal(data.labels, LABELS.T)
        assert data.scale == (0.25, 0.5)

    def test_frames_made_slices(self, tmp_path: Path) -> None:
        stack = np.arange(2 * 3 * 24).reshape(2, 3, 4, 6)
        path = export(stack, tmp_path / "x.tif", axes="TZYX", scale=(9.0, 2.0, 0.5, 0.5))
        turned = stack.swapaxes(0, 1)
        edited(path, turned, (2, 2), axes="TZYX", spacing=7.0)
        data = read_file(path)
        assert np.array_equal(data.labels, turned)
        assert data.scale == (1.0, 7.0, 0.5, 0.5)
        series = export(stack[0], tmp_path / "t.tif", axes="TYX")
        edited(series, stack[0], (2, 2), axes="ZYX")
        assert read_file(series).axes == "ZYX"

    @pytest.mark.parametrize(
        ("resolution", "spacing", "scale"),
        [
            ((4, 4), 2.0, (2.0, 0.25, 0.25)),
            ((2, 2), 3.0, (3.0, 0.5, 0.5)),
            ((2, 2), 2.0001, (2.0, 0.5, 0.5)),
        ],
    )
    def test_another_pixel_size(
        self,
        tmp_path: Path,
        resolution: tuple[int, int],
        spacing: float,
        scale: tuple[float, ...],
    ) -> None:
        stack = np.stack([LABELS, LABELS])
        path = export(stack, tmp_path / "x.tif", scale=(2.0, 0.5, 0.5))
        edited(path, stack, resolution, axes="ZYX", spacing=spacing)
        assert read_file(path).scale == scale

    def test_frames_of_others_are_frames(self, tmp_path: Path) -> None:
        for axes in ("TYX", "ZYX"):
            image = np.zeros((3, 4, 6), np.uint8)
            tifffile.imwrite(tmp_path / "x.tif", image, imagej=True, metadata={"axes": axes})
            assert read_file(tmp_path / "x.tif").axes == axes


class TestScaleOfOthers:
    def test_imagej(self, tmp_path: Path) -> None:
        for unit, size in (("micron", 1.0), ("nm", 1e-3), ("mm", 1e3), ("\\u00B5m", 1.0)):
            tifffile.imwrite(
                tmp_path / "x.tif",
                np.zeros((3, 4, 6), np.uint8),
                imagej=True,
                resolution=(4, 2),
                metadata={"axes": "ZYX", "spacing": 3.0, "unit": unit},
            )
            scale = read_file(tmp_path / "x.tif").scale
            assert scale == pytest.approx((3.0 * size, 0.5 * size, 0.25 * size))

    def test_centimetres(self, tmp_path: Path) -> None:
        tifffile.imwrite(
            tmp_path / "x.tif", LABELS, resolution=(20_000, 10_000), resolutionunit="CENTIMETER"
        )
        assert read_file(tmp_path / "x.tif").scale == pytest.approx((1.0, 0.5))

    def test_none_is_made_up(self, tmp_path: Path) -> None:
        options: list[dict] = [{}, {"resolution": (72, 72), "resolutionunit": "INCH"}]
        for more in options:
            tifffile.imwrite(tmp_path / "x.tif", LABELS, **more)
            assert read_file(tmp_path / "x.tif").scale is None


@pytest.mark.parametrize(
    "own",
    [
        {"shape": [10**9, 10**9]},
        {"shape": "ab", "scale": [0, -1], "provenance": [], "axes": 7},
        {"shape": [3, 4], "scale": 7},
        [1],
    ],
)
def test_nonsense_in_the_info_does_no_harm(tmp_path: Path, own: object) -> None:
    tag = tifffile.imagej_metadata_tag({"Info": json.dumps({"napari-maskrcnn": own})}, "<")
    description = tifffile.imagej_description(LABELS.shape, "YX")
    tifffile.imwrite(
        tmp_path / "x.tif",
        LABELS.astype(np.uint16),
        byteorder="<",
        description=description,
        metadata=None,
        extratags=tag,
    )
    data = read_file(tmp_path / "x.tif")
    assert np.array_equal(data.labels, LABELS)
    assert (data.scale, data.provenance) == (None, None)


def test_absurd_size(tmp_path: Path) -> None:
    tifffile.imwrite(tmp_path / "x.tif", LABELS.astype(np.uint8))
    content = bytearray((tmp_path / "x.tif").read_bytes())
    with tifffile.TiffFile(tmp_path / "x.tif") as tif:
        for name in ("ImageWidth", "ImageLength"):
            tag = tif.pages[0].tags[name]
            content[tag.valueoffset : tag.valueoffset + 4] = b"\xff\xff\xff\x7f"
    (tmp_path / "x.tif").write_bytes(content)
    with pytest.raises(ValueError, match=r"x\.tif .*pixels; more than 2,147,483,648 are not read"):
        read_labels(tmp_path / "x.tif")


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
