"""What a training learns from: layers, the finished images of a project, folders of files."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from itertools import chain, islice
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from napari_maskrcnn.annotate.project.dataset import learnable
from napari_maskrcnn.annotate.project.project import Project
from napari_maskrcnn.jobs import Job, Progress
from napari_maskrcnn.train.answers import Answer
from napari_maskrcnn.train.labelled import Labelled, examples_of

if TYPE_CHECKING:
    from napari_maskrcnn.train.dataset import Example

# Images of a project or a folder that are read to say how long a training takes.
SAMPLED = 3
NO_OBJECT = (
    "There is no object where the labels are said to be correct. Correct or accept some, or say "
    "that more of an image is correct."
)
ONLY_HELD_OUT = (
    "Everything that is checked is for validation: there is nothing to learn from. Check more, or "
    "give images of the project the role “train”."
)


@dataclass(frozen=True)
class ProjectImages:
    """The images of a project that are verified, or finished in part."""

    project: Project
    count: int = field(compare=False)

    @property
    def text(self) -> str:
        """What a list shows."""
        return f"{self.count} finished image{'s'[: self.count != 1]} of {self.project.root.name}"

    @property
    def tip(self) -> str:
        """What the pointer shows."""
        return (
            f"Every image of {self.project.root} that is verified, and the finished regions of "
            "the others, in the role they have there"
        )


@dataclass(frozen=True)
class Folder:
    """A folder of images and labels, as the command line reads it."""

    path: Path
    count: int = field(compare=False)

    @property
    def text(self) -> str:
        """What a list shows."""
        return f"{self.count} image{'s'[: self.count != 1]} of the folder {self.path.name}"

    @property
    def tip(self) -> str:
        """What the pointer shows."""
        return f"Every image of {self.path} that has labels"


@dataclass(frozen=True, eq=False)
class Layers:
    """A layer's labels as they are taken, with what is correct there.

    Parameters
    ----------
    labelled : Labelled
    answer : Answer, optional
        None: what goes without saying.
    held_out : bool
        Whether they are to judge by.
    """

    labelled: Labelled
    answer: Answer | None
    held_out: bool = False


@dataclass(frozen=True, eq=False)
class Taken:
    """Everything that is checked, as it was when the training began.

    Parameters
    ----------
    layers : tuple of Layers
    project : Project, optional
        What is verified or finished in it is learnt from.
    shown : str
        Name of the image of the project whose layers are among `layers`; they are newer.
    folders : tuple of Path
    files : int
        About how many images the project and the folders have.
    classes : frozenset of str
        Classes that must have an object.
    """

    layers: tuple[Layers, ...] = ()
    project: Project | None = None
    shown: str = ""
    folders: tuple[Path, ...] = ()
    files: int = 0
    classes: frozenset[str] = frozenset()


def count_finished(project: Project) -> int:
    """Count the images of a project that can be learnt from; reads files."""
    return len(learnable(project))


def count_files(folder: Path) -> int:
    """Count the images of a folder that have labels.

    Raises
    ------
    OSError, ValueError
        It is no folder to learn from.
    """
    from napari_maskrcnn.train.layouts import dataset_files

    return len(dataset_files(folder))


def read_examples_job(taken: Taken, stop: threading.Event | None = None) -> Job[list[Example]]:
    """Read what was taken; not for the window's thread.

    Parameters
    ----------
    taken : Taken
    stop : threading.Event, optional
        Ends the job when set, with what was read.

    Raises
    ------
    OSError, ValueError
        Something cannot be read or used, holds no object, or nobody said what is correct in it.
    """
    from napari_maskrcnn.train.classes import require_classes

    examples: list[Example] = []
    for example in chain(_of_layers(taken), _of_files(taken)):
        yield Progress(0, 0, f"Reading {example.name}")
        examples.append(example)
        if stop is not None and stop.is_set():
            return examples
    if examples and all(example.held_out for example in examples):
        raise ValueError(ONLY_HELD_OUT)
    _require_objects([example for example in examples if not example.held_out])
    require_classes(examples, sorted(taken.classes))
    return examples


def sample_job(
    taken: Taken, stop: threading.Event | None = None
) -> Job[tuple[list[Example], float]]:
    """Read the layers, but only some of the files; return them and which share of all they are.

    Raises
    ------
    OSError, ValueError
        As for `read_examples_job`.
    """
    examples: list[Example] = []
    for example in _of_layers(taken):
        yield Progress(0, 0, f"Reading {example.name}")
        examples.append(example)
    total = len(examples) + taken.files
    for example in islice(_of_files(taken), SAMPLED):
        if stop is not None and stop.is_set():
            break
        yield Progress(0, 0, f"Reading {example.name}")
        examples.append(example)
    if not taken.files:
        _require_objects(examples)
    return examples, min(1.0, len(examples) / max(1, total))


def _require_objects(examples: Sequence[Example]) -> None:
    from napari_maskrcnn.train.dataset import require_objects

    partly = not examples or any(example.correct != Answer.WHOLE for example in examples)
    if partly and not any(example.labels.any() for example in examples):
        raise ValueError(NO_OBJECT)
    require_objects(examples)


def _of_layers(taken: Taken) -> Iterator[Example]:
    # All of them first: painting goes on while the first ones are read.
    settled = [_settled(layers.labelled) for layers in taken.layers]
    for layers, labelled in zip(taken.layers, settled, strict=True):
        found = list(examples_of(labelled, layers.answer))
        yield from (replace(example, held_out=layers.held_out) for example in found)


def _of_files(taken: Taken) -> Iterator[Example]:
    from napari_maskrcnn.train.dataset import read_example
    from napari_maskrcnn.train.layouts import dataset_files
    from napari_maskrcnn.train.projects import project_examples

    if taken.project is not None:
        for entry in learnable(taken.project):
            if entry.name != taken.shown:
                yield from project_examples(taken.project, entry)
    for folder in taken.folders:
        for image, labels in dataset_files(folder):
            yield read_example(image, labels)


def _settled(labelled: Labelled) -> Labelled:
    """Labels that no stroke changes any more."""
    if isinstance(labelled.labels, np.ndarray):
        return replace(labelled, labels=labelled.labels.copy())
    return labelled
