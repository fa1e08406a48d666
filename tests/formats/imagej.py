"""ImageJ itself, run on macros: what it makes of our files is what a person will see."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

_JAR = Path("/usr/share/java/ij.jar")

needs_imagej = pytest.mark.skipif(
    not (_JAR.exists() and shutil.which("java") and shutil.which("xvfb-run")),
    reason="needs ImageJ (the package imagej of Debian), java and xvfb-run",
)


def run_macro(code: str, folder: Path) -> list[Any]:
    """Run a macro that calls ``say(text)`` with a JSON value a line; return the values.

    A mistake in the macro opens a dialog, which nobody closes: the time limit is the error then.
    """
    said, macro = folder / "said.txt", folder / "macro.ijm"
    macro.write_text(
        f"var heard = ''; function say(text) {{ heard = heard + text + '\\n'; }}\n"
        f"setBatchMode(true);\n{code}\nFile.saveString(heard, '{said}');\n".replace("'", '"')
    )
    screen = ["xvfb-run", "-a", "-s", "-screen 0 1024x768x24"]
    java = ["java", "-Xmx512m", "-cp", str(_JAR), "ij.ImageJ", "-batch", str(macro)]
    # Preferences of a user must not change what it says, nor the tests change them.
    subprocess.run(
        [*screen, *java[:1], f"-Duser.home={folder}", *java[1:]],
        check=True,
        capture_output=True,
        timeout=120,
    )
    return [json.loads(line) for line in said.read_text().splitlines()]
