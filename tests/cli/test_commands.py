from __future__ import annotations

import json
import subprocess
import sys
from importlib.metadata import entry_points, version

import pytest

from tests.cli.conftest import Main

VERBS = [
    ["predict"],
    ["train"],
    ["evaluate"],
    ["export"],
    ["models"],
    ["models", "list"],
    ["models", "info"],
    ["models", "import"],
    ["models", "remove"],
    ["models", "download"],
    ["demo"],
]


def test_help_shows_an_example_of_every_verb_and_imports_nothing_heavy() -> None:
    code = f"""
import contextlib, io, json, sys
from napari_maskrcnn.cli import main
texts = {{}}
for verb in [[]] + {VERBS!r}:
    with contextlib.redirect_stdout(io.StringIO()) as out, contextlib.suppress(SystemExit):
        main([*verb, "--help"])
    texts[" ".join(verb)] = out.getvalue()
heavy = sorted({{"torch", "napari", "skimage", "pandas", "scipy"}} & set(sys.modules))
print(json.dumps([texts, heavy]))
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    texts, heavy = json.loads(done.stdout)
    assert heavy == []
    assert len(texts) == 1 + len(VERBS)
    for verb, text in texts.items():
        assert f"example:\n  napari-maskrcnn {verb}".rstrip() in text


def test_python_m_runs_the_same_command() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "napari_maskrcnn", "--version"],
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout == f"napari-maskrcnn {version('napari-maskrcnn')}\n"


def test_the_installed_script_is_this_function() -> None:
    from napari_maskrcnn.cli import main

    script = next(iter(entry_points(group="console_scripts", name="napari-maskrcnn")))
    assert script.load() is main


@pytest.mark.parametrize(
    "words",
    [
        [],
        ["fly"],
        ["predict"],
        ["predict", "a.png"],
        ["predict", "a.png", "--output", "out", "--score", "1.5"],
        ["predict", "a.png", "--output", "out", "--score", "high"],
        ["predict", "a.png", "--output", "out", "--diameter", "0"],
        ["predict", "a.png", "--output", "out", "--diameter", "inf"],
        ["predict", "a.png", "--output", "out", "--device", "tpu"],
        ["predict", "a.png", "--output", "out", "--channels", "0,x"],
        ["predict", "a.png", "--output", "out", "--channels=-1"],
        ["predict", "a.png", "--output", "out", "--channels", "0,1,2,3"],
        ["predict", "a.png", "--output", "out", "--min-size", "0"],
        ["predict", "a.png", "--output", "out", "--min-size", "9", "--max-size", "8"],
        ["predict", "a.png", "--output", "out", "--diameter", "99999"],
        ["train", "d", "--output", "m.safetensors", "--epochs", "1", "--minutes", "1"],
        ["train", "d", "--output", "m.safetensors", "--epochs", "1.5"],
        ["models"],
        ["models", "download", "everything"],
    ],
)
def test_wrong_usage_ends_with_two(
    run: Main, words: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(*words) == 2
    said = capsys.readouterr()
    assert "error" in said.err
    assert "Traceback" not in said.err
    assert said.out == ""


def test_a_decimal_comma_is_said_to_be_one(run: Main, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("export", "x.tif", "--output", "y.tif", "--pixel-size", "0,5") == 2
    assert "0,5 is two numbers, 0 and 5; write 0.5" in capsys.readouterr().err
