"""The corrections store of this process."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Lock
from typing import TYPE_CHECKING

import structlog
from flask import Flask, Response, current_app

from models.errors import StoreError
from service.problems import Problem
from service.settings import Settings

if TYPE_CHECKING:
    from models.store import Store

log = structlog.get_logger()
RETRY_AFTER = "5"  # seconds
REST = 1.0  # seconds for which a store that failed is not asked again, so that no thread waits for what another found dead


class StoreHandle:
    """A store that is opened when first used, in the process that uses it, and again after it could not be had.

    A process that never corrects does not pay for SQLAlchemy: 0.16 s of CPU and 16 MB, measured.
    """

    def __init__(self, url: str):
        self._url = url
        self._lock = Lock()
        self._store: Store | None = None
        self._failed: tuple[float, StoreError] | None = None

    @contextmanager
    def use(self) -> Iterator["Store"]:
        """The store. Raises `StoreError` while it cannot be had, at once where it failed within the last second."""
        try:
            yield self._opened()
        except StoreError as error:
            if not self._is_resting():
                self._failed = time.monotonic(), error
                log.error("store_unavailable", fault=str(error))
            raise

    def close(self) -> None:
        """Close the store if it is open; the next use opens it again."""
        with self._lock:
            if self._store is not None:
                self._store.close()
                self._store = None

    def _opened(self) -> "Store":
        self._raise_if_resting()
        with self._lock:
            if self._store is None:
                self._raise_if_resting()  # who waited here for another's failure does not wait for its own
                from models.database import DEFAULT_URL
                from models.store import Store

                self._store = Store(self._url or DEFAULT_URL)
            return self._store

    def _is_resting(self) -> bool:
        return self._failed is not None and time.monotonic() - self._failed[0] < REST

    def _raise_if_resting(self) -> None:
        if self._failed is not None and self._is_resting():
            error = self._failed[1]
            raise StoreError(str(error), error.fault)


def init_app(app: Flask, settings: Settings) -> None:
    """Give the app its store, and answer 503 while it cannot be used."""
    app.extensions["wiretag_store"] = StoreHandle(settings.database_url)
    app.register_error_handler(StoreError, _unavailable)


def store() -> StoreHandle:
    """The store of the app that answers."""
    handle: StoreHandle = current_app.extensions["wiretag_store"]
    return handle


def _unavailable(error: StoreError) -> Response:
    detail = f"the corrections store cannot be used: {error.fault}; the log says more"
    return Problem(503, detail, headers={"Retry-After": RETRY_AFTER}).response()
