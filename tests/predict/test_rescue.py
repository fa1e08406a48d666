"""An image that cannot be read to its end: what was finished is kept, and the error is told."""

from __future__ import annotations

import numpy as np
import pytest

import napari_maskrcnn as nm
from napari_maskrcnn.jobs import run
from napari_maskrcnn.models.model import Model
from napari_maskrcnn.predict import plane
from napari_maskrcnn.predict.planes import predict_planes_job
from napari_maskrcnn.predict.regions import centred_in, grown
from napari_maskrcnn.predict.settings import PredictSettings
from napari_maskrcnn.synthetic import synthetic_nuclei

SETTINGS = PredictSettings()


class Broken:
    """An image whose file ends below a row."""

    def __init__(self, pixels: np.ndarray, row: int) -> None:
        self.pixels, self.row = pixels, row
        self.shape, self.dtype = pixels.shape, pixels.dtype
        self.sampled = False

    def __getitem__(self, slices: tuple[slice, ...]) -> np.ndarray:
        if not self.sampled:  # the first look is at the intensities of all of it
            self.sampled = True
        elif slices[0].stop > self.row:
            raise OSError("the file ends here")
        return self.pixels[slices]


@pytest.fixture(scope="module")
def model() -> Model:
    return nm.load_model("nuclei", "cpu")


@pytest.fixture(scope="module")
def pixels() -> np.ndarray:
    return synthetic_nuclei((160, 200), 20, (12, 22), seed=4)[0]


@pytest.fixture(autouse=True)
def small_tiles(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(plane, "TILE", 272)
    monkeypatch.setattr(plane, "CONTEXT", -16)


def test_the_finished_tiles_of_a_plane_are_kept(model: Model, pixels: np.ndarray) -> None:
    errors: list[Exception] = []
    image = Broken(pixels, 150)
    job = predict_planes_job([None], lambda _: image, SETTINGS, None, model, None, errors.append)
    kept = run(job)
    assert [str(error) for error in errors] == ["the file ends here"]
    (regions,) = kept.partial.values()
    assert 0 < sum((b - t) * (r - left) for t, left, b, r in regions) < 160 * 200
    (found,) = kept.planes.values()
    assert len(found.above(0.5)) > 3
    assert centred_in(found.boxes, [grown(part, 5, (160, 200)) for part in regions]).all()


def test_the_planes_before_are_kept_and_none_after_is_begun(
    model: Model, pixels: np.ndarray
) -> None:
    errors: list[Exception] = []
    asked = []

    def read(key: int) -> object:
        asked.append(key)
        if key == 1:
            raise ValueError("a damaged plane")
        return pixels

    kept = run(predict_planes_job([0, 1, 2], read, SETTINGS, None, model, None, errors.append))
    assert list(kept.planes) == [0]
    assert not kept.partial
    assert asked == [0, 1]
    assert str(errors[0]) == "a damaged plane"


def test_without_anything_finished_or_anybody_to_tell_it_is_raised(
    model: Model, pixels: np.ndarray
) -> None:
    for row, rescue in ((10, [].append), (150, None)):
        image = Broken(pixels, row)
        job = predict_planes_job([None], lambda _, i=image: i, SETTINGS, None, model, None, rescue)
        with pytest.raises(OSError, match="ends here"):
            run(job)
