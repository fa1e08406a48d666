"""Where labels came from: what is said, what is passed on, and what one hash means."""

from __future__ import annotations

import hashlib
import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from importlib.metadata import version
from pathlib import Path

import dask.array as da
import imageio.v3 as iio
import numpy as np
import pytest
import tifffile

from napari_maskrcnn.annotate.counts import Counts
from napari_maskrcnn.formats import provenance as room
from napari_maskrcnn.formats.provenance import describe_image, image_hash, provenance, versions
from napari_maskrcnn.images import read_image
from napari_maskrcnn.instances import Instances
from napari_maskrcnn.predict.kept import Choice, Kept
from napari_maskrcnn.predict.settings import PredictSettings

NOON = datetime(2026, 5, 1, 12, 0, 30, 5, UTC)


def kept() -> Kept:
    settings = PredictSettings(diameter=20.0, channels=(1,), device="cpu")
    empty = Instances.empty((4, 5), ("nucleus",))
    return Kept({None: empty}, settings, "nuclei", "ab" * 32, 0.5, "CPU, float32")


def test_how_planes_were_linked_is_said() -> None:
    linked = replace(kept(), settings=PredictSettings(link="t", gap=2)).describe(Choice(0.5))
    assert linked["settings"]["link"] == "t"
    assert linked["settings"]["overlap"] == 0.4
    assert linked["settings"]["gap"] == 2
    assert "link" not in kept().describe(Choice(0.5))["settings"]


def test_everything_that_makes_the_labels_again_is_said() -> None:
    pixels = np.arange(20, dtype=np.uint16).reshape(4, 5)
    prediction = kept().describe(Choice(0.25, 3.0))
    image = describe_image("a.tif", pixels)
    said = provenance(prediction, image, Counts(added=2, split=1), when=NOON)
    assert said == {
        "versions": {name: version(name) for name in ("napari-maskrcnn", "torch", "torchvision")},
        "created": "2026-05-01T12:00:30Z",
        "model": {"name": "nuclei", "sha256": "ab" * 32},
        "settings": {
            "score": 0.25,
            "diameter": 20.0,
            "channels": [1],
            "min_size": 3.0,
            "max_size": None,
            "hidden": 1.0,
            "border": True,
            "device": "CPU, float32",
        },
        "image": {
            "name": "a.tif",
            "shape": [4, 5],
            "dtype": "uint16",
            "sha256": hashlib.sha256(pixels.astype("<u2").tobytes()).hexdigest(),
        },
        "corrections": {
            "added": 2,
            "removed": 0,
            "reshaped": 0,
            "split": 1,
            "merged": 0,
            "unchanged": 0,
        },
    }
    assert json.loads(json.dumps(said, allow_nan=False)) == said


def test_what_was_read_is_passed_on_and_every_export_added() -> None:
    first = provenance(kept().describe(Choice(0.5)), {"name": "a.tif"}, when=NOON)
    second = provenance(earlier=first, when=NOON + timedelta(days=1))
    third = provenance(
        image={"name": "b.tif"},
        corrections=Counts(removed=3),
        earlier=second,
        when=NOON + timedelta(days=2),
    )
    assert third["created"] == first["created"]
    assert (third["model"], third["settings"]) == (first["model"], first["settings"])
    assert third["image"] == {"name": "b.tif"}
    assert third["corrections"]["removed"] == 3
    dates = [export["created"] for export in third["exported"]]
    assert dates == ["2026-05-02T12:00:30Z", "2026-05-03T12:00:30Z"]
    assert "exported" not in first
    assert len(second["exported"]) == 1


def test_a_foreign_record_is_kept_whatever_it_holds() -> None:
    said = provenance(earlier={"exported": "x", "lab": 5}, when=NOON)
    assert said["lab"] == 5
    assert said["versions"] == versions()
    assert len(said["exported"]) == 1


def test_the_date_is_in_utc() -> None:
    east = datetime(2026, 5, 1, 1, 30, tzinfo=timezone(timedelta(hours=2)))
    assert provenance(when=east)["created"] == "2026-04-30T23:30:00Z"
    now = datetime.fromisoformat(provenance()["created"])
    assert abs(datetime.now(UTC) - now) < timedelta(minutes=5)


def test_one_image_has_one_hash_in_every_file_order_and_library(tmp_path: Path) -> None:
    pixels = np.random.default_rng(0).integers(0, 60_000, (7, 9, 3)).astype(np.uint16)
    expected = hashlib.sha256(pixels.astype("<u2").tobytes()).hexdigest()
    tifffile.imwrite(tmp_path / "a.tif", pixels, byteorder=">", compression="zlib")
    grey = tmp_path / "b.png"
    iio.imwrite(grey, pixels[..., 0])
    assert image_hash(read_image(tmp_path / "a.tif")) == expected
    assert image_hash(read_image(grey)) == image_hash(pixels[..., 0])
    assert image_hash(np.asfortranarray(pixels).astype(">u2")) == expected
    assert describe_image("lazy", da.from_array(pixels, 4))["sha256"] == expected
    assert image_hash(pixels + 1) != expected
    assert image_hash(np.zeros((0, 4))) == hashlib.sha256(b"").hexdigest()


def test_an_image_that_takes_long_to_read_is_only_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(room, "MOST_HASHED", 10**6)
    huge = da.zeros((10**6, 10**6), dtype=np.uint8)
    known = {"name": "slide", "shape": [10**6, 10**6], "dtype": "uint8"}
    assert describe_image("slide", huge) == known
    assert describe_image("slide") == {"name": "slide"}


def test_a_missing_package_is_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(room, "PACKAGES", ("numpy", "no-such-package-here"))
    assert versions() == {"numpy": version("numpy")}
