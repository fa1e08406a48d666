"""``python -m napari_maskrcnn``: the command line."""

from __future__ import annotations

import sys

from napari_maskrcnn.cli import main

if __name__ == "__main__":
    sys.exit(main())
