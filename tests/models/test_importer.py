from __future__ import annotations

from pathlib import Path

import pytest
import torch

from napari_maskrcnn.models import WeightsError, import_model, load_weights
from napari_maskrcnn.models.coco import is_coco_file
from napari_maskrcnn.models.folder import find_model, list_models, model_folder
from napari_maskrcnn.models.model import file_hash
from napari_maskrcnn.network.config import NetworkConfig
from napari_maskrcnn.network.maskrcnn import MaskRCNN


@pytest.fixture
def checkpoint(tmp_path: Path) -> Path:
    narrow = NetworkConfig(backbone="resnet18", fpn_channels=8, box_channels=16, mask_channels=8)
    path = tmp_path / "my cells.pth"
    with torch.random.fork_rng(devices=[]):
        torch.save(MaskRCNN(narrow).state_dict(), path)
    return path


def test_a_torchvision_file_becomes_a_model(checkpoint: Path) -> None:
    path = import_model(checkpoint)
    assert path == find_model("my-cells")
    network, card = load_weights(path)
    assert (card.name, card.base) == ("my-cells", "torchvision")
    assert card.description == "Imported from my cells.pth."
    for name, tensor in torch.load(checkpoint, weights_only=True).items():
        assert torch.equal(network.state_dict()[name], tensor), name


def test_our_own_file_keeps_its_card(weights: Path) -> None:
    card = load_weights(import_model(weights, "copied"))[1]
    assert (card.name, card.description, card.diameter) == ("copied", "For tests.", 17.5)


def test_a_taken_name_needs_overwrite(checkpoint: Path, weights: Path) -> None:
    import_model(weights, "mine")
    with pytest.raises(FileExistsError):
        import_model(checkpoint, "mine")
    import_model(checkpoint, "mine", overwrite=True)
    assert load_weights(find_model("mine"))[1].base == "torchvision"


def test_a_checkpoint_that_does_not_fit_is_not_added(checkpoint: Path) -> None:
    state = torch.load(checkpoint, weights_only=True)
    state["rpn.head.cls_logits.bias"] = torch.tensor([0.0, float("nan"), 0.0])
    torch.save(state, checkpoint)
    with pytest.raises(WeightsError, match=r"not finite numbers: rpn\.head\.cls_logits\.bias"):
        import_model(checkpoint)
    state["rpn.head.cls_logits.bias"] = torch.zeros(5)
    torch.save(state, checkpoint)
    with pytest.raises(WeightsError, match=r"wrong shape: rpn\.head\.cls_logits\.bias"):
        import_model(checkpoint)
    assert not model_folder().exists()


def test_only_torchvisions_own_file_becomes_coco(
    checkpoint: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert not is_coco_file(checkpoint)
    with pytest.raises(ValueError, match="reserved"):
        import_model(checkpoint, "coco")
    monkeypatch.setattr("napari_maskrcnn.models.coco.HASH_PREFIX", file_hash(checkpoint)[:8])
    path = import_model(checkpoint)
    card = load_weights(path)[1]
    assert (path.name, card.name, card.base) == ("coco.safetensors", "coco", "torchvision")
    assert [e.kind for e in list_models() if e.name == "coco"] == ["download"]


def test_what_is_not_there_is_said(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"no file .*absent\.pth"):
        import_model(tmp_path / "absent.pth")
    with pytest.raises(WeightsError, match="a folder"):
        import_model(tmp_path)
