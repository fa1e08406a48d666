"""Time and peak memory of every format with 100,000 objects, written and read back.

    python benchmarks/formats.py [--objects N] [--formats tiff csv …]

Each case runs in a process of its own, so that its peak is its own. The labels are a grid of blobs
of several sizes and shapes on 8192 × 8192 pixels; tables get a grey image of 16 bits.
"""

from __future__ import annotations

import argparse
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

SIDE = 8192


def make_labels(count: int) -> np.ndarray:
    """Draw `count` ellipses of many sizes and tilts, (8192, 8192) int32."""
    columns = int(np.ceil(np.sqrt(count)))
    cell = SIDE // columns
    rng = np.random.default_rng(0)
    axes, tilt = rng.uniform(0.3, 0.5, (count, 2)) * cell, rng.uniform(0, np.pi, count)
    y, x = np.mgrid[:cell, :cell] - (cell - 1) / 2
    labels = np.zeros((SIDE, SIDE), np.int32)
    for k in range(count):
        along = np.cos(tilt[k]) * x + np.sin(tilt[k]) * y
        across = np.cos(tilt[k]) * y - np.sin(tilt[k]) * x
        blob = (along / axes[k, 0]) ** 2 + (across / axes[k, 1]) ** 2 <= 1
        top, left = (k // columns) * cell, (k % columns) * cell
        labels[top : top + cell, left : left + cell][blob] = k + 1
    return labels


def run_case(name: str, path: Path, labels: Path, read: bool) -> None:
    """Export, or read back, and print seconds and the process's peak in megabytes."""
    import pandas as pd

    from napari_maskrcnn.formats import export, read_file

    array = np.load(labels)
    ids = np.arange(1, array.max() + 1)
    table = pd.DataFrame({"index": ids, "class": "cell", "score": 0.75})
    image = (array % 977 * 50).astype(np.uint16)
    started = time.perf_counter()
    if read:
        back = read_file(path, format=name, shape=array.shape).labels
        seconds = time.perf_counter() - started
        wrong = int((back != array).sum()) if back.shape == array.shape else -1
    else:
        export(array, path, image, table, format=name, scale=(0.5, 0.5), provenance={"a": "b"})
        seconds, wrong = time.perf_counter() - started, 0
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3
    print(f"{seconds:.1f} {peak:.0f} {wrong}")


def size_of(path: Path) -> int:
    """Return the bytes of a file or of all files in a folder."""
    files = path.rglob("*") if path.is_dir() else [path]
    return sum(file.stat().st_size for file in files if file.is_file())


def main() -> None:
    """Run every case and print a table."""
    from napari_maskrcnn.formats.registry import FORMATS

    names = [entry.name for entry in FORMATS if entry.write is not None]
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--objects", type=int, default=100_000)
    parser.add_argument("--formats", nargs="*", default=names, choices=names)
    parser.add_argument("--case", nargs=4, help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.case:
        name, path, labels, verb = args.case
        run_case(name, Path(path), Path(labels), verb == "read")
        return
    with tempfile.TemporaryDirectory() as folder:
        labels = Path(folder) / "labels.npy"
        np.save(labels, make_labels(args.objects))
        print(f"{'format':<20}{'':<7}{'s':>7}{'peak MB':>9}{'file MB':>9}{'wrong px':>10}")
        for entry in (entry for entry in FORMATS if entry.name in args.formats):
            path = Path(folder) / f"{entry.name}{entry.suffixes[0] if entry.suffixes else ''}"
            for verb in ("write", "read") if entry.read is not None else ("write",):
                case = [entry.name, str(path), str(labels), verb]
                command = [sys.executable, __file__, "--case", *case]
                done = subprocess.run(command, capture_output=True, text=True)
                if done.returncode:
                    print(f"{entry.name:<20}{verb:<7}{done.stderr.strip().splitlines()[-1]}")
                    continue
                seconds, peak, wrong = done.stdout.split()
                size = f"{size_of(path) / 1e6:.1f}" if verb == "write" else ""
                print(f"{entry.name:<20}{verb:<7}{seconds:>7}{peak:>9}{size:>9}{wrong:>10}")


if __name__ == "__main__":
    main()
