"""What is shown of an image: a person's labels, else a prediction, which is made once."""

from __future__ import annotations

import threading
from pathlib import Path

import numpy as np
import pytest
import tifffile

from napari_maskrcnn.annotate.image_states import State, States
from napari_maskrcnn.annotate.project.dataset import (
    export_dataset_job,
    learnable,
    learnable_pairs,
    verified,
    verified_pairs,
)
from napari_maskrcnn.annotate.project.leave import Left, leave
from napari_maskrcnn.annotate.project.prepare import needs_prediction, prepare_job
from napari_maskrcnn.annotate.project.project import Project
from napari_maskrcnn.annotate.project.stored import Stored, write_labels_of, write_regions
from napari_maskrcnn.jobs import run
from napari_maskrcnn.predict.settings import PredictSettings
from napari_maskrcnn.train.dataset import read_dataset
from tests.annotate.project.predicting import Squares


def test_an_image_is_predicted_once(project: Project, images: list[Path]) -> None:
    predictor = Squares()
    assert needs_prediction(project, project.entry("a"))
    ready = run(prepare_job(project, "a", predictor))
    assert ready is not None
    assert (ready.path, ready.picture.rgb, ready.planes) == (images[0], False, [])
    assert np.unique(ready.stored.labels).tolist() == [0, 1, 2]
    assert ready.states == States(State.PREDICTED)
    entry = project.entry("a")
    assert (entry.state, entry.objects, entry.model) == (State.PREDICTED, 2, "squares")
    assert entry.certainty == pytest.approx(0.45)
    assert not needs_prediction(project, entry)
    again = run(prepare_job(project, "a", predictor))
    assert predictor.predicted == 1
    assert again is not None
    assert np.array_equal(again.stored.labels, ready.stored.labels)
    # A model that learnt since then, or other settings, see it anew; what was found before stays.
    assert run(prepare_job(project, "a", Squares(digest="2"))) is not None
    other = Squares(PredictSettings(diameter=20.0), digest="2")
    assert run(prepare_job(project, "a", other)) is not None
    assert other.predicted == 1
    assert len(list((project.root / "history" / "predictions").glob("a *.npz"))) == 2


def test_what_a_person_did_counts_more(project: Project) -> None:
    run(prepare_job(project, "a", Squares()))
    labels = np.zeros((40, 50), np.int32)
    labels[30:, 30:] = 9
    write_labels_of(project, "a", Stored(labels, None))
    project.set_states("a", States(State.CORRECTING))
    later = Squares(digest="2")
    ready = run(prepare_job(project, "a", later))
    assert ready is not None
    assert later.predicted == 0
    assert np.array_equal(ready.stored.labels, labels)
    assert ready.kept is not None
    assert ready.kept.model_hash == "1"
    assert ready.states == States(State.CORRECTING)


def test_a_stop_leaves_no_half_prediction(project: Project) -> None:
    stop = threading.Event()
    stop.set()
    assert run(prepare_job(project, "a", Squares(), stop)) is None
    assert project.entry("a").state == State.NEW
    assert not any((project.root / "predictions").iterdir())


def test_labels_of_another_image_are_named(project: Project, images: list[Path]) -> None:
    write_labels_of(project, "c", Stored(np.ones((40, 50), np.int32), None))
    with pytest.raises(ValueError, match=r"c\.tif has \(30, 30\) pixels, but its labels .*c\.tif"):
        run(prepare_job(project, "c", Squares()))
    images[1].write_bytes(b"nothing")
    with pytest.raises(ValueError, match=r"b\.tif: cannot be read as an image"):
        run(prepare_job(project, "b", Squares()))


def test_finished_regions_stay_with_their_image(project: Project) -> None:
    ready = run(prepare_job(project, "a", Squares()))
    assert ready is not None
    assert ready.regions is None
    for regions in ([{"corners": [[0, 0], [9, 9]]}], [{"corners": [[0, 0], [5, 5]]}]):
        left = Left("a", ready.stored, ready.states, touched=False, regions=regions)
        assert leave(project, left).state == State.PREDICTED
        again = run(prepare_job(project, "a", Squares()))
        assert again is not None
        assert again.regions == regions
    assert len(list((project.root / "history" / "regions").iterdir())) == 1


def verify(project: Project, name: str, states: States, role: str = "train") -> None:
    ready = run(prepare_job(project, name, Squares()))
    assert ready is not None
    write_labels_of(project, name, ready.stored)
    project.set_states(name, states, ready.planes, role=role)


def test_what_is_verified_is_a_dataset(project: Project, tmp_path: Path) -> None:
    verify(project, "a", States(State.VERIFIED))
    verify(project, "b", States(State.CORRECTING))
    verify(project, "c", States(State.VERIFIED), role="validation")
    planes = States(State.PREDICTED).with_state(State.VERIFIED, (1, None, None))
    verify(project, "z", planes.with_state(State.EXCLUDED, (0, None, None)))
    assert [entry.name for entry in verified(project)] == ["a", "c", "z"]
    assert [pair.name for pair in verified_pairs(project, "train")] == ["a", "z_001"]
    folder = tmp_path / "dataset"
    assert run(export_dataset_job(project, folder)) == {"train": 2, "validation": 1}
    examples = read_dataset(folder / "train")
    assert [example.name for example in examples] == ["a", "z_001"]
    assert examples[1].classes == {3: "nucleus", 4: "nucleus"}
    stack = tifffile.imread(project.image_path("z"))
    assert np.array_equal(examples[1].image, stack[1])
    assert [example.name for example in read_dataset(folder / "validation")] == ["c"]
    with pytest.raises(FileExistsError):
        run(export_dataset_job(project, folder))


def test_finished_regions_of_what_is_not_verified_can_be_learnt_from(project: Project) -> None:
    region = {"plane": ":,:", "corners": [[-0.5, -0.5], [-0.5, 19.5], [9.5, 19.5], [9.5, -0.5]]}
    for name, state in zip("abc", (State.CORRECTING, State.VERIFIED, State.EXCLUDED), strict=True):
        verify(project, name, States(state), role="validation" if name == "a" else "train")
        write_regions(project, name, [region])
    first, second, third = project.entries[:3]
    (pair,) = learnable_pairs(project, first)
    assert (pair.name, pair.role) == ("a", "validation")
    assert pair.known is not None
    assert pair.known.shape == pair.labels.shape == (40, 50)
    assert pair.known[:10, :20].all()
    assert np.count_nonzero(pair.known) == 200
    assert [pair.known for pair in learnable_pairs(project, second)] == [None]
    assert list(learnable_pairs(project, third)) == []
    assert learnable(project) == [first, second]

    planes = States(State.CORRECTING).with_state(State.VERIFIED, (1, None, None))
    verify(project, "z", planes)
    write_regions(project, "z", [{**region, "plane": f"{k},:,:"} for k in (1, 2)])
    found = list(learnable_pairs(project, project.entries[3]))
    assert [(pair.name, pair.known is None) for pair in found] == [
        ("z_001", True),
        ("z_002", False),
    ]
    stack = tifffile.imread(project.image_path("z"))
    assert np.array_equal(found[1].image, stack[2])


def test_nothing_verified_is_no_dataset(project: Project, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="No image of the project is verified yet"):
        run(export_dataset_job(project, tmp_path / "dataset"))
    verify(project, "a", States(State.VERIFIED))
    stop = threading.Event()
    stop.set()
    assert run(export_dataset_job(project, tmp_path / "dataset", stop)) == {}
    assert not (tmp_path / "dataset").exists()
