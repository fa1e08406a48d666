"""Too little memory: fewer tiles at once, then smaller ones, then the processor."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch

import napari_maskrcnn as nm
from napari_maskrcnn.jobs import JobError, Progress, guarded, is_out_of_memory, run
from napari_maskrcnn.models import Model
from napari_maskrcnn.predict import plane
from napari_maskrcnn.predict.finder import Finder
from napari_maskrcnn.predict.planes import predict_planes_job
from napari_maskrcnn.predict.settings import PredictSettings
from napari_maskrcnn.synthetic import synthetic_nuclei

CUDA = "CUDA out of memory. Tried to allocate 2.00 GiB."
CPU = "DefaultCPUAllocator: can't allocate memory: you tried to allocate 512 bytes."


@pytest.fixture(scope="module")
def model() -> Model:
    return nm.load_model("nuclei", "cpu")


@pytest.fixture
def image(monkeypatch: pytest.MonkeyPatch) -> np.ndarray:
    """Four tiles of about 100 × 130 pixels."""
    monkeypatch.setattr(plane, "TILE", 272)
    monkeypatch.setattr(plane, "CONTEXT", -32)
    return synthetic_nuclei((160, 200), 20, (12, 22), seed=4)[0]


class Starved:
    """A finder that has no memory for more than some pixels at once."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, pixels: int, error: Exception) -> None:
        self.calls: list[tuple[int, int, str]] = []
        find = Finder.find

        def starved(finder: Finder, read: Any, tiles: Any) -> Any:
            asked = sum(int(np.prod(tile.shape)) for tile in tiles)
            self.calls.append((len(tiles), tiles[0].shape[0], finder.model.device.type))
            if finder.model.device.type != "cpu" or asked > pixels:
                raise error
            return find(finder, read, tiles)

        monkeypatch.setattr(Finder, "find", starved)


@pytest.mark.parametrize("error", [RuntimeError(CPU), MemoryError()])
def test_fewer_tiles_at_once_then_smaller_ones(
    model: Model,
    image: np.ndarray,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    error: Exception,
) -> None:
    whole = nm.predict(image, model, precision="float32")
    monkeypatch.setattr(Finder, "at_a_time", lambda *_: 4)
    starved = Starved(monkeypatch, 8_000, error)
    steps: list[Progress] = []
    found = nm.predict(image, model, precision="float32", progress=steps.append)
    assert [many for many, *_ in starved.calls[:4]] == [4, 2, 1, 1]
    assert starved.calls[3][1] < starved.calls[2][1]
    assert [step.message for step in steps[1:4]] == [
        "Out of memory: going on with 2 tiles at a time",
        "Out of memory: going on with 1 tiles at a time",
        "Out of memory: going on with smaller tiles",
    ]
    assert "Out of memory: going on with smaller tiles" in caplog.text
    assert [step.total for step in steps[:5]] == [4, 4, 4, 16, 16]
    assert steps[-1].done == steps[-1].total == 16
    assert len(found) == pytest.approx(len(whole), abs=2)


def test_the_processor_goes_on_and_stays_for_the_next_planes(
    model: Model, image: np.ndarray, monkeypatch: pytest.MonkeyPatch
) -> None:
    card = SimpleNamespace(type="mps")
    weak = Model(model.network, model.card, None, card, "f00d")  # type: ignore[arg-type]
    starved = Starved(monkeypatch, 10**9, RuntimeError("MPS backend out of memory"))
    settings = PredictSettings(precision="float32")
    steps: list[Progress] = []
    job = predict_planes_job([0, 1], lambda _: image, settings, None, weak)
    kept = run(job, steps.append)
    told = [step for step in steps if "trouble" in step.data]
    assert told[-1].message == "Out of memory: going on with the processor (slower)"
    assert [device for *_, device in starved.calls].count("mps") == len(told)
    assert {device for *_, device in starved.calls[len(told) :]} == {"cpu"}
    assert kept.device.startswith("CPU")
    # Smaller tiles cut other candidates, but what counts as found is the same.
    small, whole = (len(kept.planes[k].above(weak.score)) for k in (0, 1))
    assert whole > 10
    assert small == pytest.approx(whole, abs=2)
    assert (list(kept.planes), kept.partial) == ([0, 1], {})


def test_when_nothing_is_left_to_try_the_remedy_is_said(
    model: Model, image: np.ndarray, monkeypatch: pytest.MonkeyPatch
) -> None:
    Starved(monkeypatch, 10, RuntimeError(CPU))
    with pytest.raises(JobError, match=r"Close other programs.*even with the smallest tiles"):
        run(guarded(plane.predict_job(image, PredictSettings(), model)))


def test_other_errors_are_not_mistaken_for_it(
    model: Model, image: np.ndarray, monkeypatch: pytest.MonkeyPatch
) -> None:
    starved = Starved(monkeypatch, 10, RuntimeError("shapes cannot be multiplied"))
    with pytest.raises(RuntimeError, match="shapes cannot be multiplied"):
        nm.predict(image, model)
    assert len(starved.calls) == 1


@pytest.mark.parametrize(
    ("error", "means_it"),
    [
        (RuntimeError(CPU), True),
        (torch.OutOfMemoryError(CUDA), True),
        (RuntimeError("CUDNN_STATUS_ALLOC_FAILED"), True),
        (MemoryError(), True),
        (RuntimeError("expected a tensor"), False),
        (ValueError("channels is 5"), False),
    ],
)
def test_which_errors_mean_too_little_memory(error: Exception, means_it: bool) -> None:
    assert is_out_of_memory(error) == means_it
