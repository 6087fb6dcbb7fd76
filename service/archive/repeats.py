"""Which stories of an archive repeat an earlier one: what `models.duplicates.Seen` finds, on disk and in bounded memory.

Two stories are compared if they share a band of their signatures. Three passes, each over files in order:

1. every story's 32 bands are spread over partitions by their hash, so that equal bands lie in one of them;
2. each partition is sorted; bands that only one story has fall away, and most do; the others become buckets;
3. stories that share a bucket are decided in the order of the input: one that is like a story before it repeats that story,
   else it joins its buckets. So a bucket holds few stories, however often each is repeated.

Beyond the signatures, of 0.5 kB a story, the disk holds some 0.4 kB a story, and some 1.2 kB for each that shares a band.
"""

import os
import tempfile
from collections.abc import Callable, Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from models.duplicates import LIKE, N_BANDS, N_PERMUTATIONS
from service.archive.signatures import Signatures, read_signatures

BUCKET_STORIES = 64  # unlike stories that a bucket holds; more share a band by their boilerplate alone
_HELD = 2_000_000  # bands held in memory before they are spread, some 24 MB
_PARTITIONS = 256
_RANGE = 16  # bits of the stories whose buckets are read at once
_ENOUGH = int(np.ceil(LIKE * N_PERMUTATIONS))

_BAND = np.dtype([("hash", "<u8"), ("story", "<u4")])
_LINK = np.dtype([("story", "<u4"), ("bucket", "<u8")])
_MEMBER = np.dtype([("original", "<u4"), ("next", "<u4")])  # of a bucket: one story, and the member that came before it, from 1
_ORIGINAL = np.dtype(
    [("signature", "<u4", (N_PERMUTATIONS,)), ("document", "<u8"), ("segment", "<i4"), ("name_at", "<u8"), ("name_size", "<u4")]
)

Array = NDArray[Any]
Read = Callable[[], Iterator[bytes]]


class Repeat(NamedTuple):
    """A story that repeats an earlier one: its row in the chunk, its segment or `WHOLE`, and what it repeats.

    `of` is a document's name, or the index of a segment of the same page.
    """

    row: int
    segment: int
    of: str | int


def find_repeats(read: Read, folder: Path) -> Iterator[list[Repeat]]:
    """The repeats of every chunk, in order. `read` gives the signatures of all chunks in order, and is called twice.

    Works in a temporary folder under `folder`. Raises `OSError` where the disk is full.
    """
    with tempfile.TemporaryDirectory(prefix="repeats-", dir=folder) as work:
        place = Path(work)
        _spread(read(), place)
        n_buckets = _link(place)
        yield from _Deciding(place, n_buckets).chunks(read())


def band_hashes(signatures: Array) -> Array:
    """A hash of every band: signatures (n, 128) to (n, 32). Bands of different places are never equal."""
    parts = signatures.reshape(len(signatures), N_BANDS, N_PERMUTATIONS // N_BANDS).astype(np.uint64)
    mixed = np.broadcast_to(np.arange(1, N_BANDS + 1, dtype=np.uint64), parts.shape[:2]) * np.uint64(0x9E3779B97F4A7C15)
    for number in range(parts.shape[2]):
        mixed = (mixed ^ parts[:, :, number]) * np.uint64(0xBF58476D1CE4E5B9)
        mixed ^= mixed >> np.uint64(29)
    return mixed


def _spread(chunks: Iterator[bytes], place: Path) -> None:
    """Write the bands of all stories, those of equal hash into the same file. Few stories need one file only."""
    held: list[Array] = []
    n_held = n_stories = n_files = 0
    for data in chunks:
        signatures = read_signatures(data).array()["signature"]
        bands = np.empty((len(signatures), N_BANDS), _BAND)
        bands["hash"] = band_hashes(signatures)
        bands["story"] = np.arange(n_stories, n_stories + len(signatures))[:, None]
        n_stories += len(signatures)
        held.append(bands.ravel())
        n_held += bands.size
        if n_held >= _HELD:
            n_files = _PARTITIONS
            _write_parts(place, "bands", np.concatenate(held), "hash", 64 - 8)
            held, n_held = [], 0
    if n_held:
        if n_files:
            _write_parts(place, "bands", np.concatenate(held), "hash", 64 - 8)
        else:
            _append(place / "bands-0", np.concatenate(held))


def _link(place: Path) -> int:
    """Write which story lies in which bucket, by ranges of stories; the number of buckets."""
    n_buckets = 0
    for number in range(_PARTITIONS):
        path = place / f"bands-{number}"
        if not path.exists():
            continue
        bands = np.fromfile(path, _BAND)
        path.unlink()
        bands = bands[np.argsort(bands["hash"], kind="stable")]
        is_same = bands["hash"][1:] == bands["hash"][:-1]
        is_shared = np.append(is_same, False) | np.append(False, is_same)
        begins = np.append(True, ~is_same)[is_shared]
        links = np.empty(int(is_shared.sum()), _LINK)
        links["story"] = bands["story"][is_shared]
        links["bucket"] = n_buckets + np.cumsum(begins) - 1
        n_buckets += int(begins.sum())
        if len(links):
            _write_parts(place, "links", links, "story", _RANGE)
    return n_buckets


def _write_parts(place: Path, name: str, records: Array, key: str, shift: int) -> None:
    """Append records to one file for each value of the upper bits of a key, in order within it."""
    parts = (records[key] >> np.uint64(shift)).astype(np.int64)
    order = np.argsort(parts, kind="stable")
    records, parts = records[order], parts[order]
    for start, stop in _runs(parts):
        _append(place / f"{name}-{parts[start]}", records[start:stop])


def _runs(values: Array) -> Iterator[tuple[int, int]]:
    """Where equal values stand side by side: from, to."""
    bounds = [0, *(np.flatnonzero(values[1:] != values[:-1]) + 1).tolist(), len(values)] if len(values) else []
    return pairwise(bounds)


def _append(path: Path, records: Array) -> None:
    with path.open("ab") as file:
        file.write(records.tobytes())


class _Deciding:
    """The third pass. `_latest` has the newest member of every bucket, from 1, or 0."""

    def __init__(self, place: Path, n_buckets: int):
        self._place = place
        self._latest = _OnDisk(place / "latest", np.dtype("<u4")).reserve(n_buckets)
        self._members = _OnDisk(place / "members", _MEMBER)
        self._originals = _OnDisk(place / "originals", _ORIGINAL)
        self._n_members = self._n_originals = self._names_size = 0
        self._held: tuple[int, Array] = (-1, np.empty(0, _LINK))

    def chunks(self, chunks: Iterator[bytes]) -> Iterator[list[Repeat]]:
        """The repeats of every chunk."""
        n_stories = n_documents = 0
        with (self._place / "names").open("w+b") as self._names:
            for data in chunks:
                signatures = read_signatures(data)
                yield self._chunk(signatures, n_stories, n_documents)
                n_stories += len(signatures.array())
                n_documents += 1 + max(signatures.names, default=0)

    def _chunk(self, signatures: Signatures, n_stories: int, n_documents: int) -> list[Repeat]:
        stories, found = signatures.array(), []
        for number, buckets in self._buckets(n_stories, n_stories + len(stories)):
            story = stories[number - n_stories]
            row, document = int(story["row"]), n_documents + int(story["row"])
            originals, is_open = self._members_of(buckets)
            first = self._first_like(story["signature"], originals)
            if first is None:
                self._join(story, document, signatures.names[row], buckets[is_open])
            else:
                same_page = int(first["document"]) == document
                found.append(Repeat(row, int(story["segment"]), int(first["segment"]) if same_page else self._name(first)))
        return found

    def _buckets(self, start: int, stop: int) -> Iterator[tuple[int, Array]]:
        """The stories from start to stop that share any bucket, with their buckets."""
        for part in range(start >> _RANGE, ((stop - 1) >> _RANGE) + 1 if stop > start else 0):
            links = self._links(part)
            low, high = np.searchsorted(links["story"], (start, stop))
            links = links[low:high]
            for at, end in _runs(links["story"]):
                yield int(links["story"][at]), links["bucket"][at:end]

    def _links(self, part: int) -> Array:
        """The links of a range of stories, sorted; the last range is kept for the next chunk."""
        if self._held[0] != part:
            path = self._place / f"links-{part}"
            links = np.fromfile(path, _LINK) if path.exists() else np.empty(0, _LINK)
            self._held = (part, links[np.argsort(links["story"], kind="stable")])
        return self._held[1]

    def _members_of(self, buckets: Array) -> tuple[Array, Array]:
        """The originals in any of the buckets, in the order of the input, and which buckets take more."""
        at = self._latest[buckets]
        found, size = [], np.zeros(len(buckets), np.int64)
        members = self._members.array
        while (there := np.flatnonzero(at)).size:
            held = members[at[there] - 1]
            found.append(held["original"])
            size[there] += 1
            at[there] = held["next"]
        return (np.unique(np.concatenate(found)) if found else np.empty(0, np.uint32)), size < BUCKET_STORIES

    def _first_like(self, signature: Array, originals: Array) -> Any:
        if not originals.size:
            return None
        known = self._originals.array[originals]
        alike = (known["signature"] == signature).sum(axis=1) >= _ENOUGH
        return known[alike.argmax()] if alike.any() else None

    def _join(self, story: Any, document: int, name: str, buckets: Array) -> None:
        """Keep a story that repeats none, with what others may point at."""
        encoded = name.encode("utf-8", "surrogatepass")
        self._originals.reserve(self._n_originals + 1)[self._n_originals] = (
            *(story["signature"], document, story["segment"]),
            *(self._names_size, len(encoded)),
        )
        self._names.seek(self._names_size)
        self._names.write(encoded)
        self._names_size += len(encoded)
        new = np.arange(self._n_members, self._n_members + len(buckets))
        members = self._members.reserve(self._n_members + len(buckets))
        members["original"][new] = self._n_originals
        members["next"][new] = self._latest[buckets]
        self._latest[buckets] = new + 1
        self._n_originals += 1
        self._n_members += len(buckets)

    def _name(self, original: Any) -> str:
        self._names.seek(int(original["name_at"]))
        return self._names.read(int(original["name_size"])).decode("utf-8", "surrogatepass")


class _OnDisk:
    """An array in a file that grows. The disk is asked for its space beforehand: a full one is an error, not a crash."""

    def __init__(self, path: Path, dtype: np.dtype[Any]):
        self._path = path
        self._dtype = dtype
        self.array: Array = np.empty(0, dtype)

    def reserve(self, n: int) -> Array:
        """The array with room for n records, new ones zero."""
        if n > len(self.array):
            n = max(n, 2 * len(self.array), 1024)
            with self._path.open("ab") as file:
                os.posix_fallocate(file.fileno(), 0, n * self._dtype.itemsize)
            self.array = np.memmap(self._path, self._dtype, "r+", shape=(n,))
        return self.array
