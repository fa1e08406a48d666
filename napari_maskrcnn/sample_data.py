"""Images to try the plugin on: drawn nuclei with true labels, and real ones of scikit-image."""

from __future__ import annotations

from typing import Any

LayerData = tuple[Any, dict[str, Any], str]


def nuclei() -> list[LayerData]:
    """Drawn fluorescent nuclei, 512 × 512, with their true labels."""
    from napari_maskrcnn.synthetic import synthetic_nuclei

    image, labels = synthetic_nuclei((512, 512), count=120, seed=3)
    truth = {"name": "nuclei truth", "visible": False}
    return [(image, {"name": "nuclei"}, "image"), (labels, truth, "labels")]


def ihc() -> list[LayerData]:
    """Stained colonic glands, RGB, 512 × 512, from scikit-image."""
    from skimage import data

    return [(data.immunohistochemistry(), {"name": "ihc", "rgb": True}, "image")]


def coins() -> list[LayerData]:
    """Greek coins from Pompeii, 303 × 384, from scikit-image."""
    from skimage import data

    return [(data.coins(), {"name": "coins"}, "image")]


def human_mitosis() -> list[LayerData]:
    """Human cells in mitosis, 512 × 512, fetched by scikit-image the first time.

    Raises
    ------
    ConnectionError
        When it is not on this computer yet and cannot be fetched.
    """
    from skimage import data

    try:
        image = data.human_mitosis()
    except Exception as error:
        # pooch and requests raise errors of their own for every way a download fails.
        raise ConnectionError(
            f"The image “human mitosis” cannot be fetched ({error}). Check the connection, or take "
            "another sample: the others are on this computer."
        ) from error
    return [(image, {"name": "human mitosis"}, "image")]
