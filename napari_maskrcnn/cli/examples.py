"""The datasets named on the command line: every file that cannot be read is one line."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from napari_maskrcnn.cli.console import fail

if TYPE_CHECKING:
    from napari_maskrcnn.train.dataset import Example


def held_out(folder: Path | None) -> tuple[list[Example] | None, int]:
    """Examples of ``--val``: None leaves the choice to the training, none are no proof."""
    if folder is None:
        return None, 0
    return ([], 0) if str(folder) == "none" else read_examples(folder)


def read_examples(folder: Path) -> tuple[list[Example], int]:
    """Read a dataset; every file that cannot be read is a line. Return the number of those."""
    from napari_maskrcnn.train.dataset import read_example
    from napari_maskrcnn.train.layouts import dataset_files

    examples: list[Example] = []
    bad = 0
    try:
        files = dataset_files(folder)
    except (OSError, ValueError) as error:
        fail(folder, error)
        return [], 1
    for image, labels in files:
        try:
            examples.append(read_example(image, labels))
        except Exception as error:  # whatever a file leads to, the others are looked at too
            fail(image, error)
            bad += 1
    return examples, bad
