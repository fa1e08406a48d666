"""The row above the tabs that offers to continue after a crash; nothing waits for an answer."""

from __future__ import annotations

from datetime import datetime
from html import escape
from typing import TYPE_CHECKING

from qtpy.QtWidgets import QHBoxLayout, QLabel, QPushButton, QVBoxLayout, QWidget

from napari_maskrcnn.widgets.recovery import keeper_of
from napari_maskrcnn.widgets.stored_layer import read_look

if TYPE_CHECKING:
    from napari import Viewer

    from napari_maskrcnn.annotate.journal.folder import StoredWindow

MARGIN = 8


class RecoveryRow(QWidget):
    """Restore, Discard or Later; hidden while there is nothing to restore."""

    def __init__(self, viewer: Viewer) -> None:
        super().__init__()
        self.keeper = keeper_of(viewer)
        self.text = QLabel()
        self.text.setWordWrap(True)
        self.restore = QPushButton("Restore")
        self.restore.setToolTip("Open the labels, and their image, as they were")
        self.discard = QPushButton("Discard")
        self.discard.setToolTip("Do not offer this again")
        self.later = QPushButton("Later")
        self.later.setToolTip("Offer this again at the next start")
        buttons = QHBoxLayout()
        for button in (self.restore, self.discard, self.later):
            buttons.addWidget(button)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(MARGIN, MARGIN, MARGIN, 0)
        layout.addWidget(self.text)
        layout.addLayout(buttons)
        self.restore.clicked.connect(self.keeper.restore)
        self.discard.clicked.connect(self.keeper.discard)
        self.later.clicked.connect(self.keeper.later)
        self.keeper.offers_changed.connect(self._refresh)
        self._refresh()

    def _refresh(self) -> None:
        self.text.setText(described(self.keeper.offers))
        self.setVisible(bool(self.keeper.offers))


def described(windows: list[StoredWindow]) -> str:
    """Say in a few words what can be restored."""
    layers = [layer for window in windows for layer in window.offered]
    if not layers:
        return ""
    newest = max(layers, key=lambda layer: layer.changed)
    name = escape(read_look(newest.parts).get("name", "labels"))
    when = datetime.fromtimestamp(newest.changed)
    edits = f"{newest.edits} edit" + ("s" if newest.edits != 1 else "")
    others = f", and {len(layers) - 1} more" if len(layers) > 1 else ""
    return f"<b>Continue where you stopped?</b> {name}: {edits}, {when:%d %B, %H:%M}{others}."
