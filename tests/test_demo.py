from __future__ import annotations

from pathlib import Path

import numpy as np

import napari_maskrcnn as nm
from napari_maskrcnn import demo


def test_the_scripted_correction_gives_the_truth_and_leaves_what_is_good() -> None:
    truth = np.zeros((30, 40), np.int32)
    truth[2:10, 2:10], truth[12:20, 12:20], truth[22:28, 30:38] = 1, 2, 3
    labels = np.zeros_like(truth)
    labels[2:10, 2:9] = 5
    labels[2:10, 20:30] = 6
    corrected = demo.correct(labels, truth)
    assert (corrected[labels == 5] == 5).all()
    assert not corrected[2:10, 20:30].any()
    assert np.unique(corrected).tolist() == [0, 5, 7, 8]
    assert (corrected[truth == 2] == corrected[12, 12]).all()
    assert 6 in labels


def test_the_loop_ends_with_files_that_open(tmp_path: Path) -> None:
    said: list[str] = []
    outcome = demo.loop(tmp_path, said.append, minutes=0.02)
    steps = ("1. Predicted", "2. Corrected", "3. Fine-tuning", "4. Predicted", "5. Exported")
    for step in steps:
        assert any(line.startswith(step) for line in said), step
    assert "read back the same" in said[-1]
    assert set(outcome.files) == {"labels", "table", "model"}
    np.testing.assert_array_equal(nm.read_labels(outcome.files["labels"]), outcome.after)
    assert nm.load_model(outcome.files["model"], "cpu").card.base == "nuclei"
    # There is something to gain.
    assert 0.2 < outcome.ap_before < 0.8
    again = demo.loop(tmp_path, said.append, minutes=0.01)
    assert again.files == outcome.files
