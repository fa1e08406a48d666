"""Datasets as StarDist and Cellpose lay them out, beside our own."""

from __future__ import annotations

from pathlib import Path

import imageio.v3 as iio
import numpy as np
import pytest
import tifffile
import zarr

from napari_maskrcnn.formats import export
from napari_maskrcnn.train.dataset import read_dataset
from napari_maskrcnn.train.layouts import dataset_files

IMAGE = np.arange(600, dtype=np.uint16).reshape(20, 30)


def labels(number: int) -> np.ndarray:
    array = np.zeros((20, 30), np.uint16)
    array[2:6, 4:10] = number
    return array


def write(folder: Path, *names: str) -> None:
    for name in names:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        is_image = not any(word in name for word in ("mask", "labels", "flows", "outlines"))
        iio.imwrite(path, IMAGE if is_image else labels(300))


def pairs(folder: Path) -> list[tuple[str, str]]:
    return [
        (image.relative_to(folder).as_posix(), label.relative_to(folder).as_posix())
        for image, label in dataset_files(folder)
    ]


def test_stardist_has_masks_beside_images(tmp_path: Path) -> None:
    write(tmp_path, "images/b.tif", "images/a.tif", "masks/a.tif", "masks/b.tif")
    assert pairs(tmp_path) == [("images/a.tif", "masks/a.tif"), ("images/b.tif", "masks/b.tif")]
    (example, _) = read_dataset(tmp_path)
    np.testing.assert_array_equal(example.labels, labels(300))
    np.testing.assert_array_equal(example.image, IMAGE)


def test_labels_count_before_masks(tmp_path: Path) -> None:
    write(tmp_path, "images/a.tif", "masks/a.tif", "labels/a.png")
    assert pairs(tmp_path) == [("images/a.tif", "labels/a.png")]


def test_images_are_whatever_can_be_opened(tmp_path: Path) -> None:
    write(tmp_path, "labels/a.tif", "labels/b.tif", "labels/c.tif", "images/c.tif")
    tifffile.imwrite(tmp_path / "images/a.btf", IMAGE)
    zarr.create_array(tmp_path / "images/b.zarr", data=IMAGE)
    (tmp_path / "images/notes.txt").write_text("nothing")
    (tmp_path / "images/folder").mkdir()
    assert [image for image, _ in pairs(tmp_path)] == [
        "images/a.btf",
        "images/b.zarr",
        "images/c.tif",
    ]
    for example in read_dataset(tmp_path):
        np.testing.assert_array_equal(example.image, IMAGE)


def test_labels_may_have_the_names_that_predict_gives_them(tmp_path: Path) -> None:
    write(tmp_path, "images/a.tif", "images/b.tif", "labels/a_labels.tif", "labels/b_labels.tif")
    (tmp_path / "labels/a_labels.csv").write_text("index,class\n300,cell\n")
    assert pairs(tmp_path) == [
        ("images/a.tif", "labels/a_labels.tif"),
        ("images/b.tif", "labels/b_labels.tif"),
    ]
    assert [example.classes for example in read_dataset(tmp_path)] == [{300: "cell"}, {}]
    write(tmp_path, "labels/b.png")
    assert pairs(tmp_path)[1] == ("images/b.tif", "labels/b.png")


def test_hidden_files_are_none_of_a_dataset(tmp_path: Path) -> None:
    for folder, name in (("ours/images", "a.tif"), ("ours/labels", "a.tif"), ("theirs", "a.tif")):
        write(tmp_path, f"{folder}/{name}")
        (tmp_path / folder / f"._{name}").write_bytes(b"Mac OS X")
    write(tmp_path, "theirs/a_masks.tif")
    assert pairs(tmp_path / "ours") == [("images/a.tif", "labels/a.tif")]
    assert pairs(tmp_path / "theirs") == [("a.tif", "a_masks.tif")]


def test_a_missing_stardist_mask_is_named(tmp_path: Path) -> None:
    write(tmp_path, "images/a.tif", "images/b.tif", "masks/b.tif")
    with pytest.raises(ValueError, match="masks: no labels for a"):
        dataset_files(tmp_path)


def test_cellpose_has_labels_beside_each_image(tmp_path: Path) -> None:
    write(tmp_path, "a.png", "a_masks.png", "a_flows.tif", "b.tif", "b_cp_masks.tif")
    write(
        tmp_path, "b_outlines.png", "000_img.png", "000_masks.png", "c_img.png", "c_img_masks.png"
    )
    write(tmp_path, "not-annotated-yet.png")
    assert pairs(tmp_path) == [
        ("000_img.png", "000_masks.png"),
        ("a.png", "a_masks.png"),
        ("b.tif", "b_cp_masks.tif"),
        ("c_img.png", "c_img_masks.png"),
    ]
    example = read_dataset(tmp_path)[1]
    np.testing.assert_array_equal(example.labels, labels(300))
    assert example.name == "a"


def test_cellpose_masks_count_before_what_its_window_saved(tmp_path: Path) -> None:
    write(tmp_path, "a.png", "a_masks.png", "b.png")
    for name in ("a_seg.npy", "b_seg.npy", "gone_seg.npy"):
        (tmp_path / name).write_bytes(b"")
    assert pairs(tmp_path) == [("a.png", "a_masks.png"), ("b.png", "b_seg.npy")]


def test_two_images_of_one_name_are_refused_where_both_have_labels(tmp_path: Path) -> None:
    write(tmp_path, "a.png", "a.tif", "a_masks.png")
    with pytest.raises(ValueError, match="have one name"):
        dataset_files(tmp_path)


def test_another_folder_is_told_what_a_dataset_is(tmp_path: Path) -> None:
    write(tmp_path, "a.png", "b.png")
    with pytest.raises(FileNotFoundError, match=r"images/ is missing\. A StarDist folder"):
        dataset_files(tmp_path)
    (tmp_path / "images").mkdir()
    with pytest.raises(FileNotFoundError, match="labels/ is missing"):
        dataset_files(tmp_path)


def test_a_folder_that_is_not_there_is_said_to_be_absent(tmp_path: Path) -> None:
    write(tmp_path, "file.png")
    for name in ("absent", "file.png"):
        with pytest.raises(FileNotFoundError, match=f"{name}: there is no such folder"):
            dataset_files(tmp_path / name)


@pytest.mark.parametrize("part", ["images", "labels", "masks"])
def test_of_a_part_of_a_dataset_the_whole_is_named(tmp_path: Path, part: str) -> None:
    write(tmp_path, "mine/images/a.tif", "mine/labels/a.tif", "mine/masks/a.tif")
    with pytest.raises(FileNotFoundError, match=r"Give the folder that it is in, .*mine\."):
        dataset_files(tmp_path / "mine" / part)


def test_how_many_labels_are_missing_and_what_they_are_called(tmp_path: Path) -> None:
    write(tmp_path, *(f"images/im{k}.tif" for k in range(6)), "labels/im0.tif")
    (tmp_path / "labels/im0.tif").rename(tmp_path / "labels/other.tif")
    named = r"im0, im1, im2, im3 and 2 more\. .* im0\.tif or im0_labels\.tif"
    with pytest.raises(ValueError, match=f"labels: no labels for {named}"):
        dataset_files(tmp_path)


def test_what_the_window_of_cellpose_saved_is_learnt_from(tmp_path: Path) -> None:
    write(tmp_path, "a.png")
    export(labels(300), tmp_path / "a_seg.npy")
    (example,) = read_dataset(tmp_path)
    np.testing.assert_array_equal(example.labels, labels(300))
