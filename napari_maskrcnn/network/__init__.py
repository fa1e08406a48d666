"""The Mask R-CNN: torch and torchvision's operators only, nothing of napari, Qt or files."""
