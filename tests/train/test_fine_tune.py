from __future__ import annotations

import threading
from dataclasses import replace
from importlib import import_module
from pathlib import Path

import numpy as np
import pytest

import napari_maskrcnn as nm
from napari_maskrcnn.jobs import Progress, run
from napari_maskrcnn.models import Model, save_weights
from napari_maskrcnn.network.maskrcnn import MaskRCNN
from napari_maskrcnn.synthetic import synthetic_nuclei
from napari_maskrcnn.train.base import begin, median_diameter, with_classes
from napari_maskrcnn.train.dataset import Example, make_example
from napari_maskrcnn.train.fine_tune import fine_tune_job
from napari_maskrcnn.train.settings import TrainSettings

SCORING = import_module("napari_maskrcnn.train.scoring")

FAST = TrainSettings(epochs=1, batch=2, crop=64, device="cpu")


def test_the_result_predicts_saves_and_says_what_it_gained(
    base: Model, example: Example, tmp_path: Path
) -> None:
    result = run(fine_tune_job([example], FAST, base=base))
    assert result.finished
    measures = {"ap50", "ap75", "objects", "missed", "extra"}
    assert set(result.before) == set(result.after) == measures
    assert any("ap50" in row for row in result.history)
    card = result.model.card
    assert card.base == "tiny"
    assert card.history[-1]["settings"]["seed"] == 0
    assert card.history[-1]["steps"] == len(result.history)
    assert card.history[-1]["curves"]["loss"]["step"][-1] == len(result.history)

    path = result.save(tmp_path / "mine.safetensors")
    with pytest.raises(FileExistsError):
        result.save(path)
    again = nm.load_model(path, "cpu")
    assert again.name == "mine"
    one, other = (nm.predict(example.image, m, score=0.05) for m in (result.model, again))
    np.testing.assert_array_equal(one.to_labels(), other.to_labels())


def test_the_python_call_trains_on_regions_and_can_be_stopped(base: Model, tmp_path: Path) -> None:
    path = save_weights(tmp_path / "tiny.safetensors", base.network, base.card)
    image, labels = synthetic_nuclei((64, 80), 8, (9, 14), seed=2)
    stop = threading.Event()
    seen: list[Progress] = []

    def watch(step: Progress) -> None:
        seen.append(step)
        if step.data.get("step") == 2:
            stop.set()

    result = nm.fine_tune(
        [(image, labels)],
        base=str(path),
        epochs=50,
        validation=[],
        regions=[[(0, 0, 64, 40), (8, 44, 60, 80)]],
        progress=watch,
        stop=stop,
    )
    assert not result.finished
    assert len(result.history) == 2
    assert result.before == result.after == {}
    (record,) = result.model.card.history
    assert (record["images"], record["correct"]) == (2, ["finished regions"] * 2)
    assert record["held_out"] == []


def test_stopping_while_the_base_is_measured_measures_nothing_more(
    base: Model, example: Example, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    looked: list[tuple[int, ...]] = []
    stop = threading.Event()
    predict = SCORING.predict_job

    def watched(image: np.ndarray, *options: object, **named: object) -> object:
        looked.append(image.shape)
        stop.set()
        return predict(image, *options, **named)

    monkeypatch.setattr(SCORING, "predict_job", watched)
    kept = tmp_path / "checkpoint"
    job = fine_tune_job(
        [example], FAST, base=base, validation=[example] * 3, checkpoint=kept, stop=stop
    )
    result = run(job)
    assert len(looked) == 1
    assert (result.history, result.before, result.after) == ((), {}, {})
    # Nothing was learnt that could be continued.
    assert not kept.exists()


@pytest.mark.parametrize(
    ("image", "labels", "options", "message"),
    [
        (np.eye(40), np.zeros((40, 40), int), {}, "image 1 hold no object"),
        (np.eye(40), np.eye(39, dtype=int), {}, r"\(39, 39\)"),
        (np.eye(40), np.eye(40), {}, "float64"),
        (np.eye(40), np.eye(40, dtype=int), {"epochs": 0}, "epochs is 0"),
        (np.eye(40), np.eye(40, dtype=int), {"epochs": 1, "minutes": 1}, "give one of them"),
        (np.eye(40), np.eye(40, dtype=int), {"regions": []}, "0 regions are given for 1"),
        (np.eye(40), np.eye(40, dtype=int), {"regions": [[(0, 0, 50, 10)]]}, "40 × 40 px"),
        (np.eye(40), np.eye(40, dtype=int), {"regions": [(0, 0, 9, 9)]}, "four whole numbers"),
        (np.eye(40), np.eye(40, dtype=int), {"regions": [[(0, 0, 2, 9)]]}, "less than 4 px"),
        (np.eye(40), np.eye(40, dtype=int), {"epochs": 1.5}, r"epochs is 1\.5; give a whole"),
        (np.eye(40), np.eye(40, dtype=int), {"seed": -1}, "seed is -1"),
        (np.eye(40), np.eye(40, dtype=int), {"seed": 2**63}, "below"),
    ],
)
def test_bad_input_ends_in_one_clear_message(
    image: np.ndarray, labels: np.ndarray, options: dict, message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        nm.fine_tune([(image, labels)], **options)


def test_numbers_and_paths_of_any_type_can_be_saved(
    base: Model, example: Example, tmp_path: Path
) -> None:
    path = save_weights(tmp_path / "tiny.safetensors", base.network, base.card)
    result = nm.fine_tune(
        [(example.image, example.labels)],
        base=path,
        epochs=np.int64(1),
        seed=np.int32(3),
        validation=[],
    )
    again = nm.load_model(result.save(tmp_path / "mine.safetensors"), "cpu")
    assert again.card.history[-1]["settings"]["seed"] == 3
    assert again.card.created >= base.card.created


def test_a_loaded_model_can_be_the_base(base: Model, example: Example) -> None:
    result = nm.fine_tune([(example.image, example.labels)], base=base, epochs=1, validation=[])
    assert result.model.card.base == "tiny"
    # It learns where it lies, not on a GPU that happens to be there.
    assert result.model.card.history[-1]["settings"]["device"] == "cpu"


def test_a_class_only_in_what_is_held_out_is_a_class_all_the_same(
    base: Model, example: Example
) -> None:
    one = replace(example, name="one", classes=dict.fromkeys(range(1, 99), "a"))
    other = replace(example, name="other", classes=dict.fromkeys(range(1, 99), "b"))
    result = run(fine_tune_job([one, other], FAST, base=base))
    assert result.model.class_names == ("a", "b")


def test_an_image_that_is_nan_but_for_a_corner_trains(base: Model, example: Example) -> None:
    image = np.full((200, 240), np.nan, np.float32)
    labels = np.zeros((200, 240), int)
    image[:64, :80], labels[:64, :80] = example.image, example.labels
    result = nm.fine_tune([(image, labels)], base=base, epochs=1, validation=[])
    assert all(np.isfinite(row["loss"]) for row in result.history)


def test_a_region_given_twice_counts_once(base: Model, example: Example) -> None:
    pair = (example.image, example.labels)
    regions = [[(0, 0, 64, 64), [0, 0, 64, 64]]]
    result = nm.fine_tune([pair], base=base, epochs=1, validation=[], regions=regions)
    assert result.model.card.history[-1]["images"] == 1


def test_layers_that_all_classes_share_stay_when_classes_change(base: Model) -> None:
    config = replace(
        base.network.config, class_agnostic_boxes=True, class_agnostic_masks=True, mask_bins=28
    )
    shared = MaskRCNN(config)
    new = with_classes(shared, replace(config, class_names=("debris", "nucleus")))
    old, now = shared.roi_heads, new.roi_heads
    assert now.box_predictor.bbox_pred.weight.equal(old.box_predictor.bbox_pred.weight)
    score, was = now.box_predictor.cls_score.weight, old.box_predictor.cls_score.weight
    assert score[[0, 2]].equal(was)
    assert score[1].equal(was[1])


def test_no_pair_at_all() -> None:
    with pytest.raises(ValueError, match="no image to train on"):
        nm.fine_tune([])


def test_every_problem_of_the_settings_is_named_at_once() -> None:
    wrong = TrainSettings(minutes=0, learning_rate=2, batch=0, crop=50, diameter=0)
    assert len(wrong.problems()) == 5
    assert TrainSettings().problems() == []
    assert "choose one of all, 3+" in TrainSettings(layers="2+").problems()[0]
    assert "from scratch all must learn" in TrainSettings(base="none", layers="5+").problems()[0]
    assert TrainSettings().seconds == 300
    assert TrainSettings(epochs=3).seconds is None
    assert (TrainSettings().rate, TrainSettings(base="none").rate) == (2e-4, 1e-3)


def test_from_scratch_the_seed_decides_the_weights(example: Example) -> None:
    settings = TrainSettings(base="none", class_name="nucleus", seed=3)
    one, same = (begin([example], settings, None).network for _ in range(2))
    other = begin([example], replace(settings, seed=4), None).network
    weights = [n.backbone.body.conv1.weight for n in (one, same, other)]
    assert weights[0].equal(weights[1])
    assert not weights[0].equal(weights[2])
    assert one.config.class_names == ("nucleus",)


def test_known_classes_keep_their_rows_and_new_ones_start_from_their_mean(base: Model) -> None:
    two = with_classes(base.network, replace(base.network.config, class_names=("a", "nucleus")))
    old = base.network.roi_heads.box_predictor
    new = two.roi_heads.box_predictor
    assert new.cls_score.weight[0].equal(old.cls_score.weight[0])
    assert new.cls_score.weight[2].equal(old.cls_score.weight[1])
    assert new.cls_score.weight[1].equal(old.cls_score.weight[1])
    assert new.bbox_pred.weight[8:12].equal(old.bbox_pred.weight[4:8])
    assert two.roi_heads.mask_predictor.mask_fcn_logits.weight.shape[0] == 3


def test_objects_of_another_size_are_rescaled(base: Model, example: Example) -> None:
    same = begin([example], FAST, base)
    assert same.zoom == 2.0
    assert same.card.diameter == 12.0
    large = make_example(
        np.kron(example.image, np.ones((4, 4))),
        np.kron(example.labels, np.ones((4, 4), int)),
        "large",
    )
    start = begin([large], FAST, base)
    assert start.card.diameter == pytest.approx(median_diameter([large]))
    assert start.zoom == pytest.approx(2.0 * 12 / median_diameter([large]))


def test_classes_of_the_labels_name_the_heads(base: Model, example: Example) -> None:
    named = replace(example, classes={1: "b", 2: "a"})
    assert begin([named], FAST, base).network.config.class_names == ("a", "b")
