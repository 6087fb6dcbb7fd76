"""How often a key, or a client address where there are no keys, may ask.

Windows are fixed: one opens with a client's first request and ends when its time is over, whatever the client does meanwhile.
That takes one counter a client and one step to count, and what the client is told is exact: after so many seconds the whole
quota is there again. Two windows may meet, so that twice the quota comes within one window's time; a moving window would forbid
that, but keeps the time of every request. What protects the service from bursts are its limits, not this.

The headers are those of the IETF's draft "RateLimit header fields for HTTP" (draft-ietf-httpapi-ratelimit-headers-11).
"""

import time
from ipaddress import IPv6Address, ip_address
from typing import Any

import structlog
from flask import Flask, Response, g, request
from werkzeug.middleware.proxy_fix import ProxyFix

from models.errors import InputError
from service.access import role_needed
from service.problems import Problem
from service.settings import Settings

log = structlog.get_logger()
_TIMEOUT = 0.25  # seconds that Redis may take: an answer matters more than its count
_PAUSE = 5.0  # seconds without counting after Redis failed, so that not every request waits for it
_LOG_EVERY = 60.0  # seconds


def init_app(app: Flask, settings: Settings) -> None:
    """Count requests where `WIRETAG_RATE` limits them. Raises `InputError` for a rate or a store that cannot be used."""
    if settings.proxies:
        # the address alone: nothing here depends on the scheme, host or path that a client asked the proxy for
        app.wsgi_app = ProxyFix(app.wsgi_app, settings.proxies, 0, 0, 0, 0)  # type: ignore[method-assign]
    if not settings.rate:
        return
    rate = Rate(settings.rate, settings.redis)
    app.before_request(lambda: _check(rate))
    app.after_request(lambda response: _tell(rate, response))


class Rate:
    """A quota a window, counted in this process or, where `redis` is an address, in Redis for all processes."""

    def __init__(self, rate: str, redis: str = ""):
        import limits  # here, because most services have no limit and need not wait for it

        try:
            (self._item,) = limits.parse_many(rate)
        except ValueError:
            raise InputError(f"WIRETAG_RATE: {rate!r} is not a rate; write one such as 600/minute or 20/second") from None
        if self._item.amount < 1:
            raise InputError(f"WIRETAG_RATE: {rate!r} lets nobody in; write one such as 600/minute")
        self._item.namespace = "rate"
        self._failure = limits.errors.StorageError
        self._store = _redis_store(redis) if redis else limits.storage.MemoryStorage()
        self._pause_until = self._log_at = 0.0
        self.quota = self._item.amount
        self.window = self._item.get_expiry()  # seconds

    def count(self, *client: str) -> tuple[int, int] | None:
        """Count a request: the number of its window's requests so far, and the seconds until that ends.

        None while Redis cannot be asked.
        """
        if time.monotonic() < self._pause_until:
            return None
        key = self._item.key_for(*client)
        try:
            used = self._store.incr(key, self.window)
            left = self._store.get_expiry(key) - time.time()
        except self._failure as error:
            self._pause(error)
            return None
        return used, min(int(left) + 1, self.window)  # up: who waits as long must not come too early

    def _pause(self, error: Exception) -> None:
        """Let requests through uncounted for a while, and say so once a minute."""
        now = time.monotonic()
        self._pause_until = now + _PAUSE
        if now >= self._log_at:
            self._log_at = now + _LOG_EVERY
            # the kind of error alone: its message names the address, perhaps with a password
            log.error(
                "rates_not_counted", error=type(error.__cause__ or error).__name__, remedy="is Redis up? see WIRETAG_REDIS"
            )


def _check(rate: Rate) -> None:
    """Let the request pass or raise a 429 problem. Open addresses are not counted: a probe is never told to come back later."""
    if role_needed() is None:
        return
    name = g.get("key_name")
    counted = rate.count("key", name) if name else rate.count("address", _client(request.remote_addr or "unknown"))
    if counted is None:
        return
    used, seconds = counted
    g.rate = (max(rate.quota - used, 0), seconds)
    if used > rate.quota:
        detail = f"over {rate.quota:,} requests in {rate.window:,} seconds; wait {seconds} seconds"
        raise Problem(429, detail, headers={"Retry-After": str(seconds)})


def _tell(rate: Rate, response: Response) -> Response:
    """Tell the client what is left of its quota."""
    if "rate" in g:
        left, seconds = g.rate
        response.headers.add("RateLimit-Policy", f'"default";q={rate.quota};w={rate.window}')
        response.headers.add("RateLimit", f'"default";r={left};t={seconds}')
    return response


def _client(address: str) -> str:
    """What an address is counted as: of IPv6 the network of 64 bits, since one client has all of that."""
    if ":" not in address:
        return address[:64]
    try:
        found = ip_address(address.partition("%")[0])
    except ValueError:
        return address[:64]
    if not isinstance(found, IPv6Address):
        return str(found)
    return str(found.ipv4_mapped or IPv6Address(int(found) >> 64 << 64))


def _redis_store(address: str) -> Any:
    """Counters in Redis, which is not asked before the first request.

    Raises `InputError`, whose message leaves the address out: it may hold a password.
    """
    if not address.startswith(("redis://", "rediss://", "redis+unix://")):
        raise InputError("WIRETAG_REDIS: not an address of Redis; write redis://HOST:PORT/0, rediss:// or redis+unix://PATH")
    try:
        from redis.backoff import NoBackoff
        from redis.retry import Retry
    except ModuleNotFoundError:
        raise InputError("WIRETAG_REDIS needs the Redis client; install it with `pip install 'wiretag[redis]'`") from None
    from limits.storage import RedisStorage

    waits: Any = {"socket_timeout": _TIMEOUT, "socket_connect_timeout": _TIMEOUT, "retry": Retry(NoBackoff(), 0)}
    try:
        return RedisStorage(address, key_prefix="wiretag", wrap_exceptions=True, **waits)
    except ValueError:
        raise InputError("WIRETAG_REDIS: this address cannot be read; write redis://HOST:PORT/0") from None
