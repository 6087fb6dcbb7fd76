"""One retraining of a registry at a time."""

import fcntl
import json
import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

from models.errors import WiretagError

NAME = ".retraining"


class Busy(WiretagError):
    """Another run holds the registry."""


@contextmanager
def only_run(root: Path) -> Iterator[None]:
    """Hold a registry for one run. The kernel frees it when the process ends, however it ends.

    Raises `Busy` naming who holds it and since when, `WiretagError` where the folder cannot be written.
    """
    try:
        root.mkdir(parents=True, exist_ok=True)
        file = (root / NAME).open("a+", encoding="utf-8")
    except OSError as error:
        raise WiretagError(
            f"{root}: cannot be written ({error.strerror}); name another --registry or mend its rights"
        ) from None
    with file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            file.seek(0)
            raise Busy(f"{root}: another retraining runs ({_owner(file.read())}); wait for it or end it") from None
        owner = {"pid": os.getpid(), "host": socket.gethostname(), "since": datetime.now(UTC).isoformat(timespec="seconds")}
        try:
            file.truncate(0)
            file.write(json.dumps(owner))
            file.flush()
        except OSError as error:
            raise WiretagError(f"{root}: cannot be written ({error.strerror}); free some space") from None
        yield


def _owner(text: str) -> str:
    try:
        owner = json.loads(text)
        return f"process {owner['pid']} on {owner['host']} since {owner['since']}"
    except (ValueError, KeyError, TypeError):
        return "owner unknown"
