"""Labelled segments to a model: folds, calibration, cuts, weights."""

import hashlib
import random
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from joblib import Parallel, delayed
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression
from sklearn.multiclass import OneVsRestClassifier
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import LabelBinarizer
from sklearn.svm import LinearSVC

from models.decisions import Cut
from models.errors import CorpusError
from models.scorer import Weights
from models.text import tokens
from models.topics import Topic
from training.calibrate import Sigmoid, fit_sigmoid
from training.corpus import Segment
from training.evaluate import figures
from training.features import Vocabulary, build_vocabulary
from training.recipe import ModelRecipe, Recipe

SEED = 20261122
MIN_POSITIVES = 10

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class HeldOut:
    """What models that had not seen their stories made of all segments: (n_segments, n_topics) and (n_segments,)."""

    scores: Floats
    truth: Bools
    n_tokens: NDArray[np.int64]
    n_known: NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Fitted:
    """A fitted model: the weights with the calibration folded in, the cuts, and scores and figures on held-out folds.

    `holdout` are the segments of the first fold, `holdout_scores` (segments, topics) what the model that never saw them makes
    of them: a comparison of two models on what neither learnt from. Nothing that is added to a corpus ever comes into it.
    """

    weights: Weights
    cuts: tuple[Cut, ...]
    held_out: HeldOut
    figures: dict[str, Any]
    holdout: tuple[Segment, ...]
    holdout_scores: Floats


@dataclass(frozen=True, slots=True)
class Linear:
    """Linear machines over a vocabulary, not yet calibrated: coef (n_features, n_topics), bias (n_topics,)."""

    vocabulary: Vocabulary
    coef: Floats
    bias: Floats

    def margins(self, segments: Sequence[Segment]) -> Floats:
        """The margins of segments: (segments, topics)."""
        return np.asarray(self.vocabulary.vectorizer().transform(_texts(segments)) @ self.coef + self.bias)


def fit(segments: Sequence[Segment], topics: Sequence[Topic], recipe: Recipe, added: Sequence[Segment] = ()) -> Fitted:
    """Fit on all segments; calibrate, cut and measure on folds that keep groups together.

    `added` are segments that came later (corrections, say): they are learnt from like the others, but stand in no first fold,
    so that the holdout stays what it was. The same inputs give the same model. Raises `CorpusError` when a topic has too few
    segments to be learnt.
    """
    ids = [topic.id for topic in topics]
    folds = assign_folds(segments, recipe.decisions.folds)
    folds += added_folds(added, segments, folds, recipe.decisions.folds)
    segments = [*segments, *added]
    for id_ in ids:
        demand_stories(id_, len({segment.group for segment in segments if id_ in segment.topics}))
    held_out = [[s for s, fold in zip(segments, folds, strict=True) if fold == k] for k in range(recipe.decisions.folds)]
    kept_in = [[s for s, fold in zip(segments, folds, strict=True) if fold != k] for k in range(recipe.decisions.folds)]
    runs = Parallel(n_jobs=-1)(
        [delayed(fit_linear)(segments, ids, recipe)]
        + [delayed(_fit_and_score)(kept, held, ids, recipe) for kept, held in zip(kept_in, held_out, strict=True)]
    )
    return conclude(runs[0], held_out, runs[1:], ids, recipe)


def conclude(
    final: Linear,
    held_out: Sequence[Sequence[Segment]],
    made_of: Sequence[tuple[Floats, NDArray[np.int64]]],
    ids: Sequence[str],
    recipe: Recipe,
) -> Fitted:
    """Calibrate, cut and measure: `made_of` holds, for every held-out fold, what a model that never saw it makes of it.

    That is margins (segments, topics), and numbers of tokens and of known ones (segments, 2).
    """
    margins = np.vstack([margins for margins, _ in made_of])
    n_tokens, n_known = np.vstack([counts for _, counts in made_of]).T
    tested = [segment for part in held_out for segment in part]
    truth = _truth(tested, ids)
    sigmoids = [fit_sigmoid(margins[:, t], truth[:, t], recipe.decisions.prior) for t in range(len(ids))]
    scores = np.column_stack([sigmoid.scores(margins[:, t]) for t, sigmoid in enumerate(sigmoids)])
    cuts = (Cut(recipe.decisions.chance, recipe.decisions.review),) * len(ids)
    measured = figures(
        ids,
        truth=truth,
        judged=np.ones_like(truth),
        assigned=scores >= np.array([cut.threshold for cut in cuts]),
        shown=scores >= np.array([cut.review for cut in cuts]),
        scores=scores,
        groups=[segment.group for segment in tested],
    )
    n_first = len(held_out[0])
    unseen = HeldOut(scores, truth, n_tokens, n_known)
    return Fitted(_calibrated(final, sigmoids), cuts, unseen, measured, tuple(held_out[0]), scores[:n_first])


def assign_folds(segments: Sequence[Segment], n_folds: int) -> list[int]:
    """A fold for every segment; segments of one group share it."""
    groups = sorted({segment.group for segment in segments})
    random.Random(SEED).shuffle(groups)
    fold_of = {group: number % n_folds for number, group in enumerate(groups)}
    return [fold_of[segment.group] for segment in segments]


def demand_stories(topic: str, n_groups: int) -> None:
    """Raise `CorpusError` when a topic has too few stories to be learnt."""
    if n_groups < MIN_POSITIVES:
        raise CorpusError(f"topic {topic!r}: {n_groups} labelled stories; at least {MIN_POSITIVES} are needed")


def added_folds(added: Sequence[Segment], segments: Sequence[Segment], folds: Sequence[int], n_folds: int) -> list[int]:
    """A fold for every added segment: that of its group where the corpus has it, else any but the first, told by the group's
    name.

    Raises `CorpusError` for a group that the holdout has.
    """
    known = {segment.group: fold for segment, fold in zip(segments, folds, strict=True)}
    found = []
    for segment in added:
        fold = known.get(segment.group)
        if fold == 0:
            raise CorpusError(f"{segment.id}: its group {segment.group!r} is in the holdout; leave the segment out")
        name = hashlib.sha256(segment.group.encode()).digest()
        found.append(1 + int.from_bytes(name[:4]) % (n_folds - 1) if fold is None else fold)
    return found


def sklearn_pipeline(weights: Weights) -> Pipeline:
    """The model as a scikit-learn pipeline, texts in and calibrated probabilities out (`predict_proba`)."""
    names = [f"<{number}>" for number in range(int(weights.kinds.max(initial=-1)) + 1)]
    vocabulary = Vocabulary(weights.words, weights.pairs, weights.kinds, names, weights.idf)
    n_topics = len(weights.bias)
    estimators = []
    for topic in range(n_topics):
        model = LogisticRegression()
        model.classes_ = np.array([0, 1])
        model.coef_ = weights.coef[:, topic][None, :]
        model.intercept_ = weights.bias[topic : topic + 1]
        estimators.append(model)
    every = OneVsRestClassifier(LogisticRegression())
    every.estimators_ = estimators
    every.label_binarizer_ = LabelBinarizer(sparse_output=True).fit(np.eye(max(2, n_topics), n_topics, dtype=int))
    return Pipeline([("features", vocabulary.vectorizer()), ("topics", every)])


def beginnings(segments: Sequence[Segment], recipe: ModelRecipe) -> list[Segment]:
    """The first words of every long segment, with its headline and topics: most reports say at once what they are about."""
    split = ((segment, segment.text.split()) for segment in segments)
    return [replace(s, text=" ".join(words[: recipe.beginning])) for s, words in split if len(words) > recipe.long]


def _fit_and_score(
    training: Sequence[Segment], test: Sequence[Segment], ids: Sequence[str], recipe: Recipe
) -> tuple[Floats, NDArray[np.int64]]:
    """Margins (n_test, n_topics), and the numbers of tokens and of known ones (n_test, 2)."""
    linear = fit_linear(training, ids, recipe)
    return linear.margins(test), count_known(test, linear.vocabulary)


def count_known(segments: Sequence[Segment], vocabulary: Vocabulary) -> NDArray[np.int64]:
    """The numbers of tokens and of those that are words of a vocabulary: (segments, 2)."""
    words = frozenset(vocabulary.words)
    found = (tokens(text) for text in _texts(segments))
    return np.array([(len(each), sum(map(words.__contains__, each))) for each in found], np.int64).reshape(-1, 2)


def fit_linear(segments: Sequence[Segment], ids: Sequence[str], recipe: Recipe) -> Linear:
    """One linear support vector machine a topic, on all segments."""
    vocabulary = build_vocabulary(_texts(segments), recipe.features)
    texts = [*segments, *beginnings(segments, recipe.model)]
    features = vocabulary.vectorizer().transform(_texts(texts))
    truth = _truth(texts, ids)
    coef, bias = [], []
    for topic in range(len(ids)):
        model = LinearSVC(C=recipe.model.inverse_regularisation, random_state=0)
        model.fit(features, truth[:, topic])
        coef.append(model.coef_[0])
        bias.append(model.intercept_[0])
    return Linear(vocabulary, np.column_stack(coef), np.array(bias))


def _calibrated(linear: Linear, sigmoids: Sequence[Sigmoid]) -> Weights:
    """Weights whose margin is the logit of the calibrated probability, rounded to what a release stores."""
    slopes = np.array([sigmoid.slope for sigmoid in sigmoids])
    offsets = np.array([sigmoid.offset for sigmoid in sigmoids])
    return Weights(
        linear.vocabulary.words,
        linear.vocabulary.pairs,
        linear.vocabulary.kinds,
        linear.vocabulary.idf,
        _float32(linear.coef * slopes),
        _float32(linear.bias * slopes + offsets),
    )


def _float32(values: Floats) -> Floats:
    return values.astype(np.float32).astype(np.float64)


def _texts(segments: Sequence[Segment]) -> list[str]:
    return [segment.full_text for segment in segments]


def _truth(segments: Sequence[Segment], ids: Sequence[str]) -> Bools:
    return np.array([[topic in segment.topics for topic in ids] for segment in segments]).reshape(-1, len(ids))
