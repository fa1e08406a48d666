"""The cases of the benchmark: what both engines get, and that they find the same in it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from benchmarks import setting
from benchmarks.cases import CASES, QUICK, Prediction, Training, object_diameters
from benchmarks.dense import dense_seconds, record
from benchmarks.engines import Engine, predictor, trainer
from benchmarks.setting import make_setting, read_setting
from napari_maskrcnn.network.config import NetworkConfig
from napari_maskrcnn.synthetic import synthetic_nuclei

CPU = torch.device("cpu")


def _narrow(config: NetworkConfig) -> NetworkConfig:
    """ResNet-18 with the widths that torchvision cannot change."""
    return replace(config, backbone="resnet18")


def test_names_are_unique_and_the_quick_cases_are_known() -> None:
    names = [case.name for case in CASES]
    assert len(set(names)) == len(names) == 12
    assert {case.name for case in QUICK} <= set(names)
    assert "predict-2048-1000" in names
    assert "train-resnet50-512x2-300" in names


def test_limits_and_anchors_follow_the_case() -> None:
    config = Prediction(1024, 1000, classes=3).config()
    assert config.num_classes == 4
    assert (config.short_side, config.pre_nms, config.post_nms) == (1024, 2000, 2000)
    assert config.max_detections == 1000
    assert config.anchor_sizes == (11, 16, 23, 32, 45)


@pytest.mark.parametrize("objects", [20, 200])
def test_so_many_nuclei_fit(objects: int) -> None:
    _, labels = synthetic_nuclei((512, 512), objects, object_diameters(512, objects))
    assert labels.max() >= 0.95 * objects


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    case = Prediction(128, 12, proposals=200, detections=50)
    small = _narrow(case.config())
    monkeypatch.setattr(Prediction, "config", lambda _: small)
    with torch.random.fork_rng(devices=[]):
        make_setting(case, tmp_path)
    return tmp_path


def test_both_engines_find_the_same_objects(folder: Path) -> None:
    shared = read_setting(folder)
    assert 0 < shared.config.score_floor < 1
    found = [
        predictor(Engine(package, "float32"), shared, CPU)() for package in ("torchvision", "ours")
    ]
    assert found[0].max() == 12
    assert np.mean(found[0] != found[1]) < 1e-3


def test_dense_arithmetic_is_recorded_with_its_shapes(folder: Path) -> None:
    call = predictor(Engine("ours", "float32"), read_setting(folder), CPU)
    call()
    recorder = record(call)
    operators = {key[0]._schema.name.partition("::")[2] for key in recorder.calls}
    assert any("conv" in name for name in operators)
    # 20 convolutions of the trunk, 8 of the pyramid, 2 a level of the RPN, whose siblings are one,
    # 6 layers of the mask head, and 3 of the box head, where two are one.
    assert sum(recorder.counts.values()) == 20 + 8 + 10 + 6 + 3
    assert 0 < dense_seconds(call, CPU) < 10


def test_either_engine_takes_a_step(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    case = Training("resnet18", 64, 1, 4)
    with torch.random.fork_rng(devices=[]):
        setting.make_setting(case, tmp_path)
    shared = read_setting(tmp_path)
    for package in ("torchvision", "ours"):
        assert trainer(Engine(package, "float32"), shared, CPU)() is None
