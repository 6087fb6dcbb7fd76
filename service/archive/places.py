"""Files and folders: on this machine, or by URL (`s3://…`, `gs://…`, `https://…`) through fsspec."""

import glob
import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, BinaryIO

from models.errors import InputError
from service.archive.chunks import File, Kind

_KINDS = {
    ".jsonl": Kind.JSON_LINES,
    ".ndjson": Kind.JSON_LINES,
    ".csv": Kind.CSV,
    ".tsv": Kind.TSV,
    ".parquet": Kind.PARQUET,
    ".warc": Kind.WARC,
    ".txt": Kind.TEXT,
    ".html": Kind.HTML,
    ".htm": Kind.HTML,
}
_COMPRESSIONS = {".gz": "gz", ".zst": "zst"}
_COMPRESSED = {Kind.JSON_LINES, Kind.CSV, Kind.TSV, Kind.WARC}
NAMES = f"{', '.join(_KINDS)}, and {', '.join(kind for kind in sorted(_COMPRESSED))} also with .gz or .zst"


def is_url(path: str) -> bool:
    """Whether a path names a place that fsspec knows."""
    return "://" in path


def shown(path: str) -> str:
    """A path as messages may show it: the query of a URL may be a key."""
    return path.partition("?")[0] if is_url(path) else path


def kind_of(path: str) -> tuple[Kind, str] | None:
    """Kind and compression by the name, or None."""
    stem, suffix = os.path.splitext(shown(path).lower())
    compression = _COMPRESSIONS.get(suffix, "")
    kind = _KINDS.get(os.path.splitext(stem)[1] if compression else suffix)
    return None if kind is None or (compression and kind not in _COMPRESSED) else (kind, compression)


def find(path: str) -> Iterator[File]:
    """The files that an input names: itself, what a glob matches, or all of a kind we know below a folder; by name, in order.

    Raises `InputError` for what is missing, of no known kind, or not to be read.
    """
    found = _find_at(path) if is_url(path) else _find_here(path)
    for name in found:
        kind = kind_of(name)
        if kind is None:
            raise InputError(f"{shown(name)}: cannot tell what this is; name it {NAMES}")
        yield File(name, *kind, *identity(name))


def identity(path: str) -> tuple[int, str]:
    """Size and version of a file. Raises `InputError`."""
    with readable(path):
        if is_url(path):
            system, name = _system(path)
            details = system.info(name)
            return int(details.get("size") or 0), str(system.ukey(name))
        status = os.stat(path)
        return status.st_size, str(status.st_mtime_ns)


def check_unchanged(file: File) -> None:
    """Raise `InputError` if a file is no longer what the plan found."""
    if identity(file.path) != (file.size, file.version):
        raise InputError(f"{shown(file.path)}: changed during the run; leave inputs alone and start the run anew")


@contextmanager
def opened(path: str) -> Iterator[BinaryIO]:
    """A file's bytes, seekable. Raises `InputError`, also for what fails while it is read."""
    with readable(path):
        if is_url(path):
            system, name = _system(path)
            with system.open(name, "rb") as file:
                yield file
        else:
            with open(path, "rb") as file:
                yield file


@contextmanager
def readable(path: str) -> Iterator[None]:
    """Turns what goes wrong with a file into an `InputError` that names it."""
    try:
        yield
    except FileNotFoundError:
        raise InputError(f"{shown(path)}: no such file") from None
    except PermissionError:
        raise InputError(
            f"{shown(path)}: cannot be read (Permission denied); run as someone who may, or leave it out"
        ) from None
    except OSError as error:
        raise InputError(f"{shown(path)}: cannot be read ({error.strerror or error})") from None


def _find_here(path: str) -> Iterator[str]:
    if os.path.isdir(path):
        yield from _not_empty(path, _below(path))
    elif os.path.exists(path):
        yield path
    elif glob.has_magic(path):
        matches = sorted(glob.glob(path, recursive=True))
        if not matches:
            raise InputError(f"{path}: nothing matches")
        for match in matches:
            if os.path.isdir(match):
                yield from _below(match)
            else:
                yield match
    else:
        raise InputError(f"{path}: no such file")


def _not_empty(path: str, files: Iterator[str]) -> Iterator[str]:
    first = next(files, None)
    if first is None:
        raise InputError(f"{shown(path)}: no documents in this folder; it may hold {NAMES}")
    yield first
    yield from files


def _below(folder: str) -> Iterator[str]:
    """The files of known kinds below a folder, held a folder at a time. Hidden ones are not meant."""
    with readable(folder):
        entries = sorted(os.scandir(folder), key=lambda entry: entry.name)
    for entry in entries:
        if entry.name.startswith("."):
            continue
        if entry.is_dir():
            yield from _below(entry.path)
        elif kind_of(entry.name) is not None:
            yield entry.path


def _find_at(path: str) -> Iterator[str]:
    system, name = _system(path)
    with readable(path):
        if "*" in shown(path):  # "?" and "[" are at home in URLs
            matches = [str(match) for match in sorted(system.glob(name)) if not system.isdir(match)]
            if not matches:
                raise InputError(f"{shown(path)}: nothing matches")
        elif system.isdir(name):
            inside = (str(match) for match in sorted(system.find(name)) if kind_of(str(match)) is not None)
            matches = list(_not_empty(path, inside))
        else:
            matches = []
    if not matches:
        yield path
    for match in matches:
        yield str(system.unstrip_protocol(match))


def _system(path: str) -> tuple[Any, str]:
    try:
        from fsspec.core import url_to_fs
    except ImportError:
        raise InputError(f"{shown(path)}: URLs need fsspec; install it with `pip install 'wiretag[bulk]'`") from None
    try:
        system, name = url_to_fs(path)
    except (ImportError, ValueError) as error:  # a store whose client is not installed, or that nobody knows
        raise InputError(f"{shown(path)}: {error}") from None
    return system, str(name)
