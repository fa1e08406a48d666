"""Kinds of objects: counted, required, and what becomes of objects without one."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from napari_maskrcnn.jobs import run
from napari_maskrcnn.models import Model
from napari_maskrcnn.train.base import begin
from napari_maskrcnn.train.classes import (
    class_counts,
    class_names,
    require_classes,
    settle_classes,
    with_known_classes,
)
from napari_maskrcnn.train.dataset import Example
from napari_maskrcnn.train.fine_tune import fine_tune_job
from napari_maskrcnn.train.settings import TrainSettings


def _squares(name: str, classes: dict[int, str], ids: tuple[int, ...] = (1, 2, 3, 4)) -> Example:
    labels = np.zeros((40, 40), np.int64)
    for k, i in enumerate(ids):
        labels[2:10, 10 * k + 1 : 10 * k + 9] = i
    return Example((labels > 0) * 200.0, labels, name, classes)


def test_objects_are_counted_by_class_and_removed_ones_are_not() -> None:
    one = _squares("one", {1: "cell", 2: "cell", 3: "blood", 4: "cell", 9: "removed"})
    other = _squares("other", {1: "cell", 2: ""}, ids=(1, 2, 2**33))
    assert list(class_counts([one, other]).items()) == [("blood", 1), ("cell", 4), ("", 2)]
    assert class_counts([one]) == {"blood": 1, "cell": 3}
    assert class_names([one, other]) == ("blood", "cell")
    assert class_counts([_squares("bare", {})]) == {"": 4}
    assert class_counts([]) == {}


def test_a_class_without_an_object_is_refused() -> None:
    example = _squares("one", {1: "cell", 9: "debris"})
    require_classes([example], ["cell"])
    with pytest.raises(
        ValueError, match=r"No object has the class 'debris'.*Classes with objects: cell \(1\)\."
    ):
        require_classes([example], example.classes.values())
    with pytest.raises(ValueError, match=r"'a', 'b'.*with objects: none"):
        require_classes([_squares("bare", {})], ["a", "b", "a"])


def test_with_one_class_every_object_is_of_it() -> None:
    examples = [_squares("one", {1: "cell"}), _squares("other", {})]
    assert with_known_classes(examples) == examples


def test_an_object_without_a_class_is_unknown_where_there_are_several() -> None:
    example = _squares("one", {1: "a", 2: "b", 3: ""})
    example = replace(example, ignored=np.eye(40, dtype=bool) & (example.labels == 0))
    full = _squares("full", {1: "a", 2: "a", 3: "b", 4: "b"})
    known, same = with_known_classes([example, full])
    assert same is full
    np.testing.assert_array_equal(known.labels, np.where(example.labels < 3, example.labels, 0))
    assert known.ignored is not None
    np.testing.assert_array_equal(known.ignored, example.ignored | (example.labels > 2))
    assert known.limits == example.limits
    assert class_counts([known]) == {"a": 1, "b": 1}


def test_an_image_whose_classes_are_missing_is_named() -> None:
    full = _squares("full", {1: "a", 2: "a", 3: "b", 4: "b"})
    with pytest.raises(ValueError, match=r"dish 2: none of its 4 objects has a class.*are a, b"):
        with_known_classes([full, _squares("dish 2", {})])
    empty = Example(np.eye(40), np.zeros((40, 40), int), "empty")
    assert with_known_classes([full, empty])[1] is empty


def test_a_class_only_in_what_judges_is_refused() -> None:
    one = _squares("one", dict.fromkeys(range(1, 5), "a"))
    held = _squares("held", dict.fromkeys(range(1, 5), "b"))
    with pytest.raises(ValueError, match="No object has the class 'b'"):
        settle_classes([one], [held])
    assert settle_classes([one], []) == ([one], [])
    assert settle_classes([one, held], None) == ([one, held], None)


def test_the_heads_and_the_card_have_the_classes_of_objects_that_are_there(base: Model) -> None:
    example = _squares("one", {1: "b", 2: "b", 3: "a", 9: "removed"})
    settings = TrainSettings(epochs=1, batch=1, crop=64, device="cpu")
    assert begin([example], settings, base).network.config.class_names == ("a", "b")
    result = run(fine_tune_job([example], settings, validation=[], base=base))
    assert result.model.class_names == ("a", "b")
    assert result.model.card.history[-1]["classes"] == {"a": 1, "b": 2}
