"""The documentation names code that exists."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PAGES = sorted((ROOT / "docs").rglob("*.md"))
PICTURES = sorted((ROOT / "docs" / "images").glob("*.svg"))


@pytest.mark.parametrize("page", [*PAGES, *PICTURES], ids=lambda path: path.name)
def test_links_to_modules_lead_to_files(page: Path) -> None:
    for name in re.findall(r"#(napari_maskrcnn[\w.]*)", page.read_text(encoding="utf-8")):
        path = ROOT.joinpath(*name.split("."))
        assert path.with_suffix(".py").is_file() or path.is_dir(), f"{page} links to {name}"


def test_the_figure_of_the_network_links_every_box_to_its_file() -> None:
    figure = (ROOT / "docs" / "images" / "mask-rcnn.svg").read_text(encoding="utf-8")
    linked = set(re.findall(r"#napari_maskrcnn\.network\.(\w+)", figure))
    boxes = {"prepare", "backbone", "fpn", "anchors", "rpn", "roi_align", "box_head", "mask_head"}
    assert boxes | {"roi_heads", "paste", "maskrcnn"} == linked
