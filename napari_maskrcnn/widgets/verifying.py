"""A plane or an image is said to be right: in a stack the next plane follows by itself."""

from __future__ import annotations

from typing import TYPE_CHECKING

from napari.layers import Labels

from napari_maskrcnn.annotate.image_states import SAID, State, States, states_in
from napari_maskrcnn.annotate.project.prepare import planes_of
from napari_maskrcnn.widgets.jobs_ui import show_note
from napari_maskrcnn.widgets.layer_states import say
from napari_maskrcnn.widgets.layers import displayed_plane, is_passing, show_plane
from napari_maskrcnn.widgets.prediction import prediction_of

if TYPE_CHECKING:
    from napari import Viewer

NO_LABELS = "There are no labels to verify. Predict first, or open a project."
ROLLED = (
    "Images are verified plane by plane along the last two axes of {!r}, but the viewer shows "
    "others. Roll the axes (Ctrl+E) until it shows those two."
)
VERIFIED = "Verified: {}. To go through the images of a folder, make it a project."


def verify_plane(viewer: Viewer, labels: Labels) -> bool:
    """Say that the shown plane is right, and show the next plane that nobody spoke of.

    Returns
    -------
    bool
        Whether none is left, so that all of the image is done.

    Raises
    ------
    ValueError
        The viewer shows no plane of the layer, or one of other axes than its last two.
    """
    plane = displayed_plane(viewer, labels)
    if plane[-2:] != (None, None):
        raise ValueError(ROLLED.format(labels.name))
    say(labels, State.VERIFIED, plane)
    states = states_in(labels.metadata) or States()
    left = [at for at in planes_of(labels.data.shape) if states.of(at) not in SAID]
    if labels.ndim == 2 or not left:
        return True
    # Behind this one first, then from the start.
    here = tuple(at or 0 for at in plane)
    following = next((at for at in left if tuple(i or 0 for i in at) > here), left[0])
    show_plane(viewer, labels, following)
    return False


def verify_plain(viewer: Viewer) -> None:
    """Verify labels that belong to no project, and show the next labels of the viewer.

    Raises
    ------
    ValueError
        The viewer has no labels, or shows no plane of them.
    """
    layers = [x for x in viewer.layers if isinstance(x, Labels) and not is_passing(x)]
    active = viewer.layers.selection.active
    shown = [layer for layer in layers if layer is active] or [x for x in layers if x.visible]
    if not shown:
        raise ValueError(NO_LABELS)
    labels = shown[-1]
    if not verify_plane(viewer, labels):
        return
    at = layers.index(labels)
    following = next((x for x in (*layers[at + 1 :], *layers[:at]) if _is_open(x)), None)
    if following is None:
        show_note(VERIFIED.format(labels.name))
        return
    for layer, visible in ((labels, False), (following, True)):
        layer.visible = visible
        record = prediction_of(layer)
        image = record.image() if record is not None else None
        if image is not None:
            image.visible = visible
    viewer.layers.selection.active = following


def _is_open(labels: Labels) -> bool:
    states = states_in(labels.metadata)
    return states is None or states.summary(planes_of(labels.data.shape)) not in SAID
