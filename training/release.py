"""A fitted model to a released one: manifest, self-test, model card, folder."""

import hashlib
import io
import json
import platform
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from importlib.metadata import version
from pathlib import Path
from typing import Any

import joblib

from models.cutting import read_segmenter, shipped_files
from models.pipeline import Json
from models.release import Release, selftest_file, weights_files, write_release
from models.scorer import Scorer
from models.topics import Topic
from training.card import model_card
from training.corpus import Segment, Summary, read_segments, summary
from training.evaluate import by_length, evaluate
from training.evaluate_pages import evaluate_pages, holds_pages, read_pages
from training.fit import Fitted, fit, sklearn_pipeline
from training.holdout import FILE as HOLDOUT_FILE
from training.holdout import holdout_file
from training.recipe import Recipe
from training.reference import make_reference

# Texts that a scorer gets wrong when it lower-cases, tokenises or counts in another way than training did.
_ODD_TEXTS = (
    "",
    "a I .",
    "Sanctions SANCTIONS sanctions and sanctions",
    "İstanbul'da ΟΔΥΣΣΕΥΣ Straße ﬁnance",
    "Санкции против России 제재 북한 군대",
    "e\u0301lysée 👩‍🚀 don't snake_case 1,000 x2",
    "zzqx qqzv unheard words only",
)
LIBRARIES = ("numpy", "scikit-learn", "joblib", "wordfreq")


@dataclass(frozen=True, slots=True)
class Yardstick:
    """An evaluation set: labelled segments or gold pages, and the digest of their file."""

    sha256: str
    segments: Sequence[Segment] = ()
    pages: Sequence[Json] = ()


def read_yardstick(path: Path, topics: Sequence[str]) -> Yardstick:
    """The evaluation set of a file. Raises `CorpusError`."""
    pages = read_pages(path) if holds_pages(path) else ()
    segments = () if pages else read_segments([path], topics)
    return Yardstick(hashlib.sha256(path.read_bytes()).hexdigest(), segments, pages)


def measure(release: Release, yardstick: Yardstick) -> dict[str, Any]:
    """The figures of a release on an evaluation set."""
    if yardstick.pages:
        return evaluate_pages(release, yardstick.pages)
    return {**evaluate(release, yardstick.segments), "macro_f1_by_length": by_length(release, yardstick.segments)}


def make_release(
    segments: Sequence[Segment],
    topics: Sequence[Topic],
    recipe: Recipe,
    root: Path,
    *,
    added: Sequence[Segment] = (),
    measured_on: Mapping[str, Yardstick] | None = None,
    notes: Mapping[str, Any] | None = None,
    with_pipeline: bool = False,
) -> Path:
    """Fit, measure and write a release under `root`, and give its folder.

    `added` are segments that came later than the corpus (`training.fit`). `measured_on` names evaluation sets; their figures
    stand in the manifest and the card and influence nothing. `notes` are further entries of the manifest.
    Raises `CorpusError` and `ReleaseError`.
    """
    fitted = fit(segments, topics, recipe, added)
    ids = [topic.id for topic in topics]
    # what was added are people's corrections, which they may ask us to delete: no release holds a text of theirs
    learnt = replace(summary([*segments, *added], ids), examples=summary(segments, ids).examples)
    return release_fitted(
        fitted,
        learnt,
        topics,
        recipe,
        root,
        pages_of=segments,
        measured_on=measured_on,
        notes=notes,
        with_pipeline=with_pipeline,
    )


def release_fitted(
    fitted: Fitted,
    learnt: Summary,
    topics: Sequence[Topic],
    recipe: Recipe,
    root: Path,
    *,
    pages_of: Sequence[Segment],
    measured_on: Mapping[str, Yardstick] | None = None,
    notes: Mapping[str, Any] | None = None,
    with_pipeline: bool = False,
) -> Path:
    """Measure and write a release of a fitted model, and give its folder; reference pages are composed of `pages_of`.

    Raises `ReleaseError`.
    """
    scorer = Scorer(fitted.weights)
    cutting = shipped_files()
    files = weights_files(fitted.weights) | cutting
    files["selftest.jsonl"] = selftest_file(scorer, [*_ODD_TEXTS, *learnt.examples])
    cuts = {t.id: {"threshold": cut.threshold, "review": cut.review} for t, cut in zip(topics, fitted.cuts, strict=True)}
    name = _version(recipe, files, cuts, topics)
    evaluation: dict[str, Any] = {"held_out_folds": fitted.figures}
    release = Release(name, tuple(topics), fitted.cuts, scorer, read_segmenter(cutting), {})
    for set_name, yardstick in (measured_on or {}).items():
        evaluation[set_name] = {"sha256": yardstick.sha256, **measure(release, yardstick)}
    manifest = {
        "version": name,
        "created": recipe.created,
        "topics": [topic.as_dict() for topic in topics],
        "cuts": cuts,
        "calibration": {"method": "sigmoid, folded into coef and bias", "prior": recipe.decisions.prior},
        "features": {
            "words": len(fitted.weights.words),
            "pairs": len(fitted.weights.pairs),
            "kinds": int(fitted.weights.kinds.max(initial=-1)) + 1,
            "n_topics": len(topics),
        },
        "recipe": recipe.as_dict(),
        "code": {"wiretag": version("wiretag"), "python": platform.python_version()}
        | {library: version(library) for library in LIBRARIES},
        "corpus": {"sha256": learnt.sha256, **asdict(learnt.balance)},
        "evaluation": evaluation,
        "reference": make_reference(fitted.held_out, [topic.id for topic in topics], pages_of, release.segmenter),
        **(notes or {}),
    }
    files["MODEL_CARD.md"] = model_card(manifest).encode()
    files[HOLDOUT_FILE] = holdout_file(fitted.holdout, [topic.id for topic in topics], fitted.holdout_scores)
    if with_pipeline:
        buffer = io.BytesIO()
        joblib.dump(sklearn_pipeline(fitted.weights), buffer)
        files["pipeline.joblib"] = buffer.getvalue()
    return write_release(root, manifest, files)


def _version(recipe: Recipe, files: Mapping[str, bytes], cuts: Mapping[str, Any], topics: Sequence[Topic]) -> str:
    """The edition and a digest of everything that decides: same model, same name."""
    digest = hashlib.sha256(json.dumps([cuts, [topic.as_dict() for topic in topics]]).encode())
    for name in sorted(files):
        digest.update(name.encode() + hashlib.sha256(files[name]).digest())
    return f"{recipe.edition}-{digest.hexdigest()[:8]}"
