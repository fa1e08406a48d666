"""The curve of the loss."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from qtpy.QtGui import QColor

from napari_maskrcnn.widgets.loss_plot import AP, MOST_POINTS, PARTS, LossPlot, _thinned


@pytest.fixture
def plot(qtbot: Any) -> LossPlot:
    made = LossPlot()
    qtbot.addWidget(made)
    made.resize(300, 110)
    return made


def colours(plot: LossPlot) -> set[int]:
    image = plot.grab().toImage()
    return {image.pixel(x, y) for x in range(image.width()) for y in range(image.height())}


def draw(plot: LossPlot, losses: Iterable[float]) -> None:
    plot.show_history({"step": k, "loss": loss} for k, loss in enumerate(losses, start=1))


def test_the_running_mean_is_told(plot: LossPlot) -> None:
    assert plot.label() == "loss"
    draw(plot, (3.0, 2.0, 1.0))
    assert plot.label() == "loss 2.000 · step 3"
    draw(plot, (3.0, 2.0, *[1.0] * 401))
    assert plot.label() == "loss 1.000 · step 403"


def test_validations_are_points_and_the_best_one_is_told(plot: LossPlot) -> None:
    draw(plot, (3.0, 2.0, 1.5))
    without = colours(plot)
    for step, ap50 in ((4, 0.25), (5, 0.625), (6, 0.5)):
        plot.append({"step": step, "loss": 1.0, "ap50": ap50})
    assert plot.best() == 0.625
    assert plot.label().endswith("best AP 0.62 · step 6")
    assert QColor(AP).rgb() in colours(plot) - without


def test_the_parts_are_drawn_when_they_are_asked_for(plot: LossPlot) -> None:
    plot.show_history({"step": k, "loss": 3.0, "mask": 1.0, "box": 2.0} for k in range(9))
    before = plot.grab().toImage()
    plot.show_parts(True)
    assert len(colours(plot)) > len(PARTS)
    assert plot.grab().toImage() != before
    plot.show_parts(False)
    assert plot.grab().toImage() == before


def test_a_training_that_goes_on_begins_at_its_step(plot: LossPlot) -> None:
    plot.show_history({"step": k, "loss": 1.0} for k in range(500, 503))
    assert plot.label() == "loss 1.000 · step 502"
    assert len(plot) == 3


def test_a_curve_is_drawn_and_forgotten(plot: LossPlot) -> None:
    empty = colours(plot)
    draw(plot, (3.0, 2.0, 1.5, 1.2))
    assert len(colours(plot)) > len(empty) + 5
    plot.clear()
    assert len(plot) == 0
    assert colours(plot) == empty


@pytest.mark.parametrize("losses", [[1.0], [0.0, 0.0], [1e9, 1e-9], [2.0] * 5000])
def test_odd_curves_can_be_drawn(plot: LossPlot, losses: list[float]) -> None:
    draw(plot, losses)
    assert len(plot) == len(losses)
    assert colours(plot)


def test_what_is_no_number_is_left_out(plot: LossPlot) -> None:
    draw(plot, (1.0, float("nan"), float("inf"), 3.0))
    assert plot.label() == "loss 2.000 · step 4"


@given(st.integers(1, 2000))
def test_a_thinned_line_keeps_its_mean_and_its_ends(count: int) -> None:
    steps, values = np.arange(count, dtype=float), np.linspace(3, 1, count)
    x, y = _thinned(steps, values)
    assert len(x) == len(y) == min(count, MOST_POINTS)
    assert (np.diff(x) > 0).all()
    np.testing.assert_allclose(y, np.interp(x, steps, values), atol=1e-9)


def test_the_best_is_where_the_weights_come_from(plot: LossPlot) -> None:
    for step, (ap50, ap75) in enumerate(((0.8, 0.4), (0.79, 0.6), (0.7, 0.69))):
        plot.append({"step": step, "loss": 1.0, "ap50": ap50, "ap75": ap75})
    assert plot.best() == 0.79
    # Of equal ones the last are kept.
    assert plot._best_of([(1, 0.5, 0.5), (2, 0.6, 0.5), (3, 0.6, 0.4)]) == 1
