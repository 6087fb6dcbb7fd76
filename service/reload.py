"""A change of model without a stop: each worker looks at what its setting names and takes up a new release.

A request takes the model once (`service.model.serving`), so that its answer is wholly of one version; the change is one
assignment. A release that is refused leaves the old one serving.
"""

import threading
import time
from pathlib import Path

import structlog
from flask import Flask

from models.errors import ReleaseError, WiretagError
from models.registry import load_model, named_folder, registry_of
from models.release import read_manifest, with_prior
from service.metrics import metrics
from service.model import Serving
from service.settings import Settings

log = structlog.get_logger()
INTERVAL = 0.5  # seconds between two looks
_Stamp = tuple[object, ...]


class Reloader:
    """Keeps a process's model to what the setting names."""

    def __init__(self, serving: Serving, settings: Settings):
        self._serving = serving
        self._settings = settings
        self._seen: _Stamp | None = None
        self._look_now = threading.Event()
        self._looking = threading.Lock()

    def start(self) -> None:
        """Look once, then from a thread of its own for as long as the process lives. To be called after a fork, not before.

        A process forked from one that loaded its model long ago is up to date when this returns.
        """
        self.look()
        threading.Thread(target=self._watch, name="reload", daemon=True).start()

    def wake(self) -> None:
        """Have the thread look at once, even where nothing seems to have changed; may be called from a signal handler."""
        self._look_now.set()

    def look(self, *, again: bool = False) -> None:
        """Take up what the setting names where it changed since the last look, or in any case with `again`. Never raises."""
        with self._looking:
            stamp = self._stamp()
            if stamp != self._seen or again:
                self._seen = stamp  # taken before the files are read: what changes meanwhile is seen by the next look
                self._take_up()

    def _watch(self) -> None:
        while True:
            again = self._look_now.wait(INTERVAL)
            self._look_now.clear()
            self.look(again=again)

    def _stamp(self) -> _Stamp:
        """What tells one state of the named files from another, without reading more than the registry's `current`."""
        where = self._settings.model
        try:
            registry, folder = registry_of(where), named_folder(where)
            files = [*sorted(folder.iterdir()), *([registry.root / "current"] if registry else [])]
            return (folder, *((path.name, *_mark(path)) for path in files))
        except (OSError, WiretagError) as error:
            return (str(error),)

    def _take_up(self) -> None:
        held, started = self._serving, time.perf_counter()
        try:
            if held.release is not None and read_manifest(named_folder(self._settings.model)) == held.release.manifest:
                held.fault = None
                return
            release = with_prior(load_model(self._settings.model), self._settings.shares)
        except Exception as error:  # whatever a foreign folder brings about, the old model goes on and the thread lives
            fault = str(error) if isinstance(error, ReleaseError) else f"could not be loaded ({type(error).__name__})"
            held.fault = self.without_root(fault)
            version = held.release.version if held.release else None
            log.error("model_refused", fault=fault, model_version=version)
            metrics.reload("refused", version)
            return
        before, held.release, held.fault = held.release, release, None
        log.info(
            "model_loaded",
            model_version=release.version,
            before=before.version if before else None,
            ms=round((time.perf_counter() - started) * 1000),
        )
        metrics.reload("loaded", release.version)

    def without_root(self, fault: str) -> str:
        """A fault as anyone may read it: where the registry lies is the operator's business."""
        registry = registry_of(self._settings.model)
        root = registry.root if registry else (self._settings.model or Path()).parent
        return fault.replace(f"{root}/", "").replace(f"{root}:", "the registry:")


def _mark(path: Path) -> tuple[int, int, int]:
    status = path.stat()
    return status.st_mtime_ns, status.st_size, status.st_ino


def reloader(app: Flask) -> Reloader:
    """The app's reloader."""
    found: Reloader = app.extensions["wiretag_reloader"]
    return found


def init_app(app: Flask, settings: Settings) -> None:
    """Give the app a reloader for its model; nothing watches before `Reloader.start`."""
    app.extensions["wiretag_reloader"] = Reloader(app.extensions["wiretag_model"], settings)
