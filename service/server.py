"""gunicorn, set up for this application."""

import ctypes
import gc
import logging
import os
import resource
import signal
import socket
import sys
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any

import click
import msgspec
import structlog
from flask import Flask
from gunicorn.app.base import BaseApplication
from gunicorn.arbiter import Arbiter
from gunicorn.glogging import Logger

from models.errors import InputError
from models.pipeline import Document, Form, Options, classify
from service.access import refuse_open_address
from service.balance import Balance, Share
from service.metrics import worker_hooks
from service.reload import reloader
from service.settings import Settings
from service.worker import Worker

CONNECTIONS = 500  # open ones a worker, idle ones among them; as many more wait in the kernel


class _Log(Logger):  # type: ignore[misc]
    """gunicorn's own log, without tracebacks: they may hold words of a document."""

    def exception(self, msg: str, *args: Any, **_: Any) -> None:
        kind = sys.exc_info()[0]
        self.error_log.error(f"{msg} (%s)", *args, kind.__name__ if kind else "unknown")


class _Arbiter(Arbiter):  # type: ignore[misc]
    """The master process. It serves nothing itself and holds no state that a worker would have to take over."""

    def __init__(self, app: BaseApplication):
        super().__init__(app)
        self._balance = Balance(self.cfg.workers)

    def handle_hup(self) -> None:
        """Have the workers look for another model; none is restarted and no connection closed."""
        self.kill_workers(signal.SIGHUP)

    def spawn_worker(self) -> Any:
        """Fork a worker. Signals wait until it has handlers of its own: the master's would lose a SIGTERM sent at once."""
        slot = self._balance.free_slot({worker.share.slot for worker in self.WORKERS.values()})
        self.worker_class = partial(Worker, share=Share(self._balance, slot))
        signal.pthread_sigmask(signal.SIG_BLOCK, Worker.SIGNALS)
        try:
            return super().spawn_worker()
        finally:
            signal.pthread_sigmask(signal.SIG_UNBLOCK, Worker.SIGNALS)

    def reap_workers(self) -> None:
        """Forget workers that have ended, also in the balance of connections."""
        super().reap_workers()
        self._balance.keep(worker.share.slot for worker in self.WORKERS.values())


class _Server(BaseApplication):  # type: ignore[misc]
    def __init__(self, app: Flask, options: dict[str, Any]):
        self._app = app
        self._options = options
        super().__init__()

    def load_config(self) -> None:
        for key, value in self._options.items():
            self.cfg.set(key, value)

    def load(self) -> Flask:
        return self._app

    def run(self) -> None:
        _Arbiter(self).run()


def run(app: Flask, settings: Settings) -> None:
    """Serve until stopped; SIGTERM finishes what is in flight. Raises `InputError` when the address cannot be had."""
    _check_address(settings.bind)
    refuse_open_address(settings)
    configure_logs()
    _share_heaps()

    def when_ready(_: Any) -> None:
        click.echo(f"Wiretag listens on http://{settings.bind}", err=True)

    shared_memory = Path("/dev/shm")
    options = {
        "bind": settings.bind,
        "workers": settings.workers,
        "threads": settings.threads,
        "worker_class": Worker,
        "logger_class": _Log,
        "worker_connections": min(CONNECTIONS, resource.getrlimit(resource.RLIMIT_NOFILE)[0] // 2),
        "backlog": CONNECTIONS,
        "keepalive": settings.keepalive,
        "http_parser": "python",  # one parser everywhere: the one that the tests know
        "forwarded_allow_ips": "",  # no header of a proxy is trusted, so that nobody can forge one
        "post_worker_init": lambda _: reloader(app).start(),
        "timeout": settings.timeout,
        "graceful_timeout": settings.timeout,
        "preload_app": True,  # the model is loaded once and its memory shared by all workers
        "control_socket_disable": True,  # nobody but the operator's signals steers this process
        "worker_tmp_dir": str(shared_memory) if shared_memory.is_dir() else None,  # heartbeats never wait for a disk
        "loglevel": "warning",
        "when_ready": when_ready,
        "proc_name": "wiretag",
        **worker_hooks(),
    }
    _warm(app)
    _Server(app, options).run()


def _warm(app: Flask) -> None:
    """Build what is built at its first use, and keep the collector off all there is: workers then share its memory."""
    release = app.extensions["wiretag_model"].release
    if release is not None:
        options = Options(explain=True, topics=frozenset(topic.id for topic in release.topics))
        for form in Form:
            classify(release, Document(_SAMPLE, form), options)
    with app.test_request_context("/classify", method="POST"):
        pass  # finding an address for the first time sorts them all
    gc.freeze()
    gc.enable()


_SAMPLE = "The council met on Monday and said nothing.\n" * 3


def _share_heaps() -> None:
    """Let threads share the C library's heaps. With one each, what a reload or a large request frees is lost to the others."""
    if "MALLOC_ARENA_MAX" not in os.environ:
        with suppress(AttributeError, OSError):  # glibc's alone; others have no such heaps
            ctypes.CDLL(None).mallopt(_M_ARENA_MAX, 1)


_M_ARENA_MAX = -8  # glibc's malloc.h


def configure_logs() -> None:
    """One JSON object a line to standard output."""
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.JSONRenderer(serializer=_to_json),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.INFO),
        logger_factory=structlog.BytesLoggerFactory(),
        cache_logger_on_first_use=True,
    )


_encode = msgspec.json.Encoder(enc_hook=repr).encode


def _to_json(event: Any, **_: Any) -> bytes:
    return _encode(event)


def _check_address(bind: str) -> None:
    """Raise `InputError` where gunicorn would only retry and give up."""
    host, _, port = bind.rpartition(":")
    if not host or not port.isdecimal():
        raise InputError(f"--bind {bind}: write HOST:PORT, such as 127.0.0.1:8000")
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(host.strip("[]"), int(port), type=socket.SOCK_STREAM)[0]
        with socket.socket(family, kind, protocol) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(address)
    except (OSError, OverflowError) as error:
        raise InputError(f"--bind {bind}: cannot be had ({error}); free it or choose another") from None
