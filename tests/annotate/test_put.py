from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from napari_maskrcnn.annotate.put import put


def labels() -> NDArray[np.int32]:
    """Object 3 of 16 pixels, and 7 of 8 right beside it."""
    image = np.zeros((10, 12), np.int32)
    image[2:6, 2:6] = 3
    image[2:6, 6:8] = 7
    return image


def full(height: int, width: int) -> NDArray[np.bool_]:
    return np.ones((height, width), bool)


def test_a_new_object_lies_where_it_was_seen() -> None:
    image = labels()
    edit, label = put(image, full(2, 3), (7, 1), 9)
    edit.apply(image)
    assert label == 9
    assert np.argwhere(image == 9).tolist() == [[y, x] for y in (7, 8) for x in (1, 2, 3)]
    assert (image == 3).sum() == 16


def test_others_keep_their_pixels_when_less_than_half_is_covered() -> None:
    image = labels()
    edit, label = put(image, full(4, 3), (2, 7), 9)
    assert label == 7  # half of 7 lies under it: it is the same, drawn wrongly
    image[:, 6:8] = 0
    image[2:6, 5:9] = 7
    edit, label = put(image, full(4, 4), (2, 8), 9)
    edit.apply(image)
    assert label == 9
    assert (image[2:6, 5:9] == 7).all()
    assert (image[2:6, 9:12] == 9).all()


def test_an_object_that_was_drawn_wrongly_is_drawn_anew_under_its_number() -> None:
    image = labels()
    edit, label = put(image, full(3, 3), (3, 3), 9)
    edit.apply(image)
    assert label == 3
    assert (image == 3).sum() == 9
    assert (image[3:6, 3:6] == 3).all()
    assert (image == 7).sum() == 8


def test_pieces_under_it_become_one_with_the_number_of_the_largest() -> None:
    image = labels()
    edit, label = put(image, full(5, 8), (1, 1), 9)
    edit.apply(image)
    assert label == 3
    assert (image == 3).sum() == 40
    assert not (image == 7).any()


def test_instead_of_an_object_it_hardly_covers() -> None:
    image = labels()
    edit, label = put(image, full(2, 2), (8, 8), 9, instead=3)
    edit.apply(image)
    assert label == 3
    assert (image == 3).sum() == 4
    assert (image[8:10, 8:10] == 3).all()


def test_nothing_to_do_is_said() -> None:
    with pytest.raises(ValueError, match="just like this"):
        put(labels(), full(4, 4), (2, 2), 9)
    with pytest.raises(ValueError, match="lie here already"):
        put(labels(), full(1, 1), (2, 2), 9)


def test_in_one_plane_of_a_stack() -> None:
    stack = np.stack([labels()] * 3)
    edit, label = put(stack, full(3, 3), (3, 3), 9, plane=(1,))
    edit.apply(stack)
    assert label == 3
    assert np.array_equal(stack[0], labels())
    assert np.array_equal(stack[2], labels())
    assert (stack[1] == 3).sum() == 9


@given(seed=st.integers(0, 10_000), instead=st.booleans())
def test_every_pixel_is_the_objects_its_own_or_another_ones(seed: int, instead: bool) -> None:
    rng = np.random.default_rng(seed)
    image = rng.integers(0, 4, (8, 9)).astype(np.int32)
    mask = rng.random((4, 5)) < 0.6
    origin = int(rng.integers(0, 5)), int(rng.integers(0, 5))
    wanted = int(image.max()) if instead else 0
    try:
        edit, label = put(image, mask, origin, 9, instead=wanted)
    except ValueError:
        return
    after = image.copy()
    edit.apply(after)
    under = np.zeros(image.shape, bool)
    under[origin[0] : origin[0] + 4, origin[1] : origin[1] + 5] = mask
    gone = set(np.unique(image)) - set(np.unique(after)) | {label}
    # The object lies under the mask and nowhere else; what it took is the background or objects
    # that are gone; nothing else changed.
    assert set(np.unique(after[~under])) <= set(np.unique(image)) - {label}
    assert ((after == label) <= under).all()
    assert set(image[(after == label)].tolist()) <= {0, *gone}
    stays = ~np.isin(image, list(gone)) & (image > 0)
    assert np.array_equal(after[stays], image[stays])
