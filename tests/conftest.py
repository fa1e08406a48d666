"""What every test gets: folders of its own, so that none touches the user's models or settings."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

# Before anything imports napari: an unset NAPARI_CONFIG would write into the user's settings.
os.environ.setdefault("NAPARI_CONFIG", "")
# Networks in tests are tiny: threads only wait for each other, for minutes on a busy machine.
os.environ.setdefault("OMP_NUM_THREADS", "1")

# The same examples at every run, and none refused for a busy machine: a run must mean something.
# HYPOTHESIS_PROFILE=explore draws new ones.
settings.register_profile(
    "steady", derandomize=True, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
settings.register_profile("explore", deadline=None)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "steady"))


@pytest.fixture(autouse=True)
def user_folder(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Put the user data folder (models, journal) into an empty temporary folder."""
    folder = tmp_path_factory.mktemp("user")
    monkeypatch.setenv("NAPARI_MASKRCNN_HOME", str(folder))
    monkeypatch.delenv("NAPARI_MASKRCNN_MODELS", raising=False)
    return folder
