from __future__ import annotations

import hashlib
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from napari_maskrcnn.jobs import run
from napari_maskrcnn.models import Model, add_model, load_model, load_weights
from napari_maskrcnn.predict.planes import predict_planes_job
from napari_maskrcnn.predict.settings import PredictSettings


def test_a_model_is_loaded_by_name_and_by_file(weights: Path) -> None:
    added = add_model(weights, "mine")
    by_name, by_file = load_model("mine", "cpu"), load_model(weights, "cpu")
    assert (by_name.name, by_name.path) == ("mine", added)
    assert (by_file.name, by_file.path) == ("tiny", weights)
    assert by_name.class_names == ("cell", "debris")
    assert by_name.score == 0.4
    assert by_name.device == torch.device("cpu")
    assert not by_name.network.training


def test_the_hash_is_the_files(weights: Path) -> None:
    assert load_model(weights, "cpu").weights_hash == (
        hashlib.sha256(weights.read_bytes()).hexdigest()
    )


def test_the_hash_without_a_file_follows_the_weights(weights: Path) -> None:
    network, card = load_weights(weights)

    def current() -> str:
        return Model(network, card, None, torch.device("cpu")).weights_hash

    before = current()
    assert len(before) == 64
    assert current() == before
    with torch.no_grad():
        network.roi_heads.box_head.fc6.bias[0] += 1
    assert current() != before


def test_the_copy_for_prediction_is_made_once_and_follows_the_weights(weights: Path) -> None:
    model = load_model(weights, "cpu")
    first = model.fused(torch.float32)
    assert model.fused(torch.float32) is first
    assert model.fused(torch.float64) is not first
    images = torch.randn(1, 3, 64, 64, generator=torch.Generator().manual_seed(0))
    before = model.fused(torch.float32).backbone(images)[0]
    with torch.no_grad():
        model.network.backbone.body.conv1.weight.mul_(2)
    assert not model.fused(torch.float32).backbone(images)[0].equal(before)


def test_an_unknown_device_is_refused(weights: Path) -> None:
    with pytest.raises(ValueError, match="tpu"):
        load_model(weights, "tpu")


def test_listing_models_does_not_import_torch() -> None:
    code = (
        "import sys; from napari_maskrcnn.models import list_models; list_models(); "
        "print(sorted({'torch', 'napari', 'skimage'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_a_file_that_goes_away_or_changes_takes_nothing_from_a_prediction(weights: Path) -> None:
    expected = hashlib.sha256(weights.read_bytes()).hexdigest()
    model = load_model(weights, "cpu")
    weights.unlink()
    image = np.zeros((32, 32), np.float32)
    kept = run(predict_planes_job([None], lambda _: image, PredictSettings(), model=model))
    assert kept.model_hash == expected


def test_a_model_shows_itself_in_a_line(weights: Path) -> None:
    said = repr(load_model(weights, "cpu"))
    assert said == f"Model('tiny', classes=('cell', 'debris'), path={str(weights)!r}, device='cpu')"
