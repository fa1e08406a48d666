"""What is held out: about a fifth of the objects, whole images where there are two."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from napari_maskrcnn.instances import label_boxes
from napari_maskrcnn.train import classes, dataset
from napari_maskrcnn.train.classes import class_names
from napari_maskrcnn.train.dataset import Example
from napari_maskrcnn.train.split import split


def _row(name: str, count: int, kind: str = "") -> Example:
    """Image with objects of 5 × 3 px in a row, 4 px apart."""
    labels = np.zeros((20, 100), int)
    for k in range(count):
        labels[5:10, 4 * k : 4 * k + 3] = k + 1
    classes = dict.fromkeys(range(1, count + 1), kind) if kind else {}
    return Example(np.eye(20, 100), labels, name, classes)


def _names(examples: list[Example]) -> list[str]:
    return [example.name for example in examples]


@settings(deadline=None, max_examples=40)
@given(counts=st.lists(st.integers(0, 25), min_size=2, max_size=8), seed=st.integers(0, 99))
def test_of_two_images_or_more_one_is_held_out_but_never_all(counts: list[int], seed: int) -> None:
    examples = [_row(str(k), count) for k, count in enumerate(counts)]
    train, held = split(examples, seed)
    if sum(count > 1 for count in counts) >= 2:
        assert sorted(_names(train) + _names(held)) == _names(examples)
        assert held
        # As near to a fifth of the objects as the best single image, and the training has some.
        wanted = sum(counts) / 5
        found = sum(len(example.objects) for example in held)
        assert found >= 2
        assert abs(found - wanted) <= max(min(abs(c - wanted) for c in counts if c > 1), wanted)
        assert any(len(example.objects) for example in train)
    assert _names(split(examples, seed)[1]) == _names(held)


def test_the_large_image_is_learnt_from_and_the_small_one_judges() -> None:
    for seed in range(4):
        train, held = split([_row("large", 25), _row("small", 3)], seed)
        assert (_names(train), _names(held)) == (["large"], ["small"])
    train, held = split([_row(str(k), 2) for k in range(20)] + [_row("empty", 0)], 0)
    assert len(held) == 4
    assert "empty" in _names(train)


def test_one_object_does_not_judge_a_training() -> None:
    for seed in range(4):
        train, held = split([_row("large", 25), _row("tiny", 1)], seed)
        assert _names(train) == ["large [0:20, 0:75]", "tiny"]
        assert _names(held) == ["large [0:20, 75:100]"]


def test_planes_of_a_stack_are_parted_at_the_same_place() -> None:
    planes = [replace(_row(f"s, plane {at}", 25), stack="s") for at in range(5)]
    train, held = split([*planes, _row("empty", 0)], 0)
    assert _names(held) == [f"s, plane {at} [0:20, 75:100]" for at in range(5)]
    assert _names(train) == [*(f"s, plane {at} [0:20, 0:75]" for at in range(5)), "empty"]
    # A finished region of one of them lies elsewhere in its image.
    part = replace(planes[1], image=planes[1].image[:, 60:], labels=planes[1].labels[:, 60:])
    part = replace(part, name="part", cut_from=("s", 0, 60))
    train, held = split([planes[0], part], 0)
    assert _names(train) == ["s, plane 0 [0:20, 0:75]", "part [0:20, 0:15]"]
    assert _names(held) == ["s, plane 0 [0:20, 75:100]", "part [0:20, 15:40]"]


def test_of_two_stacks_one_is_held_out_whole() -> None:
    stacks = [replace(_row(f"{name}{at}", 5), stack=name) for at in range(4) for name in "ab"]
    train, held = split([*stacks, _row("c", 20)], 0)
    assert sorted({name[0] for name in _names(held)}) != sorted({name[0] for name in _names(train)})
    assert not {name[0] for name in _names(held)} & {name[0] for name in _names(train)}


@pytest.mark.parametrize("transposed", [False, True])
def test_of_a_single_image_a_quarter_is_held_out(transposed: bool) -> None:
    whole = _row("whole", 22)
    if transposed:
        whole = Example(whole.image.T, whole.labels.T, "whole")
    train, held = split([whole, _row("empty", 0)], 0)
    first = "whole [0:75, 0:20]" if transposed else "whole [0:20, 0:75]"
    second = "whole [75:100, 0:20]" if transposed else "whole [0:20, 75:100]"
    assert _names(train) == [first, "empty"]
    assert _names(held) == [second]
    assert [len(example.objects) for example in (*train, *held)] == [18, 0, 3]


@pytest.mark.parametrize("count", [0, 1, 5, 19])
def test_an_image_with_too_few_objects_in_a_quarter_is_all_learnt_from(count: int) -> None:
    examples = [_row("few", count)]
    assert split(examples, 0) == (examples, [])


def test_no_class_loses_all_its_objects() -> None:
    one, two, both = _row("one", 9, "a"), _row("two", 9, "b"), _row("both", 12, "a")
    for seed in range(4):
        train, held = split([one, two, both], seed)
        assert class_names(train) == ("a", "b")
        assert held
        assert "two" not in _names(held)


def test_where_each_image_has_a_class_of_its_own_a_part_of_one_is_held_out() -> None:
    train, held = split([_row("one", 24, "a"), _row("two", 9, "b")], 0)
    assert _names(train) == ["one [0:20, 0:75]", "two"]
    assert _names(held) == ["one [0:20, 75:100]"]
    few = [_row("one", 4, "a"), _row("two", 4, "b")]
    assert split(few, 0) == (few, [])


def test_images_without_an_object_cannot_judge() -> None:
    held = replace(_row("empty", 0), held_out=True)
    with pytest.raises(ValueError, match="hold no object, so nothing can be judged"):
        split([_row("a", 5), held], seed=0)


def test_every_image_is_looked_at_a_few_times_whatever_their_number(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    looks: list[int] = []

    def counted(labels: np.ndarray) -> object:
        looks.append(1)
        return label_boxes(labels)

    for module in (classes, dataset):
        monkeypatch.setattr(module, "label_boxes", counted)
    examples = [_row(str(k), 2, "ab"[k % 2]) for k in range(40)]
    assert len(split(examples, 0)[1]) == 8
    assert len(looks) <= 2 * len(examples)
