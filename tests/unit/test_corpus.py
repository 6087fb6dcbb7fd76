"""Labelled segments: what is wrong with a file is said line by line."""

import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from models.errors import CorpusError
from training.corpus import CORPUS_DIR, Segment, read_segments, repeats

TOPICS = ["a", "b"]
GOOD = {"id": "1", "headline": None, "text": "Some words.", "topics": ["a"], "group": "g", "source": "s"}


def _read(tmp_path: Path, content: str, name: str = "corpus.jsonl") -> list[Segment]:
    path = tmp_path / name
    path.write_bytes(content.encode("utf-8", "surrogateescape"))
    return read_segments([path], TOPICS)


@pytest.mark.parametrize(
    ("line", "fault"),
    [
        ("{", "not JSON"),
        ("3", "not a JSON object"),
        (json.dumps({**GOOD, "id": ""}), "'id' must be"),
        (json.dumps({**GOOD, "text": "  "}), "'text' must be"),
        (json.dumps({**GOOD, "text": 5}), "'text' must be"),
        (json.dumps({**GOOD, "headline": 5}), "'headline' must be"),
        (json.dumps({**GOOD, "topics": "a"}), "'topics' must be a list"),
        (json.dumps({**GOOD, "topics": ["c"]}), "unknown topic 'c'"),
        (json.dumps({k: v for k, v in GOOD.items() if k != "topics"}), "'topics' must be a list"),
        (json.dumps(GOOD), "id '1' was used at"),
    ],
)
def test_every_bad_line_is_named(tmp_path: Path, line: str, fault: str) -> None:
    """The annotator is told file, line and fault of every bad line, not only of the first."""
    with pytest.raises(CorpusError) as caught:
        _read(tmp_path, f"{json.dumps(GOOD)}\n{line}\n{line}\n")
    assert [problem.split(": ")[0].rsplit(":", 1)[1] for problem in caught.value.problems] == ["2", "3"]
    assert fault in caught.value.problems[0]


@pytest.mark.parametrize(
    ("name", "content", "fault"),
    [
        ("x.csv", "id,text\n1,words\n", "no column 'topics'"),
        ("x.jsonl", "\udcff\n", "not UTF-8"),
        ("x.jsonl", "", "no labelled segments"),
    ],
)
def test_an_unusable_file_is_named(tmp_path: Path, name: str, content: str, fault: str) -> None:
    """A file that cannot be read at all is named with the remedy."""
    with pytest.raises(CorpusError, match=fault):
        _read(tmp_path, content, name)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    """A wrong path is not an empty corpus."""
    with pytest.raises(CorpusError, match="no such file"):
        read_segments([tmp_path / "none.jsonl"], TOPICS)
    with pytest.raises(CorpusError, match=r"no \.jsonl"):
        read_segments([tmp_path], TOPICS)


@pytest.mark.parametrize(("name", "gap"), [("x.csv", ","), ("x.tsv", "\t")])
def test_tables_are_accepted(tmp_path: Path, name: str, gap: str) -> None:
    """A desk's spreadsheet will do: topics parted by bars, a missing id or headline filled in."""
    rows = [["id", "headline", "text", "topics"], ["1", "", "Bees", "a|b"], ["2", "Head", "Rain", ""]]
    first, second = _read(tmp_path, "\ufeff" + "\n".join(gap.join(row) for row in rows) + "\n", name)
    assert (first.topics, first.headline, first.group) == ({"a", "b"}, None, "1")
    assert (second.topics, second.full_text) == (frozenset(), "Head\nHead\nRain")


def test_repeats_are_found() -> None:
    """One story in two folds would make figures look better than they are."""
    words = " ".join(f"word{n}" for n in range(60))

    def segment(id_: str, text: str, group: str) -> Segment:
        return Segment(id_, None, text, frozenset(), group, "s")

    near = segment("2", words.replace("word30", "other"), "h")
    assert repeats([segment("1", words, "g"), near, segment("3", "quite different", "i")]) == [
        "2: nearly the text of 1 (84%); give both one group"
    ]
    assert repeats([segment("1", words, "g"), segment("2", words + " more", "g")]) == []
    assert repeats([segment("1", words, "g"), segment("2", words, "g")]) == ["2: the text of 1 again"]


def test_the_shipped_corpus_is_sound_and_large_enough() -> None:
    """What the released model is trained on keeps the contract's form and the promised size."""
    ids = ["korea_russia_military_ties", "ukraine_war", "african_diplomacy", "sanctions", "media_freedom"]
    segments = read_segments([CORPUS_DIR], ids)
    counts = Counter(topic for segment in segments for topic in segment.topics)
    assert len(segments) >= 1500
    assert min(counts[id_] for id_ in ids) >= 200
    assert sum(len(segment.topics) > 1 for segment in segments) >= 150
    assert sum(not segment.topics for segment in segments) >= 600
    assert repeats(segments) == []


def test_unsure_pairs_are_kept_apart(tmp_path: Path) -> None:
    """A pair that annotators disagreed on is in no figure."""
    row: dict[str, Any] = {**GOOD, "unsure": ["b"]}
    assert _read(tmp_path, json.dumps(row))[0].unsure == {"b"}
