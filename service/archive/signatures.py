"""What a chunk's stories are compared by across the archive."""

import msgspec
import numpy as np

from models.duplicates import N_PERMUTATIONS, signature, stories
from models.pipeline import Document, Json

STORY = np.dtype([("row", "<u4"), ("segment", "<i4"), ("signature", "<u4", (N_PERMUTATIONS,))])


class Signatures(msgspec.Struct):
    """The stories of a chunk, in order, as the bytes of an array of `STORY`, and the name of every row that has one."""

    stories: bytes = b""
    names: dict[int, str] = {}

    def array(self) -> np.ndarray:
        """The stories as an array of `STORY`."""
        return np.frombuffer(self.stories, STORY)


class Collector:
    """Gathers a chunk's stories while it is tagged."""

    def __init__(self) -> None:
        self._stories: list[bytes] = []
        self._names: dict[int, str] = {}

    def add(self, row: int, name: str, document: Document, result: Json) -> None:
        """Take the stories of a result. `row` counts the chunk's results from 0; `name` is what a repeat will point at."""
        for segment, text in stories(document, result):
            digest = signature(text)
            if digest is not None:
                self._stories.append(np.array((row, segment, digest.digest()), STORY).tobytes())
                self._names[row] = name

    def bytes(self) -> bytes:
        """All that was gathered, for `read_signatures`."""
        return msgspec.msgpack.encode(Signatures(b"".join(self._stories), self._names))


def read_signatures(data: bytes) -> Signatures:
    """What a `Collector` gathered."""
    return msgspec.msgpack.decode(data, type=Signatures)
