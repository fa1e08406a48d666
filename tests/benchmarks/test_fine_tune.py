from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from benchmarks.fine_tune import COUNTS, Datasets, cases, first_objects, medians
from benchmarks.fine_tune_torchvision import as_torchvision, read_back, target_of, twin
from napari_maskrcnn.models import Model, ModelCard
from napari_maskrcnn.network.maskrcnn import MaskRCNN
from napari_maskrcnn.network.presets import compact_config
from napari_maskrcnn.synthetic import synthetic_nuclei
from napari_maskrcnn.train.augment import Crop
from napari_maskrcnn.train.dataset import Example, make_example


@pytest.fixture(scope="module")
def examples() -> list[Example]:
    drawn = [synthetic_nuclei((128, 96), 20, (8, 12), seed=k) for k in range(3)]
    return [make_example(x, y, f"image {k}") for k, (x, y) in enumerate(drawn)]


@pytest.mark.parametrize("count", [1, 5, 20, 33])
def test_so_many_objects_are_taken_and_none_of_a_cut_one(
    examples: list[Example], count: int
) -> None:
    found = first_objects(examples, count)
    objects = sum(len(example.objects) for example in found)
    # Objects that end in one row are taken together; those that the strip cuts are left out.
    assert count - 3 <= objects <= count + 2
    strip = found[-1]
    if strip.ignored is not None:
        truth = next(e for e in examples if strip.name.startswith(e.name)).labels
        for label in np.unique(strip.labels)[1:]:
            assert np.count_nonzero(strip.labels == label) == np.count_nonzero(truth == label)


def test_all_objects_are_all_images(examples: list[Example]) -> None:
    assert first_objects(examples, None) == examples


def test_the_curve_goes_from_both_starts(examples: list[Example]) -> None:
    data = Datasets(examples, [], [])
    found = list(cases(data, "nuclei", region=False, curve=True))
    assert [case.base for case in found] == ["nuclei"] * len(COUNTS) + ["none"] * len(COUNTS)
    assert found[-1].objects == sum(len(example.objects) for example in examples)
    assert [case.name for case in cases(data, "nuclei", False, False)] == ["all images"]


def test_medians_are_of_rows_alike() -> None:
    rows = [{"case": "a", "new": x, "old": 1 - x} for x in (0.5, 0.1, 0.4)]
    rows.append({"case": "b", "new": 0.2, "old": 0.3})
    first, second = medians(rows, ("case",))
    assert first == {"case": "a", "new": 0.4, "old": 0.6, "spread": 0.4, "seeds": 3}
    assert second["new"] == 0.2


@pytest.fixture(scope="module")
def base() -> Model:
    config = replace(
        compact_config(("nucleus",)),
        backbone="resnet18",
        fpn_channels=8,
        box_channels=16,
        mask_channels=8,
        scale=1.0,
        stretch=False,
        pre_nms=100,
        post_nms=50,
    )
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        network = MaskRCNN(config).eval()
    return Model(network, ModelCard("tiny", score=0.05), None, torch.device("cpu"))


def test_torchvision_starts_from_the_same_weights_and_gives_them_back(base: Model) -> None:
    network = twin(base.network, 64)
    back = read_back(network, base).network
    assert all(
        value.equal(back.state_dict()[name]) for name, value in base.network.state_dict().items()
    )
    assert back.config == as_torchvision(base.network.config)


def test_torchvisions_network_with_these_weights_sees_the_same(base: Model) -> None:
    network = twin(base.network, 64).eval()
    image = torch.rand(2, 3, 64, 64, generator=torch.Generator().manual_seed(1))
    ours = read_back(network, base).network
    with torch.no_grad():
        maps = ours.backbone(image)
        for mine, theirs in zip(maps, network.backbone(image).values(), strict=True):
            torch.testing.assert_close(mine, theirs, atol=1e-5, rtol=1e-4)


def test_torchvisions_targets_are_those_of_the_crop() -> None:
    labels = np.zeros((32, 32), np.int64)
    labels[2:10, 4:20], labels[20:30, 5:11] = 5, 9
    target = target_of(Crop(np.zeros((3, 32, 32), np.float32), labels), torch.device("cpu"))
    assert target["boxes"].tolist() == [[4, 2, 20, 10], [5, 20, 11, 30]]
    assert target["labels"].tolist() == [1, 1]
    assert np.array_equal(target["masks"].numpy(), [labels == 5, labels == 9])
