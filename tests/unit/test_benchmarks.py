import json
import re
import sys
from itertools import pairwise
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest

from benchmarks import curves, scale, sizing
from benchmarks.load import NotServedError, free_port, serving
from benchmarks.svg import Line, chart
from benchmarks.texts import texts_of_the_wires_length
from models.topics import load_topics
from service.settings import Settings
from training.corpus import read_segments

PEERS = Path(curves.__file__).with_name("peers")
SVG = "{http://www.w3.org/2000/svg}"


def test_the_three_that_are_compared_give_the_same_scores() -> None:
    """Kernel, numpy and scikit-learn are measured at the same work, made-up vocabularies included."""
    texts = texts_of_the_wires_length()[:20]
    weights = curves._weights(curves._words(3000), np.random.default_rng(1))
    first, *others = (score(texts) for score in curves.scorers(weights).values())
    assert others
    for other in others:
        np.testing.assert_allclose(other, first, rtol=0, atol=1e-9)


def test_a_chart_names_its_axes_and_every_line_once() -> None:
    """A picture is sound XML, readable on a dark page, and its labels do not lie on one another."""
    lines = [Line(name, [(1, 100.0 + n), (1000, 2000.0 + n)]) for n, name in enumerate(("a < b", "c", "d"))]
    drawn = ElementTree.fromstring(chart("Title", "texts", "speed", lines))
    texts = [each.text for each in drawn.iter(f"{SVG}text")]
    assert texts[:3] == ["Title", "speed", "texts"]
    assert [texts.count(line.name) for line in lines] == [1, 1, 1]
    assert {"1", "10", "100", "1k", "10k"} <= set(texts)
    assert "prefers-color-scheme: dark" in str(drawn.findtext(f"{SVG}style"))
    places = sorted(float(each.attrib["y"]) for each in drawn.iter(f"{SVG}text") if each.text in {line.name for line in lines})
    assert min(b - a for a, b in pairwise(places)) >= 14


def test_synthetic_segments_are_labelled_segments_that_do_not_repeat(tmp_path: Path) -> None:
    """What fitting is measured on can be read as a corpus, is the same every time, and its vocabulary goes on growing."""
    path = tmp_path / "segments.jsonl"
    scale.write_corpus(path, 600)
    segments = read_segments([path], [topic.id for topic in load_topics()])
    assert len({segment.text for segment in segments}) > 590
    assert {topic for segment in segments for topic in segment.topics} == {topic.id for topic in load_topics()}
    assert [row["text"] for row in scale.synthetic(20)] == [segment.text for segment in segments[:20]]
    first, second = (set(re.findall(r"\w+sky", " ".join(s.text for s in half))) for half in (segments[:300], segments[300:]))
    assert len(second - first) > 100


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_a_fit_is_measured_to_its_end_or_to_its_bound(tmp_path: Path) -> None:
    """Memory of all its processes is seen, and a fit that takes too much is ended before the machine is full."""
    path = tmp_path / "segments.jsonl"
    scale.write_corpus(path, 600)
    row = scale.measure("streamed", path, 6_000)
    assert not row["ended"]
    assert row["peak_mb"] > 50
    assert row["cpu_seconds"] > 0
    assert scale.measure("in memory", path, 30)["ended"]


def test_growth_is_drawn_and_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The exponent is that of the points; fits that were ended are left out of it."""
    rows = [
        {"fit": fit, "segments": n, "cpu_seconds": n**1.5 / 1e3, "peak_mb": 900, "ended": n > 2e5}
        for fit in scale.FITS
        for n in (10_000, 100_000, 300_000)
    ]
    (tmp_path / "rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    scale.draw(tmp_path / "rows.jsonl", tmp_path)
    told = capsys.readouterr().out
    assert told.count("power 1.50") == 2
    assert len(re.findall(r"power -?0\.00", told)) == 2
    for name in ("scale-time.svg", "scale-memory.svg"):
        texts = [each.text for each in ElementTree.parse(tmp_path / name).iter(f"{SVG}text")]
        assert {"in memory", "streamed", "10k", "100k"} <= set(texts)
        assert "300k" not in texts


@pytest.mark.parametrize("path", sorted(PEERS.glob("*.txt")), ids=lambda path: path.name)
def test_peers_are_pinned(path: Path) -> None:
    """A benchmark of next year measures the same peers; no file says where they come from."""
    for line in path.read_text(encoding="utf-8").splitlines():
        assert re.fullmatch(r"[A-Za-z0-9._-]+==[A-Za-z0-9.+!]+", line), line


def test_the_largest_call_is_one_that_is_taken() -> None:
    """What memory is measured with is as large as the settings allow, and no larger."""
    call, settings = sizing.largest_call(), Settings()
    documents = json.loads(call.body)["documents"]
    assert len(documents) == call.documents == settings.max_documents
    assert max(len(each["text"]) for each in documents) <= settings.max_characters
    assert 0.85 < len(call.body) / settings.max_body <= 1


@pytest.mark.skipif(sys.platform == "win32", reason="ends a process group")
def test_a_server_that_stops_says_why() -> None:
    """A peer that cannot run is skipped with its own words, not waited for."""
    command = [sys.executable, "-c", "raise SystemExit('no such model')"]
    with pytest.raises(NotServedError, match="status 1: no such model"), serving(command, free_port(), "/"):
        pytest.fail("it does not serve")
