"""Corrections in colours: in a real window, and gone without a trace."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import imageio.v3 as iio
import numpy as np
import pytest
from napari.layers import Labels

from napari_maskrcnn.instances import Instances
from napari_maskrcnn.predict.kept import Choice
from napari_maskrcnn.widgets import toolbox
from napari_maskrcnn.widgets.correct_widget import CorrectWidget
from napari_maskrcnn.widgets.kind_colours import COLOURS, NAME, UNCHANGED, shade
from napari_maskrcnn.widgets.ledger import ledger_of
from napari_maskrcnn.widgets.prediction import remember
from tests.widgets.test_placing import kept

pytestmark = pytest.mark.usefixtures("compared_at_once")


def five() -> np.ndarray:
    """Five squares in a row."""
    labels = np.zeros((30, 70), np.int32)
    for label, column in enumerate(range(3, 70, 14), 1):
        labels[8:20, column : column + 10] = label
    return labels


@pytest.fixture
def viewer(make_napari_viewer: Any) -> Any:
    return make_napari_viewer(show=True)


def predicted(layer: Labels, labels: dict[Any, np.ndarray]) -> None:
    """Let a layer have come from a prediction of some of its planes."""
    found = {plane: Instances.from_labels(part, ("nucleus",)) for plane, part in labels.items()}
    candidates = kept(found)
    remember(layer, None, candidates, Choice(0.0))
    layer.features = candidates.choose(Choice(0.0)).table.copy()


def corrected(viewer: Any, data: np.ndarray) -> tuple[Labels, CorrectWidget]:
    """Layer whose last two axes hold `five`, some of them corrected, and the tab."""
    layer = viewer.add_labels(data.copy(), scale=(0.5,) * data.ndim, opacity=1.0)
    axes = (None,) * 2 if data.ndim == 2 else (1, None, None)
    predicted(layer, {axes: five()})
    page = CorrectWidget(viewer)
    viewer.window.add_dock_widget(page, name="Correct")
    plane = layer.data if data.ndim == 2 else layer.data[1]
    plane[plane == 1] = 0
    plane[8:14, 17:27] = 9
    plane[19:22, 31:41] = 3
    plane[24:28, 60:66] = 8
    layer.refresh()
    ledger_of(layer).toggle_accepted([4])
    return layer, page


def rgb(colour: str) -> list[int]:
    return [int(colour[at : at + 2], 16) for at in (1, 3, 5)]


def has(shot: np.ndarray, colour: str) -> bool:
    return bool((np.abs(shot.astype(int) - rgb(colour)).max(axis=-1) <= 2).any())


def picture(viewer: Any, qtbot: Any, path: Path | None = None) -> np.ndarray:
    qtbot.wait(60)
    if path is not None:
        shot = viewer.screenshot(canvas_only=False, flash=False)
        iio.imwrite(path, shot[..., :3])
    return np.asarray(viewer.screenshot(canvas_only=True, flash=False))[..., :3]


@pytest.mark.parametrize("planes", [0, 3])
def test_colours_follow_edits_and_leave_no_trace(
    viewer: Any, qtbot: Any, tmp_path: Path, planes: int
) -> None:
    data = np.stack([five() * (at == 1) for at in range(planes)]) if planes else five()
    layer, page = corrected(viewer, data)
    if planes:
        viewer.dims.set_point(0, 0.5)
    qtbot.wait(50)
    viewer.reset_view()
    box = page.corrected
    qtbot.waitUntil(lambda: "1 removed" in box.counts.text())
    said = "Corrected: 1 added, 1 removed, 1 reshaped, 1 split; 1 accepted"
    assert box.counts.text() == said
    own, before = layer.colormap, picture(viewer, qtbot)
    page.toggle(toolbox.DELETE)
    active = viewer.layers.selection.active
    box.colours.setChecked(True)
    # The tool that is on stays on.
    assert viewer.layers.selection.active is active
    assert page.tools.tool is toolbox.DELETE
    shot = picture(viewer, qtbot, tmp_path / f"colours{planes}.png")
    assert not box.legend.isHidden()
    shown = {"added": 8, "reshaped": 3, "split": 2, "merged": 9, "accepted": 4, "removed": 0}
    assert shown.keys() == COLOURS.keys()
    for kind, label in shown.items():
        assert has(shot, shade(kind, label)), kind
        assert not has(before, shade(kind, label)), kind
    assert has(shot, UNCHANGED)
    layer.data_setitem(np.nonzero(layer.data == 8), 0)
    qtbot.waitUntil(lambda: not has(picture(viewer, qtbot), COLOURS["added"]))
    layer.undo()
    qtbot.waitUntil(lambda: has(picture(viewer, qtbot), COLOURS["added"]))
    page.tools.stop()
    box.colours.setChecked(False)
    assert layer.colormap is own
    assert [each.name for each in viewer.layers] == [layer.name]
    assert np.array_equal(picture(viewer, qtbot), before)


def test_removed_objects_are_outlined_in_their_plane_only(viewer: Any, qtbot: Any) -> None:
    layer, page = corrected(viewer, np.stack([five() * (at == 1) for at in range(3)]))
    page.corrected.colours.setChecked(True)
    qtbot.waitUntil(lambda: len(viewer.layers[NAME].data) == 4)
    lines = viewer.layers[NAME].data
    assert set(lines[:, 0, 0]) == {1.0}
    assert {tuple(line[0, 1:]) for line in lines} == {(7.5, 2.5), (19.5, 2.5), (7.5, 12.5)}
    assert np.array_equal(viewer.layers[NAME].scale, layer.scale)
    layer.data_setitem(np.nonzero(layer.data == 2), 0)
    layer.data_setitem(np.nonzero(layer.data == 9), 0)
    qtbot.waitUntil(lambda: len(viewer.layers[NAME].data) == 8)
    layer.undo()
    layer.undo()
    qtbot.waitUntil(lambda: len(viewer.layers[NAME].data) == 4)


def test_colours_of_classes_and_of_corrections_take_turns(viewer: Any, qtbot: Any) -> None:
    layer, page = corrected(viewer, five())
    layer.metadata["napari-maskrcnn classes"] = {"nucleus": "#123456"}
    page.classes.load(layer)
    own, colours, by_class = layer.colormap, page.corrected.colours, page.classes.by_class
    colours.setChecked(True)
    by_class.setChecked(True)
    assert not colours.isChecked()
    assert NAME not in viewer.layers
    assert layer.colormap is not own
    colours.setChecked(True)
    assert not by_class.isChecked()
    colours.setChecked(False)
    assert layer.colormap is own
    by_class.setChecked(True)
    by_class.setChecked(False)
    assert layer.colormap is own


def test_another_layer_or_a_closed_tab_gives_the_look_back(viewer: Any, qtbot: Any) -> None:
    layer, page = corrected(viewer, five())
    own = layer.colormap
    page.corrected.colours.setChecked(True)
    other = viewer.add_labels(five())
    predicted(other, {(None, None): five() * 0})
    page.header.labels.choose(other)
    assert layer.colormap is own
    assert other.colormap is not own
    assert viewer.layers[NAME].scale.tolist() == [1, 1]
    page.close_down()
    assert NAME not in viewer.layers
    # Gone by hand, it is not missed.
    page.corrected.load(layer)
    viewer.layers.remove(viewer.layers[NAME])
    layer.data_setitem(np.nonzero(layer.data == 4), 0)
    qtbot.waitUntil(lambda: "2 removed" in page.corrected.counts.text())
    page.corrected.colours.setChecked(False)
    assert layer.colormap is own


def test_colours_chosen_in_napari_meanwhile_stay(viewer: Any, qtbot: Any) -> None:
    from napari.utils.colormaps import label_colormap

    layer, page = corrected(viewer, five())
    page.corrected.colours.setChecked(True)
    chosen = layer.colormap = label_colormap(20, 0.3)
    page.corrected.colours.setChecked(False)
    assert layer.colormap is chosen
