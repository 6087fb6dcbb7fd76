"""Fit what `models.cohesion` knows of words and lines, on pages composed of the authored corpus.

Latent vectors come from a truncated singular value decomposition of whole stories (Deerwester et al. 1990). A story is more
like itself in a space that it helped to span, so the scorers learn from pages of one half of the corpus read with the vectors
of the other, both ways round; what is shipped holds vectors of all. Authored stories wander more than wire reports do, and
log-odds learnt on them are cautious on the wire: the bias is moved up as far as cutting our own held-out pages gets no worse
than `SLACK` for it.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from sklearn.decomposition import TruncatedSVD
from sklearn.feature_extraction.text import CountVectorizer
from sklearn.linear_model import LogisticRegression

from models.cohesion import Linear, Reading, Vocabulary, opening_cues, stranger_cues, stranger_odds
from models.cutting import SHIPPED, segmenter_files
from models.lines import Line, read_lines, without_margins
from models.reading import stems
from models.segmenter import MAX_TEASER_WORDS, Segmenter, teasers_start
from models.text import NEUTRAL_WORDS
from models.topics import load_topics
from training.boilerplate import fit_boilerplate
from training.corpus import CORPUS_DIR, Segment, read_segments
from training.pages import ComposedPage, compose

N_PAGES = 6000  # from each half of the corpus
N_LATENT = 64
MIN_STORIES = 4  # that a stem must stand in
INVERSE_REGULARISATION = 0.03  # the strongest that costs no more than `SLACK`: single cues weigh less on strange ground
SLACK = 0.01  # of F1 on held-out pages
SHIFTS = np.arange(-1.0, 4.01, 0.25)
SEED = 20261122

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class _Page:
    """A composed page as the segmenter reads it: its lines, their words, and the story of each."""

    lines: list[Line]
    reading: Reading
    stories: list[int]
    has_teasers: bool

    @property
    def article(self) -> int:
        """How many lines the first story has."""
        return sum(story == 0 for story in self.stories)


def fit_segmenter(segments: Sequence[Segment]) -> tuple[Segmenter, dict[str, float]]:
    """A fitted segmenter, and its figures on held-out pages. The same segments give the same segmenter."""
    groups = sorted({segment.group for segment in segments})
    halves = [[s for s in segments if s.group in set(groups[k::2])] for k in range(2)]
    pages = [_read(compose(half, N_PAGES, SEED + k), fit_vocabulary(halves[1 - k])) for k, half in enumerate(halves)]
    strangers, of_half, stranger_f1 = _fit_strangers(pages)
    openings, opening_f1 = _fit_openings(pages, of_half, strangers)
    boilerplate, found = fit_boilerplate(segments)
    segmenter = Segmenter(fit_vocabulary(segments), strangers, openings, boilerplate)
    return segmenter, {"teasers_f1": stranger_f1, "articles_f1": opening_f1, "furniture_found": found}


def fit_vocabulary(segments: Sequence[Segment]) -> Vocabulary:
    """Latent vectors and rarities of the stems of stories."""
    silent = {stem for word in NEUTRAL_WORDS for stem in stems(word)}
    counter = CountVectorizer(analyzer=lambda text: [s for s in stems(text) if s not in silent], min_df=MIN_STORIES)
    counts = counter.fit_transform([segment.full_text for segment in segments]).astype(np.float64)
    n_stories = np.bincount(counts.indices, minlength=counts.shape[1])
    rarities = np.log(counts.shape[0] / n_stories)
    counts.data = 1 + np.log(counts.data)
    weighted = counts.multiply(rarities).tocsr()
    norms = np.sqrt(np.asarray(weighted.multiply(weighted).sum(axis=1)).ravel()) + 1e-9
    weighted = weighted.multiply(1 / norms[:, None]).tocsr()
    found = TruncatedSVD(N_LATENT, random_state=SEED).fit(weighted)
    vectors = found.components_.T * rarities[:, None] / np.sqrt(found.singular_values_)
    stored = vectors.astype(np.float16).astype(np.float32)  # as they will be read
    return Vocabulary(counter.get_feature_names_out().tolist(), sorted(silent), stored, rarities.astype(np.float32))


def _read(composed: Sequence[ComposedPage], vocabulary: Vocabulary) -> list[_Page]:
    pages = []
    for page in composed:
        owner: list[int] = []
        for line, story in zip(page.lines, page.stories, strict=True):
            owner.extend([story] * (len(line) + 1))
        lines = without_margins(list(read_lines("\n".join(page.lines))))
        reading = Reading(vocabulary, [line.text for line in lines])
        pages.append(_Page(lines, reading, [owner[line.start] for line in lines], page.layout == "teasers"))
    return pages


def _stranger_rows(pages: Sequence[_Page]) -> tuple[Floats, NDArray[np.bool_]]:
    """Cues and truth of the lines of pages without other articles; the first two lines of a page are never strangers."""
    rows: list[Floats] = []
    truth: list[bool] = []
    for page in pages:
        if page.has_teasers or max(page.stories) == 0:
            rows.append(stranger_cues(page.reading, 0, len(page.lines))[2:])
            truth.extend(story > 0 for story in page.stories[2:])
    return np.vstack(rows), np.array(truth)


def _candidates(page: _Page, strangers: Linear) -> list[tuple[Floats, list[bool]]]:
    """For every story the cues of the candidates in it and of the one that heads the next, and which are openings."""
    is_open = [line.is_open for line in page.lines]
    starts = [page.stories.index(story) for story in sorted(set(page.stories))]
    found = []
    for start, following in zip(starts, [*starts[1:], len(page.lines) - 1], strict=True):
        candidates = [index for index in range(start + 2, following + 1) if is_open[index]]
        if candidates:
            cues = np.array(list(opening_cues(page.reading, start, candidates, is_open, strangers)), np.float64)
            found.append((cues, [index in starts for index in candidates]))
    return found


def _fit_strangers(pages: Sequence[Sequence[_Page]]) -> tuple[Linear, list[Linear], float]:
    """The scorer of all pages, those of the halves, and F1 on held-out pages.

    The bias of all three stands at the upper edge of the plateau of F1 on pages of the half that a scorer has not seen.
    """
    rows = [_stranger_rows(half) for half in pages]
    halves = [_fit(*half) for half in rows]
    f1 = []
    for shift in SHIFTS:
        f1.append(_f1(np.sum([_teaser_counts(pages[1 - k], each.shifted(shift)) for k, each in enumerate(halves)], axis=0)))
    edge = max(index for index, value in enumerate(f1) if value >= max(f1) - SLACK)
    every = _fit(np.vstack([cues for cues, _ in rows]), np.concatenate([truth for _, truth in rows]))
    return every.shifted(SHIFTS[edge]), [linear.shifted(SHIFTS[edge]) for linear in halves], f1[edge]


def _fit_openings(pages: Sequence[Sequence[_Page]], of_half: Sequence[Linear], strangers: Linear) -> tuple[Linear, float]:
    """The scorer of all pages, and F1 on held-out pages."""
    rows = []
    for half, scorer in zip(pages, reversed(of_half), strict=True):
        found = [pair for page in half if not page.has_teasers for pair in _candidates(page, scorer)]
        rows.append((np.vstack([cues for cues, _ in found]), np.concatenate([opens for _, opens in found])))
    counts = np.zeros(3)
    for fitted_on, (cues, opens) in zip(rows, reversed(rows), strict=True):
        said = _fit(*fitted_on).log_odds(cues) > 0
        counts += [(said & opens).sum(), said.sum(), opens.sum()]
    return _fit(np.vstack([cues for cues, _ in rows]), np.concatenate([opens for _, opens in rows])), _f1(counts)


def _f1(counts: Floats) -> float:
    right, said, true = counts
    return round(float(2 * right / max(1.0, said + true)), 4)


def _fit(cues: Floats, truth: NDArray[np.bool_]) -> Linear:
    scale = cues.std(axis=0) + 1e-9
    fitted = LogisticRegression(C=INVERSE_REGULARISATION, max_iter=3000).fit(cues / scale, truth)
    return Linear((fitted.coef_[0] / scale).round(5), round(float(fitted.intercept_[0]), 5))


def _teaser_counts(pages: Sequence[_Page], strangers: Linear) -> NDArray[np.float64]:
    """Stories found, cut and there, on pages with and without teasers."""
    total = np.zeros(3)
    for page in pages:
        if not page.has_teasers and max(page.stories) > 0:
            continue
        words = np.array([line.n_words for line in page.lines])
        may_tease = [line.is_prose and line.n_words <= MAX_TEASER_WORDS for line in page.lines]
        odds = stranger_odds(page.reading, 0, len(page.lines), strangers).tolist()
        cut = teasers_start(odds, may_tease, [False] * len(page.lines))
        ends = sorted((words[:cut].sum(), words[: page.article].sum()))
        n = len(page.lines)
        total += [(ends[0] >= 0.9 * ends[1]) + n - max(cut, page.article), 1 + n - cut, 1 + n - page.article]
    return total


def write_segmenter(segmenter: Segmenter, folder: Path = SHIPPED) -> None:
    """Write a segmenter's files where releases take them from."""
    folder.mkdir(exist_ok=True)
    for name, content in segmenter_files(segmenter).items():
        (folder / name).write_bytes(content)


if __name__ == "__main__":
    fitted, figures = fit_segmenter(read_segments([CORPUS_DIR], [topic.id for topic in load_topics()]))
    write_segmenter(fitted)
    print(*(f"{name} {value:.3f}" for name, value in figures.items()), "on held-out composed pages")
