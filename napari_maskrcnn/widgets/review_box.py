"""The review: which object of how many, what to do with it, and which ones to look at."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np
from qtpy.QtCore import Qt, Signal
from qtpy.QtWidgets import QFormLayout, QGridLayout, QLabel, QPushButton, QVBoxLayout, QWidget
from superqt import QLabeledDoubleRangeSlider, QLabeledRangeSlider

from napari_maskrcnn.annotate.review import Limits
from napari_maskrcnn.widgets.jobs_ui import show_problem
from napari_maskrcnn.widgets.ledger import ledger_of
from napari_maskrcnn.widgets.review import Review
from napari_maskrcnn.widgets.style import PRIMARY

if TYPE_CHECKING:
    from napari import Viewer
    from napari.layers import Labels

NONE_LEFT = "Every object here is accepted. Well done."
NO_OBJECT = "No object has such a score and size. Widen the limits."


class ReviewBox(QWidget):
    """Shows the objects of a layer one by one, from the least certain up.

    Signals
    -------
    ended ()
        The review is over.
    """

    ended = Signal()

    def __init__(self, viewer: Viewer) -> None:
        super().__init__()
        self._viewer = viewer
        self.review: Review | None = None
        self.where = QLabel()
        self.where.setWordWrap(True)
        self.back = _button("Back (⇧W)", "To the object before. Key: Shift+W.", self._back)
        self.next = _button("Next (W)", "To the next one not accepted. Key: W.", self.step)
        self.accept = _button(
            "Accept (Q)", "The object is right: accept it and go on. Key: Q.", self.toggle_accepted
        )
        self.delete = _button(
            "Delete (⌫)", "Delete the object and go on. Key: Delete or Backspace.", self.remove
        )
        self.edit = _button("Edit (R)", "Paint on with its number. Key: R.", self.paint)
        self.end = _button("End", "End the review.", self.stop)
        # superqt's double sliders are typed as if they took whole numbers.
        self.scores: Any = QLabeledDoubleRangeSlider(Qt.Orientation.Horizontal)
        self.areas = QLabeledRangeSlider(Qt.Orientation.Horizontal)
        self._build()
        self.scores.valueChanged.connect(self._limits_changed)
        self.areas.valueChanged.connect(self._limits_changed)
        self.hide()

    def _build(self) -> None:
        self.accept.setStyleSheet(PRIMARY)
        self.scores.setRange(0.0, 1.0)
        self.scores.setDecimals(2)
        self.scores.setToolTip("Look at objects of these scores")
        self.areas.setToolTip("Look at objects of these areas, in pixels")
        for slider in (self.scores, self.areas):
            # Labels on the handles are cut off where a handle is at the end.
            slider.setHandleLabelPosition(type(slider).LabelPosition.NoLabel)
            slider.setEdgeLabelMode(type(slider).EdgeLabelMode.LabelIsValue)
        buttons = QGridLayout()
        for place, button in enumerate(
            (self.back, self.next, self.accept, self.delete, self.edit, self.end)
        ):
            buttons.addWidget(button, place // 3, place % 3)
        form = QFormLayout()
        form.setContentsMargins(0, 0, 0, 0)
        form.addRow("Score", self.scores)
        form.addRow("Area, px", self.areas)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self.where)
        layout.addLayout(buttons)
        layout.addLayout(form)

    @property
    def running(self) -> bool:
        """Whether there is a review."""
        return self.review is not None

    def start(self, layer: Labels) -> None:
        """Begin with the least certain object of a layer."""
        self.stop()
        ledger_of(layer)
        self.review = Review(self._viewer, layer)
        areas = layer.features["area"].to_numpy(float)
        present = areas[areas > 0]
        largest = int(present.max()) if len(present) else 1
        for slider in (self.scores, self.areas):
            slider.blockSignals(True)
        self.scores.setValue((0.0, 1.0))
        self.areas.setRange(0, largest)
        self.areas.setValue((0, largest))
        for slider in (self.scores, self.areas):
            slider.blockSignals(False)
        self.show()
        self.step()

    def stop(self, *_: object) -> None:
        """End the review."""
        if self.review is not None:
            self.review.close()
            self.review = None
            self.hide()
            self.ended.emit()

    def step(self, *_: object) -> None:
        """Go on to the next object."""
        self._do(Review.step)

    def toggle_accepted(self, *_: object) -> None:
        """Accept the object, or take that back."""
        self._do(Review.toggle_accepted, there=True)

    def remove(self, *_: object) -> None:
        """Delete the object."""
        self._do(Review.delete, there=True)

    def paint(self, *_: object) -> None:
        """Take the brush with the object's number."""
        self._do(Review.edit, there=True)

    def _back(self, *_: object) -> None:
        self._do(lambda review: review.step(back=True))

    def _do(self, act: Callable[[Review], object], there: bool = False) -> None:
        """Do something with the review; or, if it needs an object and there is none, nothing."""
        if self.review is None or (there and not self.review.current):
            return
        try:
            act(self.review)
        except ValueError as error:
            show_problem(error)
        self._say(self.review)

    def _limits_changed(self, *_: object) -> None:
        if self.review is None:
            return
        low, high = self.scores.value()
        smallest, largest = self.areas.value()
        # The upper end of the size slider means no limit: objects grow meanwhile.
        unlimited = largest >= self.areas.maximum()
        self.review.limits = Limits(
            round(low, 2), round(high, 2), smallest, np.inf if unlimited else largest
        )
        if self.review.queue().place(self.review.current) < 0:
            self.review.step()
        self._say(self.review)

    def _say(self, review: Review) -> None:
        queue, layer = review.queue(), review.layer
        left = int(queue.open.sum())
        there = bool(review.current)
        for button in (self.accept, self.delete, self.edit):
            button.setEnabled(there)
        if not there:
            self.where.setText(NONE_LEFT if len(queue) else NO_OBJECT)
            return
        row = layer.features.loc[layer.features["index"] == review.current].iloc[0]
        score = "no score" if np.isnan(row["score"]) else f"score {row['score']:.2f}"
        state = ", accepted" if row["state"] == "accepted" else ""
        self.where.setText(
            f"Object {review.current}: {score}, {row['area']} px{state}. {left} of {len(queue)} "
            "not accepted yet."
        )


def _button(text: str, tooltip: str, act: Callable[..., None]) -> QPushButton:
    button = QPushButton(text)
    button.setToolTip(tooltip)
    button.setFocusPolicy(Qt.FocusPolicy.TabFocus)
    button.clicked.connect(act)
    return button
