"""A chunk that no worker survives."""

import os
import signal

from service.archive.chunks import Chunk, File


class DeadlyChunk(Chunk):
    """Kills the process that reads it, as the kernel does when memory runs out."""

    @property
    def name(self) -> str:
        return "the deadly chunk"

    @property
    def file(self) -> File:
        os.kill(os.getpid(), signal.SIGKILL)
        raise AssertionError
