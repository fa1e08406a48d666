"""Pickles of arrays and plain values, without the power to run code.

A pickle names functions and calls them. Here the only names that mean anything are those of which
numpy arrays are made, and they mean small stand-ins of ours; any other name is refused. The machine
itself is Python's own in Python, as the one in C believes what a file says of its size.
"""

from __future__ import annotations

import io
import pickle
import re
import struct
from collections.abc import Callable
from typing import Any, BinaryIO, ClassVar

import numpy as np
from numpy.typing import NDArray

_DTYPE = re.compile(r"[biufcSUO]\d{0,4}\Z")


def load_plain(file: BinaryIO) -> Any:
    """Load a pickle of arrays, numbers, texts and containers of them.

    Raises
    ------
    ValueError
        It names anything else.
    Exception
        Of many kinds, for what is no pickle.
    """
    return _plain(_Unpickler(_Bounded(file), encoding="latin1").load())


def _load_bytearray(machine: Any) -> None:
    """Take the bytes that are there; Python's own function first makes room for those announced."""
    (size,) = struct.unpack("<Q", machine.read(8))
    content = machine.read(size)
    if len(content) != size:
        raise ValueError("it ends too early")
    machine.append(bytearray(content))


class _Unpickler(pickle._Unpickler):
    dispatch: ClassVar[dict[int, Callable[..., Any]]] = {
        **pickle._Unpickler.dispatch,
        pickle.BYTEARRAY8[0]: _load_bytearray,
    }

    def find_class(self, module: str, name: str) -> Any:
        """Return what stands for a name."""
        # numpy 2 moved numpy.core to numpy._core.
        found = _KNOWN.get((module.replace("numpy._core", "numpy.core"), name))
        if found is None:
            raise ValueError(
                f"it asks for {module[:80]}.{name[:80]}, which labels do not need and which could "
                "run code"
            )
        return found


class _Bounded(io.RawIOBase):
    """A file that is never asked for more bytes than it has, however many a pickle announces."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        start = file.tell()
        self._left = file.seek(0, io.SEEK_END) - start
        file.seek(start)

    def read(self, size: int = -1) -> bytes:
        """Read at most what is left."""
        content = self._file.read(self._left if size < 0 else min(size, self._left))
        self._left -= len(content)
        return content

    def readline(self, size: int | None = -1) -> bytes:
        """Read a line of at most 64 kB."""
        content = self._file.readline(2**16)
        self._left -= len(content)
        return content


class _Dtype:
    """Stands for ``numpy.dtype``, of plain numbers, text and objects only."""

    def __init__(self, code: str, *rest: object) -> None:
        if not isinstance(code, str) or not _DTYPE.match(code):
            raise ValueError(f"it holds an array of the type {str(code)[:40]!r}")
        self.dtype = np.dtype(code)

    def __setstate__(self, state: tuple[Any, ...]) -> None:
        _, order, subtype, names, fields = state[:5]
        if subtype is not None or names is not None or fields is not None:
            raise ValueError("it holds an array with fields")
        if order in ("<", ">"):
            self.dtype = self.dtype.newbyteorder(order)


class _Array:
    """Stands for ``numpy.ndarray``: filled from bytes, or a list for an array of objects."""

    def __init__(self, value: Any = None) -> None:
        self.value = value

    def __setstate__(self, state: tuple[Any, ...]) -> None:
        shape, dtype, fortran, content = state[-4:]
        if not isinstance(dtype, _Dtype):
            raise ValueError("it holds an array without a type")
        if dtype.dtype.kind == "O":
            self.value = content
        else:
            self.value = _from_buffer(content, dtype, shape, "F" if fortran else "C").value


def _reconstruct(*ignored: object) -> _Array:
    return _Array()


def _from_buffer(content: Any, dtype: _Dtype, shape: tuple[int, ...], order: Any) -> _Array:
    content = content.encode("latin1") if isinstance(content, str) else content
    array: NDArray[Any] = np.frombuffer(content, dtype.dtype)
    return _Array(array.reshape(shape, order=order))


def _scalar(dtype: _Dtype, content: Any) -> Any:
    if dtype.dtype.kind == "O":
        return content
    return _from_buffer(content, dtype, (), "C").value[()]


def _encode(text: str, encoding: str) -> bytes:
    return text.encode("latin1")


def _path(*parts: str) -> str:
    return "/".join(map(str, parts)).replace("//", "/")


_KNOWN: dict[tuple[str, str], Callable[..., Any]] = {
    ("numpy.core.multiarray", "_reconstruct"): _reconstruct,
    ("numpy.core.multiarray", "scalar"): _scalar,
    ("numpy.core.numeric", "_frombuffer"): _from_buffer,
    ("numpy", "ndarray"): _Array,
    ("numpy", "dtype"): _Dtype,
    ("_codecs", "encode"): _encode,
    ("collections", "OrderedDict"): dict,
    **{
        (module, name): _path
        for module in ("pathlib", "pathlib._local")
        for name in ("PosixPath", "WindowsPath", "PurePosixPath", "PureWindowsPath")
    },
}


def _plain(value: Any) -> Any:
    """Put arrays where their stand-ins are, at the top and among the values of a mapping."""
    if isinstance(value, dict):
        return {key: _plain(entry) for key, entry in value.items()}
    if isinstance(value, _Array):
        # An array of one object, as numpy saves a mapping.
        if isinstance(value.value, list) and len(value.value) == 1:
            return _plain(value.value[0])
        return value.value
    return value
