from __future__ import annotations

import json

import pytest

from napari_maskrcnn.models.card import METADATA_KEY, ModelCard


def test_a_card_survives_its_metadata() -> None:
    card = ModelCard(
        "mine",
        description="HeLa, 20×",
        base="nuclei",
        created="2025-01-02T03:04:05+00:00",
        plugin_version="1.2.3",
        score=0.35,
        diameter=21.5,
        history=({"epochs": 3, "ap": {"0.50": 0.75}},),
        network={"backbone": "resnet18"},
    )
    metadata = card.to_metadata()
    assert list(metadata) == [METADATA_KEY]
    assert ModelCard.from_metadata(metadata) == card


def test_numbers_that_json_lacks_become_null() -> None:
    card = ModelCard("mine", history=({"loss": float("nan"), "steps": [1.0, float("inf")]},))
    read = ModelCard.from_metadata(card.to_metadata())
    assert read.history == ({"loss": None, "steps": [1.0, None]},)


def test_a_field_of_a_later_version_is_left_out() -> None:
    content = json.loads(ModelCard("mine").to_metadata()[METADATA_KEY])
    card = ModelCard.from_metadata({METADATA_KEY: json.dumps({**content, "licence": "CC0"})})
    assert card.name == "mine"


def test_a_card_of_a_later_format_asks_for_an_update() -> None:
    with pytest.raises(ValueError, match=r"format 2 .* update napari-maskrcnn"):
        ModelCard.from_metadata({METADATA_KEY: json.dumps({"format": 2, "name": "mine"})})


@pytest.mark.parametrize(
    ("metadata", "reason"),
    [
        (None, "there is no"),
        ({"format": "pt"}, "there is no"),
        ({METADATA_KEY: "{"}, "not readable as JSON"),
        ({METADATA_KEY: "[]"}, "not a JSON object"),
        ({METADATA_KEY: "{}"}, "incomplete or damaged .*name"),
        ({METADATA_KEY: '{"name": 3}'}, "name is 3"),
        ({METADATA_KEY: '{"name": "a", "score": "high"}'}, "score is 'high'"),
        ({METADATA_KEY: '{"name": "a", "score": true}'}, "score is True"),
        ({METADATA_KEY: '{"name": "a", "score": 7}'}, "from 0 to 1, not 7"),
        ({METADATA_KEY: '{"name": "a", "diameter": -1}'}, "above 0 or None, not -1"),
        ({METADATA_KEY: '{"name": "a", "history": [1]}'}, "other than records"),
    ],
)
def test_a_damaged_card_says_what_is_wrong(metadata: dict[str, str] | None, reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        ModelCard.from_metadata(metadata)
