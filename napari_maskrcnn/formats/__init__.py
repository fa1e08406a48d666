"""Labels to the files that other tools read, and back."""

from __future__ import annotations

from napari_maskrcnn.formats.registry import FORMATS, Format, export, read_labels
from napari_maskrcnn.formats.table import read_table, write_table

__all__ = ["FORMATS", "Format", "export", "read_labels", "read_table", "write_table"]
