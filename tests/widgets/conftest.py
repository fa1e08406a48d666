"""A real window, a real mouse, a heartbeat on its thread, and a network built in a blink."""

from __future__ import annotations

import gc
import time
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest

# Before any viewer: Mesa's OpenGL brings an LLVM on which that of triton crashes (see warm_up).
import torch
from napari.utils.notifications import notification_manager
from numpy.typing import NDArray
from pytestqt.qtbot import QtBot
from qtpy.QtCore import QObject, Qt, QTimer

from napari_maskrcnn.annotate.project.project import Project
from napari_maskrcnn.annotate.tally import Tally
from napari_maskrcnn.models import ModelCard, save_weights
from napari_maskrcnn.network.config import NetworkConfig
from napari_maskrcnn.network.maskrcnn import MaskRCNN
from napari_maskrcnn.synthetic import synthetic_nuclei
from napari_maskrcnn.widgets import preparing
from tests.annotate.project.predicting import Squares
from tests.widgets.looping import make_project

PATIENCE_MS = 120_000

# Random weights find a few dozen "objects" of a score near 0.5 in any image.
TINY = NetworkConfig(
    backbone="resnet18",
    frozen_norm=False,
    last_stage=4,
    fpn_channels=8,
    box_channels=16,
    mask_channels=8,
    anchor_sizes=(8, 16, 32, 64),
    canonical_size=56,
    aligned=True,
    paste="subpixel",
    round_anchors=False,
    scale=1.0,
    stretch=True,
    class_names=("nucleus",),
)


@pytest.fixture(autouse=True)
def _libraries_are_not_collected() -> Iterator[None]:
    """Spare the half million objects of torch, napari and Qt the collections around a viewer."""
    gc.freeze()
    yield
    gc.unfreeze()


@pytest.fixture
def qtbot(qtbot: QtBot) -> QtBot:
    """Let every wait be long: what is waited for comes at once, except on a busy machine."""
    for wait in ("waitUntil", "waitSignal"):
        setattr(qtbot, wait, partial(getattr(qtbot, wait), timeout=PATIENCE_MS))
    return qtbot


def kept_waiting() -> float:
    """Return the seconds for which this thread could run but no processor was free."""
    told = Path("/proc/thread-self/schedstat")
    return int(told.read_text().split()[1]) / 1e9 if told.exists() else 0.0


@pytest.fixture
def compared_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let corrections be counted at the first look: on a busy machine it may be cut short."""
    look = Tally.look
    monkeypatch.setattr(Tally, "look", lambda tally, data, seconds=0.0: look(tally, data))


@pytest.fixture
def squares(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let a project be predicted without a network: two squares in every image."""
    monkeypatch.setattr(preparing, "Predictor", Squares)


@pytest.fixture
def project(tmp_path: Path) -> Iterator[Project]:
    """Make a project of three images."""
    with make_project(tmp_path / "cells") as made:
        yield made


class Heartbeat(QObject):
    """A 20 ms timer on the window's thread that knows how late it came.

    Waiting for a free processor is left out where the system tells, so that a busy machine fails
    no test; `benchmarks.fine_tune_window` measures it.
    """

    def __init__(self) -> None:
        super().__init__()
        self.lateness: list[float] = []
        self._timer = QTimer(self)
        self._timer.setTimerType(Qt.TimerType.PreciseTimer)
        self._timer.setInterval(20)
        self._timer.timeout.connect(self._tick)

    def start(self) -> None:
        self.lateness.clear()
        self._last = time.perf_counter() - kept_waiting()
        self._timer.start()

    def stop(self) -> float:
        """Stop and return the worst lateness in seconds."""
        self._timer.stop()
        return max(self.lateness)

    def _tick(self) -> None:
        now = time.perf_counter() - kept_waiting()
        self.lateness.append(now - self._last - 0.02)
        self._last = now


@pytest.fixture
def heartbeat() -> Iterator[Heartbeat]:
    beat = Heartbeat()
    yield beat
    beat._timer.stop()


@pytest.fixture
def notes() -> Iterator[list[str]]:
    """Texts of the notifications that napari showed, oldest first."""
    texts: list[str] = []

    def note(notification: Any) -> None:
        texts.append(f"{notification.severity}: {notification.message}")

    notification_manager.notification_ready.connect(note)
    yield texts
    notification_manager.notification_ready.disconnect(note)


@pytest.fixture(scope="session")
def tiny_network() -> MaskRCNN:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        return MaskRCNN(TINY).eval()


@pytest.fixture
def tiny_model(tiny_network: MaskRCNN, user_folder: Path) -> str:
    """Name of a model in the model folder."""
    folder = user_folder / "models"
    folder.mkdir(parents=True)
    card = ModelCard("tiny", description="For the window's tests.", score=0.3, diameter=18.0)
    save_weights(folder / "tiny.safetensors", tiny_network, card)
    return "tiny"


@pytest.fixture
def nuclei() -> tuple[NDArray[np.uint8], NDArray[np.int32]]:
    return synthetic_nuclei((128, 128), count=14, seed=5)


@pytest.fixture
def viewer(make_napari_viewer: Any, nuclei: tuple[Any, Any]) -> Any:
    """Window with the image of `nuclei`."""
    shown = make_napari_viewer()
    shown.add_image(nuclei[0], name="cells")
    return shown


@pytest.fixture
def drag(qtbot: Any) -> Callable[[Any, Sequence[Sequence[float]]], None]:
    """Press the left button at the first of some positions, move through the others, let go.

    Positions are world coordinates of the two axes that are shown.
    """

    def act(viewer: Any, positions: Sequence[Sequence[float]]) -> None:
        canvas = viewer.window._qt_viewer.canvas
        qtbot.wait(50)  # the camera settles after layers were added
        corners = [
            canvas.view.camera.transform.map([x, y, 0, 1])[:2] for y, x in np.atleast_2d(positions)
        ]
        pixels = [tuple(round(value) for value in corner) for corner in corners]
        mouse = canvas._scene_canvas._backend
        mouse._vispy_mouse_press(pos=pixels[0], button=1, modifiers=())
        for pixel in pixels[1:]:
            mouse._vispy_mouse_move(pos=pixel, modifiers=())
            qtbot.wait(30)  # napari thins out moves that come faster
        mouse._vispy_mouse_release(pos=pixels[-1], button=1, modifiers=())

    return act
