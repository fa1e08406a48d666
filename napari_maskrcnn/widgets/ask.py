"""Questions before something that cannot be taken back, or that takes from the network."""

from __future__ import annotations

from qtpy.QtWidgets import QMessageBox, QWidget


def ask(parent: QWidget, title: str, question: str) -> bool:
    """Ask a yes-or-no question; closing the box means no."""
    buttons = QMessageBox.StandardButton
    answer = QMessageBox.question(parent, title, question, buttons.Yes | buttons.No, buttons.No)
    return bool(answer == buttons.Yes)
