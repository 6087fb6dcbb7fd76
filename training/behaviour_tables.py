"""A model's behaviour, case by case (after Ribeiro et al. 2020, CheckList).

Three tables: what each sentence of the codebook demands (minimum.toml), changes that must not matter (invariance.toml), changes
that must (direction.toml). A model cannot be right in every case; what is promised is the share.
"""

import tomllib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from models.decisions import Decision, decide
from models.errors import InputError
from models.release import Release
from models.text import as_read

DEFAULT_DIR = Path(__file__).with_name("behaviour")
Case = dict[str, Any]


@dataclass(frozen=True, slots=True)
class TableResult:
    """How many of a table's cases a model was tried on, and those that fail."""

    name: str
    n_cases: int
    failed: tuple[Case, ...]
    promised: float

    @property
    def share(self) -> float:
        """The share of cases that hold."""
        return 1 - len(self.failed) / self.n_cases if self.n_cases else 1.0

    @property
    def holds(self) -> bool:
        """Whether at least the promised share holds."""
        return len(self.failed) <= (1 - self.promised) * self.n_cases


def read_cases(name: str, folder: Path = DEFAULT_DIR) -> list[Case]:
    """The cases of a table; a folder need not have every table. Raises `InputError`."""
    path = folder / f"{name}.toml"
    try:
        return list(tomllib.loads(path.read_text(encoding="utf-8")).get("case", ()))
    except FileNotFoundError:
        return []
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise InputError(f"{path}: not a usable table of cases ({error})") from None


def try_tables(release: Release, folder: Path = DEFAULT_DIR) -> list[TableResult]:
    """Every table on a model; cases about topics that it does not have are left out. Raises `InputError`."""
    ids = {topic.id for topic in release.topics}
    results = []
    for name, (holds, promised) in TABLES.items():
        cases = [case for case in read_cases(name, folder) if case.get("topic") in ids or ("topic" not in case and ids)]
        try:
            failed = tuple(case for case in cases if not holds(release, case))
        except KeyError as error:
            raise InputError(f"{folder / name}.toml: a case lacks {error}") from None
        results.append(TableResult(name, len(cases), failed, promised))
    return results


def _replaced(text: str, pairs: Sequence[Sequence[str]]) -> str:
    for old, new in pairs:
        if old not in text:
            raise InputError(f"{old!r} is not in the text of its case")
        text = text.replace(old, new)
    return text


def _decisions(release: Release, text: str, headline: str | None = None) -> dict[str, Decision]:
    decisions, _ = decide(release.scorer.score(as_read(headline, text)), release.cuts)
    return dict(zip((topic.id for topic in release.topics), decisions, strict=True))


def _margin(release: Release, topic: str, text: str) -> float:
    index = [each.id for each in release.topics].index(topic)
    return float(release.scorer.score(text).margins[index])


def _minimum(release: Release, case: Case) -> bool:
    """What the codebook calls in is assigned or up for review; what it calls out is not assigned."""
    decision = _decisions(release, case["text"], case.get("headline"))[case["topic"]]
    return decision is not (Decision.NONE if case["expect"] == "in" else Decision.ASSIGNED)


def _invariance(release: Release, case: Case) -> bool:
    """Another outlet, date, city, reporter or spelling: no topic that was assigned is lost, none appears."""
    before = _decisions(release, case["text"])
    after = _decisions(release, _replaced(case["text"], case["replace"]))
    swaps = {(Decision.ASSIGNED, Decision.NONE), (Decision.NONE, Decision.ASSIGNED)}
    return not any((before[topic], after[topic]) in swaps for topic in before)


def _direction(release: Release, case: Case) -> bool:
    """A sentence or a name that makes or breaks the topic moves its margin that way."""
    text = case["text"]
    changed = f"{text} {case['add']}" if "add" in case else _replaced(text, case["replace"])
    rise = _margin(release, case["topic"], changed) - _margin(release, case["topic"], text)
    return rise > 0 if case["direction"] == "up" else rise < 0


# what holds for a case, and the share of cases for which it is promised
TABLES: Mapping[str, tuple[Callable[[Release, Case], bool], float]] = {
    "minimum": (_minimum, 0.93),
    "invariance": (_invariance, 0.98),
    "direction": (_direction, 0.95),
}
