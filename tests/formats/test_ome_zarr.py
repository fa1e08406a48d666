"""Tests of OME-Zarr: by the specification's own schemas, and against hostile folders."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import zarr

from napari_maskrcnn.formats import export, read_file, read_labels
from tests.formats.label_images import label_images, many_objects

LABELS = np.zeros((9, 12), np.uint16)
LABELS[2:5, 3:8], LABELS[4:8, 7:9] = 700, 3
TABLE = pd.DataFrame({"index": [3, 700], "class": ["cell", ""], "score": [np.nan, 0.5]})


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return export(LABELS, tmp_path / "x.ome.zarr", table=TABLE, scale=(0.5, 0.25))


def change(path: Path, edit: Any, name: str = ".zattrs") -> None:
    content = json.loads((path / name).read_text())
    edit(content)
    (path / name).write_text(json.dumps(content))


@pytest.mark.slow
@pytest.mark.parametrize("scale", [0.5, None])
def test_the_specification_is_kept(tmp_path: Path, scale: float | None) -> None:
    from ngff_zarr import validate

    for number, labels in enumerate([*label_images(12), many_objects(1600)]):
        size = scale and (scale,) * labels.ndim
        path = export(labels, tmp_path / f"{number}.zarr", scale=size, name="cells")
        attributes = zarr.open_group(path, mode="r").attrs.asdict()
        for model in ("image", "label"):
            validate(attributes, version="0.4", model=model)
            validate(attributes, version="0.4", model=model, strict=True)


def test_another_reader_finds_levels_axes_and_sizes(tmp_path: Path) -> None:
    from ngff_zarr import from_ngff_zarr

    labels = np.stack([np.pad(many_objects(1600), ((0, 3), (1, 0)))] * 2)
    images = from_ngff_zarr(
        str(export(labels, tmp_path / "x.zarr", scale=(2.0, 0.5, 0.25))), validate=True
    ).images
    assert len(images) == 2
    for level, image in enumerate(images):
        step = 2**level
        assert np.array_equal(np.asarray(image.data), labels[:, ::step, ::step])
        assert image.dims == ("z", "y", "x")
        assert image.scale == {"z": 2.0, "y": 0.5 * step, "x": 0.25 * step}
        assert set(image.translation.values()) == {0.0}


def test_chunks_are_files_of_one_plane(tmp_path: Path) -> None:
    labels = np.ones((2, 1100, 1030), np.uint8)
    path = export(labels, tmp_path / "x.zarr")
    array = zarr.open_array(path / "0", mode="r")
    assert array.chunks == (1, 1024, 1024)
    assert array.metadata.zarr_format == 2
    assert (path / "0" / "1" / "1" / "1").is_file()


def test_colours_and_properties(path: Path) -> None:
    described = json.loads((path / ".zattrs").read_text())["image-label"]
    colors = {entry["label-value"]: tuple(entry["rgba"]) for entry in described["colors"]}
    assert list(colors) == [0, 3, 700]
    assert colors[0] == (0, 0, 0, 0)
    assert len(set(colors.values())) == 3
    assert described["properties"] == [
        {"label-value": 3, "class": "cell"},
        {"label-value": 700, "score": 0.5},
    ]


def test_a_series_has_time_and_no_depth(tmp_path: Path) -> None:
    from ngff_zarr import from_ngff_zarr

    path = export(np.stack([LABELS, LABELS]), tmp_path / "x.zarr", axes="TYX", scale=(9, 0.5, 0.5))
    image = from_ngff_zarr(str(path), validate=True).images[0]
    assert image.dims == ("t", "y", "x")
    with pytest.raises(ValueError, match="at most four axes"):
        export(np.zeros((2, 1, 4, 6), np.uint8), tmp_path / "y.zarr", axes="QTYX")


def test_five_axes_are_too_many(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"at most four axes \(t, z, y, x\); got the shape"):
        export(LABELS[None, None, None], tmp_path / "x.zarr")
    assert os.listdir(tmp_path) == []


def test_replaces_only_its_own(path: Path) -> None:
    with pytest.raises(FileExistsError, match="exists"):
        export(LABELS, path)
    export(LABELS[:4], path, overwrite=True)
    assert read_labels(path).shape == (4, 12)
    (path / "labels").mkdir()
    with pytest.raises(FileExistsError, match="not of an earlier export"):
        export(LABELS, path, overwrite=True)


@pytest.mark.parametrize("version", ["0.4", "0.5"])
def test_labels_inside_of_an_image(tmp_path: Path, version: str) -> None:
    from ngff_zarr import to_multiscales, to_ngff_image, to_ngff_zarr

    path = tmp_path / "x.ome.zarr"
    for place, data in ((path, LABELS * 2), (path / "labels" / "cells", LABELS[None])):
        dims = ("c", "y", "x")[-data.ndim :]
        scale = dict.fromkeys(dims, 0.5)
        image = to_ngff_image(
            data, dims, scale=scale, axes_units=dict.fromkeys(dims[-2:], "micrometer")
        )
        to_ngff_zarr(str(place), to_multiscales(image, cache=False), version=version)
    group = zarr.open_group(path / "labels", mode="a", zarr_format=2 if version == "0.4" else 3)
    group.attrs.update(
        {"labels": ["cells"]} if version == "0.4" else {"ome": {"labels": ["cells"]}}
    )
    data = read_file(path)
    assert np.array_equal(data.labels, LABELS)
    assert data.scale == (0.5, 0.5)


class TestHostile:
    @pytest.mark.parametrize(
        "name", ["../outside", "/etc", "a/../../outside", "..\\outside", 7, ""]
    )
    def test_ways_out(self, path: Path, name: object) -> None:
        def edit(content: Any) -> None:
            content["multiscales"][0]["datasets"][0]["path"] = name

        change(path, edit)
        with pytest.raises(ValueError, match="as a part of itself"):
            read_labels(path)

    def test_labels_elsewhere(self, path: Path) -> None:
        (path / "labels").mkdir()
        (path / "labels" / ".zattrs").write_text('{"labels": ["../../x"]}')
        with pytest.raises(ValueError, match="as a part of itself"):
            read_labels(path)

    @pytest.mark.skipif(os.name != "posix", reason="links")
    def test_links_outside(self, path: Path) -> None:
        (path / "0").rename(path.parent / "secret")
        (path / "0").symlink_to(path.parent / "secret")
        with pytest.raises(ValueError, match="0 is a link to a place outside"):
            read_labels(path)

    @pytest.mark.parametrize(
        ("key", "value", "message"),
        [
            ("shape", [10**6, 10**6], "pixels; more than"),
            ("shape", [10**30, 1], "pixels; more than"),
            ("chunks", [2**20, 2**20], "chunks have more than"),
            ("chunks", [0, 5], "chunks have the shape"),
            ("filters", [{"id": "pickle"}], "stored with 'pickle', which is not read"),
            ("compressor", {"id": "pickle", "protocol": 4}, "stored with 'pickle'"),
            ("dtype", "<f4", "an image of float32, not labels"),
            ("dtype", "|O", "cannot be read"),
        ],
    )
    def test_arrays(self, path: Path, key: str, value: object, message: str) -> None:
        change(path, lambda content: content.update({key: value}), "0/.zarray")
        with pytest.raises(ValueError, match=message):
            read_labels(path)

    def test_nested_codecs_of_zarr_3(self, tmp_path: Path) -> None:
        inner = {"name": "sharding_indexed", "configuration": {"codecs": [{"name": "evil"}]}}
        path = tmp_path / "x.zarr"
        (path / "0").mkdir(parents=True)
        described = {"shape": [4, 4], "codecs": [inner]}
        described["chunk_grid"] = {"configuration": {"chunk_shape": [4, 4]}}
        (path / "0" / "zarr.json").write_text(json.dumps(described))
        multiscales = [{"datasets": [{"path": "0"}]}]
        (path / "zarr.json").write_text(
            json.dumps({"attributes": {"ome": {"multiscales": multiscales}}})
        )
        with pytest.raises(ValueError, match="stored with 'evil'"):
            read_labels(path)

    @pytest.mark.parametrize("text", ["", "[]", "{", "[" * 100_000, "{}"])
    def test_damaged_attributes(self, path: Path, text: str) -> None:
        (path / ".zattrs").write_text(text)
        with pytest.raises(ValueError, match=r"x\.ome\.zarr"):
            read_labels(path)

    def test_damaged_chunk(self, path: Path) -> None:
        (path / "0" / "0" / "0").write_bytes(b"nothing")
        with pytest.raises(ValueError, match="cannot be read as OME-Zarr"):
            read_labels(path)

    @pytest.mark.parametrize("scale", [[0, 1], ["a", 1], [1, 2, 3], None])
    def test_nonsense_sizes_do_no_harm(self, path: Path, scale: object) -> None:
        def edit(content: Any) -> None:
            change = content["multiscales"][0]["datasets"][0]["coordinateTransformations"][0]
            change["scale"] = scale

        change(path, edit)
        data = read_file(path)
        assert np.array_equal(data.labels, LABELS)
        assert data.scale is None
