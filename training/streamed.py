"""A model from more segments than memory holds: the files are read once, and the rest is passes over arrays on disk.

1. `training.shards` reads, checks and numbers the tokens.
2. `training.frequencies` counts in how many segments each word and pair stands: the vocabulary.
3. `training.rows` weighs the features.
4. Linear support vector machines learn by averaged stochastic gradient descent (Bottou 2010; Xu 2011), one a topic; twins that
   never see a fold learn at the same time, and are calibrated on it.

What comes out has the form of `training.fit` and is released alike.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from joblib import Parallel, delayed
from numpy.typing import NDArray
from sklearn.linear_model import SGDClassifier
from tqdm import tqdm

from models.scorer import Scorer, Weights
from models.topics import Topic
from training.corpus import Segment, Summary
from training.encoding import distinct
from training.features import Vocabulary
from training.fit import SEED, Fitted, Linear, conclude, count_known, demand_stories
from training.frequencies import streamed_vocabulary
from training.recipe import Recipe
from training.release import Yardstick, release_fitted
from training.rows import Rows, make_rows
from training.shards import read_shards
from training.spool import Spool

Floats = NDArray[np.float64]


def make_streamed_release(
    paths: Sequence[Path],
    topics: Sequence[Topic],
    recipe: Recipe,
    root: Path,
    *,
    measured_on: Mapping[str, Yardstick] | None = None,
    with_pipeline: bool = False,
) -> Path:
    """Fit the segments of files and folders, measure and write a release under `root`, and give its folder.

    Raises `CorpusError`, `ReleaseError`, and `WiretagError` when the disk is full.
    """
    fitted, learnt = fit_streamed(paths, topics, recipe)
    notes: dict[str, Any] = {"fit": "streamed"}
    return release_fitted(
        fitted,
        learnt,
        topics,
        recipe,
        root,
        pages_of=fitted.holdout,
        measured_on=measured_on,
        notes=notes,
        with_pipeline=with_pipeline,
    )


def fit_streamed(paths: Sequence[Path], topics: Sequence[Topic], recipe: Recipe) -> tuple[Fitted, Summary]:
    """Fit on the segments of files and folders; calibrate, cut and measure on stories that a twin of the model never saw.

    The same inputs give the same model. Raises `CorpusError` as `read_segments` and `fit` do.
    """
    ids = [topic.id for topic in topics]
    n_folds = recipe.decisions.folds
    with Spool() as weighed:
        with Spool() as read:
            shards = read_shards(paths, ids, recipe, read)
            for number, id_ in enumerate(ids):
                demand_stories(id_, len(distinct(shards.groups[shards.truth[:, number]])))
            vocabulary, numbers = streamed_vocabulary(shards, read, recipe)
            rows = make_rows(shards, vocabulary, numbers, spool=read, out=weighed, n_folds=n_folds)
        held_out, learnt = shards.held_out, shards.summary
        del shards, numbers
        final, *twins = _learn(rows, weighed, vocabulary, recipe)
    parts = [[segment for fold, segment in held_out if fold == k] for k in range(len(twins))]
    made_of = [(_margins(twin, part), count_known(part, vocabulary)) for twin, part in zip(twins, parts, strict=True)]
    return conclude(final, parts, made_of, ids, recipe), learnt


def _learn(rows: Rows, spool: Spool, vocabulary: Vocabulary, recipe: Recipe) -> list[Linear]:
    """The machines of all rows, then for every fold those that never saw it."""
    n_epochs = recipe.streamed.epochs
    sets = [_machines(n, rows.n_topics, recipe) for n in (rows.n_rows, *(rows.n_rows - n for n in rows.n_in_fold))]
    with (
        Parallel(n_jobs=-1, prefer="threads") as run,  # the learner lets go of the interpreter's lock
        tqdm(desc="fitting", total=n_epochs * rows.n_batches, unit=" batches", disable=None) as progress,
    ):
        for epoch in range(n_epochs):
            for batch in rows.batches(spool, epoch):
                kept = [batch.folds != fold for fold in range(len(sets) - 1)]
                seen = [(batch.features, batch.truth), *((batch.features[rest], batch.truth[rest]) for rest in kept)]
                run(
                    delayed(_learn_batch)(machine, features, truth[:, topic])
                    for machines, (features, truth) in zip(sets, seen, strict=True)
                    for topic, machine in enumerate(machines)
                )
                progress.update()
    return [
        Linear(
            vocabulary,
            np.column_stack([machine.coef_[0] for machine in machines]).astype(np.float64),
            np.array([machine.intercept_[0] for machine in machines], np.float64),
        )
        for machines in sets
    ]


def _machines(n_rows: int, n_topics: int, recipe: Recipe) -> list[SGDClassifier]:
    """One learner a topic for `n_rows` rows an epoch: its weights are the mean over the last epoch."""
    n_before = n_rows * (recipe.streamed.epochs - 1)
    alpha = 1 / (recipe.model.inverse_regularisation * n_rows)
    return [
        SGDClassifier(loss="hinge", alpha=alpha, average=max(1, n_before), random_state=np.random.RandomState(SEED + topic))
        for topic in range(n_topics)
    ]


def _learn_batch(machine: SGDClassifier, features: Any, truth: NDArray[np.bool_]) -> None:
    if features.shape[0]:
        machine.partial_fit(features, truth, classes=np.array([False, True]))


def _margins(linear: Linear, segments: Sequence[Segment]) -> Floats:
    """The margins of segments (segments, topics), as `Linear.margins` gives them, by the scorer: sooner, in less memory."""
    known = linear.vocabulary
    scorer = Scorer(Weights(known.words, known.pairs, known.kinds, known.idf, linear.coef, linear.bias))
    margins = [scorer.score(segment.full_text).margins for segment in segments]
    return np.array(margins).reshape(len(segments), len(linear.bias))
