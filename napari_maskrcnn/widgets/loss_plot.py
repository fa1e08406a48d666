"""The curve of the loss while a model learns: a few lines of QPainter, in the theme's colours."""

from __future__ import annotations

import math

from qtpy.QtCore import QPointF, QRectF, QSize, Qt
from qtpy.QtGui import QColor, QPainter, QPaintEvent, QPalette, QPen, QPolygonF
from qtpy.QtWidgets import QSizePolicy, QWidget

MARGIN = 6.0
MOST_POINTS = 400


class LossPlot(QWidget):
    """Draws the loss of every step, and a smoothed line over it."""

    def __init__(self) -> None:
        super().__init__()
        self._values: list[float] = []
        self._smooth: list[float] = []
        self.setMinimumHeight(110)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.setToolTip("Loss of every step; the bright line is its running mean")

    def sizeHint(self) -> QSize:
        """Return a size that fits a narrow dock."""
        return QSize(250, 110)

    def __len__(self) -> int:
        return len(self._values)

    def clear(self) -> None:
        """Forget the curve."""
        self._values.clear()
        self._smooth.clear()
        self.update()

    def append(self, loss: float) -> None:
        """Add the loss of the next step; one that is no number leaves a gap out."""
        if not math.isfinite(loss):
            return
        last = self._smooth[-1] if self._smooth else loss
        # The mean of the first steps, then of about the last twenty.
        weight = max(1 / (len(self._smooth) + 1), 0.05)
        self._values.append(loss)
        self._smooth.append(last + weight * (loss - last))
        self.update()

    def paintEvent(self, event: QPaintEvent | None) -> None:
        """Draw frame, curves and the last value."""
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        text = self.palette().color(QPalette.ColorRole.WindowText)
        frame = QRectF(self.rect()).adjusted(0.5, 0.5, -0.5, -0.5)
        painter.setPen(QPen(_faint(text, 90), 1))
        painter.drawRoundedRect(frame, 3, 3)
        if self._values:
            top = max(self._values)
            painter.setPen(QPen(_faint(text, 110), 1))
            painter.drawPolyline(self._points(self._values, frame, top))
            painter.setPen(QPen(QColor("#3f8ee8"), 2))
            painter.drawPolyline(self._points(self._smooth, frame, top))
        painter.setPen(text)
        inner = frame.adjusted(MARGIN, MARGIN, -MARGIN, -MARGIN)
        painter.drawText(
            inner, Qt.AlignmentFlag.AlignTop | Qt.AlignmentFlag.AlignRight, self.label()
        )
        painter.end()

    def label(self) -> str:
        """Return what stands in the corner: the running mean and the steps."""
        if not self._values:
            return "loss"
        return f"loss {self._smooth[-1]:.3f} · step {len(self._values)}"

    def _points(self, values: list[float], frame: QRectF, top: float) -> QPolygonF:
        stride = max(1, len(values) // MOST_POINTS)
        shown = values[::stride]
        width = (frame.width() - 2 * MARGIN) / max(len(shown) - 1, 1)
        height = (frame.height() - 2 * MARGIN - self.fontMetrics().height()) / (top or 1.0)
        base = frame.bottom() - MARGIN
        return QPolygonF(
            [
                QPointF(frame.left() + MARGIN + i * width, base - value * height)
                for i, value in enumerate(shown)
            ]
        )


def _faint(color: QColor, alpha: int) -> QColor:
    faint = QColor(color)
    faint.setAlpha(alpha)
    return faint
