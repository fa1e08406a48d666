"""The examples of a project's images: whole ones, regions, and those to judge by."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import tifffile

from napari_maskrcnn.annotate.image_states import State, States
from napari_maskrcnn.annotate.project.project import Project
from napari_maskrcnn.annotate.project.stored import Stored, write_labels_of, write_regions
from napari_maskrcnn.train.answers import Answer
from napari_maskrcnn.train.projects import project_examples


def test_verified_images_and_finished_regions_are_examples(tmp_path: Path) -> None:
    labels = np.zeros((40, 50), np.int32)
    labels[5:15, 5:15] = 1
    labels[25:35, 5:15] = 2
    corners = [[-0.5, -0.5], [-0.5, 29.5], [19.5, 29.5], [19.5, -0.5]]
    with Project.create(tmp_path / "plate") as project:
        for name in "abc":
            path = tmp_path / f"{name}.tif"
            tifffile.imwrite(path, np.arange(2000, dtype=np.uint16).reshape(40, 50))
            project.add([path])
            write_labels_of(project, name, Stored(labels, None))
        project.set_states("a", States(State.VERIFIED), role="validation")
        write_regions(project, "b", [{"plane": ":,:", "corners": corners}])
        (whole,), (part,), none = (list(project_examples(project, e)) for e in project.entries)
    assert (whole.name, whole.held_out, whole.ignored) == ("a", True, None)
    assert np.array_equal(whole.labels, labels)
    assert (part.name, part.held_out, part.correct) == ("b [0:20, 0:30]", False, Answer.REGIONS)
    assert part.area == 600
    assert np.unique(part.labels).tolist() == [0, 1]
    assert none == []
