"""One training run of a registry at a time."""

import fcntl
import json
import os
import shutil
import socket
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime
from pathlib import Path

from models.errors import WiretagError

NAME = ".retraining"


class Busy(WiretagError):
    """Another run holds the registry."""


@contextmanager
def only_run(root: Path) -> Iterator[None]:
    """Hold a registry for one run, and sweep away what a killed one left. The kernel frees it when the process ends, however.

    Raises `Busy` naming who holds it and since when, `WiretagError` where the folder cannot be written or is a release's.
    """
    if (root / "manifest.json").exists():
        raise WiretagError(f"{root}: the folder of one release; name the registry that holds it")
    with ExitStack() as stack:
        try:
            root.mkdir(parents=True, exist_ok=True)
            file = stack.enter_context((root / NAME).open("a+b", buffering=0))
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            file.truncate(0)
            owner = {"pid": os.getpid(), "host": socket.gethostname(), "since": datetime.now(UTC).isoformat(timespec="seconds")}
            file.write(json.dumps(owner).encode())
        except BlockingIOError:
            file.seek(0)
            raise Busy(f"{root}: another training runs ({_owner(file.read())}); wait for it or end it") from None
        except OSError as error:
            raise WiretagError(
                f"{root}: cannot be written ({error.strerror}); name another --registry, free some space or mend its rights"
            ) from None
        for aside in list((root / "releases").glob(".new-*")):
            shutil.rmtree(aside, ignore_errors=True)
        yield


def _owner(text: bytes) -> str:
    try:
        owner = json.loads(text)
        return f"process {owner['pid']} on {owner['host']} since {owner['since']}"
    except (ValueError, KeyError, TypeError):
        return "owner unknown"
