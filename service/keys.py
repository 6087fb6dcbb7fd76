"""API keys and their roles."""

from collections.abc import Callable
from enum import StrEnum
from typing import Any, TypeVar

_View = TypeVar("_View", bound=Callable[..., Any])


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
