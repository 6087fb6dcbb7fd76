"""No input takes more than its share of time: ten times the text costs about ten times the work, whatever it says."""

import gc
import importlib
import inspect
import pkgutil
import re
import time
import tomllib
import types
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import suppress
from itertools import product
from typing import Any

import pytest

import models
import service
from models import furniture
from models.errors import InputError
from models.pipeline import Document, Form, classify
from models.release import Release
from models.rules import FOLDER, kind_of, wordings

MOST = 20.0  # times the work for ten times the text: linear is 10, quadratic 100, the rest is a busy machine's
NOISE = 0.004  # seconds of work below which a ratio says nothing
PIECES = """a A 1 . ( ) [ ] ' " ’ “ é 한 я … - – | · • » / , ; : ! ? & < > = _ # @ © A. a' 1. 12:00 a- Aa a.b .- !' ..' --
    &amp; &# <a <p> <div> </div> <b> <!-- --> <td> <li> x=" // %20 \\ \u0301 a\u0301""".split()
PIECES += [
    " ",
    "\t",
    "\n",
    "\r",
    "\x0b",
    "\u00a0",
    "\u2028",
    "a ",
    "A ",
    "1 ",
    ". ",
    "- ",
    " - ",
    " | ",
    "  a",
    "A b ",
    "by A ",
    "A, ",
]
PIECES += [
    "Jan 1 ",
    "2 hours ago ",
    "a\n",
    "A b.\n",
    "- a\n",
    "1. a\n",
    " \n",
    "a | b | c\n",
    "By A B\n",
    "2 hours ago\n",
    "a. ",
]
ENDS = [("", "\x01"), ("Sanctions. ", "x"), ("A", "\n\x01"), ("<", " \x01")]
# quadratic over long runs, and never given any: where that is seen to
BOUNDED = {
    "models.furniture._CREDIT_SPLIT": "lines of at most MAX_DATE characters",
    "models.furniture._SENTENCE_END": "the last END characters of a line",
    "models.furniture._MENU_SPLIT": "lines, whose white space is short: `_LINE` ends at breaks, tabs and wide space part items",
    "models.html._BESIDE": "text in which white space is one blank",
}


@pytest.fixture(autouse=True)
def no_collector() -> Iterator[None]:
    """Without the garbage collector, which would count what other tests left."""
    gc.disable()
    yield
    gc.enable()


def _seconds(work: Callable[[str], object], text: str, tries: int) -> float:
    best = float("inf")
    for _ in range(tries):
        began = time.thread_time()
        work(text)
        best = min(best, time.thread_time() - began)
    return best


def _grows_too_fast(work: Callable[[str], object], piece: str, ends: tuple[str, str], size: int) -> str | None:
    """What to report where ten times the text costs far more than ten times the work."""

    def text(length: int) -> str:
        return ends[0] + (piece * (length // len(piece) + 1))[:length] + ends[1]

    for tries in (1, 7):  # a second look, for the machine may have been busy
        long = _seconds(work, text(size * 10), tries)
        if long < NOISE:
            return None
        short = _seconds(work, text(size), tries)
        if long <= MOST * max(short, NOISE / 10):
            return None
    return f"{piece!r} after {ends[0]!r}: {size} characters {short:.4f} s, ten times as many {long:.4f} s"


_Work = Callable[[str], object]


def _patterns() -> Iterator[tuple[str, _Work]]:
    """Every pattern that a module of models/ or service/ holds, and those joined from the furniture rules, as they are used."""
    for package in (models, service):
        for found in pkgutil.iter_modules(package.__path__, f"{package.__name__}."):
            module = importlib.import_module(found.name)
            for name, value in vars(module).items():
                full = f"{found.name}.{name}"
                if type(value) is types.BuiltinMethodType and type(value.__self__) is re.Pattern:
                    yield full, _used(value.__self__, value.__name__)
                elif type(value) is re.Pattern and full not in BOUNDED:
                    uses = set(re.findall(rf"\b{name}\.([a-z]+)\(", inspect.getsource(module))) or {"search"}
                    yield from ((f"{full}.{use}", _used(value, use)) for use in uses)
    uses_of = {"plain": "fullmatch", "wild": "fullmatch", "bylines": "fullmatch", "date_words": "fullmatch"}
    for number, wording in enumerate(wordings()):
        for name, use in {**uses_of, "date_evidence": "search", "letters": "search"}.items():
            yield f"wording {number} {name}", _used(getattr(wording, name), use)
        for index, (_, pattern, _) in enumerate(wording.needing):
            yield f"wording {number} needing {index}", _used(pattern, "fullmatch")


def _used(pattern: re.Pattern[Any], use: str) -> _Work:
    """The work of a pattern on a text."""
    method = pattern.finditer if use in ("finditer", "findall", "split", "sub") else getattr(pattern, use)

    def work(text: str) -> None:
        found = method(text if isinstance(pattern.pattern, str) else text.encode())
        if method == pattern.finditer:
            deque(found, maxlen=0)

    return work


@pytest.mark.parametrize("work", [pytest.param(work, id=name) for name, work in _patterns()])
def test_no_pattern_is_catastrophic(work: _Work) -> None:
    """Each regular expression of the code, over long runs of what it is made of and of what it is not."""
    faults = [fault for piece, ends in product(PIECES, ENDS) if (fault := _grows_too_fast(work, piece, ends, 500))]
    assert faults == []


def _examples() -> list[str]:
    """The examples of all furniture rules."""
    found = []
    for path in FOLDER.glob("*.toml"):
        file = tomllib.loads(path.read_text(encoding="utf-8"))
        found += [example for rule in file["rule"] for example in rule["examples"]]
        found += file["dates"].get("examples", []) + file["bylines"].get("examples", [])
    return found


def test_no_furniture_rule_is_catastrophic() -> None:
    """Each rule over its own examples, their words and their first halves, repeated until something has to give."""

    def work(line: str) -> None:
        kind_of(line)
        furniture.is_date(line)
        furniture.split_credit(line)
        furniture.kind_of(line)

    pieces = {piece for example in _examples() for piece in (f"{example} ", example, example[: len(example) // 2])}
    pieces |= {f"{word} " for example in _examples() for word in example.split()}
    assert len(pieces) > 500
    faults = [fault for piece in pieces if piece for end in ENDS[:2] if (fault := _grows_too_fast(work, piece, end, 500))]
    assert faults == []


@pytest.mark.parametrize("form", list(Form))
def test_no_document_is_catastrophic(release: Release, form: Form) -> None:
    """A whole document of any of these, as text, page and HTML."""

    def work(text: str) -> None:
        with suppress(InputError):  # blank, or nested too deep: said soon enough
            classify(release, Document(text, form))

    faults = [fault for piece in PIECES if (fault := _grows_too_fast(work, piece, ENDS[1], 20_000))]
    assert faults == []


def test_bounded_patterns_are_still_there() -> None:
    """The list of exceptions holds no name that has gone."""
    for name in BOUNDED:
        module, _, attribute = name.rpartition(".")
        assert isinstance(getattr(importlib.import_module(module), attribute), re.Pattern)
