"""Fit `models.boilerplate` on authored furniture set among authored articles.

`furniture_lines.txt` holds lines as sites word them, `article_lines.txt` lines of articles that look a little like them. On
composed pages the furniture stands where sites have it: above and below the headline, between paragraphs, below the article,
between teasers. The threshold is set on furniture that the scorer has not seen: as low as loses no more than `MAX_LOSS` of the
articles' lines.
"""

import random
from collections.abc import Sequence
from itertools import accumulate
from pathlib import Path

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression

from models.boilerplate import Boilerplate, Surroundings, own_cues, words_of
from models.lines import read_lines
from training.corpus import Segment
from training.pages import ComposedPage, compose

LINES_PATH = Path(__file__).with_name("furniture_lines.txt")
ARTICLE_LINES_PATH = Path(__file__).with_name("article_lines.txt")
SOURCES = (
    "Coast Courier", "Daily Ledger", "The Morning Post of Selwick", "Northern Wire", "VNN", "Harbour News Agency",
    "The Standard",
)  # fmt: skip
AGES = ("2 hours ago", "7h", "a day ago", "Yesterday", "Apr 4, 2025", "3 days ago", "4 min read")
PLACES = ((0.45, 6), (0.4, 4), (0.05, 2))  # chance and most lines of furniture above a headline, below it, between paragraphs
BELOW = (0.7, 8)  # the same at the end of a page
CARDS = 0.4  # of the other stories on a page
LOOK_ALIKES = 0.03  # of an article's lines
N_PAGES = 1200
MIN_LINES = 2  # of furniture that a word must stand in
MAX_LOSS = 0.005  # of the articles' short lines
SEED = 20261122

Rows = tuple[list[list[str]], list[list[bool]], NDArray[np.bool_]]


def fit_boilerplate(segments: Sequence[Segment]) -> tuple[Boilerplate, float]:
    """A fitted scorer, and the share of unseen furniture lines that it finds. The same inputs give the same scorer."""
    lines, article_lines = _read(LINES_PATH), _read(ARTICLE_LINES_PATH)
    random.Random(SEED).shuffle(lines)
    halves = [lines[k::2] for k in range(2)]
    rows = [_rows(segments, half, article_lines, SEED + k) for k, half in enumerate(halves)]
    odds, truth = [], []
    for fitted_on, half, tested in zip(rows, halves, reversed(rows), strict=True):
        odds.append(_log_odds(_fit(fitted_on, half), tested))
        truth.append(tested[2])
    unseen, is_furniture = np.concatenate(odds), np.concatenate(truth)
    threshold = float(np.quantile(unseen[~is_furniture], 1 - MAX_LOSS))
    every = _fit((rows[0][0] + rows[1][0], rows[0][1] + rows[1][1], np.concatenate([rows[0][2], rows[1][2]])), lines)
    fitted = Boilerplate(every.words, every.cues, round(every.bias - threshold, 4))
    return fitted, round(float((unseen[is_furniture] > threshold).mean()), 4)


def _read(path: Path) -> list[str]:
    return [line for line in dict.fromkeys(path.read_text(encoding="utf-8").splitlines()) if line.strip()]


def _rows(segments: Sequence[Segment], furniture: Sequence[str], article_lines: Sequence[str], seed: int) -> Rows:
    """Words, cues and truth of the lines of composed pages that no rule knows."""
    rng = random.Random(seed)
    words: list[list[str]] = []
    cues: list[list[bool]] = []
    truth: list[bool] = []
    for page in compose(segments, N_PAGES, seed):
        lines, places = _furnished(page, furniture, article_lines, rng)
        around = Surroundings(list(read_lines("\n".join(lines))))
        for index in around.candidates():
            line = around.lines[index]
            words.append(words_of(line.text))
            cues.append([*own_cues(line), *around.cues(index)])
            truth.append(places.get(line.start, False))
    return words, cues, np.array(truth)


def _furnished(
    page: ComposedPage, furniture: Sequence[str], article_lines: Sequence[str], rng: random.Random
) -> tuple[list[str], dict[int, bool]]:
    """The lines of a page with furniture among them, and whether the line that begins at an offset is furniture."""
    lines: list[str] = []
    is_furniture: list[bool] = []

    def add(some: Sequence[str], *, junk: bool) -> None:
        lines.extend(some)
        is_furniture.extend([junk] * len(some))

    def junk(chance: float, most: int) -> None:
        if rng.random() < chance:
            add(rng.sample(furniture, rng.randint(1, most)), junk=True)

    previous: int | None = None
    depth = 0
    for line, story in zip(page.lines, page.stories, strict=True):
        depth = depth + 1 if story == previous else 0
        junk(*PLACES[min(depth, len(PLACES) - 1)])
        if depth == 0 and previous is not None and rng.random() < CARDS:
            source = rng.choice(SOURCES)
            card = [source, rng.choice(AGES), f"- {source}"]
            add(rng.choice([card, card[:2], [f"{card[0]} · {card[1]}"], card[1::-1]]), junk=True)
        add([line], junk=False)
        if depth > 1 and rng.random() < LOOK_ALIKES:
            add([rng.choice(article_lines)], junk=False)
        previous = story
    junk(*BELOW)
    starts = accumulate((len(line) + 1 for line in lines), initial=0)
    return lines, dict(zip(starts, is_furniture, strict=False))


def _fit(rows: Rows, furniture: Sequence[str]) -> Boilerplate:
    words, cues, truth = rows
    counts: dict[str, int] = {}
    for line in furniture:
        for word in words_of(line):
            counts[word] = counts.get(word, 0) + 1
    known = {word: index for index, word in enumerate(sorted(word for word, n in counts.items() if n >= MIN_LINES))}
    model = LogisticRegression(C=0.5, max_iter=3000).fit(sp.hstack([_matrix(words, known), sp.csr_matrix(cues)]).tocsr(), truth)
    weights = model.coef_[0].round(4).tolist()
    return Boilerplate(
        dict(zip(known, weights[: len(known)], strict=True)), tuple(weights[len(known) :]), float(model.intercept_[0])
    )


def _log_odds(fitted: Boilerplate, rows: Rows) -> NDArray[np.float64]:
    words, cues, _ = rows
    known = {word: index for index, word in enumerate(fitted.words)}
    return np.asarray(
        _matrix(words, known) @ np.array(list(fitted.words.values()))
        + np.array(cues, np.float64) @ np.array(fitted.cues)
        + fitted.bias
    )


def _matrix(words: Sequence[Sequence[str]], known: dict[str, int]) -> sp.csr_matrix:
    rows, columns = [], []
    for number, line in enumerate(words):
        for word in line:
            if word in known:
                rows.append(number)
                columns.append(known[word])
    return sp.csr_matrix((np.ones(len(rows)), (rows, columns)), shape=(len(words), len(known)))
