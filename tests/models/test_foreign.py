from __future__ import annotations

import os
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from napari_maskrcnn.models import WeightsError
from napari_maskrcnn.models.foreign import read_torchvision
from napari_maskrcnn.models.weights import build_network
from napari_maskrcnn.network.config import NetworkConfig
from napari_maskrcnn.network.maskrcnn import MaskRCNN


def state_of(config: NetworkConfig) -> dict[str, Tensor]:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(3)
        return MaskRCNN(config).state_dict()


@pytest.fixture(scope="module")
def state() -> dict[str, Tensor]:
    return state_of(
        NetworkConfig(
            backbone="resnet18",
            fpn_channels=8,
            box_channels=16,
            mask_channels=8,
            class_names=("a", "b", "c"),
        )
    )


def old_name(name: str) -> str:
    """Name a weight as torchvision did before 0.13."""
    parts = name.split(".")
    if name.startswith("backbone.fpn."):
        return ".".join([*parts[:4], parts[5]])
    if name.startswith("rpn.head.conv."):
        return f"rpn.head.conv.{parts[-1]}"
    if name.startswith("roi_heads.mask_head."):
        return f"roi_heads.mask_head.mask_fcn{int(parts[2]) + 1}.{parts[-1]}"
    return name


def checked(path: Path) -> tuple[dict[str, Tensor], NetworkConfig]:
    tensors, card = read_torchvision(path)
    return tensors, build_network(card, tensors, path).config


@pytest.mark.parametrize(
    "wrapped",
    [
        lambda state: state,
        lambda state: {"model": state, "epoch": 3},
        lambda state: {"state_dict": state},
        lambda state: {f"module.{name}": tensor for name, tensor in state.items()},
        lambda state: {old_name(name): tensor for name, tensor in state.items()},
    ],
    ids=["plain", "under model", "under state_dict", "data parallel", "old names"],
)
def test_every_way_people_save_it_is_read(
    tmp_path: Path, state: dict[str, Tensor], wrapped: Callable[[dict[str, Tensor]], Any]
) -> None:
    path = tmp_path / "net.pth"
    torch.save(wrapped(state), path)
    tensors, config = checked(path)
    assert set(tensors) == set(state)
    assert all(torch.equal(tensors[name], state[name]) for name in state)
    assert config.backbone == "resnet18"
    assert config.class_names == ("class 1", "class 2", "class 3")
    assert (config.fpn_channels, config.box_channels, config.mask_channels) == (8, 16, 8)


def test_old_names_differ_from_the_present_ones(state: dict[str, Tensor]) -> None:
    renamed = {name for name in state if old_name(name) != name}
    assert len(renamed) == 16 + 2 + 8


@pytest.mark.parametrize("backbone", ["resnet34", "resnet50"])
def test_the_trunk_is_read_off_the_blocks(tmp_path: Path, backbone: Any) -> None:
    narrow = NetworkConfig(backbone=backbone, fpn_channels=4, box_channels=4, mask_channels=4)
    path = tmp_path / "net.pth"
    torch.save(state_of(narrow), path)
    config = checked(path)[1]
    assert config.backbone == backbone
    assert config.class_names == ("object",)


def test_trained_norms_keep_their_epsilon(tmp_path: Path, state: dict[str, Tensor]) -> None:
    path = tmp_path / "net.pth"
    torch.save(state, path)
    assert (checked(path)[1].frozen_norm, checked(path)[1].norm_eps) == (True, 0.0)
    dead = {**state, "backbone.body.bn1.running_var": torch.zeros(64)}
    torch.save(dead, path)
    assert (checked(path)[1].frozen_norm, checked(path)[1].norm_eps) == (True, 1e-5)
    counters = {
        name.replace("running_var", "num_batches_tracked"): torch.tensor(5)
        for name in state
        if name.endswith("running_var")
    }
    torch.save({**state, **counters}, path)
    assert (checked(path)[1].frozen_norm, checked(path)[1].norm_eps) == (False, 1e-5)


def test_ninety_classes_are_cocos(tmp_path: Path) -> None:
    names = tuple(f"c{k}" for k in range(90))
    narrow = NetworkConfig(
        backbone="resnet18", fpn_channels=4, box_channels=4, mask_channels=4, class_names=names
    )
    path = tmp_path / "net.pth"
    torch.save(state_of(narrow), path)
    config = checked(path)[1]
    assert (config.class_names[0], config.class_names[16]) == ("person", "cat")


class Payload:
    def __init__(self, marker: Path) -> None:
        self.marker = marker

    def __reduce__(self) -> tuple[Any, ...]:
        return os.mkdir, (str(self.marker),)


@pytest.mark.parametrize("kind", ["zip", "legacy", "pickle"])
def test_nothing_in_a_file_is_run(tmp_path: Path, state: dict[str, Tensor], kind: str) -> None:
    path, marker = tmp_path / "evil.pth", tmp_path / "pwned"
    content = {**state, "payload": Payload(marker)}
    if kind == "pickle":
        path.write_bytes(pickle.dumps(content))
    else:
        torch.save(content, path, _use_new_zipfile_serialization=kind == "zip")
    with pytest.raises(WeightsError, match=r"could run code.*so it was not opened"):
        read_torchvision(path)
    assert not marker.exists()
    torch.load(path, weights_only=False) if kind != "pickle" else pickle.loads(path.read_bytes())
    assert marker.exists(), "the payload is one that would have run"


def test_a_whole_saved_module_asks_for_its_state_dict(tmp_path: Path) -> None:
    path = tmp_path / "module.pth"
    torch.save(nn.Linear(2, 2), path)
    with pytest.raises(WeightsError, match=r"torch\.save\(model\.state_dict\(\), file\)"):
        read_torchvision(path)


@pytest.mark.parametrize("content", [{}, {"epoch": 3}, torch.zeros(3), [1, 2]])
def test_a_file_without_a_state_dict_is_refused(tmp_path: Path, content: Any) -> None:
    path = tmp_path / "odd.pth"
    torch.save(content, path)
    with pytest.raises(WeightsError, match=r"odd\.pth: a PyTorch file without a state dict"):
        read_torchvision(path)


def test_another_network_is_refused(tmp_path: Path, state: dict[str, Tensor]) -> None:
    path = tmp_path / "net.pth"
    torch.save(nn.Linear(2, 2).state_dict(), path)
    with pytest.raises(WeightsError, match=r"another network .*ResNet trunk"):
        read_torchvision(path)
    boxes_only = {name: tensor for name, tensor in state.items() if "mask" not in name}
    torch.save(boxes_only, path)
    with pytest.raises(WeightsError, match=r"another network .*mask_head"):
        read_torchvision(path)


@pytest.mark.parametrize("kept", [0.3, 0.99])
def test_a_checkpoint_cut_short_is_refused(
    tmp_path: Path, state: dict[str, Tensor], kept: float
) -> None:
    path = tmp_path / "net.pth"
    torch.save(state, path)
    content = path.read_bytes()
    path.write_bytes(content[: int(len(content) * kept)])
    with pytest.raises(WeightsError, match=r"net\.pth: the checkpoint is damaged or cut short"):
        read_torchvision(path)


def test_an_hdf5_file_is_called_so(tmp_path: Path) -> None:
    path = tmp_path / "mask_rcnn_coco.h5"
    path.write_bytes(b"\x89HDF\r\n\x1a\n" + bytes(64))
    with pytest.raises(WeightsError, match=r"an HDF5 file.*Import reads"):
        read_torchvision(path)
