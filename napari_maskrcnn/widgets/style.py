"""The few places where the look goes beyond napari's theme; colours come from its palette."""

from __future__ import annotations

ACCENT = "background-color: palette(highlight); color: palette(highlighted-text);"

#: The button that a tab is there for.
PRIMARY = f"""
QPushButton:enabled {{ {ACCENT} font-weight: bold; }}
QPushButton:disabled {{ font-weight: bold; }}
"""

#: A button that stays down.
CHECKED = f"QPushButton:checked {{ {ACCENT} font-weight: bold; }}"

#: The one number that matters.
BIG = "font-size: 15pt;"
