"""Whose unfinished file is it?"""

from __future__ import annotations

from pathlib import Path

from napari_maskrcnn.formats.atomic import atomic_path
from napari_maskrcnn.formats.unfinished import leftovers


def test_what_a_killed_process_left_is_known_by_its_name(tmp_path: Path) -> None:
    target = tmp_path / "a [1].tif"
    with atomic_path(target) as part:
        part.touch()
        for name in ("a [1].tif", ".a [1].tif", ".a [1]-0123abcd.csv", ".b [1]-0123abcd.tif"):
            (tmp_path / name).touch()
        assert leftovers(target) == [part]
        target.unlink()
    assert leftovers(target) == []
    assert leftovers(tmp_path / "absent" / "a.tif") == []


def test_names_of_one_beginning_are_told_apart(tmp_path: Path) -> None:
    """Another run may be writing the other one right now."""
    start = "n" * 40
    with atomic_path(tmp_path / f"{start}_1.tif") as part:
        part.touch()
        assert leftovers(tmp_path / f"{start}_2.tif") == []
        assert leftovers(tmp_path / f"{start}_1.tif") == [part]
