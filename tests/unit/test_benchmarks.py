import json
import re
import sys
from itertools import pairwise
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest

from benchmarks import curves, sizing
from benchmarks.load import NotServedError, free_port, serving
from benchmarks.svg import Line, chart
from benchmarks.texts import texts_of_the_wires_length
from service.settings import Settings

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
