"""How many user actions repair a prediction: tools and prompts against napari's brush alone.

    python -m benchmarks.session --data FOLDER [--model NAME] [--images ID ...]

The folder holds ``images`` and ``labels`` of the same stems. A script repairs the model's
prediction until every true object has a label with an IoU of at least 0.7 and no label is left
over, twice, each time by real edits of the label image. It knows the truth, as a person who looks
at the image does, and it is counted what it does: a click, a drag, a key and a change of the tool
are one action each.

With the tools, the score slider comes first, one drag, to where least is wrong. Then *Find*: a box
around each object that is missing, badly drawn, merged with another or in pieces, its position and
size off by up to 10 %; where that does not repair it, Ctrl+Z takes it back, and after some failures
in a row the person leaves it. Labels that fit nothing go by *Delete*, a click each, and what is
missing then is drawn by *Add*, a drag each along the true outline.

With the brush, the person is as skilled as can be: any part of an object is painted or erased in
one drag, exactly along its border, whatever its size and form, and the size of the brush never
changes. An object gets its number by M, a key; where painting over the old label leaves pixels of
it, each piece left is erased in a drag. An outline that is only too large is erased to size. All
objects are painted first and then all erased, so the tools change twice.
"""

from __future__ import annotations

import argparse
from collections import Counter
from copy import deepcopy
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from benchmarks.prompts import iou, jittered
from napari_maskrcnn.annotate import edits
from napari_maskrcnn.annotate.put import put
from napari_maskrcnn.images import read_image
from napari_maskrcnn.instances import Instances, label_boxes
from napari_maskrcnn.jobs import run
from napari_maskrcnn.models import load_model
from napari_maskrcnn.models.model import Model
from napari_maskrcnn.predict.plane import predict
from napari_maskrcnn.predict.prompt import Prompter
from napari_maskrcnn.predict.prompt_tile import prompter_job
from napari_maskrcnn.predict.settings import PredictSettings

GOOD = 0.7
SCORES = (0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95)
#: Failures of Find in a row after which the person leaves it; none: without Find, only by hand.
PATIENCE = {"by hand": 0, "Find until 2 failures": 2, "Find always": 10**6}
#: Of the validation images, three of 50 to 80 objects.
IMAGES = ("aa58ba451295", "3934a094e853", "cbff60361ded")

Labels = NDArray[np.int32]
Mask = NDArray[np.bool_]


@dataclass
class Session:
    """Labels under repair, the truth, and the actions so far."""

    labels: Labels
    truth: Labels
    actions: int = 0

    def best(self, mask: Mask) -> tuple[int, float]:
        """The label that fits an object best, and its IoU; 0 for none."""
        ids = np.unique(self.labels[mask])
        found = [(iou(self.labels == i, mask), int(i)) for i in ids if i]
        share, label = max(found, default=(0.0, 0))
        return label, share

    def wrong(self) -> list[Mask]:
        """True objects that no label fits well."""
        masks = [self.truth == i for i in np.unique(self.truth) if i]
        return [mask for mask in masks if self.best(mask)[1] < GOOD]

    def extra(self) -> list[int]:
        """Labels that fit no true object well."""
        right = {self.best(self.truth == i)[0] for i in np.unique(self.truth) if i}
        wrong = {self.best(mask)[0] for mask in self.wrong()}
        return [int(i) for i in np.unique(self.labels) if i and i not in right - wrong]

    def next_id(self) -> int:
        """A number that no label has."""
        return int(max(self.labels.max(), 0)) + 1


def outline(mask: Mask) -> NDArray[np.float64]:
    """Corners (n, 2) of a drag along the border of an object."""
    from skimage.measure import find_contours

    contours = find_contours(np.pad(mask, 1).astype(float), 0.5)
    return np.asarray(max(contours, key=len)) - 1


def slide(session: Session, found: Instances) -> None:
    """Move the score slider to where the fewest objects and labels are wrong."""
    best = len(session.wrong()) + len(session.extra())
    chosen = None
    for score in SCORES:
        other = Session(found.above(score).to_labels(), session.truth)
        wrong = len(other.wrong()) + len(other.extra())
        if wrong < best:
            best, chosen = wrong, other.labels
    if chosen is not None:
        session.labels[:] = chosen
        session.actions += 1


def with_tools(
    session: Session, prompter: Prompter, patience: int, rng: np.random.Generator
) -> None:
    """Repair by Find, Delete and Add."""
    wrong = session.wrong()
    if wrong and patience:
        session.actions += 1  # the key of Find
    failures = 0
    for mask in wrong:
        if failures < patience and session.best(mask)[1] < GOOD:
            failures = 0 if _find(session, prompter, mask, rng) else failures + 1
    extra = session.extra()
    if extra:
        session.actions += 1 + len(extra)  # the key of Delete, and a click on each
        edits.delete(session.labels, extra).apply(session.labels)
    wrong = session.wrong()
    if wrong:
        session.actions += 1 + len(wrong)  # the key of Add, and a drag around each
    for mask in wrong:
        edits.add_polygon(session.labels, outline(mask), session.next_id()).apply(session.labels)


def _find(session: Session, prompter: Prompter, mask: Mask, rng: np.random.Generator) -> bool:
    """Draw a box around an object; undo what does not repair it, and return whether it did."""
    box = Instances.from_labels(mask.astype(np.int32)).boxes[0]
    before, wrong = session.labels.copy(), len(session.wrong())
    session.actions += 1
    try:
        found = prompter.box(jittered(box, rng))
        edit, _ = put(session.labels, found.crops[0], found.origins[0], session.next_id())
    except ValueError:
        return False  # nothing was changed, so nothing is to be undone
    edit.apply(session.labels)
    if session.best(mask)[1] >= GOOD and len(session.wrong()) < wrong:
        return True
    session.labels[:] = before
    session.actions += 1  # Ctrl+Z
    return False


def with_brush(session: Session) -> None:
    """Repair by painting and erasing."""
    wrong = session.wrong()
    erased = [mask for mask in wrong if _too_large(session, mask)]
    painted = [mask for mask in wrong if not any(mask is other for other in erased)]
    if painted:
        session.actions += 1  # the brush
    for mask in painted:
        if session.best(mask)[1] < GOOD:
            session.actions += 2  # a new number, a drag over the object
            session.labels[mask] = session.next_id()
    drags = 0
    for mask in erased:
        label, share = session.best(mask)
        if share < GOOD:
            over = (session.labels == label) & (session.truth == 0)
            drags += ndimage.label(over)[1]
            session.labels[over] = 0
    for label in session.extra():
        left = session.labels == label
        drags += ndimage.label(left)[1]
        session.labels[left] = 0
    session.actions += drags + (drags > 0)  # the eraser


def _too_large(session: Session, mask: Mask) -> bool:
    """Whether erasing background alone makes a label fit an object."""
    label, _ = session.best(mask)
    if not label:
        return False
    kept = (session.labels == label) & (session.truth > 0)
    return iou(kept, mask) >= GOOD


def errors(session: Session) -> str:
    """What is wrong at first, in words."""
    wrong, extra = session.wrong(), session.extra()
    missed = sum(session.best(mask)[1] < 0.5 for mask in wrong)
    objects = len(label_boxes(session.truth)[0])
    return (
        f"{objects} objects, {missed} missed, merged or in pieces, {len(wrong) - missed} badly "
        f"outlined, {len(extra)} labels that fit none"
    )


def compare(model: Model, folder: Path, stem: str, seed: int = 0) -> tuple[dict[str, int], str]:
    """Repair one image in every way: the actions of each, and what was wrong."""
    image = read_image(folder / "images" / f"{stem}.png")
    truth = read_image(folder / "labels" / f"{stem}.png").astype(np.int32)
    found = predict(image, model, score=min(*SCORES, model.score))
    first = Session(found.above(model.score).to_labels(), truth)
    prompter = run(prompter_job(image, PredictSettings(), (0, 0, *truth.shape), model))
    assert prompter is not None
    sessions = {way: deepcopy(first) for way in ("brush", *PATIENCE)}
    with_brush(sessions["brush"])
    for way, patience in PATIENCE.items():
        slide(sessions[way], found)
        with_tools(sessions[way], prompter, patience, np.random.default_rng(seed))
    said = errors(first)
    for way, session in sessions.items():
        if left := len(session.wrong()) + len(session.extra()):
            said += f"; {way}: {left} are still wrong"
    return {way: session.actions for way, session in sessions.items()}, said


def main() -> None:
    """Print the actions of each image and of all together."""
    parser = argparse.ArgumentParser(description="Count the actions that repair a prediction.")
    parser.add_argument("--data", type=Path, required=True, help="folder with images and labels")
    parser.add_argument("--model", default="nuclei", help="name or file (default: nuclei)")
    parser.add_argument("--images", nargs="*", default=IMAGES, help="stems of the images")
    args = parser.parse_args()
    model = load_model(args.model)
    total: Counter[str] = Counter()
    for stem in args.images:
        actions, said = compare(model, args.data, stem)
        total.update(actions)
        print(f"{stem}: {said}", flush=True)
        print(*(f"    {way}: {count}" for way, count in actions.items()), sep="\n", flush=True)
    print("together:")
    for way, count in total.items():
        print(f"    {way}: {count}, {count / max(1, total['brush']):.2f} of the brush")


if __name__ == "__main__":
    main()
