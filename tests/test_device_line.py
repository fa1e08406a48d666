"""The device that lies idle: every reason has its remedy."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from napari_maskrcnn import device_line
from napari_maskrcnn.device_line import Facts, find_facts, idle_device

CARD = "NVIDIA GeForce RTX 3060"


@pytest.mark.parametrize(
    ("facts", "name", "remedy"),
    [
        (Facts(card=CARD, driver="550.1"), CARD, "PyTorch was installed without CUDA"),
        (Facts(card="Quadro P400", driver="390"), "NVIDIA Quadro P400", "without CUDA"),
        (Facts(card=CARD, driver="450.8", cuda_build="12.6"), CARD, r"450.8.*too old.*CUDA 12.6"),
        (Facts(card="NVIDIA card", cuda_build="12.6"), "NVIDIA card", "no driver"),
        (Facts(card="NVIDIA card"), "NVIDIA card", "no driver"),
        (
            Facts(card=CARD, driver="550", cuda_build="12", hidden=True),
            CARD,
            "CUDA_VISIBLE_DEVICES",
        ),
        (Facts(cuda=True, cuda_build="12.6", card=CARD, driver="550"), CARD, "Choose “auto”"),
        (Facts(mps=True, apple=True), "Apple GPU", "Choose “auto”"),
        (Facts(apple=True), "Apple GPU", "macOS 14 or later"),
    ],
)
def test_an_idle_device_comes_with_its_remedy(facts: Facts, name: str, remedy: str) -> None:
    idle = idle_device("CPU, float32", facts)
    assert idle is not None
    assert idle.name == name
    assert re.search(remedy, idle.remedy)


@pytest.mark.parametrize(
    ("used", "facts"),
    [
        ("CPU, bfloat16", Facts()),
        ("CPU, float32", Facts(cuda_build="12.6")),
        ("NVIDIA H200, bfloat16", Facts(cuda=True, card="NVIDIA H200", driver="550")),
        ("Apple GPU, float32", Facts(mps=True, apple=True)),
    ],
)
def test_nothing_better_nothing_said(used: str, facts: Facts) -> None:
    assert idle_device(used, facts) is None


@pytest.mark.parametrize(
    ("said", "pci", "found"),
    [
        ("NVIDIA H200, 560.35.03\nNVIDIA H200, 560.35.03", True, ("NVIDIA H200", "560.35.03")),
        ("", True, ("NVIDIA card", None)),
        ("NVIDIA-SMI has failed because it couldn't communicate", True, ("NVIDIA card", None)),
        ("", False, (None, None)),
    ],
)
def test_cards_are_found_with_and_without_a_driver(
    monkeypatch: pytest.MonkeyPatch, said: str, pci: bool, found: tuple[str | None, str | None]
) -> None:
    monkeypatch.setattr(device_line, "_output", lambda *words: said)
    monkeypatch.setattr(device_line, "_has_pci_card", lambda: pci)
    assert device_line._nvidia() == found


@pytest.mark.parametrize(
    ("vendor", "kind", "found"),
    [("0x10de", "0x030000", True), ("0x10de", "0x020000", False), ("0x8086", "0x030000", False)],
)
def test_the_pci_bus_is_read(tmp_path: Path, vendor: str, kind: str, found: bool) -> None:
    device = tmp_path / "0000:01:00.0"
    device.mkdir()
    (tmp_path / "0000:00:00.0").mkdir()
    (device / "vendor").write_text(f"{vendor}\n")
    (device / "class").write_text(f"{kind}\n")
    assert device_line._has_pci_card(tmp_path) is found


def test_this_computer_is_described() -> None:
    import torch

    facts = find_facts()
    assert facts.cuda == torch.cuda.is_available()
    assert facts.cuda_build == torch.version.cuda
