"""Torchvision's ``.pth`` files, read without running anything in them, as tensors and a card.

The architecture is read off names and shapes: the trunk, the norms, the depth of the heads, and
whether classes share boxes or masks. What these cannot tell (class names, input size, anchor sizes)
is taken as torchvision's ``maskrcnn_resnet50_fpn`` and ``maskrcnn_resnet50_fpn_v2`` have it.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING, Any

from napari_maskrcnn.models.card import ModelCard
from napari_maskrcnn.models.coco import coco_class_names
from napari_maskrcnn.models.sniff import FileKind, file_kind
from napari_maskrcnn.models.weights import WeightsError

if TYPE_CHECKING:
    from torch import Tensor

    from napari_maskrcnn.network.config import Backbone, NetworkConfig

READABLE = (
    "Import reads .safetensors files of napari-maskrcnn and .pth files with the state dict of "
    "torchvision's maskrcnn_resnet50_fpn or maskrcnn_resnet50_fpn_v2, also with another ResNet or "
    "ResNeXt trunk."
)
_WRAPPERS = ("model", "state_dict", "model_state_dict", "network", "net")
_PREFIX = re.compile(r"^(module\.|_orig_mod\.|model\.)+")
# Names of torchvision before 0.13, each with the name it has now.
_RENAMED = (
    (re.compile(r"^(backbone\.fpn\.(?:inner|layer)_blocks\.\d+)\.(weight|bias)$"), r"\1.0.\2"),
    (re.compile(r"^(rpn\.head\.conv)\.(weight|bias)$"), r"\1.0.0.\2"),
)
_MASK_FCN = re.compile(r"^(roi_heads\.mask_head)\.mask_fcn(\d+)\.(weight|bias)$")
_BLOCK = re.compile(r"^backbone\.body\.layer(\d)\.(\d+)\.conv1\.weight$")
# Of each trunk the blocks of each stage, the channels out of and into a group of the first block's
# second convolution, and whether a block has a third one.
_TRUNKS: dict[tuple[tuple[int, ...], tuple[int, ...], bool], Backbone] = {
    ((2, 2, 2, 2), (64, 64), False): "resnet18",
    ((3, 4, 6, 3), (64, 64), False): "resnet34",
    ((3, 4, 6, 3), (64, 64), True): "resnet50",
    ((3, 4, 23, 3), (64, 64), True): "resnet101",
    ((3, 4, 6, 3), (128, 4), True): "resnext50_32x4d",
    ((3, 4, 23, 3), (256, 8), True): "resnext101_32x8d",
}


def read_torchvision(path: Path) -> tuple[dict[str, Tensor], ModelCard]:
    """Read a torchvision Mask R-CNN of either version's layout, with any trunk known here.

    Parameters
    ----------
    path : Path
        A file of ``torch.save(model.state_dict(), path)``, of any torchvision version; also one
        that holds the state dict under "model" or "state_dict".

    Returns
    -------
    tensors : dict of str to Tensor
        On the CPU, under torchvision's present names.
    card : ModelCard
        Named after the file, with the network that these tensors fit. Classes are COCO's when
        there are 90 of them, else "object" or "class 1", "class 2", …

    Raises
    ------
    WeightsError
        When the file is damaged, of another kind or layout, or holds more than numbers.
    """
    tensors = {_present_name(name): tensor for name, tensor in _load_tensors(path).items()}
    try:
        config = _read_config(tensors)
    except (LookupError, ValueError) as error:
        raise WeightsError(
            f"{path}: a PyTorch checkpoint of another network ({error}). {READABLE}"
        ) from error
    card = ModelCard(
        path.stem,
        description=f"Imported from {path.name}.",
        base="torchvision",
        network=config.to_dict(),
    )
    return tensors, card


def _load_tensors(path: Path) -> dict[str, Tensor]:
    import torch

    kind = file_kind(path)
    if kind is FileKind.PICKLE:
        raise WeightsError(
            f"{path}: {kind.value}, which could run code when it is read, so it was not opened. "
            f"{READABLE}"
        )
    if kind is not FileKind.TORCH:
        raise WeightsError(f"{path}: {kind.value}. {READABLE}")
    try:
        content = torch.load(path, map_location="cpu", weights_only=True)
    except OSError:
        raise
    except Exception as error:  # a damaged archive fails in any way its bytes lead to
        raise WeightsError(f"{path}: {_load_failure(error)}") from error
    return _state_dict(content, path)


def _load_failure(error: Exception) -> str:
    if "unsupported" in str(error).lower():
        return (
            "the checkpoint holds Python objects besides numbers, which could run code, so it was "
            "not opened. Save only the numbers where it was made: "
            "torch.save(model.state_dict(), file)."
        )
    return "the checkpoint is damaged or cut short. Download or copy it again."


def _state_dict(content: Any, path: Path) -> dict[str, Tensor]:
    import torch

    for wrapper in _WRAPPERS:
        if isinstance(content, Mapping) and isinstance(content.get(wrapper), Mapping):
            content = content[wrapper]
    if not isinstance(content, Mapping) or not content:
        raise WeightsError(f"{path}: a PyTorch file without a state dict. {READABLE}")
    strange = [name for name, value in content.items() if not isinstance(value, torch.Tensor)]
    if strange:
        raise WeightsError(
            f"{path}: a PyTorch file without a state dict (it holds {strange[0]!r}). {READABLE}"
        )
    return {str(name): tensor for name, tensor in content.items()}


def _present_name(name: str) -> str:
    name = _PREFIX.sub("", name)
    for pattern, replacement in _RENAMED:
        name = pattern.sub(replacement, name)
    if match := _MASK_FCN.match(name):
        head, number, kind = match.groups()
        name = f"{head}.{int(number) - 1}.0.{kind}"
    return name


def _read_config(tensors: Mapping[str, Tensor]) -> NetworkConfig:
    """Network that the tensors look like; that every one fits is checked when it is built."""
    from napari_maskrcnn.network.config import NetworkConfig

    frozen = not any(name.endswith("num_batches_tracked") for name in tensors)
    box_convs = _count(tensors, "roi_heads.box_head.{}.0.weight")
    wide = f"roi_heads.box_head.{box_convs + 1 if box_convs else 'fc6'}.weight"
    return NetworkConfig(
        backbone=_trunk(tensors),
        frozen_norm=frozen,
        fpn_norm="backbone.fpn.inner_blocks.0.1.weight" in tensors,
        head_norm="roi_heads.mask_head.0.1.weight" in tensors,
        norm_eps=_norm_eps(tensors, frozen),
        fpn_channels=_rows(tensors, "backbone.fpn.layer_blocks.0.0.weight"),
        box_channels=_rows(tensors, wide),
        mask_channels=_rows(tensors, "roi_heads.mask_head.0.0.weight"),
        rpn_convs=_count(tensors, "rpn.head.conv.{}.0.weight"),
        box_convs=box_convs,
        class_agnostic_boxes=_rows(tensors, "roi_heads.box_predictor.bbox_pred.weight") == 4,
        class_agnostic_masks=_rows(tensors, "roi_heads.mask_predictor.mask_fcn_logits.weight") == 1,
        class_names=_class_names(_rows(tensors, "roi_heads.box_predictor.cls_score.weight") - 1),
        # These weights draw no line at a hundred objects; only torchvision's code does.
        pre_nms=None,
        post_nms=None,
        max_detections=None,
    )


def _trunk(tensors: Mapping[str, Tensor]) -> Backbone:
    counted = Counter(int(m.group(1)) for name in tensors if (m := _BLOCK.match(name)))
    blocks = tuple(counted[stage] for stage in sorted(counted))
    first = "backbone.body.layer1.0."
    shape = tuple(tensors[f"{first}conv2.weight"].shape[:2]) if counted else ()
    trunk = _TRUNKS.get((blocks, shape, f"{first}conv3.weight" in tensors))
    if trunk is None:
        raise ValueError(f"no known ResNet trunk: backbone.body has {list(blocks)} blocks")
    return trunk


def _rows(tensors: Mapping[str, Tensor], name: str) -> int:
    if name not in tensors or tensors[name].ndim == 0:
        raise ValueError(f"{name} is missing")
    return int(tensors[name].shape[0])


def _count(tensors: Mapping[str, Tensor], pattern: str) -> int:
    """Count the layers that are there under the pattern's names, numbered from 0."""
    return next(k for k in count() if pattern.format(k) not in tensors)


def _norm_eps(tensors: Mapping[str, Tensor], frozen: bool) -> float:
    # Torchvision sets eps = 0 in its COCO model and so in what is fine-tuned from it; a norm that
    # was trained, or that has a channel without variance, can only have had the usual one.
    variances = [tensor for name, tensor in tensors.items() if name.endswith("running_var")]
    usable = frozen and all(bool((variance > 0).all()) for variance in variances)
    return 0.0 if usable else 1e-5


def _class_names(classes: int) -> tuple[str, ...]:
    names = coco_class_names()
    if classes == len(names):  # nobody else has just as many
        return names
    if classes < 1:
        raise ValueError(f"its class layer has {classes + 1} rows, background and no class")
    return ("object",) if classes == 1 else tuple(f"class {k}" for k in range(1, classes + 1))
