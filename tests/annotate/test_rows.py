"""Rows of the features table that follow corrections."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from napari_maskrcnn.annotate.rows import updated_rows
from napari_maskrcnn.instances import COLUMNS, Instances


@pytest.fixture
def labels() -> np.ndarray:
    image = np.zeros((10, 20), np.int32)
    image[1:4, 1:4] = 1
    image[5:9, 5:11] = 2
    return image


@pytest.fixture
def table(labels: np.ndarray) -> pd.DataFrame:
    return Instances.from_labels(labels, ("nucleus",)).to_table()


def test_a_new_object_gets_the_next_row(labels: np.ndarray, table: pd.DataFrame) -> None:
    labels[1:3, 15:19] = 3
    after = updated_rows(labels, table, [3], "nucleus")
    assert after["index"].tolist() == [0, 1, 2, 3]
    row = after.iloc[3]
    assert (row["class"], row["area"], row["bbox"], row["state"]) == (
        "nucleus", 8, "15 1 19 3", "added",
    )  # fmt: skip
    assert np.isnan(row["score"])
    pd.testing.assert_frame_equal(after.iloc[:3], table)
    assert len(table) == 3


def test_a_removed_object_keeps_its_row(labels: np.ndarray, table: pd.DataFrame) -> None:
    labels[labels == 2] = 0
    row = updated_rows(labels, table, [2]).iloc[2]
    assert (row["index"], row["class"], row["area"], row["bbox"]) == (2, "nucleus", 0, "")
    assert row["state"] == "predicted"


def test_a_reshaped_object_is_measured_again(labels: np.ndarray, table: pd.DataFrame) -> None:
    labels[4, 1:4] = 1
    row = updated_rows(labels, table, [1]).iloc[1]
    assert (row["area"], row["bbox"], row["score"]) == (12, "1 1 4 5", 1.0)


def test_rows_in_between_keep_row_i_label_i(labels: np.ndarray, table: pd.DataFrame) -> None:
    labels[0, 0] = 6
    after = updated_rows(labels, table, [6], "nucleus")
    assert after["index"].tolist() == list(range(7))
    assert after["state"].tolist()[3:] == ["", "", "", "added"]
    # An object that is drawn with such an id is a new one.
    labels[0, 2] = 4
    after = updated_rows(labels, after, [4], "debris")
    assert after["index"].tolist() == list(range(7))
    assert after["state"].tolist()[3:] == ["", "added", "", "added"]
    assert after["class"].tolist()[3:] == ["", "debris", "", "nucleus"]
    # One whose class was said before it was drawn keeps that.
    after.loc[3, "class"] = "cell"
    labels[0, 4] = 3
    assert updated_rows(labels, after, [3], "debris")["class"].tolist()[3] == "cell"


def test_a_far_id_gets_no_thousand_empty_rows(labels: np.ndarray, table: pd.DataFrame) -> None:
    labels[0, 0] = 2_000_000_000
    after = updated_rows(labels, table, [2_000_000_000])
    assert after["index"].tolist() == [0, 1, 2, 2_000_000_000]


def test_labels_without_a_table_get_one(labels: np.ndarray) -> None:
    after = updated_rows(labels, pd.DataFrame(), [2], "cell")
    assert tuple(after.columns) == COLUMNS
    assert after["class"].tolist() == ["", "cell", "cell"]
    assert after["area"].tolist() == [0, 9, 24]


def test_columns_of_others_are_kept(labels: np.ndarray, table: pd.DataFrame) -> None:
    table["treated"] = [False, True, False]
    labels[0, 0] = 3
    after = updated_rows(labels, table, [3])
    assert after["treated"].tolist()[:3] == [False, True, False]
    assert pd.isna(after["treated"].iloc[3])


def test_background_is_never_measured(labels: np.ndarray, table: pd.DataFrame) -> None:
    pd.testing.assert_frame_equal(updated_rows(labels, table, [0]), table)


def test_a_stack_counts_all_its_planes(labels: np.ndarray) -> None:
    stack = np.stack([labels, labels])
    after = updated_rows(stack, pd.DataFrame(), [1])
    assert after["area"].tolist() == [0, 18, 48]
