"""The examples that an image of a project gives: what is verified, else its finished regions."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from napari_maskrcnn.annotate.project.dataset import learnable_pairs
from napari_maskrcnn.annotate.project.entries import Entry
from napari_maskrcnn.annotate.project.project import Project
from napari_maskrcnn.train.answers import Answer
from napari_maskrcnn.train.dataset import Example, make_example
from napari_maskrcnn.train.regions import restrict


def project_examples(project: Project, entry: Entry) -> Iterator[Example]:
    """Read the examples of one image; those of an image for validation are held out.

    Raises
    ------
    OSError, ValueError
        The image or its labels cannot be read, or do not fit each other.
    """
    for pair in learnable_pairs(project, entry):
        example = make_example(pair.image, pair.labels, pair.name, pair.classes)
        example = replace(example, held_out=pair.role == "validation")
        if pair.known is None:
            yield example
        else:
            yield from restrict(replace(example, correct=Answer.REGIONS.value), pair.known)
