from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from napari_maskrcnn.device import autocast, choose_device, describe_device, precision
from napari_maskrcnn.predict.plane import predict
from napari_maskrcnn.predict.settings import PredictSettings
from napari_maskrcnn.predict.stack import predict_stack


def test_defaults_are_fine_and_every_problem_is_named_at_once() -> None:
    assert PredictSettings().problems() == []
    wrong = PredictSettings(model="", score=-1, diameter=0, device="tpu")
    assert len(wrong.problems()) == 4
    with pytest.raises(ValueError, match=r"score is -1.*diameter is 0.*'tpu'"):
        wrong.validate()


def test_linking_is_checked() -> None:
    assert PredictSettings(link="z", overlap=1, gap=3).problems() == []
    wrong = PredictSettings(link="x", overlap=0, gap=-1)
    with pytest.raises(ValueError, match=r"link is 'x'.*overlap is 0;.*gap is -1 planes"):
        wrong.validate()


def test_the_precision_is_the_one_asked_for_or_a_problem() -> None:
    device = torch.device("cpu")
    assert precision(device, "float32") == torch.float32
    assert precision(device, "bfloat16") == torch.bfloat16
    assert precision(device, "auto") == precision(device)
    assert describe_device(device, "bfloat16") == "CPU, bfloat16"
    with pytest.raises(ValueError, match="precision is 'half'; choose one of auto, float32"):
        precision(device, "half")
    assert "'half'" in PredictSettings(precision="half").problems()[0]


def test_the_device_is_the_best_there_is_or_the_one_asked_for() -> None:
    assert choose_device("cpu") == torch.device("cpu")
    best = choose_device("auto").type
    assert best == ("cuda" if torch.cuda.is_available() else best)
    with pytest.raises(ValueError, match="choose one of auto, cpu, cuda, mps"):
        choose_device("tpu")
    if not torch.cuda.is_available():
        with pytest.raises(ValueError, match="no such device here"):
            choose_device("cuda")


def test_the_device_line_names_processor_and_precision() -> None:
    device = torch.device("cpu")
    kind = str(precision(device)).removeprefix("torch.")
    assert describe_device(device) == f"CPU, {kind}"
    with autocast(device):
        product = torch.ones(2, 2) @ torch.ones(2, 2)
    assert product.dtype == precision(device)


@pytest.mark.parametrize("wrong", ["a", float("nan"), True, [0.5], np.zeros(2)])
def test_what_is_no_number_is_named(wrong: Any) -> None:
    for name in ("score", "diameter", "overlap", "gap"):
        (problem,) = PredictSettings(**{name: wrong}).problems()
        assert problem.startswith(f"{name} is {wrong!r}")
    assert "device is 7; choose" in PredictSettings(device=7).problems()[0]
    for call, image in ((predict, np.eye(9)), (predict_stack, np.ones((2, 9, 9)))):
        with pytest.raises(ValueError, match="score is "):
            call(image, score=wrong)
        with pytest.raises(ValueError, match="channels is 5; give one to three numbers in a list"):
            call(image, channels=5)


def test_numbers_of_numpy_are_numbers() -> None:
    settings = PredictSettings(score=np.float32(0.5), diameter=np.int64(30), gap=np.int8(2))
    assert settings.problems() == []
