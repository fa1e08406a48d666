"""The whole loop in one dock: four tabs under one header."""

from __future__ import annotations

from typing import TYPE_CHECKING

from qtpy.QtWidgets import QTabWidget, QVBoxLayout

from napari_maskrcnn.widgets.correct_widget import CorrectWidget
from napari_maskrcnn.widgets.dock import Closable, Dock, plain, with_margin
from napari_maskrcnn.widgets.export_widget import ExportWidget
from napari_maskrcnn.widgets.fine_tune_widget import FineTuneWidget
from napari_maskrcnn.widgets.header import Header
from napari_maskrcnn.widgets.predict_widget import PredictWidget
from napari_maskrcnn.widgets.recovery_row import RecoveryRow

if TYPE_CHECKING:
    from napari import Viewer


class MaskRCNNPanel(Closable):
    """Predict, Correct, Fine-tune and Export as tabs under Image, Labels and Model."""

    def __init__(self, napari_viewer: Viewer) -> None:
        super().__init__()
        viewer = plain(napari_viewer)
        self.header = Header(viewer)
        self.predict = PredictWidget(viewer, self.header)
        self.correct = CorrectWidget(viewer, self.header)
        self.fine_tune = FineTuneWidget(viewer, self.header)
        self.export = ExportWidget(viewer, self.header)
        self.tabs = QTabWidget()
        self.pages: dict[str, Dock] = {
            "Predict": self.predict,
            "Correct": self.correct,
            "Fine-tune": self.fine_tune,
            "Export": self.export,
        }
        for title, page in self.pages.items():
            self.tabs.addTab(page, title)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(RecoveryRow(viewer))
        layout.addWidget(with_margin(self.header))
        layout.addWidget(self.tabs, 1)

    def reset_choices(self, event: object = None) -> None:
        """List the layers anew; napari calls this when layers come, go or change their name."""
        self.header.refresh()
        for page in self.pages.values():
            page.layers_changed()

    def close_down(self) -> None:
        """Stop what runs in any tab: the panel was closed."""
        for page in self.pages.values():
            page.close_down()
