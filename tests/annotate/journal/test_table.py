"""A features table comes back as it was."""

from __future__ import annotations

import numpy as np
import pandas as pd

from napari_maskrcnn.annotate.journal.table import table_from_bytes, table_to_bytes
from napari_maskrcnn.synthetic import synthetic_nuclei


def test_a_table_comes_back_with_its_types() -> None:
    table = pd.DataFrame(
        {
            "index": np.arange(3),
            "class": pd.Categorical(["", "a", "b"]),
            "score": np.array([np.nan, 0.1, 1 / 3]),
            "small": np.array([1, 2, 3], np.uint8),
            "accepted": [True, False, True],
            "bbox": ["", "1 2 3 4", None],
            "mixed": ["text", 3, 0.5],
            "maybe": pd.array([1, None, 3], dtype="Int64"),
        }
    )
    found = table_from_bytes(table_to_bytes(table))
    pd.testing.assert_frame_equal(found, table, check_column_type=False)
    assert found.dtypes.astype(str).to_dict() == table.dtypes.astype(str).to_dict()


def test_empty_tables_come_back() -> None:
    for table in (pd.DataFrame(), pd.DataFrame(index=range(3)), pd.DataFrame({"a": []})):
        assert table_from_bytes(table_to_bytes(table)).shape == table.shape


def test_what_no_json_knows_becomes_text() -> None:
    table = pd.DataFrame({"where": [(1, 2), np.int64(3), pd.Timestamp("2024-05-17")]})
    found = table_from_bytes(table_to_bytes(table))
    assert found["where"].tolist() == [[1, 2], "3", "2024-05-17 00:00:00"]


def test_fifty_thousand_objects_take_little_time_and_room() -> None:
    from napari_maskrcnn.instances import Instances

    one = Instances.from_labels(synthetic_nuclei((64, 64), count=9, seed=0)[1]).to_table()
    table = pd.concat([one] * (50_000 // len(one)), ignore_index=True)
    assert len(table_to_bytes(table)) < 1_000_000
