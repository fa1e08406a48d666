from __future__ import annotations

import torch
from hypothesis import given
from hypothesis import strategies as st

from napari_maskrcnn.network.boxes import (
    BOX_WEIGHTS,
    RPN_WEIGHTS,
    clip,
    decode,
    encode,
    large_enough,
)

side = st.floats(1, 500)
place = st.floats(-100, 1000)
box = st.tuples(place, place, side, side).map(lambda b: [b[0], b[1], b[0] + b[2], b[1] + b[3]])


@given(st.lists(st.tuples(box, box), min_size=1, max_size=5))
def test_decoding_undoes_encoding(pairs: list[tuple[list[float], list[float]]]) -> None:
    boxes, references = (torch.tensor(v, dtype=torch.float64) for v in zip(*pairs, strict=True))
    # The decoder limits growth to 1000 / 16, so a 1 px reference reaches 62.5 px.
    grown = ((boxes[:, 2:] - boxes[:, :2]) / (references[:, 2:] - references[:, :2])).amax(1) < 62
    for weights in (RPN_WEIGHTS, BOX_WEIGHTS):
        back = decode(encode(boxes, references, weights), references, weights)
        torch.testing.assert_close(back[grown], boxes[grown], atol=1e-6, rtol=1e-9)


def test_codes_are_shift_and_log_ratio() -> None:
    code = encode(
        torch.tensor([[10.0, 20.0, 30.0, 60.0]]), torch.tensor([[0.0, 0, 10, 10]]), RPN_WEIGHTS
    )
    expected = torch.tensor(
        [[1.5, 3.5, torch.log(torch.tensor(2.0)), torch.log(torch.tensor(4.0))]]
    )
    torch.testing.assert_close(code, expected)


def test_a_wild_code_stays_finite() -> None:
    found = decode(torch.full((1, 4), 1e6), torch.tensor([[0.0, 0.0, 16.0, 16.0]]), RPN_WEIGHTS)
    assert torch.isfinite(found).all()
    assert float(found[0, 2] - found[0, 0]) <= 1010


def test_clipping_and_smallest_side() -> None:
    boxes = torch.tensor([[-5.0, -5.0, 8.0, 4.0], [20.0, 2.0, 30.0, 9.0]])
    clipped = clip(boxes, (6, 10))
    assert clipped.tolist() == [[0, 0, 8, 4], [10, 2, 10, 6]]
    assert large_enough(clipped, 1e-3).tolist() == [True, False]
