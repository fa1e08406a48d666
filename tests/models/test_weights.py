from __future__ import annotations

import json
import struct
from dataclasses import replace
from pathlib import Path

import pytest
import safetensors.torch
import torch

from napari_maskrcnn.models import ModelCard, WeightsError, load_weights, save_weights
from napari_maskrcnn.models.card import METADATA_KEY
from napari_maskrcnn.models.weights import read_tensors, write_tensors
from napari_maskrcnn.network.maskrcnn import MaskRCNN

FC6 = "roi_heads.box_head.fc6.weight"


def changed(weights: Path, **tensors: torch.Tensor | None) -> Path:
    """Write the file again with some tensors replaced, added, or (None) left out."""
    old, card = read_tensors(weights)
    new = {name: tensor for name, tensor in {**old, **tensors}.items() if tensor is not None}
    path = weights.with_name("changed.safetensors")
    safetensors.torch.save_file(new, path, card.to_metadata())
    return path


def test_a_network_comes_back_with_every_number(weights: Path, network: MaskRCNN) -> None:
    loaded, card = load_weights(weights)
    assert loaded.config == network.config
    assert not loaded.training
    expected = network.state_dict()
    assert list(loaded.state_dict()) == list(expected)
    for name, tensor in loaded.state_dict().items():
        assert torch.equal(tensor, expected[name]), name
        assert tensor.device.type == "cpu"
    assert (card.name, card.base, card.score, card.diameter) == ("tiny", "nuclei", 0.4, 17.5)


def test_the_loaded_network_detects_the_same(weights: Path, network: MaskRCNN) -> None:
    image = torch.rand((1, 3, 64, 64), generator=torch.Generator().manual_seed(1))
    loaded, _ = load_weights(weights)
    mine, theirs = loaded.detect(image)[0], network.detect(image)[0]
    assert len(theirs.scores) > 0
    assert torch.equal(mine.scores, theirs.scores)
    assert torch.equal(mine.boxes, theirs.boxes)


def test_reading_draws_no_random_numbers(weights: Path) -> None:
    torch.manual_seed(7)
    before = torch.random.get_rng_state()
    load_weights(weights)
    assert torch.equal(torch.random.get_rng_state(), before)


def test_half_precision_keeps_norms_and_biases(tmp_path: Path, network: MaskRCNN) -> None:
    path = save_weights(tmp_path / "half.safetensors", network, ModelCard("half"), half=True)
    stored, _ = read_tensors(path)
    assert stored[FC6].dtype == torch.float16
    assert stored["backbone.body.bn1.running_var"].dtype == torch.float32
    assert stored["roi_heads.box_head.fc6.bias"].dtype == torch.float32
    loaded, _ = load_weights(path)
    exact = network.state_dict()[FC6]
    assert loaded.state_dict()[FC6].dtype == torch.float32
    assert torch.equal(loaded.state_dict()[FC6], exact.half().float())


def test_an_existing_file_is_kept_unless_told(weights: Path, network: MaskRCNN) -> None:
    before = weights.read_bytes()
    with pytest.raises(FileExistsError, match=r"tiny\.safetensors"):
        save_weights(weights, network, ModelCard("other"))
    assert weights.read_bytes() == before
    save_weights(weights, network, ModelCard("other"), overwrite=True)
    assert load_weights(weights)[1].name == "other"
    assert [path.name for path in weights.parent.iterdir()] == ["tiny.safetensors"]


def test_another_suffix_is_refused(tmp_path: Path, network: MaskRCNN) -> None:
    with pytest.raises(WeightsError, match=r"name it model\.safetensors"):
        save_weights(tmp_path / "model.pth", network, ModelCard("model"))


def test_a_diverged_network_is_not_saved(tmp_path: Path, weights: Path) -> None:
    network, card = load_weights(weights)
    with torch.no_grad():
        network.roi_heads.box_head.fc6.bias[3] = float("inf")
    target = tmp_path / "diverged.safetensors"
    with pytest.raises(WeightsError, match=r"not finite numbers: roi_heads\.box_head\.fc6\.bias"):
        save_weights(target, network, card)
    assert not target.exists()


def test_half_precision_refuses_what_it_cannot_hold(tmp_path: Path, weights: Path) -> None:
    network, card = load_weights(weights)
    with torch.no_grad():
        network.roi_heads.box_head.fc6.weight[0, 0] = 1e6
    with pytest.raises(WeightsError, match=r"fc6\.weight"):
        save_weights(tmp_path / "big.safetensors", network, card, half=True)
    save_weights(tmp_path / "big.safetensors", network, card)


def test_nan_weights_are_refused(weights: Path) -> None:
    bad = read_tensors(weights)[0][FC6].clone()
    bad[0, 0] = float("nan")
    with pytest.raises(WeightsError, match=r"not finite numbers: roi_heads\.box_head\.fc6\.weight"):
        load_weights(changed(weights, **{FC6: bad}))


def test_missing_unexpected_and_misshapen_weights_are_named(weights: Path) -> None:
    path = changed(
        weights,
        **{"extra.weight": torch.zeros(2), FC6: None, "rpn.head.cls_logits.bias": torch.zeros(9)},
    )
    with pytest.raises(WeightsError) as caught:
        load_weights(path)
    message = str(caught.value)
    assert str(path) in message
    assert f"missing: {FC6}" in message
    assert "unexpected: extra.weight" in message
    assert "wrong shape: rpn.head.cls_logits.bias is (9,) instead of (3,)" in message


def test_a_card_with_another_number_of_classes_is_refused(
    tmp_path: Path, network: MaskRCNN
) -> None:
    config = replace(network.config, class_names=("cell", "debris", "dust"))
    card = ModelCard("tiny", network=config.to_dict())
    path = write_tensors(tmp_path / "three.safetensors", network.state_dict(), card)
    with pytest.raises(WeightsError, match=r"cls_score\.weight is \(3, 16\) instead of \(4, 16\)"):
        load_weights(path)


def test_many_missing_weights_are_counted(weights: Path) -> None:
    body = {name: None for name in read_tensors(weights)[0] if name.startswith("backbone.body")}
    with pytest.raises(WeightsError, match=rf"and {len(body) - 4} more"):
        load_weights(changed(weights, **body))


@pytest.mark.parametrize(
    ("described", "reason"),
    [
        ({}, "do not fit"),
        ({"backbone": "vgg16"}, "describes no network .*vgg16"),
        ({"colour": "red"}, "describes no network .*colour"),
        ({"fpn_channels": "wide"}, "describes no network"),
        ({"fpn_channels": -4}, "describes no network"),
        ({"fpn_channels": 10**7}, "do not fit"),
    ],
)
def test_a_card_of_another_network_is_refused(
    weights: Path, described: dict[str, object], reason: str
) -> None:
    tensors, card = read_tensors(weights)
    path = weights.with_name("other.safetensors")
    write_tensors(path, tensors, replace(card, network=described))
    with pytest.raises(WeightsError, match=reason):
        load_weights(path)


def test_one_changed_bit_is_noticed(weights: Path) -> None:
    content = bytearray(weights.read_bytes())
    content[len(content) // 2] ^= 1
    weights.write_bytes(content)
    with pytest.raises(WeightsError, match=r"have changed since it was written"):
        load_weights(weights)


@pytest.mark.parametrize("kept", [0.001, 0.5, 0.999])
def test_a_file_cut_short_is_refused(weights: Path, kept: float) -> None:
    content = weights.read_bytes()
    weights.write_bytes(content[: int(len(content) * kept)])
    with pytest.raises(WeightsError, match="damaged or cut short"):
        load_weights(weights)


def test_a_header_that_lies_is_refused(tmp_path: Path) -> None:
    header = json.dumps(
        {"a": {"dtype": "F32", "shape": [2**40], "data_offsets": [0, 2**42]}}
    ).encode()
    path = tmp_path / "liar.safetensors"
    path.write_bytes(struct.pack("<Q", len(header)) + header + bytes(64))
    with pytest.raises(WeightsError, match="damaged or cut short"):
        load_weights(path)


def test_safetensors_of_another_program_are_named_so(tmp_path: Path) -> None:
    path = tmp_path / "llama.safetensors"
    safetensors.torch.save_file({"a": torch.zeros(2)}, path, {"format": "pt"})
    with pytest.raises(WeightsError, match=rf"not one of napari-maskrcnn: .*{METADATA_KEY}"):
        load_weights(path)


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "an empty file"),
        (b"hello, these are no weights at all", "no weights file that is known"),
        (b"<!DOCTYPE html><html>sign in</html>", "a web page"),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:0", "a Git LFS pointer"),
        (b"\x89HDF\r\n\x1a\n" + bytes(64), "an HDF5 file"),
        (b"\x89PNG\r\n\x1a\n" + bytes(64), "an image"),
        (b"II*\x00" + bytes(64), "a TIFF image"),
        (b"PK\x03\x04" + bytes(64), "a zip archive"),
        (b"\x80\x04N.", "a Python pickle"),
    ],
)
def test_a_foreign_file_is_called_what_it_is(tmp_path: Path, content: bytes, reason: str) -> None:
    path = tmp_path / "odd.safetensors"
    path.write_bytes(content)
    with pytest.raises(WeightsError, match=rf"odd\.safetensors: {reason}"):
        load_weights(path)


def test_a_torch_file_says_how_to_import_it(tmp_path: Path) -> None:
    path = tmp_path / "net.pth"
    torch.save({"a": torch.zeros(2)}, path)
    with pytest.raises(WeightsError, match=r"napari-maskrcnn models import .*net\.pth"):
        load_weights(path)


def test_a_missing_file_and_a_folder_are_told_apart(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"no weights file .*none\.safetensors"):
        load_weights(tmp_path / "none.safetensors")
    with pytest.raises(WeightsError, match="a folder"):
        load_weights(tmp_path)
