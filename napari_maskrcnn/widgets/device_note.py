"""The device line: what computed, and where something better lies idle."""

from __future__ import annotations

from html import escape

from qtpy.QtWidgets import QLabel

from napari_maskrcnn.device_line import Idle

# The toolkit's own colour of links cannot be read on napari's dark theme.
LINK = '<a href="{}" style="color: #4a9fdc">how to fix</a>'


class DeviceNote(QLabel):
    """One line under the button, with a link where something can be done."""

    def __init__(self) -> None:
        super().__init__()
        self.setWordWrap(True)
        self.setOpenExternalLinks(True)
        self.hide()

    def say(self, used: str, idle: Idle | None) -> None:
        """Show a device in words, and the better one that is not used."""
        text = escape(used)
        if idle is not None:
            link = LINK.format(escape(idle.link)) if idle.link else escape(idle.remedy)
            text = f"{text}; your {escape(idle.name)} is unused: {link}"
        self.setText(text)
        self.setToolTip(idle.remedy if idle is not None else "What computed, and how precisely")
        self.setVisible(bool(used))
