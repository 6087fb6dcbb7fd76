"""What a view takes and answers, marked on the view; `service.description` makes the description of the API of it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar

from service.answers import ProblemDocument

_View = TypeVar("_View", bound=Callable[..., Any])


@dataclass(frozen=True, slots=True)
class Operation:
    """What a view takes and answers. Types are msgspec types; those of `query`, `path` and `headers` are structs, a field each.

    `problems` are the statuses of its own errors; those that any view may give are added. `answer` may be a tuple of types: one
    of them comes. `str` stands for a text that is not JSON, its kind in `answer_type`. `body_types` and `answer_types` hold
    further content types of body and answer, `answer_headers` what further headers of the answer say, `example` a body.
    """

    summary: str
    answer: Any
    status: int = 200
    body: Any = None
    query: Any = None
    problems: tuple[int, ...] = ()
    path: Any = None
    headers: Any = None
    problem: Any = ProblemDocument
    example: Any = None
    answer_type: str = "application/json"
    body_types: Mapping[str, Any] = field(default_factory=dict)
    answer_types: Mapping[str, Any] = field(default_factory=dict)
    answer_headers: Mapping[str, str] = field(default_factory=dict)


def operation(summary: str, answer: Any, **rest: Any) -> Callable[[_View], _View]:
    """Describe a view; `rest` are the other fields of `Operation`."""

    def mark(view: _View) -> _View:
        view.wiretag_operation = Operation(summary, answer, **rest)  # type: ignore[attr-defined]
        return view

    return mark
