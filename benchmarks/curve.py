"""Draw the learning curve of fine-tuning from what ``benchmarks.fine_tune --curve`` wrote.

    python -m benchmarks.curve FILE.json... --output docs/images/learning-curve.svg

Needs matplotlib (``pip install -e ".[docs]"``). Of trainings alike the median is drawn.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from benchmarks.fine_tune import medians
from napari_maskrcnn.train.settings import FROM_SCRATCH

NEW, OLD, SCRATCH = "#00796b", "#b26a00", "#6e6e6e"


def points(
    trainings: Sequence[dict[str, Any]], scratch: bool, kind: str
) -> list[tuple[int, float]]:
    """Objects and score of the trainings from a base, or from scratch, fewest objects first."""
    found = medians(trainings, ("objects", "base"))
    return sorted(
        (row["objects"], row[kind]) for row in found if (row["base"] == FROM_SCRATCH) == scratch
    )


def draw(trainings: Sequence[dict[str, Any]], before: dict[str, float], output: Path) -> None:
    """Draw the scores on the new and the old kind of image over the number of objects."""
    import matplotlib as mpl

    mpl.use("svg")
    mpl.rcParams["svg.hashsalt"] = "napari-maskrcnn"
    from matplotlib import pyplot as plt

    figure, axes = plt.subplots(figsize=(6.4, 3.8), layout="constrained")
    lines = (
        ("new kind of image", False, "new", NEW),
        ("what the base knew", False, "old", OLD),
        ("new kind, from scratch", True, "new", SCRATCH),
    )
    for name, scratch, kind, colour in lines:
        found = points(trainings, scratch, kind)
        if not found:
            continue
        first = [] if scratch else [(0, before[kind])]
        objects, scores = zip(*first, *found, strict=True)
        axes.plot(objects, scores, "o-", color=colour, label=name, clip_on=False)
    axes.set(xlabel="corrected objects", ylabel="AP at IoU 0.5", xlim=(0, None), ylim=(0, 1))
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(frameon=False)
    figure.savefig(output, metadata={"Date": None})


def main() -> None:
    """Read every file named, and draw."""
    parser = argparse.ArgumentParser(description="Draw the learning curve of fine-tuning.")
    parser.add_argument("files", type=Path, nargs="+", metavar="FILE")
    parser.add_argument("--output", type=Path, default=Path("learning-curve.svg"))
    args = parser.parse_args()
    found = [json.loads(path.read_text(encoding="utf-8")) for path in args.files]
    draw([row for one in found for row in one["trainings"]], found[0]["before"], args.output)


if __name__ == "__main__":
    main()
