"""``project.json``: that a folder is a project, and how its images are predicted."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import fields
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from napari_maskrcnn.predict.settings import PredictSettings

FILE = "project.json"
VERSION = 1
_KIND = "napari-maskrcnn project"


class ProjectError(ValueError):
    """A folder is no project, or its files cannot be read; the message says which and why."""


def is_project(folder: Path) -> bool:
    """Whether a folder is a project."""
    return (folder / FILE).is_file()


def new_about() -> dict[str, Any]:
    """Return what the file of a new project says."""
    created = f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}"
    return {_KIND: VERSION, "created": created, "predict": {}}


def about_text(about: Mapping[str, Any]) -> str:
    """Return the text of the file."""
    return json.dumps(about, indent=2) + "\n"


def read_about(root: Path) -> dict[str, Any]:
    """Read the file; what others wrote into it stays.

    Raises
    ------
    ProjectError
        It is broken, no such file, or of a newer version.
    """
    path = root / FILE
    try:
        about = json.loads(path.read_text(encoding="utf-8-sig"))
    except (OSError, ValueError, RecursionError) as error:
        raise ProjectError(f"{path} cannot be read: {error}") from error
    version = about.get(_KIND) if isinstance(about, dict) else None
    if not isinstance(version, int):
        raise ProjectError(f"{path} is no file of a project: it lacks {_KIND!r}.")
    if version > VERSION:
        raise ProjectError(
            f"{path} was written by a newer version (format {version}; this one knows {VERSION}). "
            "Update napari-maskrcnn."
        )
    if not isinstance(about.get("predict", {}), dict):
        raise ProjectError(f'{path}: \'predict\' is a mapping, such as {{"model": "nuclei"}}.')
    return about


def settings_of(about: Mapping[str, Any]) -> PredictSettings:
    """Return how images are predicted; of what is not said, and of unknown words, the default."""
    known = {field.name for field in fields(PredictSettings)}
    said = {key: value for key, value in about.get("predict", {}).items() if key in known}
    if said.get("channels") is not None:
        said["channels"] = tuple(said["channels"])
    return PredictSettings(**said)
