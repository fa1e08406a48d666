"""The datasets named on the command line: every file that cannot be read is one line."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from napari_maskrcnn.cli.console import fail

if TYPE_CHECKING:
    from napari_maskrcnn.annotate.project.project import Project
    from napari_maskrcnn.train.dataset import Example


def held_out(
    folder: Path | None, channels: Sequence[int] | None = None
) -> tuple[list[Example] | None, int]:
    """Examples of ``--val``: None leaves the choice to the training, none are no proof.

    Of a project these are the images for validation, if it has any.
    """
    if folder is None:
        return None, 0
    if str(folder) == "none":
        return [], 0
    examples, bad = read_examples(folder, channels)
    if examples and not any(example.labels.any() for example in examples):
        fail(folder, "its images hold no object, so nothing can be judged by them")
        bad += 1
    return [example for example in examples if example.held_out] or examples, bad


def read_examples(folder: Path, channels: Sequence[int] | None = None) -> tuple[list[Example], int]:
    """Read a dataset or a project; every file that cannot be read is a line.

    Of a project that is what is verified, and what is finished of other images; images for
    validation are marked as held out. It knows which channels were looked at, and takes no others.

    Returns
    -------
    (list of Example, int)
        What could be read, and how many files could not.
    """
    from napari_maskrcnn.annotate.project.about import is_project
    from napari_maskrcnn.annotate.project.project import Project
    from napari_maskrcnn.train.dataset import read_example
    from napari_maskrcnn.train.layouts import dataset_files

    try:
        if is_project(folder):
            if channels is not None:
                raise ValueError(
                    "a project knows which channels were predicted; leave --channels out"
                )
            # Only to read: a window may have it open.
            return _read_project(Project.open(folder, lock=False))
        files = dataset_files(folder)
    except (OSError, ValueError) as error:
        fail(folder, error)
        return [], 1
    examples: list[Example] = []
    bad = 0
    for image, labels in files:
        try:
            examples.append(read_example(image, labels, channels))
        except Exception as error:  # whatever a file leads to, the others are looked at too
            fail(image, error)
            bad += 1
    return examples, bad


def _read_project(project: Project) -> tuple[list[Example], int]:
    from napari_maskrcnn.train.projects import project_examples

    examples: list[Example] = []
    bad = 0
    for entry in project.entries:
        try:
            examples += project_examples(project, entry)
        except Exception as error:  # as above
            fail(entry.name, error)
            bad += 1
    if not examples and not bad:
        raise ValueError(
            "no image of this project is verified, and none has a finished region. Open it in "
            "napari, correct an image, and press Verified, next."
        )
    return examples, bad
