"""Who may ask for what: keys on requests, where keys are on; no orders from foreign web pages, where they are off."""

import os
import socket
import time
from ipaddress import ip_address
from pathlib import Path

import structlog
from flask import Flask, current_app, g, request

from models.errors import InputError
from service.keys import Key, Role, covers, find_key, read_keys
from service.problems import Problem
from service.settings import Settings

log = structlog.get_logger()
_LOOK = 1.0  # seconds between two looks at the file of keys
_SAFE = frozenset({"GET", "HEAD", "OPTIONS"})
_OWN = frozenset({"same-origin", "none"})  # none: typed by a person, or from a bookmark


def init_app(app: Flask, settings: Settings) -> None:
    """Ask for keys where `WIRETAG_KEYS` names some. Raises `InputError` for a file that cannot be used."""
    if settings.keys is None:
        app.before_request(_refuse_foreign_pages)
        return
    ring = KeyRing(settings.keys)
    app.before_request(lambda: _check_key(ring))


def refuse_open_address(settings: Settings) -> None:
    """Raise `InputError` for a service that others could reach without a key, unless `WIRETAG_OPEN` says that they may."""
    host = settings.bind.rpartition(":")[0].strip("[]")
    if settings.keys is None and not settings.open and not _is_loopback(host):
        raise InputError(
            f"--bind {settings.bind}: others can reach this address, and no keys are set; make some with `wiretag keys add` "
            "and set WIRETAG_KEYS, or set WIRETAG_OPEN=1 to serve everybody"
        )


def role_needed() -> Role | None:
    """The role that this request needs; None for an open address, and for one where nothing is."""
    if request.endpoint is None:
        return None
    return getattr(current_app.view_functions[request.endpoint], "wiretag_role", Role.CLASSIFY)


class KeyRing:
    """The keys of a file, read again when it changes, so that a key is revoked without a restart.

    A file that has gone or is broken leaves the keys of before in force and is logged once.
    """

    def __init__(self, path: Path):
        self._path = path
        self._look_at = time.monotonic() + _LOOK
        self._seen = self._state()
        self._keys = read_keys(path)

    def find(self, secret: str) -> Key | None:
        """The key that a secret is, or None."""
        if (now := time.monotonic()) >= self._look_at:
            self._look_at = now + _LOOK
            self._renew()
        return find_key(self._keys, secret)

    def _renew(self) -> None:
        state = self._state()  # before reading: what changes in between is read again at the next look
        if state == self._seen:
            return
        self._seen = state
        try:
            self._keys = read_keys(self._path)
        except InputError as error:
            log.error("keys_refused", fault=str(error), in_force=len(self._keys))
        else:
            log.info("keys_read", in_force=len(self._keys))

    def _state(self) -> tuple[int, ...] | None:
        """What differs when the file was written or replaced; None where there is none."""
        try:
            found = os.stat(self._path)
        except OSError:
            return None
        return found.st_mtime_ns, found.st_ino, found.st_size


def _check_key(ring: KeyRing) -> None:
    """Let the request pass, its key's name in `g.key_name`, or raise a 401 or 403 problem."""
    needed = role_needed()
    if needed is None:
        return
    scheme, _, secret = request.headers.get("Authorization", "").partition(" ")
    if scheme.lower() != "bearer" or not (secret := secret.strip()):
        raise Problem(401, "send a key as `Authorization: Bearer KEY`", headers={"WWW-Authenticate": "Bearer"})
    key = ring.find(secret)
    if key is None:
        headers = {"WWW-Authenticate": 'Bearer error="invalid_token"'}
        raise Problem(401, "this key is not known; it may have been revoked", headers=headers)
    g.key_name = key.name
    if not covers(key.role, needed):
        raise Problem(403, f"this key has the role {key.role}; this address needs {needed}")


def _refuse_foreign_pages() -> None:
    """Raise a 403 problem for what another site's page makes a browser send; without keys nothing else would stop it.

    Browsers say where a request comes from in Sec-Fetch-Site, older ones in Origin; what is no browser sends neither.
    """
    environ = request.environ  # read here, since this runs for every request
    site, origin = environ.get("HTTP_SEC_FETCH_SITE"), environ.get("HTTP_ORIGIN", "")
    if (site is None and not origin) or environ["REQUEST_METHOD"] in _SAFE:
        return
    is_own = site in _OWN if site is not None else origin.partition("://")[2] == request.host
    if not is_own:
        raise Problem(403, "a page of another site sent this; call the service from a program, or from a page of its own")


def _is_loopback(host: str) -> bool:
    """Whether all that a host's name stands for is this machine."""
    try:
        found = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        return False
    return all(ip_address(str(address[0]).partition("%")[0]).is_loopback for *_, address in found)
