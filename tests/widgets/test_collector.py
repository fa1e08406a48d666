"""The garbage collector waits while torch is imported and while jobs run, and no longer."""

from __future__ import annotations

import gc
from collections.abc import Iterator

import pytest

from napari_maskrcnn.jobs import run
from napari_maskrcnn.widgets import warm_up
from napari_maskrcnn.widgets.collector import (
    NEVER,
    full_collections_postponed,
    only_young_collected,
)


@pytest.fixture
def collector() -> Iterator[None]:
    yield
    gc.enable()


@pytest.mark.usefixtures("collector")
def test_the_collector_is_on_again_and_everything_is_old(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    seen: list[bool] = []
    monkeypatch.setattr(warm_up, "MODULES", ("not_imported_yet",))
    monkeypatch.setattr(warm_up, "_open_libraries", lambda: None)
    monkeypatch.setattr(warm_up, "import_module", lambda name: seen.append(gc.isenabled()))
    run(warm_up.warm_up_job())
    assert seen == [False]
    assert gc.isenabled()
    assert gc.get_freeze_count() == 0
    gc.disable()
    run(warm_up.warm_up_job())
    assert not gc.isenabled()


@pytest.mark.usefixtures("collector")
def test_the_collector_is_on_again_after_a_failure(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(warm_up, "MODULES", ("there_is_no_such_module",))
    with pytest.raises(ModuleNotFoundError):
        run(warm_up.warm_up_job())
    assert gc.isenabled()


def test_full_collections_wait_for_the_last_job() -> None:
    before = gc.get_threshold()
    first, second = full_collections_postponed(), full_collections_postponed()
    first.__enter__()
    second.__enter__()
    assert gc.get_threshold() == (*before[:2], NEVER)
    first.__exit__(None, None, None)
    assert gc.get_threshold() == (*before[:2], NEVER)
    second.__exit__(None, None, None)
    assert gc.get_threshold() == before


def test_a_job_that_fails_gives_the_collector_back() -> None:
    before = gc.get_threshold()

    def fail() -> None:
        with full_collections_postponed():
            raise ValueError("no")

    with pytest.raises(ValueError, match="no"):
        fail()
    assert gc.get_threshold() == before


def test_no_full_collection_is_due_when_a_job_ends() -> None:
    with full_collections_postponed():
        for _ in range(3):
            gc.collect(1)
        assert gc.get_count()[2] >= 3
    assert gc.get_count()[2] == 0
    assert gc.get_freeze_count() == 0


def test_an_explicit_collection_is_of_young_objects_only() -> None:
    gc.collect()
    gc.collect(1)
    before = gc.get_stats()
    with only_young_collected():
        gc.collect()
        gc.collect(2)
    after = gc.get_stats()
    done = [b["collections"] - a["collections"] for a, b in zip(before, after, strict=True)]
    assert done[0] >= 2
    assert done[2] == 0
