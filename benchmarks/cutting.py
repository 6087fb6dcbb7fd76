"""Figures of `docs/cutting.md` and `docs/duplicates.md` that need no texts of others. Part of `make bench`.

Authored HTML, near-duplicates, time.
"""

import json
import random
import re
import sys
import time
from collections import Counter
from pathlib import Path
from typing import Any, NamedTuple

from models.duplicates import Seen
from models.pipeline import Document, Form, Json, classify
from models.registry import Registry
from models.release import Release
from models.topics import load_topics
from training.corpus import CORPUS_DIR, Segment, read_segments

HTML_PAGES = Path(__file__).resolve().parents[1] / "tests" / "data" / "html"
FOUND = 0.9  # likeness of their words from which a gold segment is found
SHORT = 40  # words; shorter stories are no test of near-duplicates
LINES = "Growers lit fires between their rows because of the forecast, the council said on Wednesday night. " * 2 + "\n"


class HtmlFigures(NamedTuple):
    """F1 of stories, share of roles right among those found, share of the listed junk strings that stand in a segment."""

    f1: float
    roles: float
    leak: float


class DuplicateFigures(NamedTuple):
    """Of changed copies the share found, and of all marks the share that is right."""

    recall: float
    precision: float


def html_figures(release: Release) -> HtmlFigures:
    """How the authored HTML pages are cut."""
    found = wanted = given = roles = leaked = junk = 0
    for path in sorted(HTML_PAGES.glob("*.html")):
        gold = json.loads(path.with_suffix(".json").read_text(encoding="utf-8"))
        ours: list[Json] = classify(release, Document(path.read_text(encoding="utf-8"), Form.HTML))["segments"]
        left = {index: _words(segment["text"]) for index, segment in enumerate(ours)}
        for segment in gold["segments"]:
            words = _words(" ".join(segment["text"]))
            best = max(left, key=lambda index: _likeness(words, left[index]), default=None)
            if best is not None and _likeness(words, left[best]) >= FOUND:
                found += 1
                roles += ours[best]["role"] == segment["role"]
                del left[best]
        wanted += len(gold["segments"])
        given += len(ours)
        leaked += sum(any(text in segment["text"] for segment in ours) for text in gold["junk"])
        junk += len(gold["junk"])
    return HtmlFigures(2 * found / (wanted + given), roles / found, leaked / junk)


def duplicate_figures(share: float, n_stories: int, seed: int = 7) -> DuplicateFigures:
    """How copies of the corpus' stories are told when a share of their words is exchanged, dropped or preceded by another."""
    rng = random.Random(seed)
    segments = read_segments([CORPUS_DIR], [topic.id for topic in load_topics()])
    stories = rng.sample([segment for segment in segments if len(segment.text.split()) >= SHORT], n_stories)
    others = [word for story in stories for word in story.text.split()]
    group_of = {story.id: story.group for story in stories}
    seen = Seen()
    marks: list[tuple[Segment, str, bool]] = []  # a story, the id that it is said to repeat, and whether it is a copy
    for is_copy in (False, True):
        for story in stories:
            text = _changed(story.text, share, rng, others) if is_copy else story.text
            if place := seen.first_like(text, ("copy" if is_copy else story.id, 0)):
                marks.append((story, place[0], is_copy))
    right = [(story, is_copy) for story, first, is_copy in marks if group_of.get(first) == story.group]
    return DuplicateFigures(sum(is_copy for _, is_copy in right) / n_stories, len(right) / len(marks))


def _changed(text: str, share: float, rng: random.Random, others: list[str]) -> str:
    words = text.split()
    for index in rng.sample(range(len(words)), int(len(words) * share)):
        words[index] = rng.choice([rng.choice(others), "", f"{rng.choice(others)} {words[index]}"])
    return " ".join(words)


def _words(text: str) -> Counter[str]:
    return Counter(re.findall(r"\w+", text.lower()))


def _likeness(a: Counter[str], b: Counter[str]) -> float:
    return (a & b).total() / max(1, (a | b).total())


def main() -> None:
    """Measure and print."""
    release = Registry().load_current()
    html = html_figures(release)
    _print(
        "authored HTML pages: F1 of stories {f1:.3f}, roles {roles:.1%}, junk strings in a segment {leak:.1%}",
        {"benchmark": "cut_html", **html._asdict()},
    )
    for share in (0.1, 0.15, 0.2):
        _print(
            "near-duplicates, {changed:.0%} of the words changed: recall {recall:.3f}, precision {precision:.3f}",
            {"benchmark": "duplicates", "changed": share, **duplicate_figures(share, 1500)._asdict()},
        )
    for size in (100_000, 10_000_000):
        page = LINES * (size // len(LINES))
        start = time.process_time()
        release.segmenter.segment(page)
        seconds = time.process_time() - start
        _print(
            "cutting {mb:.1f} MB of prose: {seconds:.3f} s", {"benchmark": "cut_prose", "mb": size / 1e6, "seconds": seconds}
        )


def _print(form: str, row: dict[str, Any]) -> None:
    """A row as a line to read, or with --json as an object."""
    print(json.dumps(row) if "--json" in sys.argv[1:] else form.format(**row), flush=True)


if __name__ == "__main__":
    main()
