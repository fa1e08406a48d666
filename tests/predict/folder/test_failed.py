"""An image that failed after an earlier run had done it: whose outputs are in the way?"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from napari_maskrcnn.predict.folder import job
from napari_maskrcnn.predict.folder.plan import FileState
from napari_maskrcnn.predict.settings import PredictSettings
from tests.predict.folder import finding
from tests.predict.folder.finding import drained, make_images, planned


@pytest.fixture(autouse=True)
def _no_network(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(job, "find_in_file_job", finding.find)


@pytest.fixture
def folders(tmp_path: Path) -> tuple[Path, Path]:
    """Give a folder of one image, and the folder of its outputs after a run."""
    make_images(tmp_path / "in", 1)
    drained(planned(tmp_path / "in", tmp_path / "out"))
    return tmp_path / "in", tmp_path / "out"


def state(folders: tuple[Path, Path], **changes: Any) -> FileState:
    (only,) = planned(*folders, **changes).files
    return only


def change(path: Path) -> None:
    """Change a file as an editor does: other content, another time."""
    path.write_bytes(path.read_bytes() + b" ")


def test_failed_after_it_was_done_is_tried_again(folders: tuple[Path, Path]) -> None:
    image, labels = folders[0] / "00.tif", folders[1] / "00_labels.tif"
    good = image.read_bytes()
    image.write_bytes(good[:60])
    for _ in range(2):
        assert drained(planned(*folders)).files[0].status == "failed"
    image.write_bytes(good)
    again = state(folders)
    assert (again.status, again.reason, again.replace) == ("waiting", "failed before", True)
    other = state(folders, settings=PredictSettings(score=0.25))
    assert other.reason == f"{labels} was predicted with score as usual (now 0.25)"
    before = labels.read_bytes()
    change(labels)
    asked = state(folders)
    assert (asked.status, asked.reason) == (
        "exists",
        f"failed before, and {labels} is not what it wrote",
    )
    labels.write_bytes(before)
    assert drained(planned(*folders, overwrite=True)).files[0].status == "done"
    assert state(folders).status == "done"


def test_what_came_into_the_way_of_a_write_is_never_replaced(
    folders: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A person puts labels there while the first ones are made."""
    output = folders[1]
    labels = output / "00_labels.tif"
    labels.unlink()
    (output / "00_labels.csv").unlink()
    write = job.write_outputs

    def late(task: Any, *given: Any) -> None:
        labels.write_bytes(b"mine")
        write(task, *given)

    monkeypatch.setattr(job, "write_outputs", late)
    assert drained(planned(*folders)).files[0].status == "failed"
    asked = state(folders)
    assert (asked.status, asked.replace) == ("exists", False)
    assert labels.read_bytes() == b"mine"
