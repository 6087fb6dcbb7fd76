"""Labelled segments: the contract's JSONL, CSV and TSV, and what makes them fit to train on."""

import csv
import hashlib
import json
import re
import sys
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from models.errors import CorpusError
from models.text import as_read

CORPUS_DIR = Path(__file__).with_name("corpus")
COLUMNS = ("id", "headline", "text", "topics", "group", "source")
SHINGLE = 5  # words in a row
EXAMPLE_CHARACTERS = 600
NEAR_DUPLICATE = 0.5  # Jaccard similarity of shingles


@dataclass(frozen=True, slots=True)
class Segment:
    """One labelled segment. `group` keeps together what must not be split between folds.

    `unsure` names topics that the annotators disagreed on; these pairs are left out of figures, and nobody trains on them.
    """

    id: str
    headline: str | None
    text: str
    topics: frozenset[str]
    group: str
    source: str
    unsure: frozenset[str] = frozenset()

    @property
    def full_text(self) -> str:
        """Headline and text as the model reads them."""
        return as_read(self.headline, self.text)


@dataclass(frozen=True, slots=True)
class Balance:
    """How many segments a corpus has, of what."""

    segments: int
    topics: dict[str, int]
    several: int
    none: int
    groups: int
    words: int


@dataclass(frozen=True, slots=True)
class Summary:
    """What a release tells of a corpus: SHA-256, counts, and texts to try the scorer on (one a topic, one without any)."""

    sha256: str
    balance: Balance
    examples: tuple[str, ...]


def read_segments(paths: Sequence[Path], topics: Iterable[str]) -> list[Segment]:
    """The segments of files and folders (their *.jsonl, *.csv and *.tsv), in order of name.

    Raises `CorpusError`; its `problems` name every bad line as `file:line: fault`.
    """
    allowed = frozenset(topics)
    segments: list[Segment] = []
    problems: list[str] = []
    places: dict[str, str] = {}
    for place, row in rows(paths):
        try:
            segment = segment_of(row, allowed)
        except ValueError as error:
            problems.append(f"{place}: {error}")
            continue
        if segment.id in places:
            problems.append(f"{place}: id {segment.id!r} was used at {places[segment.id]}")
            continue
        places[segment.id] = place
        segments.append(segment)
    if problems:
        raise CorpusError(f"{len(problems)} bad lines; the first: {problems[0]}", tuple(problems))
    if not segments:
        raise no_segments(paths)
    return segments


def no_segments(paths: Sequence[Path]) -> CorpusError:
    """The error of files that hold nothing."""
    return CorpusError(f"no labelled segments in {', '.join(map(str, paths))}; give JSONL, CSV or TSV files")


def rows(paths: Sequence[Path]) -> Iterator[tuple[str, Any]]:
    """The rows of files and folders, one at a time and not yet looked at, each with its place as `file:line`.

    Raises `CorpusError` for a file that cannot be read at all.
    """
    for path in files(paths):
        for number, row in _rows(path):
            yield f"{path}:{number}", row


def repeats(segments: Sequence[Segment]) -> list[str]:
    """Faults between segments: the same text twice, or nearly the same text in different groups."""
    found = []
    first: dict[str, Segment] = {}
    shingles: list[set[str]] = []
    holders: dict[str, list[int]] = defaultdict(list)
    for index, segment in enumerate(segments):
        words = re.findall(r"\w+", segment.text.lower())
        earlier = first.setdefault(" ".join(words), segment)
        if earlier is not segment:
            found.append(f"{segment.id}: the text of {earlier.id} again")
        own = {" ".join(words[i : i + SHINGLE]) for i in range(len(words) - SHINGLE + 1)}
        shared = Counter(other for shingle in own for other in holders[shingle])
        for other, count in shared.items():
            alike = count / (len(own) + len(shingles[other]) - count)
            if alike >= NEAR_DUPLICATE and segments[other].group != segment.group and earlier is segment:
                found.append(f"{segment.id}: nearly the text of {segments[other].id} ({alike:.0%}); give both one group")
        for shingle in own:
            holders[shingle].append(index)
        shingles.append(own)
    return found


def balance(segments: Sequence[Segment]) -> Balance:
    """The counts of a corpus."""
    counts = Counter(topic for segment in segments for topic in segment.topics)
    return Balance(
        segments=len(segments),
        topics=dict(sorted(counts.items())),
        several=sum(len(segment.topics) > 1 for segment in segments),
        none=sum(not segment.topics for segment in segments),
        groups=len({segment.group for segment in segments}),
        words=sum(len(segment.text.split()) for segment in segments),
    )


def summary(segments: Sequence[Segment], topics: Iterable[str]) -> Summary:
    """What a release tells of segments: the examples are the first short segment of every topic, and the first without any."""
    digest = hashlib.sha256()
    for segment in segments:
        digest.update(digest_row(segment))
    wanted = [*({topic} for topic in topics), set[str]()]
    examples = (next((s.full_text for s in segments if s.topics == want and is_example(s)), "") for want in wanted)
    return Summary(digest.hexdigest(), balance(segments), tuple(examples))


def digest_row(segment: Segment) -> bytes:
    """What training reads of a segment, as the digest of a corpus takes it."""
    return json.dumps([segment.id, segment.headline, segment.text, sorted(segment.topics), segment.group]).encode() + b"\n"


def is_example(segment: Segment) -> bool:
    """Whether a segment is short enough to try a scorer on."""
    return len(segment.text) < EXAMPLE_CHARACTERS


def files(paths: Sequence[Path]) -> Iterator[Path]:
    """The files named and those in the folders named. Raises `CorpusError`."""
    for path in paths:
        if path.is_dir():
            inside = sorted(p for p in path.iterdir() if p.suffix in {".jsonl", ".csv", ".tsv"})
            if not inside:
                raise CorpusError(f"{path}: no .jsonl, .csv or .tsv file in this folder")
            yield from inside
        elif path.exists():
            yield path
        else:
            raise CorpusError(f"{path}: no such file; name labelled segments as JSONL, CSV or TSV")


def _rows(path: Path) -> Iterator[tuple[int, Any]]:
    """Rows with their line number: lines of JSONL as they stand, rows of tables by column."""
    csv.field_size_limit(sys.maxsize)  # a story may be longer than the module's default of 128 KiB
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            if path.suffix in {".csv", ".tsv"}:
                reader = csv.DictReader(file, delimiter="\t" if path.suffix == ".tsv" else ",")
                if missing := {"text", "topics"} - set(reader.fieldnames or ()):
                    raise CorpusError(f"{path}: no column {min(missing)!r}; columns are {', '.join(COLUMNS)}")
                for row in reader:
                    row["topics"] = [topic.strip() for topic in (row["topics"] or "").split("|") if topic.strip()]
                    row["headline"] = row.get("headline") or None
                    yield reader.line_num, {"id": f"{path.stem}-{reader.line_num}", **row}
            else:
                for number, line in enumerate(file, 1):
                    if line.strip():
                        yield number, line
    except UnicodeDecodeError as error:
        raise CorpusError(f"{path}: not UTF-8 (byte {error.start}); convert the file") from None
    except csv.Error as error:
        raise CorpusError(f"{path}: not readable as a table ({error})") from None


def segment_of(row: Any, allowed: frozenset[str]) -> Segment:
    """A row as a segment; raises `ValueError` saying what is wrong with it."""
    if isinstance(row, str):
        try:
            row = json.loads(row)
        except ValueError as error:
            raise ValueError(f"not JSON ({error})") from None
    if not isinstance(row, dict):
        raise ValueError("not a JSON object")
    headline = row.get("headline", row.get("title"))
    if not isinstance(row.get("id"), str) or not row["id"]:
        raise ValueError("'id' must be a text that is not empty")
    if not isinstance(row.get("text"), str) or not row["text"].strip():
        raise ValueError("'text' must be a text that is not empty")
    if headline is not None and not isinstance(headline, str):
        raise ValueError("'headline' must be a text or null")
    marks = {}
    for key in ("topics", "unsure"):
        value = row.get(key, [] if key == "unsure" else None)
        if not isinstance(value, list) or not all(isinstance(topic, str) for topic in value):
            raise ValueError(f"{key!r} must be a list of topic ids")
        if unknown := set(value) - allowed:
            raise ValueError(f"unknown topic {min(unknown)!r}; the topics are {', '.join(sorted(allowed))}")
        marks[key] = frozenset(value)
    group = row.get("group") or row["id"]
    return Segment(
        row["id"],
        headline or None,
        row["text"],
        marks["topics"],
        str(group),
        str(row.get("source") or ""),
        marks["unsure"],
    )
