"""The row that offers to continue a training that a crash stopped; nothing waits for an answer."""

from __future__ import annotations

from datetime import datetime
from html import escape
from pathlib import Path

from qtpy.QtCore import Signal
from qtpy.QtWidgets import QHBoxLayout, QLabel, QPushButton, QVBoxLayout, QWidget

from napari_maskrcnn.train.stored import KEPT_DAYS, StoppedTraining, StoredTraining, TrainingInUse
from napari_maskrcnn.widgets.jobs_ui import JobRunner, show_note, show_problem
from napari_maskrcnn.widgets.training_jobs import search_job


class ResumeRow(QWidget):
    """Continue or Discard the newest training that stopped; hidden while there is none.

    Signals
    -------
    wanted (StoppedTraining)
        The person wants to continue it.
    """

    wanted = Signal(object)

    def __init__(self) -> None:
        super().__init__()
        self.offers: list[StoppedTraining] = []
        self._seen: set[Path] = set()
        self.runner = JobRunner(self, bar=False)
        self.text = QLabel()
        self.text.setWordWrap(True)
        self.go_on = QPushButton("Continue")
        self.go_on.setToolTip("Go on from its last saved state, with the labels as they were then")
        self.discard = QPushButton("Discard")
        self.discard.setToolTip(f"Remove it; otherwise it stays for {KEPT_DAYS} days")
        buttons = QHBoxLayout()
        buttons.addWidget(self.go_on)
        buttons.addWidget(self.discard)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self.text)
        layout.addLayout(buttons)
        self.go_on.clicked.connect(lambda: self.wanted.emit(self.offers[0]))
        self.discard.clicked.connect(self._discard)
        self.runner.returned.connect(self._found)
        self.hide()

    def search(self) -> None:
        """Look again for trainings that stopped, in the background."""
        if not self.runner.running:
            self.runner.start(search_job, "Look for trainings", needs_torch=False)

    def knows(self, path: Path) -> bool:
        """Whether a training was offered here, so that somebody else's crash left it."""
        return path in self._seen

    def take(self, path: Path) -> None:
        """Offer a training no longer: it is continued here."""
        self._found([offer for offer in self.offers if offer.path != path])

    def _found(self, offers: list[StoppedTraining]) -> None:
        self.offers = offers
        self._seen.update(offer.path for offer in offers)
        self.text.setText(described(offers))
        self.setVisible(bool(offers))

    def _discard(self) -> None:
        offer = self.offers[0]
        stored = StoredTraining(offer.path)
        try:
            stored.take()
            stored.remove()
        except TrainingInUse as error:
            show_note(str(error))
        except OSError as error:
            show_problem(error)
        self.take(offer.path)


def described(offers: list[StoppedTraining]) -> str:
    """Say in a few words what can be continued."""
    if not offers:
        return ""
    newest = offers[0]
    name = escape(newest.names[0] if newest.names else "")
    more = f" and {len(newest.names) - 1} more" if len(newest.names) > 1 else ""
    base = escape(Path(newest.settings.base).stem)
    when = datetime.fromtimestamp(newest.changed)
    others = f" Then {len(offers) - 1} more." if len(offers) > 1 else ""
    return (
        f"<b>Continue the training that stopped?</b> “{base}” on {name}{more}, "
        f"saved {when:%d %B, %H:%M}.{others}"
    )
