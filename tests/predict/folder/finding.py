"""A folder of images, and a stand-in for the network that finds one square in each of them.

Run as a program it works on a folder again and again, is killed each time but the last, and says
what came of it.
"""

from __future__ import annotations

import itertools
import os
import random
import signal
import sys
import threading
import time
from pathlib import Path
from typing import Any

import numpy as np
import tifffile

from napari_maskrcnn.formats.label_data import per_axis
from napari_maskrcnn.formats.provenance import describe_image
from napari_maskrcnn.instances import Instances
from napari_maskrcnn.jobs import Job, Progress, run
from napari_maskrcnn.models import model
from napari_maskrcnn.predict.folder import job
from napari_maskrcnn.predict.folder.inputs import find_inputs
from napari_maskrcnn.predict.folder.job import FolderResult, predict_folder_job
from napari_maskrcnn.predict.folder.one import Found, Request
from napari_maskrcnn.predict.folder.plan import FileState, Plan, make_plan
from napari_maskrcnn.predict.kept import Kept

KILLS = 25
IMAGES = 30


def make_images(folder: Path, count: int) -> None:
    """Write images whose squares are as wide as their number says."""
    folder.mkdir()
    for number in range(count):
        image = np.zeros((48, 48), np.uint8)
        image[2 : 4 + number, 2:5] = 200
        tifffile.imwrite(folder / f"{number:02}.tif", image)


def state(folders: tuple[Path, Path], **changes: Any) -> FileState:
    """Return what is to be done with the only image of a folder."""
    (only,) = planned(*folders, **changes).files
    return only


def change(path: Path) -> None:
    """Change a file as an editor does: other content, another time."""
    path.write_bytes(path.read_bytes() + b" ")


def found_in(source: Path, request: Request, seconds: float = 0.0) -> Job[Found]:
    """Find what is bright, in two steps."""
    image = tifffile.imread(source)
    for step in (1, 2):
        time.sleep(seconds)
        yield Progress(step, 2, "Finding objects")
    instances = Instances.from_labels((image > 100).astype(np.int32), ("nucleus",))
    kept = Kept({None: instances}, request.settings, "nuclei", "hash", 0.5)
    chosen = kept.choose(request.choice)
    size = per_axis(request.pixel_size, 2)
    about = describe_image(source.name, image)
    return Found(chosen.labels[None], chosen, kept.describe(request.choice), about, image, size)


def find(
    source: Path, request: Request, model: Any, stop: threading.Event | None = None
) -> Job[Found | None]:
    """Stand for `find_in_file_job`."""
    found = yield from found_in(source, request)
    return None if stop is not None and stop.is_set() else found


def planned(images: Path, output: Path, overwrite: bool = False, **changes: Any) -> Plan:
    """Plan to predict a folder with the embedded model."""
    tasks = find_inputs([images], output).tasks
    return make_plan(tasks, output, Request(**changes), overwrite)


def drained(ready: Plan) -> FolderResult:
    """Work through a plan; the network is not needed."""
    return run(predict_folder_job(ready, object()))  # type: ignore[arg-type]


def _work(images: Path, output: Path) -> FolderResult:
    return drained(planned(images, output))


def main(root: Path) -> None:
    """Work and be killed, again and again; then work to the end and say how it stood before."""
    job.find_in_file_job = find
    model.file_hash = lambda path: "hash"
    randoms = random.Random(0)
    make_images(root / "in", IMAGES)
    _work_a_little(root)
    # On a slow computer the first ones die before they find anything.
    for kill in itertools.count(1):
        child = os.fork()
        if child == 0:
            _work(root / "in", root / "out")
            os._exit(0)
        time.sleep(randoms.uniform(0.0, 0.15))
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        before = planned(root / "in", root / "out")
        if kill >= KILLS and before.todo < IMAGES:
            break
    _work(root / "in", root / "out")
    sys.stdout.write(f"{IMAGES - before.todo} were done after {kill} kills\n")


def _work_a_little(root: Path) -> None:
    """Import everything once, so that the children begin with the work."""
    warm = root / "warm"
    make_images(warm, 1)
    _work(warm, root / "warm-out")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
