"""The formats that the Export tab offers, and an export that takes long: shown, and cancelled."""

from __future__ import annotations

import threading
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from qtpy.QtWidgets import QStyle, QStyleOptionComboBox

from napari_maskrcnn.formats import Format, LabelData, registry
from napari_maskrcnn.jobs import Job, Progress
from napari_maskrcnn.widgets.export_widget import ExportWidget
from napari_maskrcnn.widgets.format_hints import OPENS_IN


def test_every_format_says_what_it_is_for() -> None:
    assert {entry.name for entry in registry.writable()} <= set(OPENS_IN)


def test_every_format_can_be_read_at_the_least_width(make_napari_viewer: Any, qtbot: Any) -> None:
    widget = ExportWidget(make_napari_viewer())
    widget.setFixedSize(350, 700)
    widget.show()
    qtbot.wait(50)
    box = widget.formats
    option = QStyleOptionComboBox()
    box.initStyleOption(option)
    part = QStyle.SubControl.SC_ComboBoxEditField
    style = box.style()
    assert style is not None
    field = style.subControlRect(QStyle.ComplexControl.CC_ComboBox, option, part, box)
    texts = [box.itemText(row) for row in range(box.count())]
    assert len(texts) >= 12
    assert [t for t in texts if box.fontMetrics().horizontalAdvance(t) > field.width()] == []
    for row in range(box.count()):
        box.setCurrentIndex(row)
        qtbot.wait(5)
        assert widget.hint.height() >= widget.hint.heightForWidth(widget.hint.width()), row
    widget.close()


def test_cancel_leaves_nothing_behind(
    make_napari_viewer: Any, qtbot: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    began = threading.Event()

    def write(data: LabelData, path: Path) -> Job[None]:
        path.write_text("half of it")
        for step in range(100_000):
            began.set()
            time.sleep(0.01)
            yield Progress(step, 100_000, f"Object {step} of 100000")

    slow = Format("slow", "Slow", (".slow",), write)
    monkeypatch.setattr(registry, "FORMATS", (slow, *registry.FORMATS))
    viewer = make_napari_viewer()
    viewer.add_labels(np.ones((4, 4), int), name="a")
    widget = ExportWidget(viewer)
    viewer.window.add_dock_widget(widget)
    widget.path.setText(str(tmp_path / "a.slow"))
    widget.row.button.click()
    qtbot.waitUntil(began.is_set)
    qtbot.waitUntil(lambda: widget.row.message.text().startswith("Object"))
    assert not widget.row.button.isEnabled()
    widget.row.cancel.click()
    qtbot.waitUntil(widget.row.button.isEnabled)
    assert widget.note.text() == "Cancelled; nothing was written."
    assert list(tmp_path.iterdir()) == []
