"""Margins to probabilities, on out-of-fold margins only."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression

from models.scoring import logistic

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
