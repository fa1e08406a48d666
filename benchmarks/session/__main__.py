"""Count the actions on images of a folder, and print them."""

from __future__ import annotations

import argparse
from collections import Counter
from pathlib import Path

import numpy as np

from benchmarks.session import __doc__ as ABOUT
from benchmarks.session.brush import with_brush
from benchmarks.session.state import Session
from benchmarks.session.tools import SCORES, Policy, slide, with_tools
from napari_maskrcnn.images import read_image
from napari_maskrcnn.jobs import run
from napari_maskrcnn.models import load_model
from napari_maskrcnn.models.model import Model
from napari_maskrcnn.predict.plane import predict
from napari_maskrcnn.predict.prompt_tile import prompter_job
from napari_maskrcnn.predict.settings import PredictSettings

BRUSH = "brush"
#: The first took the fewest actions on three training images; it is the one that counts.
POLICIES = {
    "tools": Policy(),
    "tools, boxes": Policy(covered=True),
    "tools, boxes, clicks": Policy(covered=True, missed=2),
}
#: Of the validation images, three of 50 to 80 objects.
IMAGES = ("aa58ba451295", "3934a094e853", "cbff60361ded")


def errors(session: Session) -> str:
    """What is wrong at first, in words."""
    objects, _, iou = session.fits()
    wrong, extra = session.wrong(), session.extra()
    missed = int((iou.max(1, initial=0) < 0.5).sum())
    return (
        f"{len(objects)} objects, {missed} missed, merged or in pieces, {len(wrong) - missed} "
        f"badly outlined, {len(extra)} labels that fit none"
    )


def compare(model: Model, folder: Path, stem: str) -> tuple[dict[str, Session], str]:
    """Repair one image in every way; what was wrong, and what still is."""
    image = read_image(folder / "images" / f"{stem}.png")
    truth = read_image(folder / "labels" / f"{stem}.png").astype(np.int32)
    found = predict(image, model, score=min(*SCORES, model.score))
    first = Session(found.above(model.score).to_labels(), truth)
    prompter = run(prompter_job(image, PredictSettings(), (0, 0, *truth.shape), model))
    assert prompter is not None
    sessions = {way: first.copy() for way in (BRUSH, *POLICIES)}
    with_brush(sessions[BRUSH])
    for way, policy in POLICIES.items():
        slide(sessions[way], found, model.score)
        with_tools(sessions[way], prompter, policy, np.random.default_rng(0))
    said = errors(first)
    for way, session in sessions.items():
        if left := session.errors():
            said += f"; {way}: {left} are still wrong"
    return sessions, said


def main() -> None:
    """Print the actions of each image and of all together."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.session",
        description=ABOUT,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--data", type=Path, required=True, help="folder with images and labels")
    parser.add_argument("--model", default="nuclei", help="name or file (default: nuclei)")
    parser.add_argument("--images", nargs="*", default=IMAGES, help="stems of the images")
    args = parser.parse_args()
    model = load_model(args.model)
    total: dict[str, Counter[str]] = {}
    for stem in args.images:
        sessions, said = compare(model, args.data, stem)
        print(f"{stem}: {said}", flush=True)
        for way, session in sessions.items():
            total.setdefault(way, Counter()).update(session.actions)
            print(f"    {way}: {session.count}", flush=True)
    print("together:")
    for way, actions in total.items():
        share = actions.total() / max(1, total[BRUSH].total())
        kinds = ", ".join(f"{n} {kind}" for kind, n in sorted(actions.items()) if n)
        print(f"    {way}: {actions.total()}, {share:.2f} of the brush ({kinds})")


if __name__ == "__main__":
    main()
