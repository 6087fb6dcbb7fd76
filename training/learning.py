"""The learning curve: what more labels of the same kind would likely bring."""

import random
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from joblib import Parallel, delayed
from numpy.typing import NDArray

from training.corpus import Segment
from training.evaluate import macro_f1
from training.fit import SEED, assign_folds, fit_linear
from training.recipe import Recipe

SHARES = (0.25, 0.5, 0.75, 1.0)
MORE = 500  # labels


@dataclass(frozen=True, slots=True)
class LearningCurve:
    """Best macro F1 on the holdout (thresholds chosen on it, so that only ranking counts) by number of segments learnt from."""

    sizes: tuple[int, ...]
    macro_f1: tuple[float, ...]

    def expected(self, more: int = MORE) -> float | None:
        """What `more` labels would likely add: the power law 1 - F1 = a · n^-b through the points (Hestness et al. 2017).

        None where the points tell nothing.
        """
        errors = 1 - np.array(self.macro_f1)
        if len(set(self.sizes)) < 2 or (errors <= 0).any():
            return None
        slope, offset = np.polyfit(np.log(self.sizes), np.log(errors), 1)
        now, then = (float(np.exp(offset + slope * np.log(self.sizes[-1] + extra))) for extra in (0, more))
        return now - then


def learning_curve(corpus: Sequence[Segment], added: Sequence[Segment], topics: Sequence[str], recipe: Recipe) -> LearningCurve:
    """Fit on growing shares of the stories outside the holdout, and measure on it."""
    folds = assign_folds(corpus, recipe.decisions.folds)
    holdout = [s for s, fold in zip(corpus, folds, strict=True) if fold == 0]
    kept = [*(s for s, fold in zip(corpus, folds, strict=True) if fold != 0), *added]
    stories = sorted({s.group for s in kept})
    random.Random(SEED).shuffle(stories)
    parts = [frozenset(stories[: max(1, int(len(stories) * share))]) for share in SHARES]
    learnt = [[s for s in kept if s.group in part] for part in parts]
    truth = np.array([[topic in s.topics for topic in topics] for s in holdout]).reshape(len(holdout), len(topics))
    margins = Parallel(n_jobs=-1)(delayed(_margins)(part, holdout, topics, recipe) for part in learnt)
    pairs = [(len(part), _best_macro_f1(m, truth)) for part, m in zip(learnt, margins, strict=True) if m is not None]
    return LearningCurve(tuple(n for n, _ in pairs), tuple(round(f1, 4) for _, f1 in pairs))


def _margins(
    learnt: Sequence[Segment], holdout: Sequence[Segment], topics: Sequence[str], recipe: Recipe
) -> NDArray[np.float64] | None:
    """The holdout's margins, or None where a topic cannot be learnt from so little."""
    if any(len({topic in s.topics for s in learnt}) < 2 for topic in topics):
        return None
    return fit_linear(learnt, topics, recipe).margins(holdout)


def _best_macro_f1(margins: NDArray[np.float64], truth: NDArray[np.bool_]) -> float:
    assigned = np.zeros_like(truth)
    for topic in range(truth.shape[1]):
        order = np.argsort(-margins[:, topic], kind="stable")
        both = np.cumsum(truth[order, topic])
        f1 = 2 * both / (np.arange(1, len(order) + 1) + max(1, both[-1]))
        assigned[order[: int(f1.argmax()) + 1], topic] = True
    return macro_f1(truth, np.ones_like(truth), assigned)
