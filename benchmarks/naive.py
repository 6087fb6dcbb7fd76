"""The model as a scikit-learn pipeline that one would write: what the benchmarks measure against."""

from collections.abc import Callable, Mapping
from functools import partial

from sklearn.feature_extraction.text import CountVectorizer
from sklearn.pipeline import Pipeline

from models.scorer import Weights
from training.fit import sklearn_pipeline


def naive_pipeline(weights: Weights) -> Pipeline:
    """Texts in, calibrated probabilities out. Words and pairs are found by scikit-learn's own code: our reference's, which
    finds the same a fifth sooner, is no peer of ours.
    """
    pipeline = sklearn_pipeline(weights)
    kind_of = pipeline[0].analyzer.args[0]
    pipeline[0].analyzer = partial(_analyse, CountVectorizer(ngram_range=(1, 2)).build_analyzer(), kind_of)
    return pipeline


def _analyse(own: Callable[[str], list[str]], kind_of: Mapping[str, str], text: str) -> list[str]:
    found = own(text)
    return [*found, *(kind_of[name] for name in found if name in kind_of)]
