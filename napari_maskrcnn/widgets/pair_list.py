"""The list of image–labels pairs to learn from, with a check mark each."""

from __future__ import annotations

from collections.abc import Sequence

from qtpy.QtCore import QSize, Qt
from qtpy.QtWidgets import QListWidget, QListWidgetItem

from napari_maskrcnn.widgets.pairs import Pair

ROWS_SHOWN = 4


class PairList(QListWidget):
    """Pairs with check marks; what a person checked or unchecked stays so."""

    def __init__(self) -> None:
        super().__init__()
        self._pairs: list[Pair] = []
        self._decided: dict[Pair, bool] = {}
        self.setTextElideMode(Qt.TextElideMode.ElideMiddle)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setToolTip("Labels and the image they belong to; every object must be labelled")
        self.itemChanged.connect(self._note)

    def sizeHint(self) -> QSize:
        """Return the height of a few rows."""
        return QSize(200, ROWS_SHOWN * (self.fontMetrics().height() + 8))

    def set_pairs(self, pairs: Sequence[Pair], suggested: Sequence[Pair]) -> None:
        """List pairs, those suggested checked unless the person decided otherwise."""
        self._pairs = list(pairs)
        self._decided = {pair: on for pair, on in self._decided.items() if pair in pairs}
        self.blockSignals(True)
        self.clear()
        for pair in pairs:
            item = QListWidgetItem(pair.text)
            item.setToolTip(pair.text)
            item.setFlags(Qt.ItemFlag.ItemIsUserCheckable | Qt.ItemFlag.ItemIsEnabled)
            on = self._decided.get(pair, pair in suggested)
            item.setCheckState(Qt.CheckState.Checked if on else Qt.CheckState.Unchecked)
            self.addItem(item)
        self.blockSignals(False)

    def checked(self) -> list[Pair]:
        """Return the pairs to learn from."""
        return [pair for row, pair in enumerate(self._pairs) if self._is_checked(row)]

    def _is_checked(self, row: int) -> bool:
        item = self.item(row)
        return item is not None and item.checkState() == Qt.CheckState.Checked

    def _note(self, item: QListWidgetItem) -> None:
        row = self.row(item)
        self._decided[self._pairs[row]] = self._is_checked(row)
