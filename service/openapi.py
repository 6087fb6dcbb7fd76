"""The description of the API."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

_View = TypeVar("_View", bound=Callable[..., Any])


@dataclass(frozen=True, slots=True)
class Operation:
    """What a view takes and answers. `body`, `query` and `answer` are msgspec types; `problems` the statuses of its errors."""

    summary: str
    answer: Any
    status: int = 200
    body: Any = None
    query: Any = None
    problems: tuple[int, ...] = ()


def operation(summary: str, answer: Any, **rest: Any) -> Callable[[_View], _View]:
    """Describe a view; `rest` are the other fields of `Operation`."""

    def mark(view: _View) -> _View:
        view.wiretag_operation = Operation(summary, answer, **rest)  # type: ignore[attr-defined]
        return view

    return mark
