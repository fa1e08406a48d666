"""One row of the list of what to learn from: a check mark and, below, what is correct there."""

from __future__ import annotations

from qtpy.QtCore import QSize, Qt, Signal
from qtpy.QtGui import QResizeEvent
from qtpy.QtWidgets import QCheckBox, QComboBox, QSizePolicy, QVBoxLayout, QWidget

from napari_maskrcnn.train.answers import Answer, Findings, default, offered

QUESTION = "What is correct here?"
INDENT = 22
NAMES = {
    Answer.WHOLE: "Whole image",
    Answer.VERIFIED: "Verified planes",
    Answer.REGIONS: "Finished regions",
    Answer.CORRECTIONS: "Around my corrections",
}
PLANES = "All planes with labels"
MEANINGS = {
    Answer.WHOLE: "every object has its label; where there is none, the model learns background.",
    Answer.VERIFIED: "every object there has its label; the other planes are left out.",
    Answer.REGIONS: "every object inside has its label; nothing is learnt outside.",
    Answer.CORRECTIONS: "what you changed or accepted is right, and what is close to it; nothing "
    "is learnt elsewhere.",
}


def name_of(answer: Answer, found: Findings) -> str:
    """Name of an answer for an image, or for a stack."""
    return PLANES if answer is Answer.WHOLE and found.is_stack else NAMES[answer]


class ElidedCheckBox(QCheckBox):
    """A check box whose text is cut off in the middle rather than widening the dock."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self._whole = text
        self.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)
        self.set_whole(text)

    def set_whole(self, text: str) -> None:
        """Show another text."""
        self._whole = text
        self._elide()

    def whole(self) -> str:
        """Return the text as it was before it was cut."""
        return self._whole

    def minimumSizeHint(self) -> QSize:
        """Any width will do."""
        return QSize(0, super().minimumSizeHint().height())

    def resizeEvent(self, event: QResizeEvent | None) -> None:
        """Cut the text anew."""
        super().resizeEvent(event)
        self._elide()

    def _elide(self) -> None:
        room = max(0, self.width() - INDENT - 6)
        cut = self.fontMetrics().elidedText(self._whole, Qt.TextElideMode.ElideMiddle, room)
        self.setText(cut.replace("&", "&&"))


class PairRow(QWidget):
    """A source with its check mark; of layers also what is correct in them.

    Signals
    -------
    checked (bool)
        The person set or took away the mark.
    answered ()
        The person said what is correct.
    """

    checked = Signal(bool)
    answered = Signal()

    def __init__(self, text: str, tip: str) -> None:
        super().__init__()
        self.box = ElidedCheckBox(text)
        self.box.setToolTip(tip)
        self.answers = QComboBox()
        self.answers.setPlaceholderText(QUESTION)
        self.answers.setSizeAdjustPolicy(
            QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon
        )
        self.answers.setMinimumContentsLength(8)
        self.answers.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self._found: Findings | None = None
        self._said: Answer | None = None
        layout = QVBoxLayout(self)
        layout.setContentsMargins(4, 2, 4, 2)
        layout.setSpacing(2)
        layout.addWidget(self.box)
        inner = QVBoxLayout()
        inner.setContentsMargins(INDENT, 0, 0, 0)
        inner.addWidget(self.answers)
        layout.addLayout(inner)
        self.box.clicked.connect(self.checked)
        self.box.toggled.connect(self._show)
        self.answers.activated.connect(self._choose)
        self._show()

    def say(self, answer: Answer) -> None:
        """Choose an answer, as the person would."""
        row = self.answers.findData(answer)
        if row < 0:
            raise ValueError(f"{answer.value!r} cannot be said of {self.box.whole()!r}.")
        self.answers.setCurrentIndex(row)
        self._choose(row)

    def answer(self) -> Answer | None:
        """Return what was said, or what goes without saying; None when it has to be said."""
        if self._found is None or self._said in offered(self._found):
            return self._said
        return default(self._found)

    def found(self) -> Findings | None:
        """Return what the labels hold; None for what are no layers."""
        return self._found

    def set_found(self, found: Findings) -> None:
        """Offer what can be said of labels."""
        self._found = found
        rows = [(_text(answer, found), answer) for answer in offered(found)]
        shown = [
            (self.answers.itemText(k), self.answers.itemData(k))
            for k in range(self.answers.count())
        ]
        # A list that is open right now closes when it is filled again.
        if rows != shown:
            self.answers.clear()
            for k, (text, offer) in enumerate(rows):
                self.answers.addItem(text, offer)
                tip = f"{name_of(offer, found)}: {MEANINGS[offer]}"
                self.answers.setItemData(k, tip, Qt.ItemDataRole.ToolTipRole)
        answer = self.answer()
        self.answers.setCurrentIndex(-1 if answer is None else self.answers.findData(answer))
        self._show()

    def _choose(self, row: int) -> None:
        self._said = self.answers.itemData(row)
        self._show()
        self.answered.emit()

    def _show(self, *_: object) -> None:
        answer = self.answer()
        meaning = MEANINGS[answer] if answer is not None else ""
        self.answers.setToolTip(f"{QUESTION} {meaning[:1].upper()}{meaning[1:]}".rstrip())
        self.answers.setVisible(self._found is not None and self.box.isChecked())


def _text(answer: Answer, found: Findings) -> str:
    """An answer with the number of objects that it gives to learn from."""
    name = name_of(answer, found)
    if found.objects is None:
        return name
    if answer is Answer.CORRECTIONS:
        # Objects that were removed count, too.
        return f"{name} · {found.touched}"
    count = sum(found.classes.get(answer, {}).values())
    return f"{name} · {count} object{'s'[: count != 1]}"
