"""``images.csv``: the table of a project, which a person may edit in any program.

What we do not know in it stays: other columns, their order, and the sign between the columns.
"""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Callable, Container, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from types import MappingProxyType
from typing import Any, TypeVar

from napari_maskrcnn.annotate.image_states import read_state
from napari_maskrcnn.annotate.project.entries import ROLES, Entry, Role, free_name, name_problem

NAME = "images.csv"
COLUMNS = (
    "name",
    "image",
    "state",
    "role",
    "objects",
    "certainty",
    "model",
    "seconds",
    "original",
)
#: Excel writes semicolons in half of Europe.
SEPARATORS = (",", ";", "\t")
MOST_BYTES = 2**27

T = TypeVar("T")


class SheetError(ValueError):
    """The table cannot be read; the message names the file, the line and the remedy."""


@dataclass(frozen=True)
class Sheet:
    """The table of a project.

    Parameters
    ----------
    entries : tuple of Entry
        A row each.
    columns : tuple of str
        In their order, those that are not ours as well.
    separator : str
        Between the columns.
    """

    entries: tuple[Entry, ...] = ()
    columns: tuple[str, ...] = COLUMNS
    separator: str = ","

    def named(self, name: str) -> Entry:
        """Return the entry of a name.

        Raises
        ------
        KeyError
            There is none.
        """
        for entry in self.entries:
            if entry.name == name:
                return entry
        raise KeyError(f"The project has no image {name!r}.")

    def with_entry(self, changed: Entry) -> Sheet:
        """Put an entry in the place of the one of its name."""
        rows = (changed if entry.name == changed.name else entry for entry in self.entries)
        return replace(self, entries=tuple(rows))

    def to_text(self) -> str:
        """Return the table as text; spreadsheets open it as it is."""
        columns = (*self.columns, *(name for name in COLUMNS if name not in self.columns))
        text = io.StringIO()
        writer = csv.DictWriter(text, columns, delimiter=self.separator, lineterminator="\n")
        writer.writeheader()
        for entry in self.entries:
            writer.writerow({**entry.more, **_row(entry)})
        return text.getvalue()


def read_sheet(path: Path) -> Sheet:
    """Read a table, also one that a person or a spreadsheet changed.

    Raises
    ------
    SheetError
        Naming the line and what is wrong with it.
    """
    if path.stat().st_size > MOST_BYTES:
        raise SheetError(f"{path} has more than {MOST_BYTES // 2**20} MB: it is no such table.")
    try:
        text = path.read_bytes().decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = path.read_bytes()[: error.start].count(b"\n") + 1
        raise SheetError(
            f"{path}, line {line}: not written as UTF-8. Save it as “CSV UTF-8”."
        ) from error
    separator = _separator(text)
    reader = csv.DictReader(io.StringIO(text, newline=""), delimiter=separator, strict=True)
    try:
        columns = tuple(name.strip() for name in reader.fieldnames or ())
        reader.fieldnames = columns
        _check_columns(path, columns)
        entries: list[Entry] = []
        lines: dict[str, int] = {}
        for row in reader:
            if any(isinstance(value, str) and value.strip() for value in row.values()):
                entry = _entry(row, lines, f"{path}, line {reader.line_num}")
                _check_name(path, entry.name, reader.line_num, lines)
                entries.append(entry)
    except csv.Error as error:
        raise SheetError(f"{path}, line {reader.line_num}: {error}.") from error
    return Sheet(tuple(entries), columns, separator)


def _separator(text: str) -> str:
    head = text.splitlines()[0] if text else ""
    return max(SEPARATORS, key=head.count)


def _check_columns(path: Path, columns: tuple[str, ...]) -> None:
    if "image" not in columns:
        raise SheetError(
            f"{path}, line 1: the column 'image' is missing; the first line names the columns, "
            f"such as {', '.join(COLUMNS[:4])}."
        )
    if len(set(columns)) < len(columns):
        raise SheetError(f"{path}, line 1: two columns have one name; rename one of them.")


def _check_name(path: Path, name: str, line: int, lines: dict[str, int]) -> None:
    if name.casefold() in lines:
        raise SheetError(
            f"{path}, line {line}: {name!r} is also the name in line {lines[name.casefold()]}; "
            "give one of them another name."
        )
    lines[name.casefold()] = line


def _entry(row: Mapping[str, Any], taken: Container[str], where: str) -> Entry:
    if None in row:
        raise SheetError(f"{where}: more columns than in line 1. Put commas in quotes.")
    texts = {name: (value or "").strip() for name, value in row.items()}
    image = texts["image"].replace("\\", "/")
    if not image:
        raise SheetError(f"{where}: the column 'image' is empty; name the image's file.")
    name = texts.get("name") or free_name(Path(image).stem, taken)
    if problem := name_problem(name):
        raise SheetError(f"{where}: the name is {name!r:.60}, but {problem}.")

    def read(column: str, kind: Callable[[str], T], default: T) -> T:
        text = texts.get(column, "")
        try:
            return kind(text) if text else default
        except ValueError as error:
            raise SheetError(f"{where}: {column} is {text!r:.60}; {error}") from error

    return Entry(
        name,
        image,
        _state(texts.get("state", ""), where),
        read("role", _role, "train"),
        read("objects", _count, None),
        read("certainty", _number, None),
        texts.get("model", ""),
        read("seconds", _number, None) or 0.0,
        texts.get("original", ""),
        MappingProxyType({k: row[k] or "" for k in row if k not in COLUMNS}),
    )


def _state(text: str, where: str) -> Any:
    try:
        return read_state(text)
    except ValueError as error:
        raise SheetError(f"{where}: {error}") from error


def _role(text: str) -> Role:
    for role in ROLES:
        if text.lower() == role:
            return role
    raise ValueError(f"write {' or '.join(ROLES)}.")


def _count(text: str) -> int | None:
    number = _number(text)
    if number is None or number != int(number):
        raise ValueError("write a whole number, or leave it empty.")
    return int(number)


def _number(text: str) -> float | None:
    try:
        # A comma is the decimal sign where the semicolon separates columns.
        number = float(text.replace(",", "."))
    except ValueError:
        raise ValueError("write a number, or leave it empty.") from None
    if not math.isfinite(number) or number < 0:
        raise ValueError("write a number from 0 up, or leave it empty.")
    return number


def _row(entry: Entry) -> dict[str, str]:
    return {
        "name": entry.name,
        "image": entry.image,
        "state": entry.state.value,
        "role": entry.role,
        "objects": "" if entry.objects is None else str(entry.objects),
        "certainty": "" if entry.certainty is None else f"{entry.certainty:.3f}",
        "model": entry.model,
        "seconds": f"{entry.seconds:.0f}" if entry.seconds else "",
        "original": entry.original,
    }
