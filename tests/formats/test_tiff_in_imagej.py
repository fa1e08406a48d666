"""ImageJ opens our TIFFs: types, axes, pixel sizes and the very pixels."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from napari_maskrcnn.formats import export
from tests.formats.imagej import needs_imagej, run_macro

LABELS = np.zeros((20, 30), np.int64)
LABELS[2:5, 3:9], LABELS[10:14, 20:22] = 1, 2
STACK = np.stack([LABELS, LABELS * 0, LABELS[::-1]])

MACRO = """
    open('PATH');
    getDimensions(width, height, channels, slices, frames);
    getPixelSize(unit, x, y, z);
    if (slices * frames > 1) setSlice(slices * frames);
    getStatistics(area, mean, least, most);
    info = indexOf(getMetadata('Info'), 'nuclei');
    say('[' + width + ',' + height + ',' + slices + ',' + frames + ',' + bitDepth() + ',' + x + ','
        + y + ',' + z + ',' + mean + ',' + most + ',' + getPixel(3, 2) + ',' + info + ']');
    say('\\"' + unit + '\\"');
    close();
"""


@needs_imagej
@pytest.mark.slow
def test_imagej_opens_labels(tmp_path: Path) -> None:
    cases = [
        (LABELS, (0.5, 0.25), 8),
        (LABELS * 300, (0.5, 0.25), 16),
        (LABELS * 70_000, (0.5, 0.25), 32),
        (STACK * 300, (2.0, 0.5, 0.25), 16),
        (STACK * 70_000, (2.0, 0.5, 0.25), 32),
        (np.stack([STACK, STACK * 2]) * 300, (1.0, 2.0, 0.5, 0.25), 16),
    ]
    macro = ""
    for number, (labels, scale, _) in enumerate(cases):
        path = tmp_path / f"{number}.tif"
        export(labels, path, scale=scale, provenance={"model": "nuclei"})
        macro += MACRO.replace("PATH", str(path))
    said = run_macro(macro, tmp_path)
    for (labels, scale, bits), numbers, unit in zip(cases, said[::2], said[1::2], strict=True):
        slices, frames = (1, 1, *labels.shape[:-2])[-1], (1, 1, *labels.shape[:-2])[-2]
        depth = scale[-3] if labels.ndim > 2 else 1.0
        last = labels.reshape(-1, 20, 30)[-1]
        assert numbers[:5] == [30, 20, slices, frames, bits]
        assert numbers[5:8] == pytest.approx([scale[-1], scale[-2], depth])
        assert numbers[8:11] == pytest.approx([last.mean(), last.max(), last[2, 3]], rel=1e-4)
        assert numbers[11] > 0
        assert unit in ("um", "µm", "micron", "microns")
