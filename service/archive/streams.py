"""Compressed streams, read from their beginning in bounded memory; a truncated one is named."""

import gzip
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, BinaryIO, Protocol

from models.errors import InputError
from service.archive import places
from service.archive.chunks import File


class Stream(Protocol):
    """Bytes in their plain form; `taken` says how many of the file they came from so far."""

    @property
    def taken(self) -> int: ...  # noqa: D102

    def read(self, size: int) -> bytes: ...  # noqa: D102


class _Decompressed:
    def __init__(self, raw: BinaryIO, plain: Any, name: str):
        self._raw, self._name = raw, name
        self._read = getattr(plain, "read1", plain.read)  # what comes before a stream breaks off is not lost

    @property
    def taken(self) -> int:
        return self._raw.tell()

    def read(self, size: int) -> bytes:
        try:
            return bytes(self._read(size))
        except EOFError:
            reason = "ends in the midst"
        except (gzip.BadGzipFile, zlib.error) as error:
            reason = str(error)
        except OSError as error:  # pyarrow's, which have no number
            if error.errno:
                raise
            reason = "ends in the midst" if "Truncated" in str(error) else str(error)
        raise InputError(f"{self._name}: not a sound compressed file ({reason}); fetch it again, or leave it out")


@contextmanager
def decompressed(file: File) -> Iterator[Stream]:
    """The stream of a file. Raises `InputError` for one that is truncated, damaged, or changed while it was read."""
    with places.opened(file.path) as raw:
        plain: Any = raw
        if file.compression == "gz":
            plain = gzip.GzipFile(fileobj=raw)
        elif file.compression == "zst":
            plain = pyarrow_for(file.path).CompressedInputStream(raw, "zstd")
        yield _Decompressed(raw, plain, places.shown(file.path))
    places.check_unchanged(file)


def pyarrow_for(path: str) -> Any:
    """The module, or an `InputError` that tells how to get it."""
    try:
        import pyarrow
        import pyarrow.parquet
    except ImportError:
        shown = places.shown(path)
        raise InputError(f"{shown}: this needs pyarrow; install it with `pip install 'wiretag[bulk]'`, or use JSONL") from None
    return pyarrow
