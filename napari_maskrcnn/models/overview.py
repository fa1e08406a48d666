"""What every model says of itself, for tables: from the cards alone, without the weights."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from itertools import groupby
from typing import Any

from napari_maskrcnn.models.card import FROM_SCRATCH, ModelCard
from napari_maskrcnn.models.folder import ModelEntry, list_models
from napari_maskrcnn.models.weights import read_card


@dataclass(frozen=True)
class ModelSummary:
    """A model and its card; the card is None, and `problem` says why, where it cannot be read."""

    entry: ModelEntry
    card: ModelCard | None
    problem: str = ""

    @property
    def training(self) -> dict[str, Any]:
        """Record of the last training; empty for a model that was not fine-tuned."""
        return self.card.history[-1] if self.card is not None and self.card.history else {}

    @property
    def objects(self) -> int | None:
        """Objects of the last training."""
        value = self.training.get("objects")
        return value if isinstance(value, int) else None

    @property
    def ap50(self) -> float | None:
        """AP at an IoU of 0.5 on what its last training held out."""
        after = self.training.get("after")
        value = after.get("ap50") if isinstance(after, dict) else None
        return float(value) if isinstance(value, int | float) else None

    @property
    def made(self) -> datetime | None:
        """When it was made."""
        try:
            return datetime.fromisoformat(self.card.created) if self.card is not None else None
        except ValueError:
            return None

    def lines(self) -> list[str]:
        """Say what the card says, a line each."""
        if self.card is None:
            return [self.problem]
        card = self.card
        classes = ", ".join(str(name) for name in card.network.get("class_names", ()))
        size = "objects of any size" if card.diameter is None else f"about {card.diameter:.0f} px"
        found = [card.description, f"Finds {classes}, {size}, from a score of {card.score:.2f}."]
        for _, pieces in groupby(enumerate(card.history), key=_piece_of):
            found.append(_training_line([record for _, record in pieces]))
        return [line for line in found if line]


def summaries() -> list[ModelSummary]:
    """Return every model that a name finds, with its card."""
    found = []
    for entry in list_models():
        try:
            found.append(ModelSummary(entry, read_card(entry.path)))
        except (OSError, ValueError) as error:
            found.append(ModelSummary(entry, None, str(error)))
    return found


def _base_of(record: dict[str, Any]) -> str:
    settings = record.get("settings")
    return str(settings.get("base", "")) if isinstance(settings, dict) else ""


def _piece_of(numbered: tuple[int, dict[str, Any]]) -> object:
    """Key that trainings in a row share when they are pieces of one: from scratch, on the same."""
    number, record = numbered
    if _base_of(record) != FROM_SCRATCH:
        return number
    return str(record.get("images")), str(record.get("objects"))


def _training_line(pieces: list[dict[str, Any]]) -> str:
    record = pieces[-1]
    base = _base_of(record)
    images = record.get("images", "?")
    of = "1 image" if images == 1 else f"{images} images"
    objects = record.get("objects", "?")
    parts = [f"Trained on {of}, {f'{objects:,}' if isinstance(objects, int) else objects} objects"]
    seconds = [piece.get("seconds") for piece in pieces]
    known = [value for value in seconds if isinstance(value, int | float)]
    if known:
        several = f" in {len(pieces)} pieces" if len(pieces) > 1 else ""
        parts.append(f"{max(1, round(sum(known) / 60))} min{several}")
    before, after = record.get("before"), record.get("after")
    if isinstance(after, dict) and isinstance(after.get("ap50"), int | float):
        was = before.get("ap50") if isinstance(before, dict) else None
        gained = f"{was:.2f} → " if isinstance(was, int | float) else ""
        parts.append(f"AP {gained}{after['ap50']:.2f}")
    origin = "from scratch" if base == FROM_SCRATCH else f"from {base}"
    return f"{', '.join([*parts, *([origin] if base else [])])}."
