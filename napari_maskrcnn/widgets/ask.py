"""Questions: before something that cannot be taken back, and for a name or a colour."""

from __future__ import annotations

from qtpy.QtGui import QColor
from qtpy.QtWidgets import QColorDialog, QInputDialog, QMessageBox, QWidget

from napari_maskrcnn.models.coco import SIZE


def ask(parent: QWidget, title: str, question: str) -> bool:
    """Ask a yes-or-no question; closing the box means no."""
    buttons = QMessageBox.StandardButton
    answer = QMessageBox.question(parent, title, question, buttons.Yes | buttons.No, buttons.No)
    return bool(answer == buttons.Yes)


def ask_text(parent: QWidget, title: str, question: str, text: str = "") -> str | None:
    """Ask for a line of text; None when the box was closed."""
    answer, given = QInputDialog.getText(parent, title, question, text=text)
    return str(answer) if given else None


def ask_colour(parent: QWidget, title: str, colour: str) -> str | None:
    """Ask for a colour, ``#rrggbb``; None when the box was closed."""
    answer = QColorDialog.getColor(QColor(colour), parent, title)
    return str(answer.name()) if answer.isValid() else None


def ask_download(parent: QWidget) -> bool:
    """Ask whether to fetch the model "coco", with its size and where it comes from."""
    question = (
        f"The model “coco” (90 everyday classes) is not on this computer yet. Download "
        f"{SIZE / 1e6:.0f} MB from download.pytorch.org?"
    )
    return ask(parent, "Download", question)
