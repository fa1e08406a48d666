from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import tifffile

from napari_maskrcnn.train.dataset import (
    Example,
    make_example,
    make_examples,
    read_dataset,
    require_objects,
)


def _write(folder: Path, stem: str, image: np.ndarray, labels: np.ndarray | None) -> None:
    for part in ("images", "labels"):
        (folder / part).mkdir(parents=True, exist_ok=True)
    tifffile.imwrite(folder / "images" / f"{stem}.tif", image)
    if labels is not None:
        tifffile.imwrite(folder / "labels" / f"{stem}.tif", labels)


def _labels() -> np.ndarray:
    labels = np.zeros((20, 30), np.uint16)
    labels[2:6, 4:10] = 7
    labels[10:14, 20:30] = 9
    return labels


def test_a_folder_of_images_and_labels_is_read_by_name(tmp_path: Path) -> None:
    image = np.arange(600, dtype=np.uint8).reshape(20, 30)
    _write(tmp_path, "b", image, _labels())
    _write(tmp_path, "a", np.stack([image, image + 1, image], -1), np.zeros((20, 30), np.uint8))
    (tmp_path / "labels" / "b.csv").write_text("index,class\n7,cell\n9,debris\n0,\n")
    first, second = read_dataset(tmp_path)
    assert [first.name, second.name] == ["a", "b"]
    assert second.classes == {7: "cell", 9: "debris"}
    assert first.is_colour
    assert not second.is_colour
    assert first.objects.shape == (0, 2)
    assert second.objects.tolist() == [[4, 7], [12, 25]]


def test_channels_are_where_the_file_says_that_they_are(tmp_path: Path) -> None:
    image = np.arange(1200, dtype=np.uint16).reshape(2, 20, 30)
    _write(tmp_path, "x.ome", image[0], _labels())
    path = tmp_path / "images/x.ome.tif"
    tifffile.imwrite(path, image, ome=True, metadata={"axes": "CYX"})
    (only,) = read_dataset(tmp_path)
    assert np.array_equal(only.image, image.transpose(1, 2, 0))


def test_what_is_wrong_with_a_folder_is_named(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="images/ is missing"):
        read_dataset(tmp_path)
    _write(tmp_path, "x", np.zeros((20, 30), np.uint8), None)
    with pytest.raises(ValueError, match="no labels for x"):
        read_dataset(tmp_path)
    (tmp_path / "images" / "x.tif").unlink()
    with pytest.raises(ValueError, match="holds no image"):
        read_dataset(tmp_path)


def test_two_files_of_one_name_are_refused(tmp_path: Path) -> None:
    _write(tmp_path, "x", np.zeros((20, 30), np.uint8), _labels())
    tifffile.imwrite(tmp_path / "images" / "x.tiff", np.zeros((20, 30), np.uint8))
    with pytest.raises(ValueError, match="have one name"):
        read_dataset(tmp_path)


def test_a_class_table_needs_its_columns(tmp_path: Path) -> None:
    _write(tmp_path, "x", np.eye(30, dtype=np.uint8)[:20], _labels())
    (tmp_path / "labels" / "x.csv").write_text("label,kind\n7,cell\n")
    with pytest.raises(ValueError, match="columns index and class"):
        read_dataset(tmp_path)


@pytest.mark.parametrize(
    ("image", "labels", "message"),
    [
        (np.eye(20), np.zeros((20, 21), int), r"cells: .*\(20, 21\).*\(20, 20\)"),
        (np.eye(20), np.zeros((20, 20)), "float64; integers are needed"),
        (np.eye(20), np.full((20, 20), -1), "down to -1"),
        (np.zeros((1, 1)), np.zeros((1, 1), int), "cells: .*1 × 1 px"),
    ],
)
def test_a_pair_that_cannot_be_used_is_named(
    image: np.ndarray, labels: np.ndarray, message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        make_example(image, labels, "cells")


def test_there_must_be_something_to_learn() -> None:
    with pytest.raises(ValueError, match="no image to train on"):
        require_objects([])
    empty = make_example(np.eye(20), np.zeros((20, 20), int), "dish 3")
    with pytest.raises(ValueError, match=r"dish 3 hold no object; paint or predict"):
        require_objects([empty])
    require_objects([empty, Example(np.eye(20), np.eye(20, dtype=int), "other")])


def test_labels_are_read_in_every_format_that_is_exported_or_drawn(tmp_path: Path) -> None:
    """A palette of colours is how many tools save labels; its indices are the labels."""
    from PIL import Image

    (tmp_path / "images").mkdir()
    (tmp_path / "labels").mkdir()
    Image.fromarray(np.eye(20, dtype=np.uint8) * 255).save(tmp_path / "images" / "x.png")
    palette = Image.fromarray(np.eye(20, dtype=np.uint8) * 3, mode="P")
    palette.putpalette([0, 0, 0, 255, 0, 0, 0, 255, 0, 0, 0, 255])
    palette.save(tmp_path / "labels" / "x.png")
    (example,) = read_dataset(tmp_path)
    np.testing.assert_array_equal(example.labels, np.eye(20) * 3)


def test_an_image_that_differs_in_blue_alone_is_in_colour() -> None:
    image = np.zeros((8, 8, 3), np.uint8)
    image[2, 2, 2] = 200
    assert Example(image, np.eye(8, dtype=int)).is_colour


def test_masked_pixels_are_filled_as_in_a_prediction() -> None:
    image = np.ma.masked_less(np.arange(600, dtype=np.uint16).reshape(20, 30), 7)
    example = make_example(image, _labels(), "masked")
    assert not np.ma.isMaskedArray(example.image)
    assert example.image[0, :9].tolist() == [7] * 8 + [8]


def test_the_channels_that_are_chosen_are_kept() -> None:
    image = np.random.default_rng(0).integers(0, 255, (20, 30, 4), np.uint8)
    for channels, kept in (((2,), image[..., 2]), ((3, 0, 1), image[..., [3, 0, 1]])):
        assert np.array_equal(make_example(image, _labels(), "x", channels=channels).image, kept)
    empty = np.dstack([image[..., 0].astype(np.float32), np.full((20, 30), np.nan, np.float32)])
    with pytest.raises(ValueError, match="x: The image has no finite pixel"):
        make_example(empty, _labels(), "x", channels=(1,))
    with pytest.raises(ValueError, match=r"x: channels is \(1,\).*has 1 channel\."):
        make_example(image[..., 0], _labels(), "x", channels=(1,))


def test_the_channel_that_is_looked_at_needs_a_finite_pixel() -> None:
    empty = np.full((20, 30), np.nan, np.float32)
    image = np.dstack([empty, np.ones_like(empty)])
    with pytest.raises(ValueError, match="x: The image has no finite pixel"):
        make_example(image, _labels(), "x")
    assert make_example(image[..., ::-1], _labels(), "x").image.shape == (20, 30, 2)


def _mask(dtype: str = "uint8") -> np.ndarray:
    mask = np.zeros((20, 30), np.uint8)
    # The first two touch at a corner: they are one piece.
    for row, column in ((2, 2), (4, 4), (10, 10), (10, 20)):
        mask[row : row + 2, column : column + 2] = 255
    return mask.astype(dtype)


@pytest.mark.parametrize(("dtype", "value"), [("uint8", 255), ("int64", 255), ("bool", 1)])
def test_a_mask_is_not_learnt_as_one_object(dtype: str, value: int) -> None:
    image = np.arange(600).reshape(20, 30)
    said = f"image 2 is a mask, not labels: all its 3 pieces have the value {value}, .* Number"
    with pytest.raises(ValueError, match=said):
        make_examples([(image, _labels()), (image, _mask(dtype))], "pairs", "image")


def test_a_mask_in_a_file_is_named(tmp_path: Path) -> None:
    _write(tmp_path, "x", np.arange(600, dtype=np.uint16).reshape(20, 30), _mask())
    with pytest.raises(ValueError, match=r"labels.x\.tif is a mask, not labels: all its 3 pieces"):
        read_dataset(tmp_path)


def test_one_object_may_be_in_two_pieces_and_more_in_a_plane_of_a_stack() -> None:
    image, mask = np.arange(600).reshape(20, 30), _mask()
    assert make_example(image, mask, "plane").labels is mask
    mask[10:12, 20:22] = 0
    split, empty = make_examples([(image, mask), (image, mask * 0)], "pairs", "image")
    assert len(split.objects) == 1
    assert not len(empty.objects)


@pytest.mark.parametrize("pairs", [(np.eye(20), np.eye(20, dtype=int)), [1.0]])
def test_what_is_no_list_of_pairs_is_said(pairs: object) -> None:
    with pytest.raises(ValueError, match=r"pairs is a list of pairs, such as \[\(image, l"):
        make_examples(pairs, "pairs", "image")  # type: ignore[arg-type]


def test_a_stack_to_learn_from_gets_advice_for_learning() -> None:
    with pytest.raises(ValueError, match=r"x: .*\(3, 20, 30\).*Save each plane as an image"):
        make_example(np.ones((3, 20, 30)), np.ones((3, 20, 30), int), "x")
