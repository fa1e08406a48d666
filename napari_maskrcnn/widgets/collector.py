"""Keeping Python's garbage collector from freezing the window.

A full collection looks at every object that is alive. With torch imported that is half a million,
a third of a second or more in which nothing else in the process moves, whichever thread it runs in.
"""

from __future__ import annotations

import gc
import threading
from collections.abc import Iterator
from contextlib import contextmanager

NEVER = 1_000_000

_lock = threading.Lock()
_holders: list[tuple[int, int, int]] = []


@contextmanager
def collector_off() -> Iterator[None]:
    """Keep the garbage collector off, and do not let it catch up afterwards.

    Freezing and thawing at once moves everything that is alive to the oldest generation, which is
    where it belongs, without looking through it.
    """
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        gc.unfreeze()
        if was_on:
            gc.enable()


@contextmanager
def only_young_collected() -> Iterator[None]:
    """Let an explicit full collection look at young objects only, as napari's when a layer goes.

    Freezing the old ones meanwhile would not do: a full collection that finds little makes Python
    believe that little is alive, and the next, automatic one comes at once and looks at all of it.
    """
    collect = gc.collect

    def collect_young(generation: int = 2) -> int:
        return collect(0)

    gc.collect = collect_young
    try:
        yield
    finally:
        gc.collect = collect


@contextmanager
def full_collections_postponed() -> Iterator[None]:
    """Let only young objects be collected while a job runs; jobs may overlap.

    What a job leaves behind is nearly all young or freed at once, so memory does not grow.
    """
    with _lock:
        _holders.append(_holders[0] if _holders else gc.get_threshold())
        first, second, _ = _holders[0]
        gc.set_threshold(first, second, NEVER)
    try:
        yield
    finally:
        with _lock:
            before = _holders.pop()
            if not _holders:
                # Freezing also sets the count to 0 after which a full collection is due: else it
                # would come at once, while the window shows the result.
                gc.freeze()
                gc.unfreeze()
                gc.set_threshold(*before)
