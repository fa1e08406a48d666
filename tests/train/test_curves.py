"""The curves on a model's card."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from napari_maskrcnn.train.curves import MOST_POINTS, curves


def history(steps: int, every: int = 10) -> list[dict[str, float]]:
    rows = [
        {"step": k, "seconds": k / 2, "loss": 2.0 * k, "mask": 1.0 * k} for k in range(1, steps + 1)
    ]
    for row in rows[every - 1 :: every]:
        row |= {"ap50": row["step"] / 1e5, "ap75": 0.0, "missed": 1}
    return rows


def test_short_curves_are_kept_as_they_are() -> None:
    assert curves(history(3, every=2)) == {
        "loss": {"step": [1, 2, 3], "loss": [2.0, 4.0, 6.0], "mask": [1.0, 2.0, 3.0]},
        "validation": {"step": [2], "ap50": [0.0], "ap75": [0.0]},
    }


def test_long_curves_become_means() -> None:
    found = curves(history(10_000))
    assert found["loss"]["step"][:2] == [100, 200]
    assert found["loss"]["mask"][0] == pytest.approx(50.5)
    assert found["validation"]["step"][-1] == 10_000
    assert found["validation"]["ap50"][-1] == 0.1
    assert len(json.dumps(found)) < 10_000


def test_a_training_without_a_step_has_empty_curves() -> None:
    assert curves([])["loss"] == {"step": []}


@given(st.integers(1, 1000), st.integers(1, 50))
def test_every_curve_ends_where_the_training_did(steps: int, every: int) -> None:
    found = curves(history(steps, every))
    assert found["loss"]["step"][-1] == steps
    assert len(found["loss"]["step"]) == len(found["loss"]["loss"]) == min(steps, MOST_POINTS)
    assert len(found["validation"]["step"]) == min(steps // every, MOST_POINTS)
