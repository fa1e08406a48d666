"""The correction tools: what they are called, their keys, and what the mouse does with each."""

from __future__ import annotations

from napari_maskrcnn.widgets.tools import Tool

_SEVERAL = " Draw around several for all of them."

DELETE = Tool("Delete", "D", "click or outline", "Click an object to delete it." + _SEVERAL)
MERGE = Tool(
    "Merge",
    "G",
    "click or outline",
    "Click the object to keep, then every piece that belongs to it. Or draw around all pieces.",
)
SPLIT = Tool(
    "Split",
    "S",
    "click or line",
    "Draw a line across an object, from outside to outside. Or click the middle of each part.",
)
ADD = Tool(
    "Add",
    "A",
    "outline",
    "Draw around an object that was missed, or that is badly drawn or in pieces.",
)
FIND = Tool(
    "Find",
    "U",
    "click or box",
    "Click an object that was missed, or draw a box around it, and the model outlines it. Click it "
    "again for the next guess. A box around one that is badly drawn draws it anew.",
)
ACCEPT = Tool(
    "Accept",
    "Q",
    "click or outline",
    "Click an object that is right; click again to take it back." + _SEVERAL,
)
CLASS = Tool(
    "Assign",
    "T",
    "click or line",
    "Click objects, or paint across them, to give them the class; click again to take it back.",
)

FILL = Tool("Fill holes", "H", "click or outline", "Click an object to fill its holes." + _SEVERAL)
SMOOTH = Tool(
    "Smooth", "Shift-S", "click or outline", "Click an object to smooth its outline." + _SEVERAL
)
GROW = Tool(
    "Grow", "Shift-G", "click or outline", "Click an object to widen it by a pixel." + _SEVERAL
)
SHRINK = Tool(
    "Shrink", "Shift-K", "click or outline", "Click an object to narrow it by a pixel." + _SEVERAL
)
LARGEST = Tool(
    "Largest piece",
    "Shift-L",
    "click or outline",
    "Click an object to remove all but its largest piece." + _SEVERAL,
)

COPY = Tool(
    "Copy to next",
    "Shift-C",
    "click or outline",
    "Click an object to put it into the next plane too, and go there." + _SEVERAL,
    stack=True,
)
INTERPOLATE = Tool(
    "Interpolate",
    "Shift-I",
    "click",
    "Click an object that is drawn in some planes to fill the planes between.",
    stack=True,
)
DELETE_STACK = Tool(
    "Delete in all",
    "Shift-D",
    "click or outline",
    "Click an object to delete it in all planes." + _SEVERAL,
    stack=True,
)
RENUMBER = Tool(
    "Renumber",
    "Shift-N",
    "click",
    "Click an object whose number to give, then, in any plane, those that get it in all planes.",
    stack=True,
)

COMMON = (DELETE, MERGE, SPLIT, ADD, FIND, ACCEPT)
MORE = (FILL, SMOOTH, GROW, SHRINK, LARGEST, COPY, INTERPOLATE, DELETE_STACK, RENUMBER)
TOOLS = (*COMMON, CLASS, *MORE)


def drawn(label: int, fresh: int) -> str:
    """Say what became of an object that was drawn; `fresh` is the number of a new one."""
    return f"Added {label}." if label == fresh else f"Drew {label} anew."
