"""The few places where the look goes beyond napari's theme; colours come from its palette."""

from __future__ import annotations

ACCENT = "palette(highlight)"

#: The button that a tab is there for.
PRIMARY = f"""
QPushButton:enabled {{ background-color: {ACCENT}; font-weight: bold; }}
QPushButton:disabled {{ font-weight: bold; }}
"""

#: A button that stays down.
CHECKED = f"QPushButton:checked {{ background-color: {ACCENT}; font-weight: bold; }}"

#: The one number that matters.
BIG = "font-size: 15pt;"
