"""A small project on the disk, and a prediction without a network."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import tifffile

from napari_maskrcnn.annotate.project.project import Project


@pytest.fixture
def images(tmp_path: Path) -> list[Path]:
    """Three grey images and a stack, beside the project."""
    folder = tmp_path / "microscope"
    folder.mkdir()
    rng = np.random.default_rng(0)
    paths = []
    for name, shape in (("a", (40, 50)), ("b", (40, 50)), ("c", (30, 30)), ("z", (3, 40, 50))):
        paths.append(folder / f"{name}.tif")
        data = rng.integers(0, 99, shape, dtype=np.uint8)
        tifffile.imwrite(paths[-1], data, photometric="minisblack")
    return paths


@pytest.fixture
def project(tmp_path: Path, images: list[Path]) -> Iterator[Project]:
    with Project.create(tmp_path / "project") as made:
        made.add(images)
        yield made
