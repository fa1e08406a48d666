"""What each format is for, in the words of those who use it."""

from __future__ import annotations

#: By the name of the format: which programs open it.
OPENS_IN: dict[str, str] = {
    "tiff": "For Fiji, ImageJ, napari and most programs. Keeps the pixel size.",
    "ome-zarr": "For very large images: napari, Fiji and viewers in the browser.",
    "coco": "For CVAT, FiftyOne and training with other networks: the exact pixels.",
    "coco-polygons": "For tools that want outlines: holes are filled.",
    "imagej": "For the ROI Manager of Fiji and ImageJ.",
    "geojson": "For QuPath: drag it onto the image there. They arrive as cells or spots.",
    "geojson-annotations": "For QuPath: objects to draw on further, or to train with.",
    "yolo": "For training with YOLO. One file an image, outlines only.",
    "csv": "For spreadsheets, R and pandas: a row of measurements for each object.",
    "png": "A folder with one picture of each object, for any program.",
    "png-labels": "One grey picture; its values are the objects. Up to 65,535 of them.",
    "cellpose": "For Cellpose: put it beside the image, and open the image there.",
}
