"""Fit the weights of `models.cohesion` on pages composed from the authored corpus.

A composed page is an article of the corpus, its paragraphs as written or broken into shorter ones (wires print a sentence a
paragraph), followed on two pages of three by openings of other stories. Run by `make train`.
"""

import json
import random
import re
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from sklearn.linear_model import LogisticRegression

from models.cohesion import CUES, WEIGHTS_PATH, cues, read
from models.topics import load_topics
from training.corpus import CORPUS_DIR, Segment, read_segments

N_PAGES = 1500
_SENTENCE = re.compile(r"(?<=[.!?])[\"”’]?\s+(?=[A-Z“\"‘])")


def compose(segments: Sequence[Segment], rng: random.Random) -> tuple[list[str], int]:
    """The paragraphs of a composed page and the index from which they are teasers."""
    article = rng.choice(segments)
    paragraphs = [article.headline] if article.headline else []
    is_broken = rng.random() < 0.65
    for paragraph in article.text.split("\n"):
        if paragraph.strip():
            paragraphs.extend(_break(paragraph, rng) if is_broken else [paragraph])
    n_article = len(paragraphs)
    if rng.random() < 0.67:
        for other in rng.sample(segments, rng.randint(1, 9)):
            if other.group != article.group:
                sentences = _SENTENCE.split(other.text)
                paragraphs.append(" ".join(sentences[: rng.choice([1, 1, 2, 2, 3])]))
    return paragraphs, n_article


def _break(paragraph: str, rng: random.Random) -> list[str]:
    sentences = _SENTENCE.split(paragraph)
    pieces = []
    while sentences:
        n = rng.choice([1, 1, 2, 3])
        pieces.append(" ".join(sentences[:n]))
        sentences = sentences[n:]
    return pieces


def fit(segments: Sequence[Segment], path: Path = WEIGHTS_PATH) -> float:
    """Fit and write the weights; gives the share of paragraphs told right on the fitted pages."""
    rng = random.Random(20261122)
    long = [segment for segment in segments if len(segment.text.split()) >= 120]
    rows: list[list[float]] = []
    labels: list[bool] = []
    for _ in range(N_PAGES):
        paragraphs, n_article = compose(long, rng)
        page = cues([read(paragraph) for paragraph in paragraphs])
        rows.extend(page[2:])
        labels.extend(index >= n_article for index in range(2, len(page)))
    features = np.array(rows)
    scale = features.std(axis=0) + 1e-9
    fitted = LogisticRegression(C=1.0, max_iter=2000).fit(features / scale, labels)
    weights = dict(zip(CUES, (fitted.coef_[0] / scale).round(5).tolist(), strict=True))
    stored = {"bias": round(float(fitted.intercept_[0]), 5), "weights": weights}
    path.write_text(json.dumps(stored, indent=2) + "\n", encoding="utf-8")
    return float(fitted.score(features / scale, labels))


if __name__ == "__main__":
    share = fit(read_segments([CORPUS_DIR], [topic.id for topic in load_topics()]))
    print(f"{share:.1%} of the paragraphs of composed pages told right: {WEIGHTS_PATH.name}")
