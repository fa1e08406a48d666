"""Tests of the CSV tables."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from napari_maskrcnn.formats import export, read_table, write_table

LABELS = np.array([[1, 1, 0, 9], [1, 1, 0, 9]])
TABLE = pd.DataFrame(
    {
        "index": [0, 1, 4, 9],
        "class": ["", "NA", "gone", "Zelle, groß"],
        "score": [np.nan, 0.875, 0.5, 0.25],
        "state": ["", "predicted", "predicted", "edited"],
    }
)


def write(path: Path, text: str) -> Path:
    path.write_text(text, encoding="utf-8")
    return path


def test_export_is_read_back(tmp_path: Path) -> None:
    path = export(LABELS, tmp_path / "x.csv", image=LABELS * 2.5, table=TABLE)
    table = read_table(path)
    assert list(table.columns) == [
        *("index", "class", "score", "x1", "y1", "x2", "y2", "centroid_y", "centroid_x"),
        *("area", "perimeter", "circularity", "eccentricity", "solidity", "orientation"),
        *("intensity_mean", "intensity_min", "intensity_max", "intensity_std"),
    ]
    assert table["index"].tolist() == [1, 9]
    assert table["class"].tolist() == ["NA", "Zelle, groß"]
    assert table["score"].tolist() == [0.875, 0.25]
    assert table["area"].tolist() == [4, 2]
    assert table["intensity_mean"].tolist() == [2.5, 22.5]


def test_intensities_are_those_of_the_pixels(tmp_path: Path) -> None:
    image = LABELS.astype(np.float64) + 4_000_000_123
    image[:, 3] = [np.nan, 1]
    frame = pd.read_csv(export(LABELS, tmp_path / "x.csv", image=image))
    for name in ("intensity_mean", "intensity_min", "intensity_max"):
        assert frame[name][0] == 4_000_000_124
        assert np.isnan(frame[name][1])


def test_labels_that_the_table_does_not_know(tmp_path: Path) -> None:
    for table in (
        None,
        TABLE[:1],
        TABLE[["index"]],
        TABLE.assign(**{"class": None, "score": None}),
    ):
        text = export(LABELS, tmp_path / "x.csv", table=table, overwrite=True).read_text()
        assert text.splitlines()[1].startswith("1,,,0,0,2,2,")


def test_empty_labels_give_the_header(tmp_path: Path) -> None:
    text = export(np.zeros((4, 4), int), tmp_path / "x.csv").read_text()
    assert text == (
        "label,class,score,x1,y1,x2,y2,centroid_y,centroid_x,"
        "area,perimeter,circularity,eccentricity,solidity,orientation\n"
    )
    assert len(read_table(tmp_path / "x.csv")) == 0


def test_stack_has_one_class_a_label(tmp_path: Path) -> None:
    path = export(np.stack([LABELS, LABELS]), tmp_path / "x.csv", table=TABLE)
    assert len(path.read_text().splitlines()) == 5
    assert read_table(path)["index"].tolist() == [1, 9]


def test_write_table_round_trip(tmp_path: Path) -> None:
    path = write_table(TABLE, tmp_path / "x.csv")
    back = read_table(path)
    pd.testing.assert_frame_equal(back.fillna({"state": ""}), TABLE)
    with pytest.raises(FileExistsError):
        write_table(TABLE, path)


def test_smallest_table(tmp_path: Path) -> None:
    table = read_table(write(tmp_path / "x.csv", "index,class\n1,tumour\n2,\n"))
    assert table["class"].tolist() == ["tumour", ""]
    assert table["score"].isna().all()
    assert table["index"].dtype == np.int64


def test_numbers_as_classes_stay_text(tmp_path: Path) -> None:
    assert read_table(write(tmp_path / "x.csv", "index,class\n1,007\n"))["class"][0] == "007"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "cannot be read as a table"),
        ("a,b\n1,2\n", "no column 'index' or 'label'; its columns are a, b"),
        ("index\n1\nx\n", "column 'index' has 'x' in line 3, where a whole number"),
        ("index\n1.5\n", r"column 'index' has '1\.5' in line 2"),
        ("index,class\n,a\n", "column 'index' has 'nan' in line 2"),
        ("index,score\n1,high\n", "column 'score' has 'high' in line 2, where a number"),
        ("index,class\n1,a\n1,b\n", "gives label 1 more than one class"),
        ("index\n1,2\n3,4,5\n", "cannot be read as a table"),
    ],
)
def test_refuses(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(ValueError, match=rf"x\.csv.*{message}"):
        read_table(write(tmp_path / "x.csv", text))


def test_binary_file(tmp_path: Path) -> None:
    (tmp_path / "x.csv").write_bytes(b"\x89PNG\r\n\xff\xfe\x00")
    with pytest.raises(ValueError, match="cannot be read as a table"):
        read_table(tmp_path / "x.csv")
