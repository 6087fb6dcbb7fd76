"""Margins to probabilities, and probabilities to cuts, on out-of-fold margins only."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression

from models.decisions import Cut
from models.scorer import logistic
from training.recipe import DecisionsRecipe

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Sigmoid:
    """score = logistic(slope · margin + offset)."""

    slope: float
    offset: float

    def scores(self, margins: Floats) -> Floats:
        """Calibrated probabilities of margins."""
        return logistic(self.slope * margins + self.offset)


def prior_weights(truth: Bools, prior: float) -> Floats:
    """A weight for every text that makes the share of positives `prior` (Elkan 2001), the mean weight being 1."""
    share = truth.mean()
    if share in (0.0, 1.0):
        return np.ones(len(truth))
    return np.asarray(np.where(truth, prior / share, (1 - prior) / (1 - share)))


def fit_sigmoid(margins: Floats, truth: Bools, prior: float) -> Sigmoid:
    """The logistic fit of Platt (1999) under a stated prior, with his smoothed targets, so that separable margins stay finite.

    Margins of one class only leave them as they are.
    """
    if truth.all() or not truth.any():
        return Sigmoid(1.0, 0.0)
    n_true, n_false = int(truth.sum()), int((~truth).sum())
    target = np.where(truth, (n_true + 1) / (n_true + 2), 1 / (n_false + 2))  # the chance that the label is true
    weights = prior_weights(truth, prior)
    model = LogisticRegression(C=1e6, max_iter=1000).fit(
        np.concatenate([margins, margins])[:, None],
        np.repeat([True, False], len(truth)),
        sample_weight=np.concatenate([weights * target, weights * (1 - target)]),
    )
    return Sigmoid(float(model.coef_[0, 0]), float(model.intercept_[0]))


def choose_cut(scores: Floats, truth: Bools, recipe: DecisionsRecipe) -> Cut:
    """The threshold under the prior: at least the stated precision, and the upper edge of the F1 plateau.

    On authored folds F1 hardly changes over a wide range of thresholds, and its first maximum lies far too low for other
    people's texts; of all thresholds within `plateau` of the best F1 the highest is taken. Where that falls short of
    `precision` the threshold rises until it is met, or as far as there are positives. The review band begins at the calibrated
    chance `review`.
    """
    if not truth.any():
        return Cut(0.5, recipe.review)
    weights = prior_weights(truth, recipe.prior)
    order = np.argsort(-scores, kind="stable")
    found = np.cumsum((weights * truth)[order])
    said = np.cumsum(weights[order])
    f1 = 2 * found / (said + found[-1])
    edge = int(np.flatnonzero(f1 >= f1.max() * (1 - recipe.plateau))[0])
    precise = np.flatnonzero(found / said >= recipe.precision)
    if len(precise):
        edge = min(edge, int(precise[-1]))
    threshold = float(scores[order][edge])
    return Cut(threshold, min(threshold, recipe.review))
