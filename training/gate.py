"""The gate: whether a challenger may take the champion's place.

Both are judged on the same holdout, segment by segment; differences are resampled by story (paired bootstrap; Efron &
Tibshirani 1993), and a figure passes when the end of its one-sided interval is not below the margin: a test of
non-inferiority, since a better figure by luck says little and a worse one by luck must not stop a sound model.
"""

import time
import tomllib
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from models.errors import InputError
from models.release import DATA_FILES, Release
from training.behaviour_tables import TableResult
from training.corpus import Segment
from training.holdout import Judged

DEFAULT_PATH = Path(__file__).with_name("gate.toml")
SEED = 11
N_TIMED = 300  # segments on which both are timed
ROUNDS = 9
CLOCK_US = 5  # below which a difference is the clock's
Bools = NDArray[np.bool_]
Floats = NDArray[np.float64]


class Margins(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How much worse the end of an interval may be."""

    macro_f1: float = 0.01
    topic_f1: float = 0.03
    false_alarms: float = 0.01


class Bounds(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How many times the champion's time and bytes."""

    latency: float = 1.5
    size: float = 1.5


class Gate(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a challenger must show."""

    confidence: float = 0.95
    resamples: int = 2000
    margins: Margins = Margins()
    topics: dict[str, float] = {}
    bounds: Bounds = Bounds()


@dataclass(frozen=True, slots=True)
class Check:
    """One test of the gate: both figures, the interval of their difference, what was asked, and whether it holds."""

    name: str
    champion: float | None
    challenger: float | None
    passed: bool
    asked: str
    interval: tuple[float, float] | None = None

    @property
    def told(self) -> str:
        """Both figures, the interval and what was asked, on one line."""
        figures = f"{shown(self.champion)} → {shown(self.challenger)}"
        between = f", difference {self.interval[0]:+.4f} to {self.interval[1]:+.4f}" if self.interval else ""
        return f"{figures}{between} ({self.asked})"


@dataclass(frozen=True, slots=True)
class Verdict:
    """All tests of the gate. `remarks` say what must be known to read them."""

    checks: tuple[Check, ...]
    remarks: tuple[str, ...] = field(default=())

    @property
    def passed(self) -> bool:
        """Whether every test holds."""
        return all(check.passed for check in self.checks)

    def as_dict(self) -> dict[str, Any]:
        """The verdict as plain values."""
        return {"passed": self.passed, "checks": [asdict(check) for check in self.checks], "remarks": list(self.remarks)}


def shown(figure: float | None) -> str:
    """A figure for people."""
    return "–" if figure is None else f"{figure:,.0f}" if abs(figure) >= 1000 else f"{figure:.4g}"


def load_gate(path: Path = DEFAULT_PATH) -> Gate:
    """The gate of a TOML file. Raises `InputError`."""
    try:
        return msgspec.convert(tomllib.loads(path.read_text(encoding="utf-8")), Gate)
    except FileNotFoundError:
        raise InputError(f"{path}: no such gate; leave out --gate for the shipped one") from None
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError, msgspec.ValidationError) as error:
        raise InputError(f"{path}: not a usable gate ({error})") from None


def compare(gate: Gate, segments: Sequence[Segment], champion: Judged, challenger: Judged) -> list[Check]:
    """The tests of what both models make of the holdout, on the topics that both have."""
    shared = [topic for topic in champion.topics if topic in challenger.topics]
    truth = np.array([[topic in s.topics for topic in shared] for s in segments]).reshape(len(segments), len(shared))
    sure = np.array([[topic not in s.unsure for topic in shared] for s in segments]).reshape(truth.shape)
    said = [_columns(model, shared) & sure for model in (champion, challenger)]
    counts = _by_story(truth & sure, said, sure, segments)
    rng = np.random.default_rng(SEED)
    drawn = rng.multinomial(len(counts), np.full(len(counts), 1 / max(1, len(counts))), gate.resamples) if len(counts) else None
    sums = np.tensordot(drawn, counts, 1) if drawn is not None else np.zeros((1, *counts.shape[1:]))

    def check(name: str, figure: Callable[[Floats, int], Floats], margin: float, *, is_cost: bool = False) -> Check:
        whole = counts.sum(axis=0)[None]
        ours, theirs = float(figure(whole, 1)[0]), float(figure(whole, 0)[0])
        differences = figure(sums, 1) - figure(sums, 0)
        low, high = np.quantile(differences, [1 - gate.confidence, gate.confidence])
        passed = high <= margin if is_cost else low >= -margin
        asked = f"no more than {margin} {'above' if is_cost else 'below'} the champion, at {gate.confidence:.0%}"
        interval = (round(float(low), 4), round(float(high), 4))
        return Check(name, round(theirs, 4), round(ours, 4), bool(passed), asked, interval)

    checks = [check("macro_f1", _macro_f1, gate.margins.macro_f1)]
    for number, topic in enumerate(shared):
        margin = gate.topics.get(topic, gate.margins.topic_f1)
        checks.append(check(f"f1 of {topic}", lambda sums, who, n=number: _f1(sums, who)[:, n], margin))  # type: ignore[misc]
    checks.append(check("false_alarms", _false_alarms, gate.margins.false_alarms, is_cost=True))
    return checks


def same_topics(champion: Release, challenger: Release, *, may_change: bool) -> Check:
    """Whether both models have the same topics, or others are allowed."""
    before, after = ({topic.id for topic in release.topics} for release in (champion, challenger))
    lost, new = sorted(before - after), sorted(after - before)
    what = "; ".join(f"{word} {', '.join(names)}" for word, names in (("lost:", lost), ("new:", new)) if names)
    asked = "the same topics" + (f" ({what}; allowed)" if what and may_change else f" ({what})" if what else "")
    return Check("topics", len(before), len(after), may_change or before == after, asked)


def within_bounds(
    gate: Gate, segments: Sequence[Segment], champion: Release, challenger: Release, sizes: tuple[int, int]
) -> list[Check]:
    """The tests of bytes (champion, challenger) and of microseconds a segment, the least disturbed of interleaved rounds."""
    texts = [segment.full_text for segment in segments[:N_TIMED]]
    times: dict[str, list[float]] = {"champion": [], "challenger": []}
    for _ in range(ROUNDS):
        for name, release in (("champion", champion), ("challenger", challenger)):
            start = time.process_time()
            for text in texts:
                release.scorer.score(text)
            times[name].append((time.process_time() - start) / max(1, len(texts)) * 1e6)
    before, after = round(min(times["champion"]), 1), round(min(times["challenger"]), 1)
    return [
        Check(
            "latency_us",
            before,
            after,
            after <= gate.bounds.latency * before + CLOCK_US,
            f"at most {gate.bounds.latency} times the champion's",
        ),
        Check(
            "bytes",
            sizes[0],
            sizes[1],
            sizes[1] <= gate.bounds.size * sizes[0],
            f"at most {gate.bounds.size} times the champion's",
        ),
    ]


def behaves(tables: Sequence[TableResult]) -> list[Check]:
    """The tests of the challenger's behaviour."""
    return [
        Check(
            f"behaviour: {table.name}",
            None,
            round(table.share, 4),
            table.holds,
            f"{table.promised:.0%} of {table.n_cases} cases hold",
        )
        for table in tables
        if table.n_cases
    ]


def model_bytes(folder: Path) -> int:
    """The bytes of the files that a model consists of."""
    return sum((folder / name).stat().st_size for name in DATA_FILES)


def _columns(model: Judged, topics: Sequence[str]) -> Bools:
    return model.assigned[:, [model.topics.index(topic) for topic in topics]]


def _by_story(truth: Bools, said: Sequence[Bools], sure: Bools, segments: Sequence[Segment]) -> Floats:
    """Counts (stories, 2 models, kinds, topics): true, said, both, and the segments without topic and those of them given
    one."""
    names = {group: number for number, group in enumerate(dict.fromkeys(s.group for s in segments))}
    of_story = np.array([names[s.group] for s in segments], int)
    counts = np.zeros((len(names), len(said), 5, truth.shape[1]))
    quiet = np.broadcast_to((~truth.any(axis=1) & sure.all(axis=1)).reshape(-1, 1), truth.shape)
    for who, assigned in enumerate(said):
        alarm = quiet & assigned.any(axis=1).reshape(-1, 1)
        for kind, matrix in enumerate((truth, assigned, truth & assigned, quiet, alarm)):
            np.add.at(counts[:, who, kind], of_story, matrix)
    return counts


def _f1(sums: Floats, who: int) -> Floats:
    """F1 (samples, topics); 1 where a topic neither is nor is said."""
    true, said, both = (sums[:, who, kind] for kind in range(3))
    total = true + said
    return np.where(total > 0, 2 * both / np.maximum(1, total), 1.0)


def _macro_f1(sums: Floats, who: int) -> Floats:
    return np.asarray(_f1(sums, who).mean(axis=1))


def _false_alarms(sums: Floats, who: int) -> Floats:
    return np.asarray(sums[:, who, 4, 0] / np.maximum(1, sums[:, who, 3, 0]))
