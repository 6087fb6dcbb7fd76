"""API keys and their roles: what a key may do, and the file that keys are kept in.

The file has one JSON object a line, `{"name": …, "role": …, "sha256": …}`; blank lines are allowed. It holds a key's digest,
never the key. A plain SHA-256 is the right one here: a key is 256 random bits that we made, so there is nothing to guess
that salt or a slow hash would make dearer.
"""

import fcntl
import hashlib
import hmac
import json
import os
import re
import secrets
import tempfile
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any, TypeVar

from models.errors import InputError

_View = TypeVar("_View", bound=Callable[..., Any])
_NAME = re.compile(r"[A-Za-z0-9._-]{1,64}")  # a name stands in every log line of its key
_DIGEST = re.compile(r"[0-9a-f]{64}")


class Role(StrEnum):
    """What a key may do; each role may do what the ones before it may."""

    CLASSIFY = "classify"
    CORRECT = "correct"
    ADMIN = "admin"


def needs(role: Role | None) -> Callable[[_View], _View]:
    """Mark a view with the role it needs; None: open to all. A view without this mark needs `classify`."""

    def mark(view: _View) -> _View:
        view.wiretag_role = role  # type: ignore[attr-defined]
        return view

    return mark


def covers(held: Role, needed: Role) -> bool:
    """Whether who holds a role may do what needs another."""
    order = list(Role)
    return order.index(held) >= order.index(needed)


@dataclass(frozen=True, slots=True)
class Key:
    """What is known of a key: its name, its role and its SHA-256."""

    name: str
    role: Role
    digest: bytes


def make_key(name: str, role: Role) -> tuple[str, Key]:
    """A new key and what is kept of it. Raises `InputError` for a name that could not stand in a log.

    The prefix lets scanners for leaked secrets know one of ours.
    """
    if not _NAME.fullmatch(name):
        raise InputError(f"{name!r}: not a name for a key; use 1 to 64 letters, digits, dots, dashes and underscores")
    secret = f"wt_{secrets.token_urlsafe(32)}"
    return secret, Key(name, role, _digest(secret))


def find_key(keys: Iterable[Key], secret: str) -> Key | None:
    """The key that a secret is, or None.

    Compares with all keys and in constant time, so that the time taken says neither how near a guess was nor which key it was.
    """
    digest = _digest(secret)
    found = None
    for key in keys:
        if hmac.compare_digest(key.digest, digest):
            found = key
    return found


def read_keys(path: Path) -> tuple[Key, ...]:
    """The keys of a file; a file without any is sound, and lets nobody in. Raises `InputError` naming file and line."""
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except OSError as error:
        raise InputError(f"{path}: keys cannot be read ({error.strerror}); make them with `wiretag keys add`") from None
    except UnicodeDecodeError as error:
        raise InputError(f"{path}: not UTF-8 (byte {error.start}); restore the file of keys") from None
    keys = tuple(_read_key(line, f"{path}:{number}") for number, line in enumerate(lines, 1) if line.strip())
    for what, values in (("name", [key.name for key in keys]), ("key", [key.digest for key in keys])):
        if len(set(values)) < len(values):
            raise InputError(f"{path}: two lines have the same {what}; remove one")
    return keys


@contextmanager
def changing_keys(path: Path) -> Iterator[list[Key]]:
    """The keys of a file (none where there is no file yet) as a list to change, written back whole or not at all.

    Two changes at a time wait for each other, so that neither brings back a key that the other removed. A new file is for its
    owner alone. One that is there keeps mode and owner, else a service under another user could not read it any more, and
    would go on with the keys of before. Raises `InputError`.
    """
    target = path.resolve()  # behind a link: the link stays
    try:
        folder = os.open(target.parent, os.O_RDONLY)
    except OSError as error:
        raise InputError(f"{path}: keys cannot be written ({error.strerror}); name a file in a folder of yours") from None
    try:
        fcntl.flock(folder, fcntl.LOCK_EX)  # the file itself is replaced, so the folder holds the lock
        keys = list(read_keys(target)) if target.exists() else []
        yield keys
        _replace(target, keys)
    except OSError as error:
        raise InputError(f"{path}: keys cannot be written ({error.strerror}); run this as the file's owner") from None
    finally:
        os.close(folder)


def _replace(target: Path, keys: Iterable[Key]) -> None:
    lines = [json.dumps({"name": key.name, "role": key.role, "sha256": key.digest.hex()}) + "\n" for key in keys]
    there = target.stat() if target.exists() else None
    handle, aside = tempfile.mkstemp(prefix=f".{target.name}-", dir=target.parent)
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as file:  # mkstemp made it for its owner alone
            file.writelines(lines)
            file.flush()
            os.fsync(file.fileno())
            if there is not None:
                os.fchown(file.fileno(), there.st_uid, there.st_gid)
                os.fchmod(file.fileno(), there.st_mode & 0o777)
        os.replace(aside, target)
    except BaseException:
        Path(aside).unlink(missing_ok=True)
        raise


def _read_key(line: str, place: str) -> Key:
    """The key of a line. Its content is never quoted: somebody may have put the key itself there."""
    try:
        entry = json.loads(line)
    except (ValueError, RecursionError):
        raise InputError(f"{place}: not a JSON object; restore the file of keys") from None
    if not isinstance(entry, dict) or entry.keys() != {"name", "role", "sha256"}:
        raise InputError(f"{place}: not an object of name, role and sha256; make keys with `wiretag keys add`")
    name, role, digest = entry["name"], entry["role"], entry["sha256"]
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        raise InputError(f"{place}: 'name' must be 1 to 64 letters, digits, dots, dashes and underscores")
    if role not in list(Role):
        raise InputError(f"{place}: 'role' must be one of {', '.join(Role)}")
    if not isinstance(digest, str) or not _DIGEST.fullmatch(digest):
        raise InputError(f"{place}: 'sha256' must be 64 hexadecimal digits; make keys with `wiretag keys add`")
    return Key(name, Role(role), bytes.fromhex(digest))


def _digest(secret: str) -> bytes:
    return hashlib.sha256(secret.encode()).digest()
