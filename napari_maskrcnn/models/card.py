"""The card of a model: what a weights file says about itself, as one JSON text in its metadata."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields, replace
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from typing import Any, Self

METADATA_KEY = "napari-maskrcnn"
CARD_FORMAT = 1
#: What the settings of a training call its base when it has none.
FROM_SCRATCH = "none"


def plugin_version() -> str:
    """Return the version of the installed package, or "unknown" when it is not installed."""
    try:
        return version("napari-maskrcnn")
    except PackageNotFoundError:
        return "unknown"


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")


@dataclass(frozen=True)
class ModelCard:
    """Everything besides the weights that a model needs to predict and to explain itself.

    Parameters
    ----------
    name : str
        The name the model was saved under.
    description : str
        Free text: what the model is for and what it was trained on.
    base : str
        Name of the model that training started from; empty when from scratch.
    created : str
        Date and time in ISO format, UTC.
    plugin_version : str
        Version of napari-maskrcnn that wrote the file.
    score : float
        Score from 0 to 1 from which an object counts when the user gives none.
    diameter : float or None
        Median diameter in pixels of the objects at the scale the network was trained at.
    history : tuple of dict
        One JSON-able record for every training, oldest first.
    network : dict
        ``NetworkConfig.to_dict()``: what rebuilds the network.
    """

    name: str
    description: str = ""
    base: str = ""
    created: str = field(default_factory=_now)
    plugin_version: str = field(default_factory=plugin_version)
    score: float = 0.5
    diameter: float | None = None
    history: tuple[dict[str, Any], ...] = ()
    network: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Refuse values that no prediction could use."""
        if not 0 <= self.score <= 1:
            raise ValueError(f"The score of a model card is from 0 to 1, not {self.score!r}.")
        if self.diameter is not None and not (math.isfinite(self.diameter) and self.diameter > 0):
            raise ValueError(
                f"The diameter of a model card is a number of pixels above 0 or None, "
                f"not {self.diameter!r}."
            )

    def renamed(self, name: str) -> Self:
        """Return the same card under another name."""
        return replace(self, name=name)

    def to_metadata(self) -> dict[str, str]:
        """Return the card as safetensors metadata: one JSON text under one key.

        Numbers in the history that JSON cannot hold (NaN, infinity) become null.
        """
        content = _without_nan({"format": CARD_FORMAT, **asdict(self)})
        return {METADATA_KEY: json.dumps(content, allow_nan=False)}

    @classmethod
    def from_metadata(cls, metadata: Mapping[str, str] | None) -> Self:
        """Read the card back from safetensors metadata.

        Raises
        ------
        ValueError
            When there is no card, when it is not readable, or when a newer version of the
            plugin wrote it in a form that this one does not know.
        """
        if not metadata or METADATA_KEY not in metadata:
            raise ValueError(f'there is no "{METADATA_KEY}" entry in its metadata')
        try:
            content = json.loads(metadata[METADATA_KEY])
        except ValueError as error:
            raise ValueError(f"its model card is not readable as JSON ({error})") from error
        if not isinstance(content, dict):
            raise ValueError("its model card is not a JSON object")
        written = content.get("format", CARD_FORMAT)
        if not isinstance(written, int) or written > CARD_FORMAT:
            raise ValueError(
                f"its model card has format {written!r} and this version of napari-maskrcnn "
                f"reads up to {CARD_FORMAT}: update napari-maskrcnn"
            )
        return cls._from_content(content)

    @classmethod
    def _from_content(cls, content: dict[str, Any]) -> Self:
        known = {item.name for item in fields(cls)}
        # A field that a later version added is left out rather than refused.
        values = {key: value for key, value in content.items() if key in known}
        try:
            _check_types(values)
            return cls(**{**values, "history": tuple(values.get("history", ()))})
        except (TypeError, ValueError) as error:
            raise ValueError(f"its model card is incomplete or damaged ({error})") from error


def _check_types(values: Mapping[str, Any]) -> None:
    number = (int, float)
    expected: dict[str, tuple[type, ...]] = {
        **dict.fromkeys(("name", "description", "base", "created", "plugin_version"), (str,)),
        "score": number,
        "diameter": (*number, type(None)),
        "history": (list, tuple),
        "network": (dict,),
    }
    for key, value in values.items():
        if not isinstance(value, expected[key]) or isinstance(value, bool):
            raise TypeError(f"{key} is {value!r}")
    if not all(isinstance(record, dict) for record in values.get("history", ())):
        raise TypeError("history holds something other than records")


def _without_nan(value: Any) -> Any:
    if isinstance(value, float) and not math.isfinite(value):
        return None
    if isinstance(value, Mapping):
        return {str(key): _without_nan(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_without_nan(item) for item in value]
    return value
