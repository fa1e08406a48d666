"""The class of new objects, and what can be done with classes."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from qtpy.QtCore import Qt, QTimer, Signal
from qtpy.QtGui import QAction, QColor, QIcon, QPixmap
from qtpy.QtWidgets import (
    QComboBox,
    QHBoxLayout,
    QMenu,
    QPushButton,
    QSizePolicy,
    QWidget,
)

from napari_maskrcnn.widgets.ask import ask_colour, ask_text
from napari_maskrcnn.widgets.classes import (
    add_class,
    class_colormap,
    classes_of,
    remove_class,
    rename_class,
    set_colour,
)
from napari_maskrcnn.widgets.colouring import put_on, take_off
from napari_maskrcnn.widgets.jobs_ui import show_problem
from napari_maskrcnn.widgets.ledger import ledger_of

if TYPE_CHECKING:
    from napari.layers import Labels

SETTLE_MS = 150
MORE_WIDTH = 30


class ClassBox(QWidget):
    """Chooses the active class; adds, renames and colours classes.

    Signals
    -------
    changed ()
        The list of classes is another one.
    """

    changed = Signal()

    def __init__(self) -> None:
        super().__init__()
        self._layer: Labels | None = None
        self.names = QComboBox()
        self.names.setToolTip("Class of new objects, and the class that Assign gives")
        self.names.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.names.setMinimumContentsLength(6)
        self.names.setSizeAdjustPolicy(
            QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon
        )
        # Not a button's own menu, whose arrow takes all the room.
        self.more = QPushButton("⋯")
        self.more.setToolTip("Add, rename, remove or colour classes")
        self.more.setFixedWidth(MORE_WIDTH)
        self.more.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        self.more.clicked.connect(self._open_menu)
        self.menu = menu = QMenu(self.more)
        _action(menu, "Add a class…").triggered.connect(self.add)
        self._rename = _action(menu, "Rename…")
        self._rename.triggered.connect(self.rename)
        self._remove = _action(menu, "Remove")
        self._remove.triggered.connect(self.remove)
        self._colour = _action(menu, "Change the colour…")
        self._colour.triggered.connect(self.recolour)
        menu.addSeparator()
        self.by_class = _action(menu, "Colour objects by class")
        self.by_class.setCheckable(True)
        self.by_class.toggled.connect(self._show_colours)
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.addWidget(self.names, 1)
        row.addWidget(self.more)
        self._settle = QTimer(self)
        self._settle.setSingleShot(True)
        self._settle.setInterval(SETTLE_MS)
        self._settle.timeout.connect(self._features_settled)
        self.names.currentTextChanged.connect(self._activate)

    def load(self, layer: Labels | None) -> None:
        """List the classes of a layer."""
        if self._layer is not None:
            self._layer.events.features.disconnect(self._features_changed)
        self.by_class.setChecked(False)
        self._layer = layer
        self._list()
        if layer is not None:
            layer.events.features.connect(self._features_changed)

    def add(self) -> None:
        """Ask for a name and add a class, which becomes the active one."""
        name = ask_text(self, "Add a class", "Name of the class")
        self._try(name, lambda layer, text: self._list(add_class(layer, text)))

    def rename(self) -> None:
        """Ask for another name of the active class; its objects follow."""
        old = self.names.currentText()
        name = ask_text(self, "Rename a class", f"New name of the class “{old}”", old)
        if name != old:
            self._try(name, lambda layer, text: self._list(rename_class(layer, old, text)))

    def remove(self) -> None:
        """Remove the active class, which no object may have."""
        name = self.names.currentText()

        def act(layer: Labels, text: str) -> None:
            remove_class(layer, text)
            self._list()

        self._try(name, act)

    def recolour(self) -> None:
        """Ask for another colour of the active class, and show it."""
        if self._layer is None:
            return
        name = self.names.currentText()
        colour = ask_colour(self, f"Colour of “{name}”", classes_of(self._layer)[name])
        if colour is not None:
            set_colour(self._layer, name, colour)
            self._list(name)
            if self.by_class.isChecked():
                self._paint()
            self.by_class.setChecked(True)

    def _open_menu(self) -> None:
        self.menu.popup(self.more.mapToGlobal(self.more.rect().bottomLeft()))

    def _try(self, text: str | None, act: Callable[[Labels, str], None]) -> None:
        if text is None or self._layer is None:
            return
        try:
            act(self._layer, text)
        except ValueError as error:
            show_problem(error)

    def _list(self, chosen: str | None = None) -> None:
        layer = self._layer
        known = classes_of(layer) if layer is not None else {}
        chosen = chosen or self.names.currentText()
        self.names.blockSignals(True)
        self.names.clear()
        for name, colour in known.items():
            patch = QPixmap(12, 12)
            patch.fill(QColor(colour))
            self.names.addItem(QIcon(patch), name)
        self.names.setCurrentIndex(max(0, self.names.findText(chosen)) if known else -1)
        self.names.blockSignals(False)
        for action in (self._rename, self._remove, self._colour, self.by_class):
            action.setEnabled(bool(known))
        self._activate()
        self.changed.emit()

    def _activate(self, *_: object) -> None:
        if self._layer is not None:
            ledger_of(self._layer).class_name = self.names.currentText()

    def _features_changed(self, event: Any = None) -> None:
        self._settle.start()

    def _features_settled(self) -> None:
        layer = self._layer
        if layer is None:
            return
        listed = [self.names.itemText(row) for row in range(self.names.count())]
        if list(classes_of(layer)) != listed:
            self._list()
        if self.by_class.isChecked():
            self._paint()

    def _show_colours(self, on: bool) -> None:
        layer = self._layer
        if layer is None:
            return
        if on:
            self._paint()
        else:
            take_off(layer, self)

    def _paint(self) -> None:
        if self._layer is not None:
            put_on(self._layer, class_colormap(self._layer), self)


def _action(menu: QMenu, text: str) -> QAction:
    action = QAction(text, menu)
    menu.addAction(action)
    return action
