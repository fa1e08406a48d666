"""The command line: the same verbs as the widgets, over the same jobs."""

from __future__ import annotations

from napari_maskrcnn.cli.commands import main

__all__ = ["main"]
