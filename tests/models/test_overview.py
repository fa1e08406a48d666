"""What a model says of itself."""

from __future__ import annotations

from dataclasses import replace

from napari_maskrcnn.models.folder import find_model, list_models
from napari_maskrcnn.models.overview import ModelSummary
from napari_maskrcnn.models.weights import read_card


def test_pieces_of_one_training_are_one_line() -> None:
    (entry,) = [entry for entry in list_models() if entry.name == "nuclei"]
    card = read_card(find_model("nuclei"))

    def piece(base: str, minutes: float, images: int = 518) -> dict[str, object]:
        record = {"settings": {"base": base}, "images": images, "objects": 9}
        return record | {"seconds": 60 * minutes}

    history = (
        piece("none", 80),
        piece("none", 82.4),
        piece("none", 5, images=3),
        piece("nuclei", 5, images=1),
        piece("nuclei", 5, images=1) | {"before": {"ap50": 0.25}, "after": {"ap50": 0.5}},
        {"settings": {"base": "none"}, "images": 2},
    )
    lines = ModelSummary(entry, replace(card, history=history)).lines()
    assert lines[2:] == [
        "Trained on 518 images, 9 objects, 162 min in 2 pieces, from scratch.",
        "Trained on 3 images, 9 objects, 5 min, from scratch.",
        "Trained on 1 image, 9 objects, 5 min, from nuclei.",
        "Trained on 1 image, 9 objects, 5 min, AP 0.25 → 0.50, from nuclei.",
        "Trained on 2 images, ? objects, from scratch.",
    ]
