"""Labels to the files that other tools read, and back."""

from __future__ import annotations

from napari_maskrcnn.formats.label_data import LabelData
from napari_maskrcnn.formats.registry import FORMATS, Format
from napari_maskrcnn.formats.table import read_table, write_table
from napari_maskrcnn.formats.verbs import (
    ExportCancelled,
    export,
    export_job,
    read_file,
    read_labels,
)

__all__ = [
    "FORMATS",
    "ExportCancelled",
    "Format",
    "LabelData",
    "export",
    "export_job",
    "read_file",
    "read_labels",
    "read_table",
    "write_table",
]
