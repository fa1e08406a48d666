"""Removed models: in the trash, back again, and renamed."""

from __future__ import annotations

from pathlib import Path

import pytest

from napari_maskrcnn.models import WeightsError, load_weights
from napari_maskrcnn.models.folder import (
    add_model,
    find_model,
    install,
    list_models,
    model_folder,
    remove_model,
)
from napari_maskrcnn.models.overview import summaries
from napari_maskrcnn.models.trash import rename_model, restore_model, trash_folder, trashed_models
from napari_maskrcnn.models.weights import read_card, read_tensors, save_weights


def names() -> set[str]:
    return {entry.name for entry in list_models()}


def test_a_removed_model_comes_back_bit_for_bit(weights: Path) -> None:
    content = add_model(weights, "mine-2024").read_bytes()
    kept = remove_model("mine-2024")
    assert kept.parent == trash_folder()
    assert "mine-2024" not in names()
    (trashed,) = trashed_models()
    assert (trashed.name, trashed.path) == ("mine-2024", kept)
    path = restore_model(trashed)
    assert path == find_model("mine-2024")
    assert path.read_bytes() == content
    assert trashed_models() == []


def test_of_two_with_one_name_the_last_comes_back_first_and_none_is_replaced(weights: Path) -> None:
    for score in (0.25, 0.75):
        network, card = load_weights(weights)
        changed = weights.with_name(f"{score}.safetensors")
        save_weights(changed, network, type(card)("x", score=score))
        add_model(changed, "mine")
        remove_model("mine")
    assert [model.name for model in trashed_models()] == ["mine", "mine"]
    assert read_card(restore_model("mine")).score == 0.75
    second = restore_model("mine")
    assert second.stem == "mine-2"
    assert (read_card(second).name, read_card(second).score) == ("mine-2", 0.25)
    assert read_card(find_model("mine")).score == 0.75
    assert list(trash_folder().iterdir()) == []


def test_a_removed_download_comes_back_under_its_own_name(weights: Path) -> None:
    tensors, card = read_tensors(weights)
    install(tensors, card.renamed("coco"))
    remove_model("coco")
    assert restore_model("coco") == find_model("coco")
    assert "coco-2" not in names()


def test_what_is_not_in_the_trash_is_told(weights: Path) -> None:
    add_model(weights, "mine")
    remove_model("mine")
    (trash_folder() / "notes.safetensors").write_text("not one of ours")
    with pytest.raises(FileNotFoundError, match=r"'other' in the trash\. Models: mine\."):
        restore_model("other")


def test_a_renamed_model_has_the_new_name_on_its_card(weights: Path) -> None:
    add_model(weights, "mine")
    path = rename_model("mine", "yours")
    assert read_card(path).name == "yours"
    assert {"yours"} <= names()
    assert "mine" not in names()
    assert rename_model("yours", "yours") == path


@pytest.mark.parametrize(
    ("old", "new", "error"),
    [
        ("nuclei", "mine", ValueError),
        ("absent", "mine", FileNotFoundError),
        ("mine", "nuclei", ValueError),
        ("mine", "a/b", ValueError),
        ("mine", "yours", FileExistsError),
    ],
)
def test_a_name_that_cannot_be_given_changes_nothing(
    weights: Path, old: str, new: str, error: type[Exception]
) -> None:
    for name in ("mine", "yours"):
        add_model(weights, name)
    before = names()
    with pytest.raises(error):
        rename_model(old, new)
    assert names() == before


def test_a_card_is_read_without_the_weights(weights: Path) -> None:
    card = read_card(weights)
    assert (card.name, card.base, card.score) == ("tiny", "nuclei", 0.4)
    cut = weights.with_name("cut.safetensors")
    cut.write_bytes(weights.read_bytes()[:200])
    with pytest.raises(WeightsError, match=r"cut\.safetensors"):
        read_card(cut)


def test_the_overview_says_what_cards_say(weights: Path) -> None:
    network, card = load_weights(weights)
    record = {
        "settings": {"base": "nuclei"},
        "images": 4,
        "objects": 120,
        "seconds": 301.0,
        "before": {"ap50": 0.25},
        "after": {"ap50": 0.5},
    }
    trained = weights.with_name("trained.safetensors")
    save_weights(trained, network, type(card)("x", base="nuclei", history=(record,)))
    add_model(trained, "mine")
    (model_folder() / "broken.safetensors").write_bytes(b"nothing")
    (model_folder() / ".half.safetensors").write_bytes(b"half-written")
    found = {summary.entry.name: summary for summary in summaries()}
    mine = found["mine"]
    assert (mine.objects, mine.ap50) == (120, 0.5)
    assert mine.made is not None
    assert mine.lines()[-1] == (
        "Trained on 4 images, 120 objects, 5 min, AP 0.25 → 0.50, from nuclei."
    )
    assert found["broken"].card is None
    assert "broken.safetensors" in found["broken"].lines()[0]
    assert found["nuclei"].card is not None
    assert ".half" not in found


@pytest.mark.parametrize(
    "record", [{}, {"settings": 1, "after": 2, "seconds": "x", "objects": "y"}]
)
def test_odd_records_of_other_versions_are_shown_as_far_as_they_go(
    weights: Path, record: dict[str, object]
) -> None:
    network, card = load_weights(weights)
    odd = weights.with_name("odd.safetensors")
    save_weights(odd, network, type(card)("x", created="long ago", history=(record,)))
    add_model(odd, "odd")
    (summary,) = [found for found in summaries() if found.entry.name == "odd"]
    assert (summary.objects, summary.ap50, summary.made) == (None, None, None)
    assert summary.lines()[-1].startswith("Trained on ? images")


def test_names_are_the_same_in_upper_and_lower_case(weights: Path) -> None:
    add_model(weights, "Cells")
    remove_model("Cells")
    add_model(weights, "cells")
    assert restore_model("Cells").stem == "Cells-2"
    with pytest.raises(FileExistsError, match="There is a model 'CELLS' already"):
        rename_model("Cells-2", "CELLS")
    assert rename_model("cells", "CELLS").stem == "CELLS"


def test_a_file_whose_digits_are_no_time_is_passed_over(weights: Path) -> None:
    add_model(weights, "mine")
    remove_model("mine")
    (trash_folder() / "mine-99999999-999999-999999.safetensors").write_bytes(b"")
    assert [trashed.name for trashed in trashed_models()] == ["mine"]
