"""The curve of the loss."""

from __future__ import annotations

from typing import Any

import pytest

from napari_maskrcnn.widgets.loss_plot import LossPlot


@pytest.fixture
def plot(qtbot: Any) -> LossPlot:
    made = LossPlot()
    qtbot.addWidget(made)
    made.resize(300, 110)
    return made


def colours(plot: LossPlot) -> set[int]:
    image = plot.grab().toImage()
    return {image.pixel(x, y) for x in range(image.width()) for y in range(image.height())}


def test_the_running_mean_is_told(plot: LossPlot) -> None:
    assert plot.label() == "loss"
    for loss in (3.0, 2.0, 1.0):
        plot.append(loss)
    assert plot.label() == "loss 2.000 · step 3"
    for _ in range(400):
        plot.append(1.0)
    assert plot.label() == "loss 1.000 · step 403"


def test_a_curve_is_drawn_and_forgotten(plot: LossPlot) -> None:
    empty = colours(plot)
    for loss in (3.0, 2.0, 1.5, 1.2):
        plot.append(loss)
    assert len(colours(plot)) > len(empty) + 5
    plot.clear()
    assert len(plot) == 0
    assert colours(plot) == empty


@pytest.mark.parametrize("losses", [[1.0], [0.0, 0.0], [1e9, 1e-9], [2.0] * 5000])
def test_odd_curves_can_be_drawn(plot: LossPlot, losses: list[float]) -> None:
    for loss in losses:
        plot.append(loss)
    assert len(plot) == len(losses)
    assert colours(plot)


def test_what_is_no_number_is_left_out(plot: LossPlot) -> None:
    for loss in (1.0, float("nan"), float("inf"), 3.0):
        plot.append(loss)
    assert plot.label() == "loss 2.000 · step 2"
