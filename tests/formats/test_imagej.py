"""Tests of ImageJ's ROIs: by roifile, by ImageJ itself, and against hostile files."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from roifile import ROI_SUBTYPE, ROI_TYPE, ImagejRoi, roiread

from napari_maskrcnn.formats import export, read_file, read_labels
from napari_maskrcnn.formats.drawn import FormatWarning
from tests.formats.imagej import needs_imagej, run_macro
from tests.formats.label_images import corner_cases, many_objects, random_labels

PLANE = np.zeros((30, 40), np.int32)
PLANE[3:9, 5:20], PLANE[4:6, 7:9] = 1, 0
PLANE[12:25, 30:37], PLANE[1:3, 30:33] = 2, 2
PLANE[20:29, 2:9], PLANE[20:22, 5:9] = 300, 0
PLANE[0, 0], PLANE[29, 39] = 4, 70_000
PLANE[15:18, 15:18], PLANE[16, 16], PLANE[17, 17] = 6, 0, 0
TABLE = pd.DataFrame({"index": [1, 2], "class": ["nucleus: a\nb", "7"], "score": [0.5, np.nan]})

MEASURE = """
    newImage('x', '32-bit black', WIDTH, HEIGHT, 1, SLICES, FRAMES);
    roiManager('reset');
    roiManager('open', 'PATH');
    for (i = 0; i < roiManager('count'); i++) {
        roiManager('select', i);
        getStatistics(area);
        getSelectionBounds(x, y, width, height);
        run('Create Mask');
        mask = getImageID();
        List.setMeasurements;
        selectWindow('x');
        Stack.getPosition(channel, slice, frame);
        run('Measure');
        say('[\\"' + call('ij.plugin.frame.RoiManager.getName', i) + '\\",' + area + ',' + x + ','
            + y + ',' + width + ',' + height + ',' + slice + ',' + frame + ','
            + getResult('X') + ',' + getResult('Y') + ']');
        selectImage(mask); close();
    }
    close();
"""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "x.zip"


@needs_imagej
@pytest.mark.slow
def test_imagej_measures_the_same(tmp_path: Path) -> None:
    series = np.zeros((2, 3, *PLANE.shape), np.int32)
    series[0, 1], series[1, 2] = PLANE, PLANE[::-1]
    planes = [labels for labels in corner_cases() if labels.ndim == 2 and labels.size > 40]
    cases = [PLANE, series, series[:, 2], random_labels(3), many_objects(60), *planes]
    macro = "run('Set Measurements...', 'area centroid decimal=9');"
    for number, labels in enumerate(cases):
        path = export(labels, tmp_path / f"{number}.zip", provenance={"model": "nuclei"})
        # ImageJ's positions along one axis are slices, whatever the axis is.
        frames, slices = (1, 1, *labels.shape[:-2])[-2:]
        sizes = {"HEIGHT": labels.shape[-2], "WIDTH": labels.shape[-1]}
        sizes |= {"SLICES": slices, "FRAMES": frames, "PATH": path}
        text = MEASURE
        for name, value in sizes.items():
            text = text.replace(name, str(value))
        macro += text
    expected: list[Any] = []
    for labels in cases:
        for plane in np.ndindex(*labels.shape[:-2]):
            frame, depth = (0, 0, *plane)[-2:]
            for label in np.unique(labels[plane])[1 if (labels[plane] == 0).any() else 0 :]:
                y, x = np.nonzero(labels[plane] == label)
                name = f"{label}@{','.join(str(at + 1) for at in plane)}" if plane else str(label)
                box = [x.min(), y.min(), np.ptp(x) + 1, np.ptp(y) + 1]
                centre = [x.mean() + 0.5, y.mean() + 0.5]
                expected.append([name, len(y), *box, depth + 1, frame + 1, *centre])
    said = run_macro(macro, tmp_path)
    assert len(said) == len(expected)
    for found, row in zip(said, expected, strict=True):
        assert found[0] == row[0]
        assert found[1:] == pytest.approx(row[1:], abs=1e-4)


def test_what_roifile_reads(path: Path) -> None:
    export(PLANE, path, table=TABLE)
    rois = {roi.name: roi for roi in roiread(path)}
    assert list(rois) == ["1", "2", "4", "6", "300", "70000"]
    assert [rois[name].composite for name in rois] == [True, True, False, True, False, False]
    assert rois["4"].roitype == ROI_TYPE.TRACED
    assert rois["300"].properties == {}
    assert rois["1"].properties == {"class": "nucleus: a b", "score": 0.5}
    assert len(rois["2"].coordinates(multi=True)) == 2
    corner = rois["70000"]
    assert (corner.left, corner.top, corner.right, corner.bottom) == (39, 29, 40, 30)


def test_what_goes_with_the_labels(path: Path) -> None:
    said = {"model": "nuclei"}
    export(PLANE, path, table=TABLE, scale=(0.5, 0.25), provenance=said)
    data = read_file(path)
    assert np.array_equal(data.labels, PLANE)
    assert (data.scale, data.provenance) == ((0.5, 0.25), said)
    rows = data.table.set_index("index")
    assert rows.loc[1].to_list() == ["nucleus: a b", 0.5]
    assert rows["class"].to_list() == ["nucleus: a b", "7", "", "", "", ""]


def test_a_long_provenance_is_left_out(path: Path) -> None:
    with pytest.warns(FormatWarning, match="provenance is too long"):
        export(PLANE, path, provenance={"note": "x" * 70_000})
    data = read_file(path)
    assert data.provenance is None
    assert data.labels.shape == PLANE.shape


def test_beyond_whole_coordinates(path: Path) -> None:
    labels = np.zeros((3, 70_000), np.uint8)
    labels[1, 32_760:32_775], labels[1, 69_990:], labels[0, 69_000], labels[2, 69_001] = 1, 2, 3, 3
    assert np.array_equal(read_labels(export(labels, path)), labels)


def test_stop_between_objects_leaves_nothing(path: Path) -> None:
    from napari_maskrcnn.formats import export_job

    job = export_job(many_objects(2500), path)
    messages = [next(job).message for _ in range(3)]
    assert messages[-1] == "Writing object 2,000"
    job.close()
    assert os.listdir(path.parent) == []


class TestForeign:
    def save(self, path: Path, *rois: ImagejRoi) -> Path:
        for number, roi in enumerate(rois):
            roi.tofile(path, name=f"{number:04}-{number:04}")
        return path

    def polygon(self, left: int = 1, top: int = 2, **more: Any) -> ImagejRoi:
        corners = np.array([[0, 0], [4, 0], [4, 3], [0, 3]]) + np.array([left, top])
        roi = ImagejRoi.frompoints(corners)
        for name, value in more.items():
            setattr(roi, name, value)
        return roi

    def test_one_roi(self, tmp_path: Path) -> None:
        self.polygon().tofile(tmp_path / "12.roi")
        labels = read_labels(tmp_path / "12.roi", shape=(8, 9))
        assert labels[2:5, 1:5].all()
        assert np.count_nonzero(labels) == 12
        assert read_labels(tmp_path / "12.roi").shape == (5, 5)

    def test_rectangles_and_ovals(self, path: Path) -> None:
        rectangle = ImagejRoi(roitype=ROI_TYPE.RECT, left=1, top=2, right=6, bottom=4)
        oval = ImagejRoi(roitype=ROI_TYPE.OVAL, left=10, top=20, right=50, bottom=40)
        labels = read_labels(self.save(path, rectangle, oval))
        y, x = np.indices(labels.shape) + 0.5
        ellipse = ((x - 30) / 20) ** 2 + ((y - 30) / 10) ** 2 < 1
        assert np.count_nonzero(labels == 1) == 10
        assert abs(np.count_nonzero(labels == 2) - ellipse.sum()) <= 4
        assert np.count_nonzero((labels == 2) ^ ellipse) <= 4

    def test_lines_and_text_are_left_out(self, path: Path) -> None:
        line = ImagejRoi(roitype=ROI_TYPE.LINE, x1=1, y1=1, x2=5, y2=5)
        text = ImagejRoi(roitype=ROI_TYPE.RECT, subtype=ROI_SUBTYPE.TEXT, right=5, bottom=5)
        point = self.polygon(roitype=ROI_TYPE.POINT)
        with pytest.warns(FormatWarning, match=r"3 ROIs in x\.zip enclose no area"):
            assert read_labels(self.save(path, line, self.polygon(), point, text)).max() == 1
        line.tofile(path.with_suffix(".roi"))
        with pytest.raises(ValueError, match="lines or points, which enclose no area"):
            read_labels(path.with_suffix(".roi"))

    @pytest.mark.parametrize(
        ("first", "second", "planes"),
        [
            ({"position": 1}, {"position": 3}, (3,)),
            ({"z_position": 1, "t_position": 1}, {"z_position": 3, "t_position": 1}, (3,)),
            ({"z_position": 1, "t_position": 1}, {"z_position": 1, "t_position": 3}, (3,)),
            ({"z_position": 1, "t_position": 1}, {"z_position": 2, "t_position": 3}, (3, 2)),
            ({"position": 1}, {"position": 1}, ()),
        ],
    )
    def test_positions(self, path: Path, first: Any, second: Any, planes: Any) -> None:
        labels = read_labels(self.save(path, self.polygon(**first), self.polygon(9, 9, **second)))
        assert labels.shape == (*planes, 12, 13)
        assert labels[(0,) * len(planes)].max() == (1 if planes else 2)
        assert labels[tuple(size - 1 for size in planes)].max() == 2

    def test_no_position_is_every_plane(self, path: Path) -> None:
        self.save(path, self.polygon(), self.polygon(9, 9, position=2))
        with pytest.warns(
            FormatWarning, match="belong to all planes; they were drawn in the first"
        ):
            labels = read_labels(path)
        assert np.count_nonzero(labels, axis=(1, 2)).tolist() == [12, 12]

    def test_positions_that_the_labels_do_not_have(self, path: Path) -> None:
        self.save(path, self.polygon(position=5))
        with pytest.raises(ValueError, match="lie in a stack, but the labels have 2 axes"):
            read_labels(path, shape=(20, 20))
        with pytest.raises(ValueError, match=r"in plane \(4,\), but the labels have the shape \(3"):
            read_labels(path, shape=(3, 20, 20))

    def test_foreign_names_are_no_labels(self, path: Path) -> None:
        assert np.unique(
            read_labels(self.save(path, self.polygon(), self.polygon(20)))
        ).tolist() == [0, 1, 2]
