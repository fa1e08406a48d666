"""What a person says of labels comes back after a crash as their pixels do."""

from __future__ import annotations

from typing import Any

import numpy as np

from napari_maskrcnn.annotate.image_states import State
from napari_maskrcnn.annotate.journal.folder import journal_folder, stored_windows
from napari_maskrcnn.instances import Instances
from napari_maskrcnn.widgets.classes import add_class, classes_of, set_colour
from napari_maskrcnn.widgets.correct_widget import CorrectWidget
from napari_maskrcnn.widgets.finished import finished_rectangles
from napari_maskrcnn.widgets.layer_states import state_of
from napari_maskrcnn.widgets.recovery import keeper_of
from napari_maskrcnn.widgets.recovery_row import RecoveryRow
from tests.widgets.test_recovery import Make, crash, offered, settled


def test_what_was_said_of_the_labels_comes_back(make_napari_viewer: Make, qtbot: Any) -> None:
    before = make_napari_viewer()
    layer = before.add_labels(np.zeros((40, 50), np.int32), name="cells")
    page = CorrectWidget(before)
    keeper_of(before).session.flush()
    # Neither is an edit of a pixel, nor does any object have the class.
    add_class(layer, "mitosis")
    set_colour(layer, "mitosis", "#123456")
    page.states.states.setCurrentIndex(page.states.states.findData(State.EXCLUDED))
    page.states.states.activated.emit(page.states.states.currentIndex())
    page.states.finished.draw()
    before.layers["finished regions"].add_rectangles([[2, 2], [2, 8], [6, 8], [6, 2]])
    crash(before)

    viewer = make_napari_viewer(show=True)
    offered(viewer, qtbot).restore.click()
    settled(viewer, qtbot)
    found = viewer.layers["cells"]
    assert classes_of(found) == {"mitosis": "#123456"}
    assert state_of(found, (None, None)) is State.EXCLUDED
    assert finished_rectangles(found) == {(None, None): [(2, 2, 6, 8)]}
    qtbot.waitUntil(lambda: "finished regions" in viewer.layers)


def test_an_opened_tab_alone_is_no_edit(make_napari_viewer: Make, qtbot: Any) -> None:
    viewer = make_napari_viewer()
    layer = viewer.add_labels(np.ones((40, 50), np.int32), name="cells")
    layer.features = Instances.from_labels(layer.data, ("cell",)).to_table()
    RecoveryRow(viewer)
    keeper_of(viewer).session.flush()
    page = CorrectWidget(viewer)
    layer.visible = False
    qtbot.wait(200)
    crash(viewer)
    assert stored_windows(journal_folder()) == []
    assert page.classes.names.currentText() == "cell"
