"""The whole loop on drawn images whose truth is known: predict, correct, fine-tune, export.

Unstained cells in relief are what the embedded model never saw, so there is something to correct
and to gain. What a person would do by hand is done by a script with the same tools.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from napari_maskrcnn.annotate.counts import difference
from napari_maskrcnn.annotate.edits import delete, next_id
from napari_maskrcnn.jobs import Progress, run
from napari_maskrcnn.overlaps import overlaps
from napari_maskrcnn.synthetic import synthetic_nuclei

if TYPE_CHECKING:
    from napari_maskrcnn.instances import Instances
    from napari_maskrcnn.train.fine_tune import FineTuneResult

_LOG = logging.getLogger(__name__)
Say = Callable[[str], object]

SHAPE = (320, 320)
COUNT = 50
DIAMETER = (16.0, 34.0)
STYLE = "relief"
MINUTES = 0.75
# An object with less overlap than this is a person's work.
GOOD_IOU = 0.6


@dataclass(frozen=True)
class Outcome:
    """What the loop made, for the picture, the window and the tests.

    Parameters
    ----------
    image : (H, W) uint8
        The image that was predicted before and after.
    before, after : (H, W) int32
        Labels by the embedded and by the fine-tuned model.
    ap_before, ap_after : float
        AP at IoU 0.5 of these against the truth.
    files : dict of str to Path
        What was written, by what it is.
    """

    image: NDArray[np.uint8]
    before: NDArray[np.int32]
    after: NDArray[np.int32]
    ap_before: float
    ap_after: float
    files: Mapping[str, Path]


def main(output: Path, window: bool, say: Say = _LOG.info) -> Outcome:
    """Run the loop, say what was done with numbers, take a picture and perhaps open napari.

    Parameters
    ----------
    output : Path
        Folder for the results; made when it is not there, earlier results of the demo replaced.
    window : bool
        Open napari at the end, where there is a screen.
    say : callable
        Takes each line of what was done.

    Returns
    -------
    Outcome
    """
    from napari_maskrcnn.widgets import show

    start = time.monotonic()
    output.mkdir(parents=True, exist_ok=True)
    outcome = loop(output, say)
    picture = show.save_picture(output / "window.png", outcome.image, outcome.before, outcome.after)
    say(f"Picture of the window: {picture or 'left out: no screen (xvfb-run gives one)'}")
    say(f"Done in {time.monotonic() - start:.0f} s. Files:")
    for what, path in outcome.files.items():
        say(f"  {what}: {path}")
    if window and show.has_screen():
        say("Opening napari; close its window to end.")
        show.open_window(outcome.image, outcome.before, outcome.after)
    return outcome


def loop(output: Path, say: Say, minutes: float = MINUTES) -> Outcome:
    """Predict, correct, fine-tune, predict again and export into `output`."""
    import napari_maskrcnn as nm

    first, first_truth = _draw(seed=1)
    second, second_truth = _draw(seed=2)
    start = time.monotonic()
    model = nm.load_model("nuclei")
    found = nm.predict(first, model)
    before = nm.predict(second, model)
    say(
        f"1. Predicted two images of {SHAPE[0]} × {SHAPE[1]} px with {model.name!r}: {len(found)} "
        f"and {len(before)} objects, {time.monotonic() - start:.1f} s."
    )
    corrected = correct(found.to_labels(), first_truth)
    counts = difference(found.to_labels(), corrected)
    say(
        f"2. Corrected the first one: {counts.added} added, {counts.removed} removed, "
        f"{counts.reshaped} reshaped, {counts.unchanged} left as they were."
    )
    result = _fine_tune(first, corrected, minutes, say)
    after = nm.predict(second, result.model)
    ap_before, ap_after = (_ap(second_truth, x.to_labels()) for x in (before, after))
    say(
        f"4. Predicted the second image again: {len(after)} objects of {second_truth.max()}; "
        f"AP at IoU 0.5 went from {ap_before:.2f} to {ap_after:.2f}."
    )
    files = _write(output, second, after, result, say)
    return Outcome(second, before.to_labels(), after.to_labels(), ap_before, ap_after, files)


def correct(labels: NDArray[np.int32], truth: NDArray[np.int32]) -> NDArray[np.int32]:
    """Do what a careful person would: delete what is wrong and draw what is missing.

    Objects of the prediction that match a true one well stay untouched.
    """
    corrected = labels.copy()
    shared = overlaps(labels, truth)
    good = shared.iou >= GOOD_IOU
    fine = set(shared.first_ids[shared.rows[good]].tolist())
    seen = set(shared.second_ids[shared.columns[good]].tolist())
    if wrong := [int(i) for i in shared.first_ids if i not in fine]:
        delete(corrected, wrong).apply(corrected)
    new = next_id(labels)
    for true in shared.second_ids.tolist():
        if true not in seen:
            corrected[(truth == true) & (corrected == 0)] = new
            new += 1
    return corrected


def _draw(seed: int) -> tuple[NDArray[np.uint8], NDArray[np.int32]]:
    return synthetic_nuclei(SHAPE, COUNT, DIAMETER, seed=seed, style=STYLE)


def _fine_tune(
    image: NDArray[np.uint8], labels: NDArray[np.int32], minutes: float, say: Say
) -> FineTuneResult:
    """Train in a background thread, saying the loss a few times on the way."""
    from napari_maskrcnn.train.dataset import make_example
    from napari_maskrcnn.train.fine_tune import fine_tune_job
    from napari_maskrcnn.train.settings import TrainSettings

    job = fine_tune_job(
        [make_example(image, labels, "demo")], TrainSettings(minutes=minutes), validation=[]
    )
    said = threading.Event()

    def report(step: Progress) -> None:
        if step.data.get("step") == 1 and not said.is_set():
            said.set()
            say(f"3. Fine-tuning in the background for {60 * minutes:.0f} s …")

    with ThreadPoolExecutor(1, "fine-tune") as pool:
        result = pool.submit(run, job, report).result()
    losses = [row["loss"] for row in result.history]
    few = max(1, len(losses) // 10)
    say(
        f"   {len(losses)} steps; loss {np.mean(losses[:few]):.2f} at the start, "
        f"{np.mean(losses[-few:]):.2f} at the end."
    )
    return result


def _ap(truth: NDArray[Any], labels: NDArray[Any]) -> float:
    from napari_maskrcnn.train.metrics import average_precision

    return float(average_precision(truth, labels, (0.5,))["0.50"])


def _write(
    output: Path, image: NDArray[np.uint8], found: Instances, result: FineTuneResult, say: Say
) -> dict[str, Path]:
    """Export labels, table and model; the names are the demo's own, so they are replaced."""
    import napari_maskrcnn as nm

    labels, table = found.to_labels(), found.to_table()
    files = {
        "labels": nm.export(labels, output / "demo_labels.tif", overwrite=True),
        "table": nm.export(
            labels, output / "demo_labels.csv", image=image, table=table, overwrite=True
        ),
        "model": result.save(output / "demo.safetensors", overwrite=True),
    }
    same = np.array_equal(nm.read_labels(files["labels"]), labels)
    say(f"5. Exported labels and table; read back {'the same' if same else 'DIFFERENT'}.")
    return files
