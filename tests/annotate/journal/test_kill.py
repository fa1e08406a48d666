"""A hundred processes killed in the middle of editing: what was older than a second comes back."""

from __future__ import annotations

import logging
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from napari_maskrcnn.annotate.journal.batch import JournalError
from napari_maskrcnn.annotate.journal.file import Journal
from tests.annotate.journal.editing import edits, initial

logger = logging.getLogger(__name__)

SCRIPT = Path(__file__).with_name("editing.py")
KILLS = 100
AT_A_TIME = 5


def run_and_kill(root: Path) -> dict[int, float]:
    """Let processes edit and kill each at a random moment; return when each was killed."""
    rng = np.random.default_rng()
    killed: dict[int, float] = {}
    waiting = list(range(KILLS))
    living: list[tuple[float, int, int]] = []
    with subprocess.Popen(
        [sys.executable, str(SCRIPT), str(root)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)},
    ) as nursery:
        assert nursery.stdin
        assert nursery.stdout
        while waiting or living:
            while waiting and len(living) < AT_A_TIME:
                seed = waiting.pop()
                print(seed, file=nursery.stdin, flush=True)
                child = int(nursery.stdout.readline())
                living.append((time.monotonic() + rng.uniform(0.02, 2.0), seed, child))
            living.sort()
            due, seed, child = living.pop(0)
            time.sleep(max(0.0, due - time.monotonic()))
            killed[seed] = time.monotonic()
            os.kill(child, signal.SIGKILL)
        nursery.stdin.close()
    return killed


def opened(path: Path) -> Journal | None:
    try:
        return Journal(path, make=False)
    except JournalError as error:
        if "is empty" not in str(error):
            raise
        return None


def stored_labels(path: Path) -> np.ndarray | None:
    """Labels in a journal; None when its process was killed before they were whole."""
    if not path.exists():
        return None
    journal = opened(path)
    if journal is None:
        return None
    try:
        assert journal._db.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        layers = journal.layers()
        return journal.array(layers[0]) if layers and layers[0].whole else None
    finally:
        journal.close()


def recovered_step(found: np.ndarray | None, seed: int, most: int) -> int:
    """Number of the last edit after which the labels were exactly what was found."""
    if found is None:
        return -1
    labels = initial(seed)
    steps = [0] if np.array_equal(found, labels) else []
    for number, _ in zip(range(1, most + 1), edits(seed, labels), strict=False):
        if np.array_equal(found, labels):
            steps.append(number)
    assert steps, f"What was recovered of {seed} never was on the screen."
    return steps[-1]


@pytest.mark.slow
@pytest.mark.skipif(not hasattr(os, "fork"), reason="a hundred processes start fast only by fork")
def test_every_edit_older_than_a_second_survives_a_hundred_kills(tmp_path: Path) -> None:
    killed = run_and_kill(tmp_path)
    assert len(killed) == KILLS
    edits_made, ages = 0, []
    for seed, moment in killed.items():
        log = tmp_path / f"{seed}.log"
        lines = log.read_text().splitlines() if log.exists() else []
        times = {int(a): float(b) for a, b in (line.split() for line in lines)}
        # The last edit may have been applied but not logged.
        found = stored_labels(tmp_path / str(seed) / "journal.sqlite")
        step = recovered_step(found, seed, most=len(times) + 1)
        lost = [at for number, at in times.items() if number > step]
        ages.append(moment - min(lost, default=moment))
        edits_made += len(times)
        assert ages[-1] < 1.0, f"{seed}: an edit {ages[-1]:.2f} s before the end was lost"
    logger.info("%d edits; the oldest that was lost was made %.2f s ago", edits_made, max(ages))
    assert edits_made > 2000
