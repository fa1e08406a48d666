"""Tests of class and state in the features table."""

from __future__ import annotations

import numpy as np
import pandas as pd

from napari_maskrcnn.annotate.states import (
    class_names,
    count_accepted,
    state_before,
    toggled,
    values_of,
    with_values,
)


def table() -> pd.DataFrame:
    return pd.DataFrame(
        {
            "index": [0, 4, 2, 9],
            "class": ["", "cell", "mitosis", None],
            "score": [np.nan, 0.7, np.nan, 0.9],
            "area": [0, 5, 0, 3],
            "state": ["", "predicted", "accepted", "accepted"],
        }
    )


def test_values_go_by_the_index_column() -> None:
    assert values_of(table(), "class", [4, 9, 77]) == {4: "cell", 9: "", 77: ""}
    assert values_of(pd.DataFrame(), "class", [1]) == {1: ""}
    before = table()
    after = with_values(before, "class", {2: "cell", 4: "x"})
    assert after["class"].tolist()[:3] == ["", "x", "cell"]
    assert before.equals(table())


def test_the_same_key_gives_and_takes_back() -> None:
    given = toggled({1: "a", 2: "b"}, "b", {1: "a"})
    assert given == ({1: "b", 2: "b"}, True)
    assert toggled(given[0], "b", {1: "a"}) == ({1: "a", 2: "b"}, False)


def test_what_is_there_counts() -> None:
    assert class_names(table()) == ["cell"]
    assert count_accepted(table()) == 1
    assert count_accepted(pd.DataFrame()) == 0
    assert [state_before(table(), i) for i in (4, 2, 77)] == ["predicted", "added", "added"]
