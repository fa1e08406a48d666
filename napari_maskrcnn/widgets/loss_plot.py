"""The curves while a model learns: loss and validation, in the theme's colours."""

from __future__ import annotations

import math
from array import array
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray
from qtpy.QtCore import QPointF, QRectF, QSize, Qt
from qtpy.QtGui import QColor, QPainter, QPaintEvent, QPalette, QPen, QPolygonF
from qtpy.QtWidgets import QSizePolicy, QWidget

HEIGHT = 150
MARGIN = 6.0
MOST_POINTS = 300
#: Share of the next value in the running mean, which is of about the last twenty.
NEW = 0.05
LOSS = "#3f8ee8"
AP = "#e69f00"
#: Parts of the loss: what they are about, and a colour that both themes can show.
PARTS = {
    "rpn_class": ("is there one", "#009e73"),
    "rpn_box": ("rough box", "#56b4e9"),
    "class": ("which kind", "#cc79a7"),
    "box": ("exact box", "#d55e00"),
    "mask": ("outline", "#8a8a00"),
}
Points = NDArray[np.float64]


class LossPlot(QWidget):
    """Draws the loss of every step with its running mean, and AP where it was validated."""

    def __init__(self) -> None:
        super().__init__()
        self._steps = array("d")
        self._values: dict[str, array[float]] = {}
        self._validated: list[tuple[float, float, float]] = []
        self._parts_shown = False
        self.clear()
        self.setFixedHeight(HEIGHT)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.setToolTip(
            "Blue: the loss, which falls while the model learns. Orange, right scale: how well the "
            "held-out part is found (AP at an IoU of 0.5), best 1; the ring is the best so far."
        )

    def sizeHint(self) -> QSize:
        """Return a size that fits a narrow dock."""
        return QSize(250, HEIGHT)

    def __len__(self) -> int:
        return len(self._steps)

    def clear(self) -> None:
        """Forget the curves."""
        self._steps = array("d")
        self._values = {name: array("d") for name in ("loss", "mean", *PARTS)}
        self._validated.clear()
        self.update()

    def show_history(self, history: Iterable[Mapping[str, Any]]) -> None:
        """Draw these rows and no others."""
        self.clear()
        for row in history:
            self.append(row)

    def append(self, row: Mapping[str, Any]) -> None:
        """Add a row of the history; a loss that is no number leaves a gap out.

        Parameters
        ----------
        row : mapping
            ``step``, ``loss`` and its parts; where it was validated ``ap50`` and ``ap75``.
        """
        loss = float(row["loss"])
        if math.isfinite(loss):
            mean = self._values["mean"]
            last = mean[-1] if mean else loss
            self._steps.append(float(row["step"]))
            mean.append(last + max(1 / (len(mean) + 1), NEW) * (loss - last))
            self._values["loss"].append(loss)
            for name in PARTS:
                self._values[name].append(float(row.get(name, math.nan)))
        if "ap50" in row:
            ap50, ap75 = float(row["ap50"]), float(row.get("ap75", 0.0))
            self._validated.append((float(row["step"]), ap50, ap50 + ap75))
        self.update()

    def show_parts(self, shown: bool) -> None:
        """Draw the parts of the loss, too, or no more."""
        self._parts_shown = shown
        self.update()

    def best(self) -> float | None:
        """AP of the best weights so far: those whose AP at IoU 0.5 and 0.75 are best together."""
        if not self._validated:
            return None
        return self._validated[self._best_of(self._validated)][1]

    @staticmethod
    def _best_of(validated: list[tuple[float, float, float]]) -> int:
        """Index of the validation whose weights are kept: the last of the best ones."""
        together = [both for *_, both in validated]
        return len(together) - 1 - int(np.argmax(together[::-1]))

    def label(self) -> str:
        """Return what stands above: the running mean, the best AP, the steps."""
        if not self._steps:
            return "loss"
        best = self.best()
        proof = "" if best is None else f" · best AP {best:.2f}"
        mean = self._values["mean"][-1]
        return f"loss {mean:.3f}{proof} · step {self._steps[-1]:.0f}"

    def paintEvent(self, event: QPaintEvent | None) -> None:
        """Draw frame, curves and numbers."""
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        text = self.palette().color(QPalette.ColorRole.WindowText)
        painter.setPen(QPen(_faint(text, 90), 1))
        painter.drawRoundedRect(QRectF(self.rect()).adjusted(0.5, 0.5, -0.5, -0.5), 3, 3)
        painter.setPen(text)
        font = painter.font()
        painter.drawText(
            QRectF(self.rect()).adjusted(MARGIN, MARGIN / 2, -MARGIN, 0),
            Qt.AlignmentFlag.AlignTop | Qt.AlignmentFlag.AlignRight,
            self.label(),
        )
        font.setPointSizeF(max(6.0, font.pointSizeF() * 0.8))
        painter.setFont(font)
        if self._steps:
            top = self._top()
            inside = self._inside(painter, top)
            painter.save()
            painter.setClipRect(inside.adjusted(-3, -4, 4, 4))
            self._draw_losses(painter, inside, top, text)
            self._draw_validation(painter, inside)
            painter.restore()
            if self._parts_shown:
                self._draw_legend(painter, inside)
        painter.end()

    def _top(self) -> float:
        """Loss at the upper edge: a spike of one step may leave the frame, the mean may not."""
        mean = np.frombuffer(self._values["mean"])
        usual = float(np.quantile(np.frombuffer(self._values["loss"])[-5000:], 0.98))
        return max(usual, float(mean[len(mean) // 20 :].max()), 1e-9)

    def _inside(self, painter: QPainter, top: float) -> QRectF:
        """Draw the scales and return the frame between them."""
        metrics = painter.fontMetrics()
        high = f"{top:.3g}"
        left = MARGIN + metrics.horizontalAdvance(high) + 3
        right = MARGIN + (metrics.horizontalAdvance("1") + 4 if self._validated else 0)
        above = self.fontMetrics().height() + MARGIN
        below = MARGIN + (metrics.height() if self._parts_shown else 0)
        inside = QRectF(self.rect()).adjusted(left, above, -right, -below)
        ends = [(left - 3 - metrics.horizontalAdvance(high), high, LOSS)]
        ends += [(left - 3 - metrics.horizontalAdvance("0"), "0", LOSS)]
        ends += [(inside.right() + 4, name, AP) for name in ("1", "0") if self._validated]
        for x, name, colour in ends:
            painter.setPen(QColor(colour))
            low = name == "0"
            painter.drawText(QPointF(x, inside.bottom() if low else inside.top() + 4), name)
        return inside

    def _draw_losses(self, painter: QPainter, inside: QRectF, top: float, text: QColor) -> None:
        lines = [("loss", _faint(text, 100), 1.0)]
        if self._parts_shown:
            lines += [(name, QColor(colour), 1.2) for name, (_, colour) in PARTS.items()]
        lines.append(("mean", QColor(LOSS), 2.0))
        steps = np.frombuffer(self._steps)
        for name, colour, width in lines:
            painter.setPen(QPen(colour, width))
            values = np.frombuffer(self._values[name])
            painter.drawPolyline(self._polygon(*_thinned(steps, values), inside, top))

    def _draw_validation(self, painter: QPainter, inside: QRectF) -> None:
        if not self._validated:
            return
        steps, values, _ = np.array(self._validated).T
        polygon = self._polygon(steps, values, inside, 1.0)
        painter.setPen(QPen(_faint(QColor(AP), 150), 1))
        painter.drawPolyline(polygon)
        painter.setBrush(QColor(AP))
        painter.setPen(Qt.PenStyle.NoPen)
        for k in range(polygon.count()):
            painter.drawEllipse(polygon.at(k), 2.2, 2.2)
        painter.setBrush(Qt.BrushStyle.NoBrush)
        painter.setPen(QPen(QColor(AP), 1.5))
        painter.drawEllipse(polygon.at(self._best_of(self._validated)), 4.5, 4.5)

    def _draw_legend(self, painter: QPainter, inside: QRectF) -> None:
        metrics = painter.fontMetrics()
        wide = sum(metrics.horizontalAdvance(name) for name, _ in PARTS.values())
        gap = (inside.width() - wide) / (len(PARTS) - 1)
        x, y = inside.left(), self.height() - MARGIN
        for name, colour in PARTS.values():
            painter.setPen(QColor(colour))
            painter.drawText(QPointF(x, y), name)
            x += metrics.horizontalAdvance(name) + gap

    def _polygon(self, steps: Points, values: Points, inside: QRectF, top: float) -> QPolygonF:
        first, last = self._steps[0], max(self._steps[-1], self._steps[0] + 1)
        x = inside.left() + (steps - first) / (last - first) * inside.width()
        y = inside.bottom() - values / top * inside.height()
        known = np.isfinite(values)
        pairs = zip(x[known].tolist(), y[known].tolist(), strict=True)
        return QPolygonF([QPointF(a, b) for a, b in pairs])


def _thinned(steps: Points, values: Points) -> tuple[Points, Points]:
    """Means of even stretches, so that a line has no more points than can be seen."""
    if len(steps) <= MOST_POINTS:
        return steps, values
    begins = np.linspace(0, len(steps), MOST_POINTS, endpoint=False).astype(int)
    counts = np.diff([*begins.tolist(), len(steps)])
    sums = (np.add.reduceat(steps, begins), np.add.reduceat(values, begins))
    return sums[0] / counts, sums[1] / counts


def _faint(color: QColor, alpha: int) -> QColor:
    faint = QColor(color)
    faint.setAlpha(alpha)
    return faint
