"""Fine-tuning: corrected labels in, a model and the proof of its gain out."""

from __future__ import annotations

import operator
import os
import threading
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import torch

from napari_maskrcnn.device import choose_device
from napari_maskrcnn.jobs import Job, Progress, run
from napari_maskrcnn.models.card import ModelCard
from napari_maskrcnn.models.model import Model
from napari_maskrcnn.models.weights import save_weights
from napari_maskrcnn.predict.settings import channel_numbers
from napari_maskrcnn.train.base import Start, begin
from napari_maskrcnn.train.batches import fitted
from napari_maskrcnn.train.calibrate import choose_score_job
from napari_maskrcnn.train.classes import class_counts, settle_classes
from napari_maskrcnn.train.curves import curves
from napari_maskrcnn.train.dataset import Example, Pair, make_examples, require_objects
from napari_maskrcnn.train.loop import Trained, train_job
from napari_maskrcnn.train.regions import Region, finished
from napari_maskrcnn.train.scoring import score_job, score_network
from napari_maskrcnn.train.settings import TrainSettings
from napari_maskrcnn.train.split import split

#: Of the images a card names these many.
MOST_NAMES = 100


@dataclass(frozen=True)
class FineTuneResult:
    """A trained model with its proof.

    Parameters
    ----------
    model : Model
        Ready to predict; not saved yet.
    history : tuple of dict
        Losses of every step; ``ap50`` and ``ap75`` where it was validated.
    before, after : dict
        ``{"ap50": x, "ap75": x, "objects": n, "missed": n, "extra": n}`` of the base and of the
        model on the held-out part, with the counts at an IoU of 0.5; empty without one, `before`
        also from scratch.
    finished : bool
        False when it was stopped early.
    trouble : str
        Why it ended early, if nobody stopped it: a loss that was not finite, at which step and on
        which images. The model is the one before that step.
    held : tuple of Example
        What it was judged by.
    base : callable, optional
        Loads the base as it was measured; None from scratch.
    notes : tuple of str
        What did not go as it was meant to, and how the training went on.
    """

    model: Model
    history: tuple[dict[str, Any], ...]
    before: dict[str, float]
    after: dict[str, float]
    finished: bool
    trouble: str = ""
    held: tuple[Example, ...] = ()
    base: Callable[[], Model] | None = None
    notes: tuple[str, ...] = ()

    def save(
        self, path: str | os.PathLike[str], overwrite: bool = False, half: bool = False
    ) -> Path:
        """Write the model to a ``.safetensors`` file and return its path.

        Parameters
        ----------
        path : str or path-like
        overwrite : bool
            Replace a file that exists.
        half : bool
            Kernels as float16, which halves the file.

        Raises
        ------
        FileExistsError
            The file exists and `overwrite` is False.
        """
        card = replace(self.model.card, name=Path(path).stem)
        return save_weights(Path(path), self.model.network, card, overwrite, half)


def fine_tune(
    pairs: Iterable[Pair],
    base: str | os.PathLike[str] | Model = "nuclei",
    minutes: float | None = None,
    epochs: int | None = None,
    validation: Iterable[Pair] | None = None,
    regions: Sequence[Region] | None = None,
    seed: int = 0,
    channels: Sequence[int] | None = None,
    progress: Callable[[Progress], object] | None = None,
    stop: threading.Event | None = None,
) -> FineTuneResult:
    """Train a model further on images and their corrected labels.

    Parameters
    ----------
    pairs : iterable of (image, labels)
        Images (H, W) or (H, W, C), labels (H, W) integers, 0 for background.
    base : str, path or Model
        Model to start from, by name, file or loaded; ``"none"``: random weights.
    minutes, epochs : float, int, optional
        Budget, one of them; 5 minutes when neither is given.
    validation : iterable of (image, labels), optional
        Held out to judge by; None parts the pairs, an empty one does without.
    regions : sequence, optional
        For each pair the rectangles ``(top, left, bottom, right)`` in pixels, half-open, where the
        labels are complete, or an (H, W) bool mask of that, or None for all of it. Nothing is
        learnt elsewhere, not even that there is background.
    seed : int
        Seeds everything that is random.
    channels : sequence of int, optional
        One to three channels to look at, as for `predict`.
    progress : callable, optional
        Called with a `Progress` after every step; its ``data`` holds the losses.
    stop : threading.Event, optional
        Ends the training at the next step; the best weights so far are returned.

    Raises
    ------
    ValueError
        No object in the labels, a mask in place of labels, shapes that differ, labels that are no
        integers, a channel that an image lacks, pairs that are none.
    """
    loaded = base if isinstance(base, Model) else None
    settings = TrainSettings(
        base=base.name if isinstance(base, Model) else os.fspath(base),
        minutes=None if minutes is None else float(minutes),
        epochs=None if epochs is None else _whole("epochs", epochs),
        seed=_whole("seed", seed),
        device="auto" if loaded is None else str(loaded.device),
    )
    settings.validate()
    looked_at = channel_numbers(channels)
    examples = make_examples(pairs, "pairs", "image", looked_at)
    if regions is not None:
        examples = finished(examples, regions)
    held = None
    if validation is not None:
        held = make_examples(validation, "validation", "validation", looked_at)
    job = fine_tune_job(examples, settings, validation=held, base=loaded, stop=stop)
    return run(job, progress)


def fine_tune_job(
    examples: Sequence[Example],
    settings: TrainSettings,
    *,
    validation: Sequence[Example] | None = None,
    base: Model | None = None,
    checkpoint: Path | None = None,
    resume: bool = False,
    stop: threading.Event | None = None,
) -> Job[FineTuneResult]:
    """Train on examples; see `fine_tune` and `train_job`.

    Parameters
    ----------
    examples : sequence of Example
    settings : TrainSettings
    validation : sequence of Example, optional
        None parts the examples; empty: without a proof.
    base : Model, optional
        Loaded already.
    checkpoint, resume, stop
        As for `train_job`.
    """
    settings.validate()
    require_objects(examples)
    examples, validation = settle_classes(examples, validation)
    yield Progress(0, 0, "Loading the model")
    begun = partial(begin, [*examples, *(validation or ())], settings, base)
    start = begun()
    if validation is None:
        examples, validation = split(examples, settings.seed)
    device = choose_device(settings.device)
    start.network.to(device)
    settings = settings if start.continues else replace(settings, reach=None)
    settings = fitted(settings, examples, start.zoom)
    score = partial(score_network, card=start.card, held=validation, stop=stop)
    before = yield from _before_job(start, settings, validation, stop)
    trained = yield from train_job(
        start.network,
        examples,
        settings,
        zoom=start.zoom,
        new_classes=start.new_classes,
        score=score if validation else None,
        held=validation,
        checkpoint=checkpoint,
        resume=resume,
        stop=stop,
    )
    card, after = yield from _judge_job(start.card, trained, examples, validation, settings, stop)
    card = _card(card, settings, examples, validation or (), trained, before, after)
    return FineTuneResult(
        Model(trained.network, card, None, device),
        trained.history,
        before,
        after,
        trained.finished,
        trained.trouble,
        tuple(validation),
        None if settings.from_scratch else partial(_base, begun, device),
        trained.notes,
    )


def _before_job(
    start: Start,
    settings: TrainSettings,
    held: Sequence[Example],
    stop: threading.Event | None,
) -> Job[dict[str, float]]:
    """How well the base finds what is held out; empty from scratch or where nothing is."""
    if not held or settings.from_scratch:
        return {}
    return (yield from score_job(start.network.eval(), start.card, held, stop))


def _judge_job(
    card: ModelCard,
    trained: Trained,
    examples: Sequence[Example],
    held: Sequence[Example],
    settings: TrainSettings,
    stop: threading.Event | None,
) -> Job[tuple[ModelCard, dict[str, float]]]:
    """Card with the score from which an object counts, and how the model does on what is held."""
    after = trained.scores
    if settings.from_scratch:
        model = Model(trained.network, card, None, next(trained.network.parameters()).device)
        score = yield from choose_score_job(model, examples, settings.seed, stop)
        if score != card.score:
            card, after = replace(card, score=score), {}
    # Stopped before its first step it is the base still.
    if held and not after and trained.history:
        after = score_network(trained.network, card=card, held=held, stop=stop)
    return card, after


def _base(begun: Callable[[], Start], device: torch.device) -> Model:
    """Model of the base as the training found it, with the classes and the scale of the images."""
    start = begun()
    return Model(start.network.to(device).eval(), start.card, None, device)


def _whole(name: str, value: object) -> int:
    """Return a whole number of any type, or say that it is none."""
    try:
        return operator.index(value)  # type: ignore[arg-type]  # that is what is asked here
    except TypeError:
        raise ValueError(f"{name} is {value!r}; give a whole number.") from None


def _card(
    card: ModelCard,
    settings: TrainSettings,
    examples: Sequence[Example],
    held: Sequence[Example],
    trained: Trained,
    before: dict[str, float],
    after: dict[str, float],
) -> ModelCard:
    """Card of the new model, with this training at the end of its history."""
    record = {
        "settings": asdict(settings),
        "images": len(examples),
        "names": [example.name for example in examples[:MOST_NAMES]],
        # What of each of them somebody said is correct.
        "correct": [example.correct for example in examples[:MOST_NAMES]],
        "held_out": [[example.name, example.correct] for example in held[:MOST_NAMES]],
        "objects": sum(len(example.objects) for example in examples),
        "classes": class_counts(examples),
        "steps": trained.history[-1]["step"] if trained.history else 0,
        "seconds": trained.history[-1]["seconds"] if trained.history else 0.0,
        "before": before,
        "after": after,
        "curves": curves(trained.history),
    }
    return replace(card, network=trained.network.config.to_dict(), history=(*card.history, record))
