"""The reference distribution of a release: what texts and pages look like to a model that has not seen them.

Texts are those of the corpus, each scored by the fold that was fitted without its story; pages are composed of the corpus.
"""

from collections.abc import Sequence
from typing import Any

from models.reference import EDGES, SCORE_EDGES, histogram
from models.segmenter import Segmenter
from training.corpus import Segment
from training.fit import HeldOut
from training.pages import MIN_WORDS, compose

N_PAGES = 1000
MIN_STORIES = 250  # that are long enough for a page; of fewer, too many pages are alike
SEED = 20261123  # other pages than the segmenter learnt from


def make_reference(
    held_out: HeldOut, topics: Sequence[str], segments: Sequence[Segment], segmenter: Segmenter
) -> dict[str, Any]:
    """The `reference` of a manifest. A corpus of few long stories gives no pages, and no number of segments."""
    n_segments = _segments_a_page(segments, segmenter)
    unknown = (held_out.n_tokens - held_out.n_known) / held_out.n_tokens.clip(min=1)
    return {
        "texts": len(held_out.scores),
        "pages": len(n_segments),
        **_described("unknown_terms", unknown.tolist()),
        **_described("tokens", held_out.n_tokens.tolist()),
        **_described("segments", n_segments),
        "scores": {
            "up_to": SCORE_EDGES,
            "topics": {
                topic: {
                    "having": histogram(scores[truth].tolist(), SCORE_EDGES),
                    "lacking": histogram(scores[~truth].tolist(), SCORE_EDGES),
                }
                for topic, scores, truth in zip(topics, held_out.scores.T, held_out.truth.T, strict=True)
            },
        },
    }


def _described(name: str, values: Sequence[float]) -> dict[str, Any]:
    return {name: {"up_to": EDGES[name], "shares": histogram(values, EDGES[name])}} if len(values) else {}


def _segments_a_page(segments: Sequence[Segment], segmenter: Segmenter) -> list[int]:
    if len({segment.group for segment in segments if len(segment.text.split()) >= MIN_WORDS}) < MIN_STORIES:
        return []
    return [len(segmenter.segment("\n".join(page.lines))) for page in compose(segments, N_PAGES, SEED)]
