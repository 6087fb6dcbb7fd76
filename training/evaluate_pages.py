"""Figures of how pages are cut, against gold pages: `{"page_id", "layout", "text", "segments": [{"role", "spans", "topics"?,
"unsure"?}], "junk": [[start, end], …]}` a line.

A gold segment is found when one segment of ours covers the same words (Jaccard index of word places of 0.9 or more). Where an
article is printed twice (layout "echo") either copy may be kept, so words are compared instead of places.
"""

import json
import re
from collections import Counter, defaultdict
from collections.abc import Hashable, Sequence
from pathlib import Path
from typing import Any

from models.errors import CorpusError
from models.pipeline import Document, Form, Json, classify
from models.release import Release

FOUND = 0.9
_WORD = re.compile(r"\w+")


def holds_pages(path: Path) -> bool:
    """Whether a file holds gold pages rather than labelled segments."""
    try:
        with path.open(encoding="utf-8") as file:
            return '"page_id"' in file.readline()
    except (OSError, UnicodeDecodeError):
        return False  # the reader of segments says what is wrong with it


def read_pages(path: Path) -> list[Json]:
    """Gold pages of a JSONL file. Raises `CorpusError` naming the line."""
    pages = []
    try:
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
            if line.strip():
                page = json.loads(line)
                if missing := {"page_id", "layout", "text", "segments", "junk"} - set(page):
                    raise CorpusError(f"{path}:{number}: no {min(missing)!r}; see training/evaluate_pages.py for the form")
                pages.append(page)
    except (OSError, ValueError, TypeError) as error:
        raise CorpusError(f"{path}: not readable as gold pages ({error})") from None
    return pages


def evaluate_pages(release: Release, pages: Sequence[Json]) -> dict[str, Any]:
    """Segment F1 by layout and over all, junk leak, roles right, and end-to-end F1 over (segment, topic) pairs."""
    layouts: defaultdict[str, Counter[str]] = defaultdict(Counter)
    for page in pages:
        result = classify(release, Document(page["text"], Form.PAGE))
        layouts[page["layout"]] += _compare(page, [s for s in result["segments"] if s["duplicate_of"] is None])
    total = sum(layouts.values(), Counter())
    return {
        "pages": len(pages),
        "segment_f1": _f1(total["found"], total["gold"], total["ours"]),
        "junk_leak": round(total["leaked"] / max(1, total["junk"]), 4),
        "role_accuracy": round(total["roles"] / max(1, total["found"]), 4),
        "end_to_end_f1": _f1(total["topics_right"], total["topics_gold"], total["topics_ours"]),
        "layouts": {name: _f1(c["found"], c["gold"], c["ours"]) for name, c in sorted(layouts.items())},
    }


def _compare(page: Json, ours: Sequence[Json]) -> Counter[str]:
    """The counts of one page."""
    counts: Counter[str] = Counter(gold=len(page["segments"]), ours=len(ours))
    left = dict(enumerate(ours))
    for gold in page["segments"]:
        best = max(left, key=lambda index: _overlap(page, gold["spans"], left[index]["spans"]), default=None)
        found = None
        if best is not None and _overlap(page, gold["spans"], left[best]["spans"]) >= FOUND:
            found = left.pop(best)
            counts.update(found=1, roles=found["role"] == gold["role"])
        unsure = set(gold.get("unsure", ()))
        true = set(gold.get("topics") or ()) - unsure
        said = _assigned(found) - unsure if found else set()
        counts.update(topics_gold=len(true), topics_ours=len(said), topics_right=len(true & said))
    counts.update(topics_ours=sum(len(_assigned(extra)) for extra in left.values()))
    if page["layout"] != "echo":
        junk = set(_places(page["text"], page["junk"]))
        kept = {place for segment in ours for place in _places(page["text"], segment["spans"])}
        counts.update(junk=len(junk), leaked=len(junk & kept))
    return counts


def _overlap(page: Json, gold: Sequence[Sequence[int]], ours: Sequence[Sequence[int]]) -> float:
    """Jaccard index of two segments' words."""
    words: tuple[Counter[Hashable], Counter[Hashable]]
    if page["layout"] == "echo":
        words = (Counter(_words(page["text"], gold)), Counter(_words(page["text"], ours)))
    else:
        words = (Counter(_places(page["text"], gold)), Counter(_places(page["text"], ours)))
    return (words[0] & words[1]).total() / max(1, (words[0] | words[1]).total())


def _places(text: str, spans: Sequence[Sequence[int]]) -> list[int]:
    return [start + match.start() for start, end in spans for match in _WORD.finditer(text[start:end])]


def _words(text: str, spans: Sequence[Sequence[int]]) -> list[str]:
    return [match[0].lower() for start, end in spans for match in _WORD.finditer(text[start:end])]


def _assigned(tagged: Json) -> set[str]:
    return {topic["topic"] for topic in tagged["topics"] if topic["decision"] == "assigned"}


def _f1(both: int, true: int, said: int) -> float:
    return round(2 * both / max(1, true + said), 4)
