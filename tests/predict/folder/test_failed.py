"""An image that failed after an earlier run had done it: whose outputs are in the way?"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from napari_maskrcnn.predict.folder import job
from napari_maskrcnn.predict.settings import PredictSettings
from tests.predict.folder.finding import change, drained, planned, state

pytestmark = pytest.mark.usefixtures("no_network")


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
