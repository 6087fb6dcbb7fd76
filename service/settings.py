"""Settings of the service: environment variables `WIRETAG_*`, read once, overridden by command-line options."""

import os
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

from models.errors import InputError
from models.secret_files import secret

_BOOLEANS = {"1": True, "true": True, "yes": True, "0": False, "false": False, "no": False}


def _setting(default: Any, doc: str) -> Any:
    return field(default=default, metadata={"doc": doc})


@dataclass(frozen=True, slots=True)
class Settings:
    """What can be set. The README's table is held to this class by a test."""

    bind: str = _setting("127.0.0.1:8000", "address and port to listen on")
    workers: int = _setting(2, "worker processes")
    threads: int = _setting(16, "threads a worker: requests that are read, wait, are worked on or are refused at once")
    concurrency: int = _setting(4, "requests that a worker works on at once; a few more wait half a second, the rest get 503")
    read_seconds: int = _setting(
        10, "seconds a client may take to send a request, and one more for every 10 kB; beyond them 408"
    )
    request_seconds: int = _setting(30, "seconds a request may be worked on; beyond them 503")
    keepalive: int = _setting(75, "seconds an idle connection is kept; more than a load balancer keeps its own")
    timeout: int = _setting(60, "seconds after which a stuck worker is replaced, and that a stop waits for open requests")
    model: Path | None = _setting(None, "release folder or registry to serve; empty for the shipped model")
    prior: str = _setting(
        "", "shares of topics on your stream, such as `sanctions=0.02,ukraine_war=0.2`; empty for the model's own"
    )
    keys: Path | None = _setting(None, "file of API keys (`wiretag keys add`); empty: no keys, everybody may do everything")
    open: bool = _setting(False, "`1`: listen without keys where others can reach it, which is refused otherwise")
    rate: str = _setting("", "most requests a key (or a client address without keys), such as `600/minute`; beyond it 429")
    redis: str = field(
        default="",
        repr=False,  # it may hold a password
        metadata={
            "doc": "`redis://…` to count them for all workers and machines together; empty: each worker counts alone. "
            "`WIRETAG_REDIS_FILE` names a file that holds it",
            "secret": True,
        },
    )
    proxies: int = _setting(0, "proxies before the service, whose `X-Forwarded-For` tells the client address; `0`: not read")
    trace: str = _setting("", "OpenTelemetry collector for traces, such as `http://collector:4318`; empty for none")
    max_body: int = _setting(10_000_000, "largest request body in bytes; beyond it 413")
    max_documents: int = _setting(1_000, "most documents a request; beyond it 422")
    max_characters: int = _setting(1_000_000, "longest document in characters; beyond it 422")
    drift_hours: int = _setting(24, "hours that /drift looks back")
    stream_idle: int = _setting(60, "seconds after which a stream ends whose client neither sends nor takes a byte")
    stream_disk: int = _setting(
        1_000_000_000, "most bytes of results that a stream keeps in the temporary folder for a client that does not read yet"
    )

    database_url: str = field(
        default="",
        repr=False,  # it may hold a password
        metadata={
            "doc": "corrections store, such as `postgresql://USER:PASSWORD@HOST/DATABASE`; empty for the SQLite file "
            "`var/corrections.db`. `WIRETAG_DATABASE_URL_FILE` names a file that holds it",
            "secret": True,
        },
    )
    review: str = _setting("off", "`on` keeps the texts of documents that are worth a person's look, for `/review`")
    review_days: int = _setting(30, "days after which a text kept for review is deleted")

    @classmethod
    def from_environment(cls, environment: Mapping[str, str] = os.environ, **options: Any) -> "Settings":
        """Settings from `WIRETAG_*`; options that are not None win. Raises `InputError` naming the variable."""
        values: dict[str, Any] = {}
        for each in fields(cls):
            name = f"WIRETAG_{each.name.upper()}"
            if options.get(each.name) is not None:
                values[each.name] = options[each.name]
            elif text := secret(name, environment) if each.metadata.get("secret") else environment.get(name):
                values[each.name] = _parse(name, text, each.default)
        return cls(**values)

    @property
    def shares(self) -> dict[str, float]:
        """`prior` as a number a topic. Raises `InputError`."""
        found = {}
        for part in filter(None, (part.strip() for part in self.prior.split(","))):
            topic, _, share = part.partition("=")
            try:
                found[topic.strip()] = float(share)
            except ValueError:
                raise InputError(f"WIRETAG_PRIOR: {part!r} is not TOPIC=SHARE, such as sanctions=0.02") from None
        return found

    @property
    def waiting(self) -> int:
        """How many requests wait for their turn in a worker: half the threads that do not work; the others refuse."""
        return (self.threads - self.concurrency) // 2

    def __post_init__(self) -> None:
        for each in fields(self):
            value = getattr(self, each.name)
            least = 0 if each.default == 0 else 1  # a default of 0 means none
            if isinstance(value, int) and value < least:
                raise InputError(f"WIRETAG_{each.name.upper()}: {value} is too small; set {least} or more")
        if self.review not in ("on", "off"):
            raise InputError(f"WIRETAG_REVIEW: {self.review!r} is neither on nor off")
        if self.database_url and not self.database_url.startswith(("sqlite:///", "postgresql://", "postgres://")):
            raise InputError(  # without the address, which may hold a password
                "WIRETAG_DATABASE_URL: write sqlite:///FILE or postgresql://USER:PASSWORD@HOST/DATABASE"
            )
        if self.threads <= self.concurrency:
            raise InputError(
                f"WIRETAG_THREADS: {self.threads} leaves no thread beside WIRETAG_CONCURRENCY={self.concurrency} that could"
                f" answer the rest; set {self.concurrency + 1} or more"
            )


def _parse(name: str, text: str, default: Any) -> Any:
    if isinstance(default, bool):
        if text.lower() not in _BOOLEANS:
            raise InputError(f"{name}: {text!r} is neither 1 nor 0")
        return _BOOLEANS[text.lower()]
    if isinstance(default, int):
        try:
            return int(text)
        except ValueError:
            raise InputError(f"{name}: {text!r} is not a whole number") from None
    return Path(text) if default is None else text
