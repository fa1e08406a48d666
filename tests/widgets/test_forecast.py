"""The time a training will take: told in the form, before the start, without anybody waiting."""

from __future__ import annotations

import threading
from importlib import import_module
from typing import Any

import numpy as np
import pytest

from napari_maskrcnn.jobs import Job, Progress, run
from napari_maskrcnn.train.estimate import Estimate
from napari_maskrcnn.train.settings import TrainSettings
from napari_maskrcnn.widgets import forecast
from napari_maskrcnn.widgets.fine_tune_widget import FineTuneWidget
from napari_maskrcnn.widgets.learn_from import Taken


def test_the_time_is_estimated_while_the_form_is_seen(
    viewer: Any,
    nuclei: tuple[Any, Any],
    qtbot: Any,
    tiny_model: str,
    monkeypatch: pytest.MonkeyPatch,
    notes: list[str],
) -> None:
    viewer.add_labels(nuclei[1].copy(), name="cells truth")
    asked = []

    def job(examples: Any, settings: Any, *, stop: threading.Event) -> Job[Any]:
        asked.append([(example.name, settings.base) for example in examples])
        yield Progress(0, 0, "")
        return Estimate(4, 0.5, True)

    monkeypatch.setattr(import_module("napari_maskrcnn.train.estimate"), "estimate_job", job)
    widget = FineTuneWidget(viewer)
    widget.form.base.set_value("tiny")
    qtbot.addWidget(widget)
    widget.show()
    form = widget.form
    qtbot.waitUntil(lambda: bool(form.duration.text()))
    assert form.duration.text() == "About 150 passes over the images on this computer"
    # Another budget is told at once, without another look.
    form.unit.setCurrentText("epochs")
    form.budget.setValue(60)
    assert form.duration.text() == "About 2 minutes on this computer"
    assert asked == [[("cells truth", "tiny")]]
    # What stands in the way is said there, and by no notification.
    viewer.layers["cells truth"].data = np.zeros((128, 128), int)
    form.list_pairs()
    qtbot.waitUntil(lambda: "hold no object" in form.duration.text())
    assert not notes
    widget.hide()
    assert not form.duration.text()
    qtbot.waitUntil(lambda: not form.forecast.runner.running)


@pytest.mark.parametrize(("share", "said"), [(0.5, None), (1.0, "no object")])
def test_what_a_part_of_the_files_lacks_is_not_said_of_all(
    monkeypatch: pytest.MonkeyPatch, share: float, said: str | None
) -> None:
    def sample(*_: Any) -> Job[Any]:
        yield Progress(0, 0, "")
        return [], share

    def estimate(*_: Any, **__: Any) -> Job[Any]:
        yield Progress(0, 0, "")
        raise ValueError("no object")

    monkeypatch.setattr(forecast, "sample_job", sample)
    monkeypatch.setattr(import_module("napari_maskrcnn.train.estimate"), "estimate_job", estimate)
    asked = forecast._job("key", Taken(), TrainSettings(), threading.Event())
    assert run(asked) == ("key", said)
