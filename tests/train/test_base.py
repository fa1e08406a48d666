"""What a training begins with: the classes of a base where the labels name none."""

from __future__ import annotations

from dataclasses import replace

from napari_maskrcnn.models import Model
from napari_maskrcnn.train.base import begin, with_classes
from napari_maskrcnn.train.dataset import Example
from napari_maskrcnn.train.settings import TrainSettings


def test_labels_without_classes_are_of_the_only_class_or_of_a_new_one(
    base: Model, example: Example
) -> None:
    one = begin([example], TrainSettings(epochs=1), base)
    assert (one.network.config.class_names, one.new_classes) == (("nucleus",), ())
    config = replace(base.network.config, class_names=("dead", "live"))
    several = replace(base, network=with_classes(base.network, config))
    two = begin([example], TrainSettings(epochs=1, class_name="cell"), several)
    assert (two.network.config.class_names, two.new_classes) == (("cell",), ("cell",))
    assert not two.continues
