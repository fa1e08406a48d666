"""Images that are read tile by tile: memory and seconds as they grow, with the embedded model.

Each side is measured in a process of its own, so that its peak memory is that of this image alone:

    python -m benchmarks --only huge
    python -m benchmarks.huge 4096
"""

from __future__ import annotations

import json
import subprocess
import sys
import time
from typing import TYPE_CHECKING, Any

import numpy as np

from benchmarks import memory
from benchmarks.turns import ROOT
from napari_maskrcnn.synthetic import synthetic_nuclei

if TYPE_CHECKING:
    import dask.array

NAME = "huge"
SIDES = (2048, 16384)
# The image is put together of one drawn block, turned and mirrored.
BLOCK = 2048
NUCLEI = 1563
DIAMETERS = (28.0, 44.0)


def image(side: int, drawn: Any) -> dask.array.Array:
    """Return a lazy image (side, side) of turned copies of a drawn block."""
    import dask.array as da

    def part(block_info: Any = None) -> Any:
        row, column = block_info[None]["chunk-location"]
        turned = np.rot90(drawn, row + 2 * column)
        return turned[:, ::-1] if column % 2 else turned

    chunks = (BLOCK,) * (side // BLOCK)
    return da.map_blocks(part, chunks=(chunks, chunks), dtype=drawn.dtype)


def measure(side: int) -> dict[str, Any]:
    """Predict an image of this side and make its label image.

    Returns
    -------
    dict
        ``side``, ``objects``, ``drawn`` (how many there are), ``seconds``, ``processor`` (its
        seconds, over all cores) and ``above_output``: peak memory of the process in bytes, with
        libraries and weights, but without the label image.
    """
    from napari_maskrcnn.models import load_model
    from napari_maskrcnn.predict.plane import predict

    drawn, labels = synthetic_nuclei((BLOCK, BLOCK), NUCLEI, DIAMETERS, seed=1)
    count = int(labels.max()) * (side // BLOCK) ** 2
    del labels
    lazy, model = image(side, drawn), load_model("nuclei", "cpu")
    predict(drawn[:256, :256], model, diameter=sum(DIAMETERS) / 2)
    start, used = time.perf_counter(), time.process_time()
    found = predict(lazy, model, diameter=sum(DIAMETERS) / 2)
    made = found.to_labels()
    return {
        "side": side,
        "objects": len(found),
        "drawn": count,
        "seconds": time.perf_counter() - start,
        "processor": time.process_time() - used,
        "above_output": memory.peak_bytes() - made.nbytes,
    }


def main(sides: tuple[int, ...] = SIDES) -> None:
    """Measure every side, and print each as soon as it is known."""
    first = 0.0
    for side in sides:
        command = [sys.executable, "-m", "benchmarks.huge", str(side)]
        said = subprocess.run(command, stdout=subprocess.PIPE, text=True, cwd=ROOT, check=True)
        row = json.loads(said.stdout)
        each = row["processor"] / side**2
        first = first or each
        print(
            f"{side}² px: {row['objects']} objects of {row['drawn']}, {row['seconds']:.0f} s, "
            f"{1e6 * each:.2f} processor seconds a megapixel ({each / first:.2f} times the first), "
            f"{row['above_output'] / 2**30:.2f} GiB above the label image",
            flush=True,
        )


if __name__ == "__main__":
    # A side: measured here and told as JSON.
    print(json.dumps(measure(int(sys.argv[1]))))
