"""Before and after in the viewer: where they lie, what they show, and that they go again."""

from __future__ import annotations

import weakref
from typing import Any

import numpy as np
import pytest
from napari.layers import Image, Labels

from napari_maskrcnn.train.comparison import Comparison, differences
from napari_maskrcnn.train.dataset import Example
from napari_maskrcnn.widgets.kind_colours import darker
from napari_maskrcnn.widgets.proof_layers import (
    AFTER,
    BEFORE,
    GAP,
    IMAGE,
    KINDS,
    Picture,
    Place,
    ProofLayers,
    legend,
    shown_image,
)


@pytest.fixture
def example(nuclei: tuple[Any, Any]) -> Example:
    """The lower right part of the image."""
    image, labels = nuclei
    return Example(
        image[40:, 30:],
        labels[40:, 30:],
        "cells truth [40:, 30:]",
        cut_from=("cells truth", 40, 30),
    )


def picture(example: Example, before: bool = True) -> Picture:
    """Before, nothing was found; after, everything, and one object too many."""
    nothing = differences(example.labels, np.zeros_like(example.labels))
    seen = example.labels.copy()
    seen[:3, :3] = seen.max() + 1
    compared = Comparison(example, nothing if before else None, differences(example.labels, seen))
    return Picture(compared, shown_image(example))


def placed(layer: Labels, plane: tuple[int | None, ...] = (None, None)) -> dict[str, Place]:
    return {layer.name: Place(weakref.ref(layer), plane)}


def corner(layer: Any) -> np.ndarray:
    return np.asarray(layer.data_to_world([0.0] * layer.ndim))


def test_a_part_lies_where_it_was_cut_from_and_after_beside_it(
    viewer: Any, example: Example
) -> None:
    turned = {
        "scale": (0.5, 0.25),
        "translate": (3, 4),
        "rotate": 30,
        "affine": np.diag([2, 2, 1.0]),
    }
    under = viewer.add_labels(np.ones((128, 128), int), name="cells truth", **turned)
    layers = ProofLayers(viewer)
    layers.show(picture(example), placed(under))
    np.testing.assert_allclose(corner(viewer.layers[BEFORE]), under.data_to_world((40, 30)))
    columns = example.labels.shape[1] * (1 + GAP)
    beside = under.data_to_world((40, 30 + columns))
    np.testing.assert_allclose(corner(viewer.layers[AFTER]), beside)
    images = [layer for layer in viewer.layers if layer.name.startswith(IMAGE)]
    np.testing.assert_allclose(
        [corner(image) for image in images],
        [corner(viewer.layers[AFTER]), corner(viewer.layers[BEFORE])][::-1],
    )
    assert [layer.ndim for layer in images] == [2, 2]


def test_the_kinds_have_their_colours_and_a_table(viewer: Any, example: Example) -> None:
    layers = ProofLayers(viewer)
    layers.show(picture(example), {})
    before, after = viewer.layers[BEFORE], viewer.layers[AFTER]
    assert set(before.features["object"][1:]) == {"missed"}
    assert set(after.features["object"][1:]) == {"found", "extra"}
    extra = int(after.data[0, 0])
    assert after.features["object"][extra] == "extra"
    wanted = darker(KINDS["extra"]) if extra % 2 else KINDS["extra"]
    levels = [int(wanted[k : k + 2], 16) / 255 for k in (1, 3, 5)]
    np.testing.assert_allclose(after.colormap.color_dict[extra][:3], levels, atol=0.01)
    assert not after.editable
    count = len(set(example.labels[example.labels > 0].tolist()))
    text = legend(picture(example).comparison).replace("&nbsp;", " ")
    assert f"found 0 → {count}" in text
    assert f"missed {count} → 0" in text
    assert "extra 0 → 1" in text


def test_showing_again_and_again_piles_nothing_up(viewer: Any, example: Example) -> None:
    own = viewer.add_labels(np.ones((128, 128), int), name="cells truth")
    camera = getattr(viewer, "scene", viewer).camera
    camera.center, camera.zoom = (0.0, 11.0, 12.0), 3.0
    layers = ProofLayers(viewer)
    for before in (True, False, True):
        layers.show(picture(example, before), placed(own))
        assert len(viewer.layers) == 2 + (4 if before else 2)
        assert viewer.layers.selection.active is own
    viewer.layers.remove(AFTER)
    layers.hide()
    assert [layer.name for layer in viewer.layers] == ["cells", "cells truth"]
    assert tuple(camera.center) == (0.0, 11.0, 12.0)
    assert camera.zoom == 3.0
    layers.hide()


def test_a_plane_of_a_stack_is_shown_in_it(
    make_napari_viewer: Any, nuclei: tuple[Any, Any]
) -> None:
    viewer = make_napari_viewer()
    viewer.add_image(np.stack([nuclei[0]] * 5), name="stack")
    under = viewer.add_labels(np.stack([nuclei[1]] * 5), name="stack truth", scale=(2, 1, 1))
    example = Example(*nuclei, "stack truth, plane 3")
    ProofLayers(viewer).show(picture(example), placed(under, (0, None, None)))
    before = viewer.layers[BEFORE]
    assert before.data.shape == (1, 128, 128)
    np.testing.assert_allclose(corner(before), (6, 0, 0))
    assert viewer.dims.point[0] == 6


@pytest.mark.parametrize(
    "name", ["other", "cells truth, plane 1", "cells truth, plane x", "cells truth!"]
)
def test_images_that_are_not_in_the_viewer_are_shown_by_themselves(
    viewer: Any, nuclei: tuple[Any, Any], name: str
) -> None:
    under = viewer.add_labels(nuclei[1], name="cells truth", translate=(50, 50))
    ProofLayers(viewer).show(picture(Example(*nuclei, name)), placed(under))
    np.testing.assert_allclose(corner(viewer.layers[BEFORE]), (0, 0))


def test_they_belong_to_nobody(viewer: Any, example: Example) -> None:
    from napari_maskrcnn.widgets.header import Header

    header = Header(viewer)
    ProofLayers(viewer).show(picture(example), {})
    header.refresh()
    assert header.labels.layer() is None
    assert header.images.layer() is viewer.layers["cells"]


@pytest.mark.parametrize(
    ("image", "shape"),
    [
        (np.diag([np.nan] * 8 + [1.0]), (9, 9)),
        (np.zeros((9, 9, 2), np.uint16), (9, 9)),
        (np.random.default_rng(0).random((9, 9, 4)), (9, 9, 3)),
        (np.ones((9, 9), bool), (9, 9)),
    ],
)
def test_any_image_can_be_shown(viewer: Any, image: Any, shape: tuple[int, ...]) -> None:
    example = Example(image, np.eye(9, dtype=int), "odd")
    found = picture(example)
    assert (found.image.shape, found.image.dtype) == (shape, np.uint8)
    ProofLayers(viewer).show(found, {})
    assert isinstance(viewer.layers[IMAGE], Image)
    assert viewer.layers[IMAGE].rgb == (len(shape) == 3)


def test_what_is_not_judged_is_dark() -> None:
    image, labels = np.full((9, 9), 7.0), np.eye(9, dtype=int)
    known = np.zeros((9, 9), bool)
    known[:, :4] = True
    example = Example(image, labels, "half", ignored=~known, intensities=(0.0, 7.0))
    shown = shown_image(example)
    assert shown[known].tolist() == [255] * 36
    assert (shown[~known] == 89).all()
