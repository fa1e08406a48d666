"""Which parts of the network learn, by the names that people know from Matterport's Mask R-CNN."""

from __future__ import annotations

from torch import nn

from napari_maskrcnn.network.config import Layers
from napari_maskrcnn.network.maskrcnn import MaskRCNN


def learning_parts(network: MaskRCNN, layers: Layers) -> list[nn.Module]:
    """Parts of the network that learn.

    Parameters
    ----------
    network : MaskRCNN
    layers : {"all", "3+", "4+", "5+", "heads", "rpn"}
        "heads": all but the trunk, so the pyramid, the RPN, the box and the mask head. "5+", "4+"
        and "3+": these and the trunk's stages from C5, C4 or C3 on. "rpn": the RPN's head alone.
        Without a C5, "5+" is "heads".
    """
    if layers == "all":
        return [network]
    if layers == "rpn":
        return [network.rpn]
    parts: list[nn.Module] = [network.backbone.fpn, network.rpn, network.roi_heads]
    if layers != "heads":
        body = network.backbone.body
        # Stage C2 is the trunk's first, layer1.
        parts += [body.get_submodule(name) for name in body.stages[int(layers[0]) - 2 :]]
    return parts


def freeze(network: MaskRCNN, layers: Layers = "all", *, norms: bool = False) -> None:
    """Let only some parts of the network learn, and keep the batch norms of the others.

    Parameters
    ----------
    network : MaskRCNN
        Changed in place: what learns is in training mode and requires a gradient, the rest not.
    layers : str
        As for `learning_parts`.
    norms : bool
        Keep every batch norm as it is, too: a few images are too few to estimate them.
    """
    network.eval().requires_grad_(False)
    for part in learning_parts(network, layers):
        part.train().requires_grad_(True)
    if norms:
        for module in network.modules():
            if isinstance(module, nn.BatchNorm2d):
                module.eval().requires_grad_(False)
