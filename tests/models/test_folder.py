from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

from napari_maskrcnn.models import Model, WeightsError, load_weights
from napari_maskrcnn.models.folder import (
    ModelEntry,
    add_model,
    changed,
    embedded_folder,
    find_model,
    free_name,
    list_models,
    model_folder,
    remove_model,
    suggested_name,
)


@pytest.fixture
def emitted() -> Iterator[list[str]]:
    seen: list[str] = []

    def note() -> None:
        seen.append("changed")

    changed.connect(note)
    yield seen
    changed.disconnect(note)


@pytest.fixture
def shared(tmp_path: Path, weights: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "lab"
    folder.mkdir()
    (folder / "lab-cells.safetensors").write_bytes(weights.read_bytes())
    named = os.pathsep.join([str(tmp_path / "absent"), str(folder)])
    monkeypatch.setenv("NAPARI_MASKRCNN_MODELS", named)
    return folder


def named(name: str) -> list[ModelEntry]:
    return [entry for entry in list_models() if entry.name == name]


def test_the_user_folder_is_where_the_environment_says(user_folder: Path) -> None:
    assert model_folder() == user_folder / "models"
    assert not model_folder().exists()


def test_an_added_model_is_listed_found_and_announced(weights: Path, emitted: list[str]) -> None:
    path = add_model(weights, "mine-2.b_C")
    assert path == model_folder() / "mine-2.b_C.safetensors"
    assert named("mine-2.b_C") == [
        ModelEntry("mine-2.b_C", path, "user", path.stat().st_size),
    ]
    assert find_model("mine-2.b_C") == path
    assert load_weights(path)[1].name == "mine-2.b_C"
    assert emitted == ["changed"]


def test_a_model_in_memory_is_added_with_its_card(weights: Path, emitted: list[str]) -> None:
    network, card = load_weights(weights)
    path = add_model(Model(network, card, None, torch.device("cpu")), "tuned")
    read = load_weights(path)[1]
    assert (read.name, read.base, read.score) == ("tuned", "nuclei", 0.4)
    assert emitted == ["changed"]


def test_a_name_that_is_taken_needs_overwrite(weights: Path, emitted: list[str]) -> None:
    add_model(weights, "mine")
    with pytest.raises(FileExistsError, match="There is a model 'mine' already"):
        add_model(weights, "mine")
    add_model(weights, "mine", overwrite=True)
    assert emitted == ["changed", "changed"]


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("my model", "for example 'my-model'"),
        ("", "for example 'model'"),
        ("../escape", "for example 'escape'"),
        (".hidden", "for example 'hidden'"),
        ("zellen-ä", "for example 'zellen'"),
        ("mine.safetensors", "for the model write 'mine'"),
        ("nuclei", "'my-nuclei'"),
        ("coco", "'my-coco'"),
        ("none", "'my-none'"),
        ("x" * 300, "300 letters; give at most 100"),
        ("con", "Windows keeps the name 'con'"),
        ("LPT1.cells", "Windows keeps the name"),
    ],
)
def test_a_name_that_cannot_be_used_is_refused(weights: Path, name: str, reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        add_model(weights, name)
    assert not model_folder().exists()


def test_a_damaged_file_is_not_added(weights: Path, emitted: list[str]) -> None:
    weights.write_bytes(weights.read_bytes()[:-100])
    with pytest.raises(WeightsError, match="damaged"):
        add_model(weights, "mine")
    assert list(model_folder().iterdir()) == []
    assert emitted == []


def test_a_removed_model_lies_in_the_trash(
    weights: Path, user_folder: Path, emitted: list[str]
) -> None:
    content = add_model(weights, "mine").read_bytes()
    trashed = remove_model("mine")
    assert trashed.parent == user_folder / "trash"
    assert trashed.read_bytes() == content
    assert named("mine") == []
    assert emitted == ["changed", "changed"]
    add_model(weights, "mine")
    assert remove_model("mine") != trashed


def test_removing_what_is_not_there_lists_what_is(weights: Path) -> None:
    add_model(weights, "mine")
    with pytest.raises(FileNotFoundError, match=r"no model 'yours'\. Models: .*mine"):
        remove_model("yours")


def test_shared_folders_are_listed_and_never_written(weights: Path, shared: Path) -> None:
    path = shared / "lab-cells.safetensors"
    assert named("lab-cells") == [ModelEntry("lab-cells", path, "shared", path.stat().st_size)]
    with pytest.raises(ValueError, match=r"shared folder .*NAPARI_MASKRCNN_MODELS"):
        remove_model("lab-cells")
    assert path.exists()


def test_the_users_model_comes_before_a_shared_one(weights: Path, shared: Path) -> None:
    own = add_model(weights, "lab-cells")
    assert [entry.path for entry in named("lab-cells")] == [own]
    remove_model("lab-cells")
    assert find_model("lab-cells") == shared / "lab-cells.safetensors"


def test_an_embedded_model_comes_first_and_stays(
    weights: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "embedded"
    folder.mkdir()
    embedded = folder / "nuclei.safetensors"
    embedded.write_bytes(weights.read_bytes())
    monkeypatch.setattr("napari_maskrcnn.models.folder.embedded_folder", lambda: folder)
    model_folder().mkdir(parents=True)
    (model_folder() / "nuclei.safetensors").write_bytes(b"an impostor")
    assert find_model("nuclei") == embedded
    assert named("nuclei")[0].kind == "embedded"
    with pytest.raises(ValueError, match="part of the package"):
        remove_model("nuclei")
    assert embedded.exists()


def test_files_that_no_name_can_mean_are_not_listed(weights: Path) -> None:
    add_model(weights, "mine")
    for name in ("with space.safetensors", ".part.safetensors", "mine.pth"):
        (model_folder() / name).write_bytes(b"")
    assert [entry.name for entry in list_models() if entry.kind == "user"] == ["mine"]


def test_a_value_with_a_separator_or_suffix_is_a_file(
    weights: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(weights.parent)
    assert find_model("tiny.safetensors") == Path("tiny.safetensors")
    assert find_model("./tiny.safetensors") == Path("tiny.safetensors")
    assert find_model(weights) == weights
    with pytest.raises(FileNotFoundError, match=r"no weights file .*none\.safetensors"):
        find_model("none.safetensors")


def test_an_unknown_name_lists_the_names(weights: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    add_model(weights, "mine")
    with pytest.raises(FileNotFoundError, match=r"no model 'nucleii'\. Models: .*mine"):
        find_model("nucleii")
    monkeypatch.chdir(weights.parent)
    Path("net.pth").write_bytes(b"")
    with pytest.raises(FileNotFoundError, match=r"write \..net\.pth"):
        find_model("net.pth")


def test_coco_is_never_fetched_unasked() -> None:
    with pytest.raises(FileNotFoundError, match=r"178 MB.*napari-maskrcnn models download coco"):
        find_model("coco")


def test_suggested_names_are_allowed_names() -> None:
    assert suggested_name("my cells (2).safetensors") == "my-cells-2"
    assert suggested_name("größe") == "gr-e"
    assert suggested_name("...") == "model"


def test_the_embedded_folder_is_in_the_package() -> None:
    assert embedded_folder().parts[-3:] == ("napari_maskrcnn", "models", "embedded")


def test_a_free_name_is_one_that_can_be_added(weights: Path) -> None:
    assert free_name("my cells") == "my-cells"
    assert free_name("nuclei") == "nuclei-2"
    assert free_name("none") == "none-2"
    assert free_name("aux") == "my-aux"
    assert len(free_name("x" * 300)) == 90
    for expected in ("mine", "mine-2", "mine-3"):
        name = free_name("mine")
        assert name == expected
        add_model(weights, name)


def test_a_folder_that_cannot_be_reached_hides_no_other(
    weights: Path, shared: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    add_model(weights, "mine")
    is_dir = Path.is_dir

    def away(self: Path) -> bool:
        if self == shared:
            raise OSError(errno.ESTALE, "Stale file handle")
        return is_dir(self)

    monkeypatch.setattr(Path, "is_dir", away)
    assert {"nuclei", "mine"} <= {entry.name for entry in list_models()}
    assert named("lab-cells") == []
    assert str(shared) in caplog.text
