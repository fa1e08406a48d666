"""``predict`` into a folder of an earlier run: it goes on where that one ended."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.cli.conftest import Main


def test_a_second_run_does_what_is_left(
    run: Main, images: Path, model_file: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    words = ["predict", images, "--output", out, "--model", model_file]
    good = (images / "b.png").read_bytes()
    (images / "b.png").write_bytes(good[:100])
    assert run(*words) == 1
    first = capsys.readouterr()
    assert len(first.out.splitlines()) == 2
    (images / "b.png").write_bytes(good)
    before = (out / "a_labels.tif").stat().st_mtime_ns
    assert run(*words, "--json") == 0
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [(Path(line["image"]).name, line["earlier"]) for line in lines] == [
        ("a.png", True),
        ("c.tif", True),
        ("b.png", False),
    ]
    assert {line["model"] for line in lines} == {"tiny"}
    assert (out / "a_labels.tif").stat().st_mtime_ns == before
    assert run(*words) == 0
    said = capsys.readouterr()
    assert ["(already done)" in line for line in said.out.splitlines()] == [True] * 3
    assert said.err == ""


def test_other_settings_replace_only_when_told(
    run: Main, images: Path, model_file: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    words = ["predict", images / "a.png", "--output", out, "--model", model_file]
    assert run(*words) == 0
    before = (out / "a_labels.tif").read_bytes()
    capsys.readouterr()
    assert run(*words, "--score", 1) == 1
    assert capsys.readouterr().err == (
        f"{images / 'a.png'}: {out / 'a_labels.tif'} was predicted with score as usual (now 1); "
        "add --overwrite to replace it\n"
    )
    assert (out / "a_labels.tif").read_bytes() == before
    assert run(*words, "--score", 1, "--overwrite") == 0
    assert "0 objects" in capsys.readouterr().out
