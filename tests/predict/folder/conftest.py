"""A folder that was predicted once, without a network."""

from __future__ import annotations

from pathlib import Path

import pytest

from napari_maskrcnn.predict.folder import job
from tests.predict.folder import finding
from tests.predict.folder.finding import drained, make_images, planned


@pytest.fixture
def no_network(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let what is bright be an object, in the place of the network."""
    monkeypatch.setattr(job, "find_in_file_job", finding.find)


@pytest.fixture
def folders(no_network: None, tmp_path: Path) -> tuple[Path, Path]:
    """Give a folder of one image, and the folder of its outputs after a run."""
    make_images(tmp_path / "in", 1)
    drained(planned(tmp_path / "in", tmp_path / "out"))
    return tmp_path / "in", tmp_path / "out"
