"""The manifest: what npe2 validates, and what it lets pass although napari then ignores it."""

from __future__ import annotations

from importlib.metadata import entry_points
from pathlib import Path
from typing import Any

import pytest
import yaml
from napari._app_model.constants import MenuId
from npe2 import PluginManifest

import napari_maskrcnn

PATH = Path(napari_maskrcnn.__file__).with_name("napari.yaml")
DESIGNED_WIDGETS = {"Mask R-CNN", "Predict", "Correct", "Fine-tune", "Export"}


@pytest.fixture(scope="module")
def raw() -> dict[str, Any]:
    return yaml.safe_load(PATH.read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def manifest() -> PluginManifest:
    return PluginManifest.from_file(PATH)


def unknown_keys(written: Any, understood: Any, place: str = "") -> list[str]:
    """List the keys of a YAML tree that the parsed manifest has no field for."""
    if isinstance(written, dict):
        lost = [f"{place}.{key}" for key in written if key not in understood]
        kept = [key for key in written if key in understood]
        return lost + [
            name
            for key in kept
            for name in unknown_keys(written[key], understood[key], f"{place}.{key}")
        ]
    if isinstance(written, list):
        pairs = enumerate(zip(written, understood, strict=True))
        return [name for i, (a, b) in pairs for name in unknown_keys(a, b, f"{place}[{i}]")]
    return []


def test_napari_finds_the_manifest_without_importing_a_subpackage() -> None:
    (entry,) = entry_points(group="napari.manifest", name="napari-maskrcnn")
    assert entry.value == "napari_maskrcnn:napari.yaml"


def test_every_command_can_be_imported(manifest: PluginManifest) -> None:
    manifest.validate_imports()


def test_no_key_is_unknown(raw: dict[str, Any], manifest: PluginManifest) -> None:
    assert unknown_keys(raw, manifest.model_dump()) == []


def test_an_unknown_key_would_be_noticed(raw: dict[str, Any]) -> None:
    commands = [{"id": "napari-maskrcnn.x", "title": "x"}]
    menus = {"napari/layers/segment": [{"command": "napari-maskrcnn.x", "shortcut": "k"}]}
    odd = raw | {"contributions": {"commands": commands, "menus": menus, "buttons": []}}
    understood = PluginManifest(**odd).model_dump()
    assert unknown_keys(odd, understood) == [
        ".contributions.buttons",
        ".contributions.menus.napari/layers/segment[0].shortcut",
    ]


def test_every_command_in_use_is_defined_once(manifest: PluginManifest) -> None:
    points = manifest.contributions
    defined = [command.id for command in points.commands or []]
    in_use = [
        item.command
        for group in (points.widgets, points.sample_data, points.readers, points.writers)
        for item in group or []
    ]
    in_use += [item.command for items in points.menus.values() for item in items]
    assert len(defined) == len(set(defined))
    assert set(in_use) == set(defined)
    assert all(name.startswith("napari-maskrcnn.") for name in defined)


def test_every_menu_is_one_that_napari_shows(manifest: PluginManifest) -> None:
    own = {submenu.id for submenu in manifest.contributions.submenus or []}
    known = {menu.value for menu in MenuId.contributables()}
    assert set(manifest.contributions.menus) <= known | own
    assert "napari/layers/segment" in manifest.contributions.menus


def test_only_files_of_labels_are_claimed(manifest: PluginManifest) -> None:
    """Of a file that two plugins claim napari asks which one opens it."""
    (reader,) = manifest.contributions.readers or []
    assert reader.filename_patterns == ["*.geojson", "*.json", "*.zip", "*_seg.npy"]
    assert not reader.accepts_directories


def test_the_widgets_of_the_window_are_offered(manifest: PluginManifest) -> None:
    assert manifest.display_name == "Mask R-CNN"
    assert {item.display_name for item in manifest.contributions.widgets or []} >= DESIGNED_WIDGETS
