"""Unknown area: what share of a box lies in it, and which cells of a mask are known."""

from __future__ import annotations

import numpy as np
import torch
from hypothesis import given
from hypothesis import strategies as st

from napari_maskrcnn.network.ignoring import ignored_share, known_cells, leave_out
from napari_maskrcnn.network.matching import BELOW, BETWEEN


@given(st.integers(0, 10_000))
def test_the_share_of_whole_pixels_is_their_mean(seed: int) -> None:
    rng = np.random.default_rng(seed)
    ignored = rng.random((9, 13)) < 0.4
    top, left = rng.integers(0, 8), rng.integers(0, 12)
    bottom, right = rng.integers(top + 1, 10), rng.integers(left + 1, 14)
    box = torch.tensor([[left, top, right, bottom]], dtype=torch.float64)
    share = ignored_share(box, torch.from_numpy(ignored))
    assert abs(share.item() - ignored[top:bottom, left:right].mean()) < 1e-12


def test_between_pixels_and_over_the_edge() -> None:
    ignored = torch.zeros(10, 10, dtype=torch.bool)
    ignored[:, 5:] = True
    boxes = torch.tensor(
        [
            [4.25, 0.5, 5.75, 3.5],  # half of it
            [0.0, 0.0, 4.0, 4.0],  # none
            [8.0, 8.0, 12.0, 12.0],  # a quarter of it lies in the image, all of that unknown
            [20.0, 20.0, 30.0, 30.0],  # outside
            [6.0, 6.0, 6.0, 6.0],  # without area
        ]
    )
    assert ignored_share(boxes, ignored).tolist() == [0.5, 0.0, 0.25, 0.0, 0.0]
    matched = torch.tensor([3, BELOW, 1, BELOW, BELOW])
    assert leave_out(matched, boxes, ignored).tolist() == [BETWEEN, BELOW, 1, BELOW, BELOW]
    assert leave_out(matched, boxes, None) is matched


def test_known_cells() -> None:
    ignored = torch.zeros(16, 16, dtype=torch.bool)
    ignored[:, 8:] = True
    box = torch.tensor([[4.0, 4.0, 12.0, 12.0]])
    # At the border a cell is sampled between a known and an unknown pixel.
    cells = known_cells(ignored, box, 4, aligned=True)[0]
    assert cells[:, 0].tolist() == [1.0] * 4
    assert cells[:, 3].tolist() == [0.0] * 4
    assert torch.equal(known_cells(None, box, 4, aligned=True), torch.ones(1, 4, 4))
