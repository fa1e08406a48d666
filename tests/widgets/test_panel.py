"""The panel: everything fits into 350 × 700 pixels, under one header."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from qtpy.QtCore import QSize
from qtpy.QtWidgets import QAbstractButton, QLabel, QScrollArea, QWidget
from superqt import QCollapsible

from napari_maskrcnn.widgets.panel import MaskRCNNPanel
from napari_maskrcnn.widgets.toolbox import DELETE

TITLES = ["Predict", "Correct", "Fine-tune", "Export"]


@pytest.fixture
def viewer(make_napari_viewer: Any, nuclei: tuple[Any, Any]) -> Any:
    shown = make_napari_viewer(show=True)
    units = {"units": ("um",) * 3, "scale": (2, 0.5, 0.5)}
    name = "a rather long name of an image as microscopes write them 2024-05-17_plate3"
    shown.add_image(np.stack([nuclei[0]] * 3), name=name, **units)
    return shown


@pytest.fixture
def panel(viewer: Any, qtbot: Any, tiny_model: str) -> MaskRCNNPanel:
    made = MaskRCNNPanel(viewer)
    viewer.window.add_dock_widget(made, name="Mask R-CNN")
    made.header.models.set_value(tiny_model)
    made.predict.form.diameter.set_value(20)
    made.predict.row.button.click()
    qtbot.waitUntil(made.predict.row.button.isEnabled)
    made.export.note.setText("Written: /a/long/path/to/a/folder/of/results/2024/cells_labels.tif")
    return made


def spills(page: QWidget) -> list[str]:
    """Widgets of a page that reach beyond it, or whose text does not fit into them."""
    wrong = []
    for child in page.findChildren(QWidget):
        if not child.isVisible() or child.window() is not page.window():
            continue
        right = child.mapTo(page, child.rect().topRight()).x()
        if right > page.width():
            wrong.append(f"{type(child).__name__} ends at {right} of {page.width()}")
        text = child.text() if isinstance(child, QLabel | QAbstractButton) else ""
        if text and not (isinstance(child, QLabel) and child.wordWrap()):
            needed = child.fontMetrics().horizontalAdvance(text)
            if needed > child.width() + 1:
                wrong.append(f"{text!r} needs {needed} of {child.width()}")
    return wrong


def test_nothing_is_clipped_and_nothing_scrolls_sideways(panel: MaskRCNNPanel, qtbot: Any) -> None:
    panel.setParent(None)
    panel.setFixedSize(QSize(350, 700))
    panel.show()
    assert [panel.tabs.tabText(i) for i in range(panel.tabs.count())] == TITLES
    for index in range(panel.tabs.count()):
        panel.tabs.setCurrentIndex(index)
        qtbot.wait(50)
        page = panel.tabs.currentWidget()
        assert spills(page) == []
        for area in page.findChildren(QScrollArea):
            assert area.widget().minimumSizeHint().width() <= area.viewport().width()
            assert area.verticalScrollBar().maximum() == 0, TITLES[index]
    bar = panel.tabs.tabBar()
    assert bar.sizeHint().width() <= panel.width()
    panel.close()


def test_all_of_the_correct_tab_fits_its_width(
    panel: MaskRCNNPanel, viewer: Any, qtbot: Any
) -> None:
    viewer.add_labels(np.stack([viewer.layers[-1].data[0]] * 3), name="a copy")
    panel.setParent(None)
    panel.setFixedSize(QSize(350, 700))
    panel.show()
    page = panel.correct
    panel.tabs.setCurrentWidget(page)
    page.review_button.click()
    page.classes_button.click()
    page.collapsed.expand(animate=False)
    qtbot.wait(50)
    for widget in (page.review, page.class_row, page.small, *page.buttons.values()):
        assert widget.isVisible()
    assert spills(page) == []
    (area,) = page.findChildren(QScrollArea)
    assert area.widget().minimumSizeHint().width() <= area.viewport().width()
    page.review.stop()
    page.classes_button.click()
    qtbot.wait(50)
    assert area.verticalScrollBar().maximum() == 0
    panel.close()


def test_one_header_serves_all_tabs(panel: MaskRCNNPanel, viewer: Any) -> None:
    assert {page.header for page in panel.pages.values()} == {panel.header}
    labels = viewer.layers[-1]
    assert panel.header.labels.layer() is labels
    renamed = viewer.add_image(np.zeros((8, 8)), name="new")
    assert panel.header.images.layer() is renamed
    renamed.name = "newer"
    assert panel.header.images.currentText() == "newer"
    viewer.layers.remove(renamed)
    assert panel.header.images.layer() is viewer.layers[0]
    viewer.layers.clear()
    assert panel.header.images.layer() is None
    assert panel.header.images.placeholderText() == "no image layer"


def test_closing_the_panel_closes_every_tab(panel: MaskRCNNPanel, viewer: Any) -> None:
    panel.correct.toggle(next(iter(panel.correct.buttons)))
    assert panel.correct.tools.tool is not None
    panel.parent().destroyOnClose()
    assert panel.correct.tools.tool is None


def test_multiscale_labels_are_listed_but_not_corrected(viewer: Any, notes: list[str]) -> None:
    data = np.zeros((64, 64), np.int32)
    data[10:20, 10:20] = 1
    pyramid = viewer.add_labels([data, data[::2, ::2]], multiscale=True, name="pyramid")
    panel = MaskRCNNPanel(viewer)
    viewer.window.add_dock_widget(panel, name="Mask R-CNN")
    assert panel.header.labels.layer() is pyramid
    panel.correct.toggle(DELETE)
    panel.correct.review_button.click()
    errors = [note for note in notes if note.startswith("error")]
    assert ["'pyramid' is multiscale" in error for error in errors] == [True, True]
    assert not panel.correct.review.running


def test_nothing_lies_under_the_scroll_bar_of_a_window(
    panel: MaskRCNNPanel, viewer: Any, qtbot: Any
) -> None:
    # In the window, whose style makes everything wider, and lower than all that is open.
    viewer.window.resize(1280, 480)
    for title, page in panel.pages.items():
        panel.tabs.setCurrentWidget(page)
        for more in page.findChildren(QCollapsible):
            more.expand(animate=False)
        if page is panel.correct:
            panel.correct.review_button.click()
            panel.correct.classes_button.click()
        qtbot.wait(50)
        area = page.findChild(QScrollArea)
        assert area.widget().minimumSizeHint().width() <= area.viewport().width(), title
    # What is typed there shows in full, and so do four digits.
    panel.tabs.setCurrentWidget(panel.correct)
    small = panel.correct.small
    small.setValue(9999)
    needed = small.fontMetrics().horizontalAdvance(small.text())
    assert needed <= small.lineEdit().width()
