"""`wiretag corrections …`."""

import json
import os
import subprocess
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from models.cli import wiretag
from models.corrections import Correction
from models.store import Store
from training.corpus import COLUMNS, read_segments

DATA = Path(__file__).resolve().parents[1] / "data"
TOPICS = ("--topics", str(DATA / "topics.toml"))
STORY = (
    "Beekeepers of the valley said on Monday that forty swarms had left their hives within a week, which nobody could remember, "
    "and that the honey of this summer would be scarce and dear."
)
LONG = b"a" * 1_000_000
ROWS = [
    {"id": "a", "headline": "Swarms leave", "text": STORY, "topics": ["beekeeping"], "group": "story", "source": "wire"},
    {"id": "b", "headline": None, "text": "Rain fell, “all week”, on 蜂.", "topics": [], "group": "b", "source": ""},
]


@pytest.fixture
def store_url(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    url = f"sqlite:///{tmp_path}/c.db"
    monkeypatch.setenv("WIRETAG_DATABASE_URL", url)
    return url


def _run(runner: CliRunner, *arguments: object) -> Result:
    return runner.invoke(wiretag, ["corrections", *map(str, arguments)])


def _write(path: Path) -> Path:
    """The rows as a file of the kind its name says."""
    if path.suffix == ".jsonl":
        path.write_text("".join(json.dumps(row) + "\n" for row in ROWS), encoding="utf-8")
    else:
        mark = "\t" if path.suffix == ".tsv" else ","
        lines = [mark.join(COLUMNS)]
        for row in ROWS:
            cells: list[Any] = ["|".join(row["topics"]) if name == "topics" else row[name] or "" for name in COLUMNS]  # type: ignore[arg-type]
            lines.append(mark.join(f'"{cell}"' for cell in cells))
        path.write_text("\n".join(lines) + "\n", encoding="utf-8-sig")
    return path


@pytest.mark.parametrize("suffix", ["jsonl", "csv", "tsv"])
def test_what_is_imported_is_exported(runner: CliRunner, store_url: str, tmp_path: Path, suffix: str) -> None:
    """Labels survive the store: segments, topics, groups and sources; a second import adds nothing."""
    path = _write(tmp_path / f"rows.{suffix}")
    done = _run(runner, "import", path, *TOPICS)
    assert (done.exit_code, done.stderr) == (0, "2 corrections stored, 0 stood already\n")
    assert _run(runner, "import", path, *TOPICS).stderr == "0 corrections stored, 2 stood already\n"
    exported = _run(runner, "export")
    assert exported.stderr == ""
    copy = tmp_path / "exported.jsonl"
    copy.write_bytes(exported.stdout_bytes)
    found = read_segments([copy], ["beekeeping", "toll_bridges"])
    assert [(each.headline, each.text, sorted(each.topics)) for each in found] == [
        (row["headline"], row["text"], row["topics"]) for row in ROWS
    ]
    assert (found[0].group, found[0].source, found[1].source) == ("story", "wire", "correction")
    assert all(set(json.loads(line)) == set(COLUMNS) for line in copy.read_text(encoding="utf-8").splitlines())


def test_export_gives_what_stands_and_keeps_copies_together(runner: CliRunner, store_url: str) -> None:
    """One line a segment, the later label; near-copies share a group; `--all` gives every word that was said, with conflicts."""
    with Store(store_url) as store:
        store.add(Correction(text=STORY, topics=()), by="ann")
        store.add(Correction(text=STORY.replace("Monday", "Tuesday"), topics=("beekeeping",)), by="ann")
        store.add(Correction(text=f"Swarms leave\n{STORY}", headline="Swarms leave", topics=()), by="ann")
        store.add(Correction(text=STORY, topics=("beekeeping",), shown=(), note="bees"), by="bob")
    exported = _run(runner, "export")
    rows = [json.loads(line) for line in exported.stdout.splitlines()]
    assert [(row["id"], row["topics"]) for row in rows] == [
        ("correction-2", ["beekeeping"]),
        ("correction-3", []),
        ("correction-4", ["beekeeping"]),
    ]
    assert len({row["group"] for row in rows}) == 1
    assert (rows[1]["headline"], rows[1]["text"]) == ("Swarms leave", STORY)
    assert exported.stderr == "on 1 segments people differ; the later stands, `export --all` shows both\n"
    history = [json.loads(line) for line in _run(runner, "export", "--all").stdout.splitlines()]
    assert [(row["corrected_by"], row["stands"], row["conflict"]) for row in history] == [
        ("ann", False, True),
        ("ann", True, False),
        ("ann", True, False),
        ("bob", True, True),
    ]
    assert history[3].items() >= {"shown": [], "note": "bees", "document_id": None}.items()


def test_stats(runner: CliRunner, store_url: str) -> None:
    """What the desk did: how often a topic was given, added to what the model showed, or taken away, and by whom."""
    assert "0 corrections of 0 segments" in _run(runner, "stats").stdout
    with Store(store_url) as store:
        store.add(Correction(text="Swarms left.", topics=("beekeeping",), shown=("toll_bridges",)), by="ann")
        store.add(Correction(text="Rain fell.", topics=()))
    shown = _run(runner, "stats").stdout
    assert "2 corrections of 2 segments, 0 of them in dispute" in shown
    assert "      1       1       0  beekeeping\n      0       0       1  toll_bridges" in shown
    assert "      1 by ann" in shown
    assert "      1 by people without a key" in shown
    figures = json.loads(_run(runner, "stats", "--json").stdout)
    assert figures["topics"]["toll_bridges"] == {"given": 0, "added": 0, "removed": 1}
    assert figures["without_topic"] == 1


def test_prune(runner: CliRunner, store_url: str) -> None:
    """Retention by age, deletion by document; neither happens without being told what."""
    with Store(store_url) as store:
        store.add(Correction(text="Swarms left.", topics=(), document_id="d1"))
        store.add(Correction(text="Rain fell.", topics=(), document_id="d2"))
    assert _run(runner, "prune").exit_code == 2
    assert _run(runner, "prune", "--older-than", "1", "--document-id", "d1").exit_code == 2
    assert _run(runner, "prune", "--older-than", "1").stderr.startswith("0 corrections and 0 segments")
    assert _run(runner, "prune", "--document-id", "d1").stderr.startswith("1 corrections and 0 segments")


@pytest.mark.parametrize(
    ("file", "words"),
    [
        (("a.csv", b"text,topics\nSwarms \xe9,beekeeping\n"), "a.csv: not UTF-8 (byte 19); convert the file"),
        (("a.csv", "text,topics\nBees,\n".encode("utf-16")), "a.csv: not UTF-8 (byte 0); convert the file"),
        (("a.csv", b"words,topics\nBees,\n"), "no column 'text'"),
        (("a.csv", b"text,topics\nBees,wasps\n"), "a.csv:2: unknown topic 'wasps'; the topics are beekeeping, toll_bridges"),
        (("a.csv", b"text,topics\n%s,\n" % LONG), "segment 'a-2': text: 1,000,000 characters; 100,000 are allowed"),
        (("a.jsonl", b"{\n"), "a.jsonl:1: not JSON"),
        (("a.jsonl", b'{"id": "x", "text": " ", "topics": []}'), "'text' must be a text that is not empty"),
        (("a.jsonl", b'{"id": "x", "text": "\\ud800", "topics": []}'), "segment 'x': text: half a surrogate pair"),
        (("a.jsonl", b'{"id": "x", "text": "a\\u0000", "topics": []}'), "segment 'x': text: a NUL character"),
        (("a.jsonl", b'{"id": "x", "text": "%s", "topics": []}' % LONG), "segment 'x': text: 1,000,000 characters"),
    ],
)
def test_a_bad_file_is_refused_whole(
    runner: CliRunner, store_url: str, tmp_path: Path, file: tuple[str, bytes], words: str
) -> None:
    """The file, the line or byte and the fault are named, and nothing of it is stored."""
    path = tmp_path / file[0]
    good = tmp_path / "good.jsonl"
    path.write_bytes(file[1])
    _write(good)
    done = _run(runner, "import", good, path, *TOPICS)
    assert done.exit_code == 1
    assert words in done.stderr
    with Store(store_url) as store:
        assert store.page(1) == []


def test_the_default_topics_are_those_of_the_model(runner: CliRunner, store_url: str, tmp_path: Path) -> None:
    """A label that the serving model does not know is refused by its topics."""
    done = _run(runner, "import", _write(tmp_path / "rows.jsonl"))
    assert done.exit_code == 1
    assert "unknown topic 'beekeeping'; the topics are african_diplomacy" in done.stderr


def test_a_store_that_cannot_be_had_is_one_line(runner: CliRunner) -> None:
    """Exit status 1 and the remedy, without the password."""
    done = _run(runner, "--database", "postgresql://ann:s3cret@127.0.0.1:1/desk", "stats")
    assert (done.exit_code, done.stdout) == (1, "")
    assert done.stderr == (
        "wiretag: corrections store desk of PostgreSQL at 127.0.0.1:1: it is unreachable; start the server, or check "
        "WIRETAG_DATABASE_URL\n"
    )


def test_the_default_store_is_made_under_var(tmp_path: Path) -> None:
    """Without any setting the store is an SQLite file in the working directory."""
    import sys

    environment = {name: value for name, value in os.environ.items() if name != "WIRETAG_DATABASE_URL"}
    command = [sys.executable, "-c", "from models.cli import main; main()", "corrections", "migrate"]
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout.startswith("corrections store var/corrections.db: schema ")
    assert (tmp_path / "var" / "corrections.db").exists()
