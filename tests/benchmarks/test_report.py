"""The report of the benchmark: rows, tables, plot and page."""

from __future__ import annotations

import json
from pathlib import Path
from xml.etree import ElementTree

import pytest

from benchmarks import report
from benchmarks.report import BEGIN, END, ORDER, cells, markdown, replace_block, title

PREDICTION = {
    "case": "predict-1024-200",
    "kind": "predict",
    "date": "2030-01-02",
    "device": "cpu",
    "machine": "A processor, 2 threads, 2 cores",
    "versions": "Python 3, torch 9",
    "engines": {
        "torchvision float32": {"seconds": 8.0, "bytes": 4e9, "same": 1.0},
        "torchvision bfloat16": {"seconds": 3.0, "bytes": 4e9},
        "ours float32": {"seconds": 4.0, "bytes": 1e9, "dense": 3.2, "same": 0.995},
        "ours bfloat16": {"seconds": 1.0, "bytes": 0.5e9, "dense": 0.8},
    },
}
FAILED = {"error": "can't allocate memory: you tried", "limit": 16e9}
TRAINING = {
    **PREDICTION,
    "case": "train-resnet18-256x4-30",
    "kind": "train",
    "engines": {**PREDICTION["engines"], "torchvision float32": FAILED},
}


def test_a_row_has_seconds_ratios_and_memory() -> None:
    assert cells(PREDICTION) == [
        *("1024²", "200", "8.00 s", "3.00 s", "4.00 s", "1.00 s"),
        *("2.0 ×", "8.0 ×", "3.0 ×", "4.00 GB", "0.50 GB", "1.25", "1.25", "99.5 %"),
    ]


def test_an_engine_that_ran_out_of_memory_has_no_ratio() -> None:
    assert cells(TRAINING) == [
        *("ResNet-18, 4 × 256²", "30", "out of memory", "3.00 s", "4.00 s", "1.00 s"),
        *("", "", "3.0 ×", "over 16 GB", "0.50 GB"),
    ]
    assert title("train-resnext101_32x8d-512x2-7") == ("ResNeXt-101_32x8d, 2 × 512²", "7")


def test_tables_are_rectangular_and_say_when_and_where() -> None:
    text = markdown([PREDICTION, TRAINING])
    assert "Measured on 2030-01-02: A processor, 2 threads, 2 cores. Python 3, torch 9." in text
    tables = [part for part in text.split("\n\n") if part.startswith("|")]
    assert len(tables) == 2
    for table in tables:
        assert len({line.count("|") for line in table.splitlines()}) == 1


def test_the_block_is_replaced_and_the_rest_stays() -> None:
    page = f"# Before\n\n{BEGIN}\nold\n{END}\n\nafter\n"
    assert replace_block(page, "new") == f"# Before\n\n{BEGIN}\n\nnew\n\n{END}\n\nafter\n"
    assert replace_block(replace_block(page, "x"), "new") == replace_block(page, "new")
    with pytest.raises(ValueError, match="once each"):
        replace_block("no marks", "new")


def test_the_plot_has_a_dot_for_every_measurement() -> None:
    drawing = ElementTree.fromstring(report.plot([PREDICTION, TRAINING]))
    dots = [e for e in drawing.iter() if e.tag.endswith("circle")]
    legend = len(ORDER)
    assert len(dots) == legend + 4 + 3
    across = [float(dot.attrib["cx"]) for dot in dots[legend : legend + 4]]
    assert across[0] - across[2] == pytest.approx((across[2] - across[3]) / 2, abs=0.2)


def test_the_page_is_written_from_the_results(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("RESULTS", "PAGE", "PLOT"):
        monkeypatch.setattr(report, name, tmp_path / getattr(report, name).name)
    (tmp_path / "results").mkdir()
    (tmp_path / "performance.md").write_text(f"# P\n\n{BEGIN}\n{END}\n", encoding="utf-8")
    with pytest.raises(SystemExit, match="make benchmark"):
        report.write_page()
    (tmp_path / "results" / "cpu-predict-1024-200.json").write_text(json.dumps(PREDICTION))
    report.write_page()
    assert "| 1024² | 200 | 8.00 s |" in (tmp_path / "performance.md").read_text(encoding="utf-8")
    assert (tmp_path / "performance.svg").is_file()


def test_the_documentation_has_the_marks() -> None:
    page = report.PAGE.read_text(encoding="utf-8")
    assert page.count(BEGIN) == page.count(END) == 1
