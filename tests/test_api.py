"""The public face: every name is there, and stays what it is."""

from __future__ import annotations

import subprocess
import sys

import pytest

import napari_maskrcnn as nm


def test_every_public_name_is_there() -> None:
    for name in nm.__all__:
        assert callable(getattr(nm, name)), name
    assert set(nm.__all__) <= set(dir(nm))
    with pytest.raises(AttributeError, match="nothing"):
        _ = nm.nothing


def test_predict_stays_a_function_when_its_sub_package_is_imported() -> None:
    code = (
        "import napari_maskrcnn as nm; a = nm.predict;"
        "import napari_maskrcnn.predict.stack; import napari_maskrcnn.device;"
        "assert nm.predict is a and callable(a)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
