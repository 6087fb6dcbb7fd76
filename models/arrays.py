"""Arrays in the files of a release: numpy's format, read without trusting what a file says of itself."""

import io
import math
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray


def array_file(array: NDArray[Any]) -> bytes:
    """An array as the content of a file."""
    buffer = io.BytesIO()
    np.save(buffer, np.ascontiguousarray(array), allow_pickle=False)
    return buffer.getvalue()


def read_array(content: bytes, name: str, dtype: DTypeLike) -> NDArray[Any]:
    """The array of a file that `array_file` wrote; it shares the memory of `content` and cannot be written to.

    Raises `ValueError` naming the file for anything else: another type, objects, an archive, more or fewer numbers than the
    header says. Nothing is made room for on the word of a header.
    """
    stream = io.BytesIO(content)
    try:
        if np.lib.format.read_magic(stream) != (1, 0):
            raise ValueError
        shape, is_fortran, found = np.lib.format.read_array_header_1_0(stream)
    except Exception:  # numpy reads a header as Python and fails in as many ways as Python has
        raise ValueError(f"{name} is not an array file") from None
    if found != np.dtype(dtype) or is_fortran:
        raise ValueError(f"{name} holds {found} in {'columns' if is_fortran else 'rows'}, expected {np.dtype(dtype)} in rows")
    if min(shape, default=0) < 0 or math.prod(shape) * found.itemsize != len(content) - stream.tell():
        raise ValueError(f"{name} is not as long as its shape {shape} says")
    return np.frombuffer(content, found, offset=stream.tell()).reshape(shape)
