from __future__ import annotations

import threading
from pathlib import Path

import dask.array as da
import numpy as np
import pytest
import tifffile

import napari_maskrcnn as nm
from napari_maskrcnn.jobs import Progress
from napari_maskrcnn.models import find_model
from napari_maskrcnn.predict import plane
from napari_maskrcnn.sources.opening import open_image
from napari_maskrcnn.synthetic import synthetic_nuclei


@pytest.fixture(scope="module")
def stack() -> np.ndarray:
    image, _ = synthetic_nuclei((96, 112), 8, (12, 22), seed=4)
    return np.stack([image, np.roll(image, 1, 0), np.roll(image, 2, 0)])


def test_planes_are_numbered_through(stack: np.ndarray) -> None:
    labels, table = nm.predict_stack(stack, device="cpu")
    assert labels.shape == stack.shape
    assert labels.dtype == np.int32
    counts = [len(np.unique(plane)) - 1 for plane in labels]
    assert min(counts) >= 5
    assert np.unique(labels).tolist() == list(range(sum(counts) + 1))
    assert table["index"].tolist() == list(range(sum(counts) + 1))


@pytest.mark.parametrize("link", ["z", "t"])
def test_linked_objects_keep_one_id(stack: np.ndarray, link: str) -> None:
    labels, table = nm.predict_stack(stack, link=link, device="cpu")
    ids = [set(np.unique(plane)) - {0} for plane in labels]
    assert len(ids[0] & ids[1] & ids[2]) >= 5
    assert len(table) == labels.max() + 1
    everywhere = int(min(ids[0] & ids[1] & ids[2]))
    row = table.set_index("index").loc[everywhere]
    assert row["area"] == (labels == everywhere).sum()
    assert row["class"] == "nucleus"
    assert 0.05 <= row["score"] <= 1


def test_a_plane_that_is_masked_has_no_object(stack: np.ndarray) -> None:
    masked = np.ma.masked_array(stack[:2], mask=False)
    masked[1] = np.ma.masked
    labels, _ = nm.predict_stack(masked, device="cpu")
    assert labels[0].max() >= 5
    assert not labels[1].any()


def test_lazy_arrays_are_read_a_plane_at_a_time(stack: np.ndarray) -> None:
    class Lazy:
        shape = stack.shape
        read: list[int] = []  # noqa: RUF012 - a recorder, one test long

        def __getitem__(self, k: int) -> np.ndarray:
            assert isinstance(k, int)
            self.read.append(k)
            return stack[k]

    labels, _ = nm.predict_stack(Lazy(), device="cpu")
    assert Lazy.read == [0, 1, 2]
    assert labels.any()


def test_stopping_keeps_finished_planes(stack: np.ndarray) -> None:
    stop = threading.Event()

    def in_the_second(step: Progress) -> None:
        if step.message.startswith("Plane 2"):
            stop.set()

    labels, table = nm.predict_stack(stack, device="cpu", progress=in_the_second, stop=stop)
    assert labels[0].any()
    assert not labels[2].any()
    assert len(table) == labels.max() + 1


def test_of_a_plane_stopped_half_way_the_finished_tiles_are_kept(
    stack: np.ndarray, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(plane, "TILE", 128)
    monkeypatch.setattr(plane, "CONTEXT", -32)
    stop = threading.Event()

    def in_the_second_tile(step: Progress) -> None:
        if step.total > 0 and step.done == 1:
            stop.set()

    labels, table = nm.predict_stack(stack, device="cpu", progress=in_the_second_tile, stop=stop)
    assert labels[0, :48, :56].any()
    assert not labels[0, 64:, 72:].any()
    assert not labels[1:].any()
    assert len(table) == 1 + labels.max()


def test_a_loaded_model_and_a_list_will_do(stack: np.ndarray) -> None:
    model = nm.load_model("nuclei", "cpu")
    labels, _ = nm.predict_stack([stack[0]], model=model)
    np.testing.assert_array_equal(labels[0], nm.predict(stack[0], model).to_labels())
    by_path, _ = nm.predict_stack([stack[0]], model=find_model("nuclei"), device="cpu")
    np.testing.assert_array_equal(by_path, labels)


def test_axes_are_named_in_any_order(stack: np.ndarray) -> None:
    model = nm.load_model("nuclei", "cpu")
    expected, _ = nm.predict_stack(stack[:2], link="z", model=model)
    # Two channels of two planes, of which the second channel is the image.
    both = np.stack([np.zeros_like(stack[:2]), stack[:2]])
    for axes, array in (("CZYX", both), ("YXCZ", both.transpose(2, 3, 0, 1))):
        labels, _ = nm.predict_stack(array, link="z", model=model, channels=(1,), axes=axes)
        np.testing.assert_array_equal(labels, expected)
    with pytest.raises(ValueError, match="no axis Z to link along"):
        nm.predict_stack(both, link="z", model=model, axes="TPYX")
    with pytest.raises(ValueError, match="'ZYX' do not fit"):
        nm.predict_stack(both, model=model, axes="ZYX")


def test_a_plane_without_a_finite_pixel_has_no_object(
    stack: np.ndarray, caplog: pytest.LogCaptureFixture
) -> None:
    model = nm.load_model("nuclei", "cpu")
    holed = stack[:2].astype(float)
    holed[0] = np.nan
    holed[1, :4] = np.inf
    labels, _ = nm.predict_stack(holed, model=model)
    assert not labels[0].any()
    assert labels[1].max() >= 5
    assert "Plane 1 has no object: The image has no finite pixel" in caplog.text
    with pytest.raises(ValueError, match="no finite pixel"):
        nm.predict_stack(holed[:1], model=model)


def test_what_is_no_stack_is_refused(stack: np.ndarray) -> None:
    with pytest.raises(ValueError, match="use predict"):
        nm.predict_stack(stack[0])
    with pytest.raises(ValueError, match="shape"):
        nm.predict_stack(stack[:0])
    for verb in (nm.predict, nm.predict_stack):
        with pytest.raises(ValueError, match=r"'cells\.tif' is the name of a file"):
            verb("cells.tif")
    unknown = da.from_array(stack)[da.from_array(np.array([True, False, True]))]
    with pytest.raises(ValueError, match="does not know its size"):
        nm.predict_stack(unknown)
    with pytest.raises(ValueError, match="link is 'x'"):
        nm.predict_stack(stack, link="x")


def test_an_open_file_is_a_stack_with_its_axes(stack: np.ndarray, tmp_path: Path) -> None:
    path = tmp_path / "stack.tif"
    tifffile.imwrite(path, stack, imagej=True, metadata={"axes": "ZYX"})
    with open_image(path) as source:
        labels, table = nm.predict_stack(source, link="z", device="cpu")
        with pytest.raises(ValueError, match=r"has the axes 'ZYX'\. Name them where it is op"):
            nm.predict_stack(source, axes="TYX")
    expected, rows = nm.predict_stack(stack, link="z", device="cpu")
    assert np.array_equal(labels, expected)
    assert table.equals(rows)
