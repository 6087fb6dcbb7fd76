"""Corpus and corrections to a model that serves, if it is fit to. `wiretag retrain`, or `python -m training.retrain`."""

import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import Any

import msgspec

from models.errors import ReleaseError
from models.registry import Registry
from models.release import Release, load_release
from models.topics import Topic
from training.additions import Additions, merge
from training.behaviour_tables import DEFAULT_DIR, try_tables
from training.corpus import Segment
from training.fit import assign_folds
from training.gate import Check, Gate, Verdict, behaves, compare, model_bytes, same_topics, within_bounds
from training.holdout import Judged, scored, stored
from training.lock import only_run
from training.recipe import Recipe
from training.release import Yardstick, make_release


class Outcome(StrEnum):
    """What became of a challenger."""

    PROMOTED = "promoted"
    KEPT = "kept"  # the champion


@dataclass(frozen=True, slots=True)
class Task:
    """What to retrain from, and how to judge. `holdout` are segments of the desk's own that neither model has learnt from."""

    registry: Registry
    corpus: Sequence[Segment]
    added: Sequence[Segment]
    topics: Sequence[Topic]
    recipe: Recipe
    gate: Gate
    holdout: Sequence[Segment] = ()
    behaviour: Path = DEFAULT_DIR
    may_change_topics: bool = False
    force: bool = False
    measured_on: dict[str, Yardstick] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Result:
    """What a run did: everything its report shows."""

    outcome: Outcome
    champion: Release | None
    challenger: Release
    verdict: Verdict
    additions: Additions
    segments: Sequence[Segment]  # of the holdout
    judged: tuple[Judged | None, Judged]
    forced: bool
    started: datetime
    seconds: float

    def as_dict(self) -> dict[str, Any]:
        """The machine-readable report."""
        merged = self.additions
        return {
            "outcome": self.outcome.value,
            "forced": self.forced,
            "champion": self.champion.version if self.champion else None,
            "challenger": self.challenger.version,
            "started": self.started.isoformat(timespec="seconds"),
            "seconds": round(self.seconds, 1),
            "gate": self.verdict.as_dict(),
            "data": {
                "corpus": len(merged.corpus),
                "added": len(merged.added),
                "holdout": len(self.segments),
                "conflicts": [asdict(conflict) for conflict in merged.conflicts],
                "left_out_for_the_holdout": list(merged.held_out),
                "known_already": list(merged.known),
            },
            "evaluation": msgspec.to_builtins(self.challenger.manifest["evaluation"]),
        }


def retrain(task: Task, tell: Callable[[str], None] = lambda _: None) -> Result:
    """Fit a challenger, judge it against the serving model, and activate it if it passes (or is forced).

    Killed at any moment it leaves the registry as it was; what it wrote aside is swept away by a later run. `tell` hears of
    every stage as it begins. Raises `CorpusError`, `ReleaseError` and `training.lock.Busy`.
    """
    clock, started = time.monotonic(), datetime.now(UTC)
    with only_run(task.registry.root):
        tell("reading the serving model")
        champion = task.registry.load_current() if task.registry.current() else None
        tell("bringing corrections and corpus together")
        folds = assign_folds(task.corpus, task.recipe.decisions.folds)
        merged = merge(task.corpus, folds, task.added)
        tell("fitting")
        notes = {"retraining": {"champion": champion.version if champion else None, "forced": task.force}}
        folder = make_release(
            merged.corpus,
            task.topics,
            task.recipe,
            task.registry.releases,
            added=merged.added,
            measured_on=task.measured_on,
            notes=notes,
        )
        challenger = load_release(folder)
        tell("judging")
        held_out = tuple(task.holdout) or tuple(s for s, fold in zip(merged.corpus, folds, strict=True) if fold == 0)
        verdict, judged = _judge(task, held_out, champion, challenger, folder)
        promoted = verdict.passed or task.force
        if promoted:
            tell("activating")
            task.registry.activate(challenger.version)
    return Result(
        Outcome.PROMOTED if promoted else Outcome.KEPT,
        champion,
        challenger,
        verdict,
        merged,
        held_out,
        judged,
        forced=task.force and not verdict.passed,
        started=started,
        seconds=time.monotonic() - clock,
    )


def _judge(
    task: Task, held_out: Sequence[Segment], champion: Release | None, challenger: Release, folder: Path
) -> tuple[Verdict, tuple[Judged | None, Judged]]:
    ours = scored(challenger, held_out) if task.holdout else stored(challenger, folder, held_out)
    if ours is None:
        raise ReleaseError(f"{folder}: carries no scores for its holdout; remove the folder and run again")
    checks: list[Check] = []
    remarks: list[str] = []
    theirs = None
    if champion is None:
        remarks.append("No model served before: there is nothing to compare with.")
    else:
        home = task.registry.folder(champion.version)
        theirs = scored(champion, held_out) if task.holdout else stored(champion, home, held_out)
        if theirs is None:
            theirs = scored(champion, held_out)
            remarks.append(
                "The champion carries no scores for this holdout (it comes from another corpus) and was asked now; "
                "where it has learnt from these segments, that favours it."
            )
        checks.append(same_topics(champion, challenger, may_change=task.may_change_topics))
        if set(theirs.topics) & set(ours.topics):
            checks += compare(task.gate, held_out, theirs, ours)
        checks += within_bounds(task.gate, held_out, champion, challenger, (model_bytes(home), model_bytes(folder)))
    checks += behaves(try_tables(challenger, task.behaviour))
    return Verdict(tuple(checks), tuple(remarks)), (theirs, ours)


def today(recipe: Recipe) -> Recipe:
    """A recipe whose models are named after this month."""
    now = datetime.now(UTC)
    return replace(recipe, edition=f"{now:%Y.%m}", created=f"{now:%Y-%m-%d}")


if __name__ == "__main__":
    from training.commands import retrain as command

    command()
