"""The list of what to learn from: a check mark each, and of layers what is correct in them."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from qtpy.QtCore import QSize, Qt, Signal
from qtpy.QtWidgets import QLabel, QScrollArea, QSizePolicy, QVBoxLayout, QWidget

from napari_maskrcnn.train.answers import Answer
from napari_maskrcnn.widgets.learn_from import Folder, ProjectImages
from napari_maskrcnn.widgets.pair_row import PairRow
from napari_maskrcnn.widgets.pairs import Pair

MOST_HEIGHT = 230
EMPTY = "Nothing yet: open an image, and predict or paint its labels."

Source = Pair | ProjectImages | Folder


class PairList(QScrollArea):
    """Sources with check marks; what a person checked, unchecked or said stays so.

    Signals
    -------
    changed ()
        Something was checked, unchecked, or said.
    """

    changed = Signal()

    def __init__(self) -> None:
        super().__init__()
        self._rows: dict[Source, PairRow] = {}
        self._decided: dict[Source, bool] = {}
        content = QWidget()
        self._layout = QVBoxLayout(content)
        self._layout.setContentsMargins(0, 2, 0, 2)
        self._layout.setSpacing(0)
        self._empty = QLabel(EMPTY)
        self._empty.setWordWrap(True)
        self._empty.setMargin(4)
        self._layout.addWidget(self._empty)
        self._layout.addStretch(1)
        self.setWidget(content)
        self.setWidgetResizable(True)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)

    def sizeHint(self) -> QSize:
        """Return the height of the rows, up to a few."""
        content = self.widget()
        height = content.sizeHint().height() + 2 * self.frameWidth() if content is not None else 0
        return QSize(200, min(MOST_HEIGHT, height))

    def set_sources(self, sources: Sequence[Source], suggested: Collection[Source]) -> None:
        """List sources, those suggested checked unless the person decided otherwise."""
        self._decided = {source: on for source, on in self._decided.items() if source in sources}
        for source in [source for source in self._rows if source not in sources]:
            row = self._rows.pop(source)
            row.setParent(None)
            row.deleteLater()
        for place, source in enumerate(sources):
            row = self._rows.get(source) or self._added(source)
            self._rows[source] = row
            self._layout.insertWidget(place, row)
            row.box.set_whole(source.text)
            row.box.setChecked(self._decided.get(source, source in suggested))
        # In the order in which they are shown.
        self._rows = {source: self._rows[source] for source in sources}
        self._empty.setVisible(not sources)
        self.updateGeometry()

    def checked(self) -> list[Source]:
        """Return what to learn from."""
        return [source for source, row in self._rows.items() if row.box.isChecked()]

    def pairs(self) -> list[Pair]:
        """Return the layers to learn from."""
        return [source for source in self.checked() if isinstance(source, Pair)]

    def row(self, source: Source) -> PairRow:
        """Return the row of a source."""
        return self._rows[source]

    def rows(self) -> list[PairRow]:
        """Return all rows, from above."""
        return list(self._rows.values())

    def answer(self, pair: Pair) -> Answer | None:
        """Return what is correct in layers; None when it has to be said."""
        return self._rows[pair].answer()

    def _added(self, source: Source) -> PairRow:
        row = PairRow(source.text, source.text if isinstance(source, Pair) else source.tip)

        def note(on: bool) -> None:
            self._decided[source] = on
            self._changed()

        row.checked.connect(note)
        row.answered.connect(self._changed)
        return row

    def _changed(self) -> None:
        self.updateGeometry()
        self.changed.emit()
