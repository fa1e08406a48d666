from __future__ import annotations

from pathlib import Path

import pytest
import torch

from napari_maskrcnn.models.sniff import FileKind, file_kind


@pytest.mark.parametrize("zipped", [True, False])
def test_both_formats_of_torch_are_known(tmp_path: Path, zipped: bool) -> None:
    path = tmp_path / "net.pth"
    torch.save({"a": torch.zeros(2)}, path, _use_new_zipfile_serialization=zipped)
    assert file_kind(path) is FileKind.TORCH


def test_our_own_format_is_known_even_when_cut(weights: Path) -> None:
    assert file_kind(weights) is FileKind.SAFETENSORS
    weights.write_bytes(weights.read_bytes()[:20])
    assert file_kind(weights) is FileKind.SAFETENSORS


def test_a_header_length_that_starts_like_a_pickle_is_no_pickle(tmp_path: Path) -> None:
    """A header of 128 bytes begins with 0x80, as every 32nd file of ours does."""
    from safetensors.torch import save_file

    for padding in range(256):
        path = tmp_path / "net.safetensors"
        save_file({"a": torch.zeros(2)}, path, {"text": "x" * padding})
        assert file_kind(path) is FileKind.SAFETENSORS
        if path.read_bytes()[0] == 0x80:
            return
    pytest.fail("no header length began with 0x80; the test must try more")
