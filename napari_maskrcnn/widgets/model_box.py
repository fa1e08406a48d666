"""A combo box of models that is up to date the moment a model is added or removed anywhere."""

from __future__ import annotations

from pathlib import Path

from qtpy.QtCore import QObject, Qt, Signal
from qtpy.QtWidgets import QComboBox, QFileDialog, QSizePolicy

from napari_maskrcnn.models import folder
from napari_maskrcnn.models.coco import SIZE

DEFAULT = "nuclei"
OPEN_FILE = "Open a file…"


class _ModelChanges(QObject):
    """Carries "the models changed" from whatever thread it happens in to the window's.

    Signals
    -------
    changed ()
    wanted (str)
        A person chose this model for whatever comes next, in a list of all models.
    """

    changed = Signal()
    wanted = Signal(str)


_changes: _ModelChanges | None = None


def model_changes() -> _ModelChanges:
    """Return the one object whose signal every open list listens to."""
    global _changes
    if _changes is None:
        _changes = _ModelChanges()
        # Never disconnected: this object lives as long as the process, unlike the widgets, which
        # Qt disconnects by itself when they go.
        folder.changed.connect(_changes.changed.emit)
    return _changes


class ModelBox(QComboBox):
    """Chooses a model by name, or a weights file."""

    #: The person chose this model; code that sets the value emits nothing.
    chosen = Signal(str)

    def __init__(self) -> None:
        super().__init__()
        self._files: list[Path] = []
        self._value = DEFAULT
        self.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
        self.setMinimumContentsLength(8)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.setToolTip("The model that predicts; fine-tuned models appear here once accepted")
        self.activated.connect(self._choose)
        model_changes().changed.connect(self.refresh)
        self.refresh()

    def value(self) -> str:
        """Return what ``load_model`` takes: a name or a file."""
        return self._value

    def set_value(self, value: str) -> None:
        """Choose a model by name, or a weights file."""
        if folder.is_file_value(value) and Path(value) not in self._files:
            self._files.append(Path(value))
        self._value = value
        self.refresh()

    def use(self, value: str) -> None:
        """Choose a model as a person does."""
        self.set_value(value)
        self.chosen.emit(value)

    def needs_download(self) -> bool:
        """Whether the chosen model is "coco" and not on this computer yet."""
        return self._value == "coco" and "coco" not in {e.name for e in folder.list_models()}

    def refresh(self) -> None:
        """List the models anew, keeping the choice while it exists."""
        entries = folder.list_models()
        rows = [(entry.name, entry.name, f"{entry.kind}: {entry.path}") for entry in entries]
        if "coco" not in {entry.name for entry in entries}:
            rows.append((f"coco (download, {SIZE / 1e6:.0f} MB)", "coco", "90 everyday classes"))
        rows += [(path.name, str(path), str(path)) for path in self._files]
        rows.append((OPEN_FILE, "", "Use a .safetensors file"))
        self.blockSignals(True)
        self.clear()
        for row, (text, value, tip) in enumerate(rows):
            self.addItem(text, value)
            self.setItemData(row, tip, Qt.ItemDataRole.ToolTipRole)
        if self.findData(self._value) < 0:
            self._value = rows[0][1]
        self.setCurrentIndex(self.findData(self._value))
        self.blockSignals(False)

    def _choose(self, row: int) -> None:
        value = self.itemData(row)
        if not value:
            value = self.ask_file() or self._value
        self.use(value)

    def ask_file(self) -> str:
        """Ask for a weights file; empty when the person changed their mind."""
        path, _ = QFileDialog.getOpenFileName(self, "Weights file", "", "Weights (*.safetensors)")
        return path
