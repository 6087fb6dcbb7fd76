"""`wiretag summary`, and the lines of docs/analysis.md."""

import gzip
import json
import re
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
from click.testing import CliRunner

from models.cli import wiretag
from service.results import read_rows
from service.summary import MAX_KEYS, OTHER, Row, Summary, Tag, day_of, summarize

ANALYSIS = (Path(__file__).resolve().parents[2] / "docs" / "analysis.md").read_text(encoding="utf-8")
SANCTIONS = "The European Union imposed sanctions on the bank, froze its assets and extended the oil embargo, the Council said on Monday."
JOURNALISTS = (
    "Journalists were arrested and a newspaper closed, press freedom groups said of the crackdown on the independent media."
)


@pytest.fixture
def tagged(runner: CliRunner, tmp_path: Path) -> Path:
    """A folder with what `wiretag tag` made of five documents, as JSONL and as Parquet."""
    rows = [
        {"document_id": "https://www.courier.example/1", "text": SANCTIONS},
        {"document_id": "https://www.courier.example/2", "text": f"{SANCTIONS} {JOURNALISTS}"},
        {"document_id": "https://ledger.example/3", "text": JOURNALISTS},
        {"document_id": "4", "text": "Rain fell on the town all week and the school fair was put off until Saturday."},
        {"document_id": "5", "text": " "},
    ]
    source = tmp_path / "in.jsonl"
    source.write_text("".join(json.dumps(row) + "\n" for row in rows))
    for name in ("tagged.jsonl", "tagged.parquet"):
        done = runner.invoke(wiretag, ["tag", str(source), "-o", str(tmp_path / name)])
        assert done.exit_code == 0, done.output
    return tmp_path


def _summary(runner: CliRunner, *arguments: object) -> Any:
    done = runner.invoke(wiretag, ["summary", *map(str, arguments), "--json"])
    assert done.exit_code == 0, done.output
    return json.loads(done.output)


def test_both_forms_of_results_give_the_same_counts(runner: CliRunner, tagged: Path) -> None:
    """Topics, sources, pairs, documents without a topic and such as could not be used are counted, whatever the file."""
    found = _summary(runner, tagged / "tagged.jsonl")
    assert found == _summary(runner, tagged / "tagged.parquet")
    assert {topic: counts["assigned"] for topic, counts in found["topics"].items()} == {"sanctions": 2, "media_freedom": 2}
    assert (found["documents"], found["unusable"], sum(found["without_topic"].values())) == (4, 1, 1)
    assert found["sources"]["courier.example"] == {"documents": 2, "topics": {"media_freedom": 1, "sanctions": 2}}
    assert found["sources"]["(unknown)"]["documents"] == 1
    assert found["together"] == [{"topics": ["media_freedom", "sanctions"], "documents": 1}]


@pytest.mark.parametrize("suffix", [".jsonl", ".jsonl.gz", ".jsonl.zst", ".parquet"])
def test_folders_and_compressed_parts_are_read(runner: CliRunner, tagged: Path, tmp_path: Path, suffix: str) -> None:
    """Whatever `wiretag tag` writes can be counted, also a file of many chunks."""
    counts = _summary(runner, tagged / "tagged.jsonl")
    for name in (f"many{suffix}/", f"one{suffix}"):
        done = runner.invoke(wiretag, ["tag", f"{tmp_path}/in.jsonl", "-o", f"{tmp_path}/{name}", "--chunk-mb", "0.001"])
        assert done.exit_code == 0, done.output
        assert _summary(runner, tmp_path / name) == counts


def test_columns_that_were_kept_are_counted_by(runner: CliRunner, tmp_path: Path) -> None:
    """`tag --keep` carries day and source through, in both forms."""
    row = {"text": SANCTIONS, "crawled": "2025-05-12T10:00:00", "outlet": "Courier"}
    (tmp_path / "in.jsonl").write_text(json.dumps(row) + "\n")
    for name in ("out.jsonl", "out.parquet"):
        keep = ["--keep", "crawled", "--keep", "outlet"]
        assert runner.invoke(wiretag, ["tag", f"{tmp_path}/in.jsonl", "-o", f"{tmp_path}/{name}", *keep]).exit_code == 0
        found = _summary(runner, tmp_path / name, "--day", "crawled")
        assert (list(found["days"]), list(found["sources"])) == (["2025-05-12"], ["Courier"])


def test_the_terminal_and_the_picture_show_the_topics(runner: CliRunner, tagged: Path, tmp_path: Path) -> None:
    """Tables with bars for people; the picture is sound XML with every topic's name."""
    picture = tmp_path / "topics.svg"
    done = runner.invoke(wiretag, ["summary", str(tagged / "tagged.parquet"), "--svg", str(picture)])
    assert done.exit_code == 0, done.output
    assert re.search(r"Sanctions +2 +0  █+", done.output)
    texts = [element.text for element in ElementTree.parse(picture).iter() if element.text]
    assert {"Sanctions", "Media freedom", "courier.example"} <= set(texts)


@pytest.mark.parametrize(
    ("name", "content", "told"),
    [
        ("none.jsonl", None, "no such file"),
        ("other.txt", "x", "not results of `wiretag tag`"),
        ("broken.jsonl", '{"topics": 3}\n', "broken.jsonl:1: not a result"),
        ("cut.jsonl.gz", gzip.compress(b"{}\n" * 9999)[:30], "cannot be read"),
        ("rows.parquet", "PAR1", "not a sound Parquet file"),
    ],
)
def test_what_is_no_result_is_named(
    runner: CliRunner, tmp_path: Path, name: str, content: str | bytes | None, told: str
) -> None:
    """One line that names the file and the remedy."""
    if content is not None:
        (tmp_path / name).write_bytes(content if isinstance(content, bytes) else content.encode())
    done = runner.invoke(wiretag, ["summary", str(tmp_path / name)])
    assert done.exit_code == 1
    assert told in done.output.replace("\n", " ")
    assert "Traceback" not in done.output


def test_a_column_that_nobody_carried_is_refused(runner: CliRunner, tagged: Path) -> None:
    """A wrong name for a column is told, not counted as unknown."""
    done = runner.invoke(wiretag, ["summary", str(tagged / "tagged.jsonl"), "--day", "crawled"])
    assert done.exit_code == 1
    assert "no column 'crawled'" in done.output


@pytest.mark.parametrize(
    ("value", "day"),
    [
        ("2025-05-12T09:41:00Z", "2025-05-12"),
        ("Published: 12 May 2025, 09:41", "2025-05-12"),
        ("Mon, 12 May 2025 09:41:00 GMT", "2025-05-12"),
        ("Sept. 3rd, 2025", "2025-09-03"),
        ("2 days ago", None),
        ("03/04/2025", None),
        ("31 February 2025", None),
        (None, None),
    ],
)
def test_days_are_read_where_they_are_plain(value: str | None, day: str | None) -> None:
    """A date that can be read in one way only is one."""
    assert day_of(value) == day


def test_columns_of_the_input_tell_day_and_source(tmp_path: Path) -> None:
    """What was carried through is counted by; the plainest names are known."""
    line = {"document_id": "1", "topics": [], "segments": [], "reason": "too_short", "date": "2025-05-12", "outlet": "Courier"}
    path = tmp_path / "out.jsonl"
    path.write_text(json.dumps(line | {"when": "1 June 2025"}) + "\n")
    assert list(summarize(read_rows([path])).days) == ["2025-05-12"]
    named = summarize(read_rows([path], ["when"]), day="when")
    assert (list(named.days), list(named.sources)) == (["2025-06-01"], ["Courier"])


def test_days_become_weeks_months_or_years() -> None:
    """A picture has room for so many columns; days between that have no document are among them."""
    summary = summarize(Row(topics=[], columns={"date": f"2025-0{1 + n}-01"}) for n in range(6))
    assert [(unit, len(periods)) for unit, periods in map(summary.periods, (200, 30, 10, 1))] == [
        ("day", 152),
        ("week", 22),
        ("month", 6),
        ("year", 1),
    ]


def test_sources_beyond_the_bound_are_counted_together() -> None:
    """Memory does not grow with the number of sources."""
    summary = Summary(sources={f"s{n}": {"": 1} for n in range(MAX_KEYS)})  # type: ignore[misc] # counts enough
    for name in ("late", "later"):
        summary.add(Row(topics=[Tag("sanctions", "assigned")], columns={"source": name}))
    assert len(summary.sources) == MAX_KEYS + 1
    assert summary.sources[OTHER] == {"": 2, "sanctions": 2}


def test_repeats_are_told_and_left_out_on_request() -> None:
    """A wire story that ten sites carry counts ten times, or once."""
    rows = [Row(topics=[Tag("sanctions", "assigned")], duplicate_of=first) for first in (None, "a", "a")]
    assert (summarize(rows).assigned["sanctions"], summarize(rows).repeats) == (3, 2)
    assert summarize(rows, unique=True).assigned["sanctions"] == 1


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # of the libraries, among themselves
def test_the_documented_lines_run(tagged: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """DuckDB and pandas open the results as docs/analysis.md says."""
    monkeypatch.chdir(tagged)
    lines = dict.fromkeys(re.findall(r"```(sql|python)\n(.*?)\n```", ANALYSIS, re.DOTALL))
    duckdb, pandas = pytest.importorskip("duckdb"), pytest.importorskip("pandas")
    for language, line in lines:
        if language == "sql":
            found = dict(duckdb.sql(line).fetchall())
            assert dict(duckdb.sql(line.replace(".parquet", ".jsonl")).fetchall()) == found
        else:
            found = eval(line, {"pandas": pandas}).to_dict()  # our own line
        assert found == {"sanctions": 2, "media_freedom": 2}
