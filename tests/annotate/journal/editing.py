"""Processes that edit labels until they are killed: a seed on standard input, a process id back.

One process imports numpy once and forks a child for each seed. The child applies the seed's edits,
as fast as a script may, and writes the number and the time of each into a log.
"""

from __future__ import annotations

import os
import signal
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from napari_maskrcnn.annotate.journal.session import DELAY, Session

SHAPE = (2, 300, 400)


def initial(seed: int) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 3, SHAPE).astype(np.int32)


def edits(seed: int, labels: np.ndarray) -> Iterator[tuple[slice, ...]]:
    """Apply one edit after the other and yield where: a brush, now and then a whole plane, undo."""
    rng = np.random.default_rng([seed, 1])
    done: list[tuple[tuple[slice, ...], np.ndarray]] = []
    while True:
        kind = rng.random()
        if kind < 0.2 and done:
            window, before = done.pop()
            labels[window] = before
        else:
            z = int(rng.integers(SHAPE[0]))
            size = SHAPE[1:] if kind > 0.97 else rng.integers(1, 60, 2)
            y, x = (int(rng.integers(n)) for n in SHAPE[1:])
            window = (slice(z, z + 1), slice(y, y + int(size[0])), slice(x, x + int(size[1])))
            if kind > 0.97:
                window = (slice(z, z + 1), slice(None), slice(None))
            done.append((window, labels[window].copy()))
            labels[window] = int(rng.integers(1000))
        yield window


class NoParts:
    def changed(self) -> dict:
        return {}

    def again(self) -> None:
        pass


def edit_until_killed(root: Path, seed: int) -> None:
    labels = initial(seed)
    log = os.open(root / f"{seed}.log", os.O_CREAT | os.O_WRONLY | os.O_APPEND)
    session = Session(root / str(seed) / "journal.sqlite", lambda: None, lambda problem: None)
    tracked = session.track(labels, NoParts())
    pace = np.random.default_rng([seed, 2])
    due: float | None = time.monotonic()
    next_edit = 0.0
    steps = enumerate(edits(seed, labels), 1)
    while True:
        now = time.monotonic()
        if now >= next_edit:
            number, window = next(steps)
            tracked.step([window])
            os.write(log, f"{number} {time.monotonic()}\n".encode())
            next_edit = now + pace.exponential(0.02)
            due = now + DELAY if due is None else min(due, now + DELAY)
        if due is not None and now >= due:
            wanted = session.tick()
            due = None if wanted is None else now + wanted
        time.sleep(0.004)


def main(root: Path) -> None:
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # the killed ones leave no zombies
    for line in sys.stdin:
        child = os.fork()
        if child == 0:
            edit_until_killed(root, int(line))
        sys.stdout.write(f"{child}\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main(Path(sys.argv[1]))
