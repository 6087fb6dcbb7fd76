"""Figures of how pages are cut."""

import json
from pathlib import Path
from typing import Any

import pytest

from models.errors import CorpusError
from models.release import Release
from training.evaluate_pages import evaluate_pages, holds_pages, read_pages

PAGE = (Path(__file__).resolve().parents[1] / "data" / "pages" / "site.txt").read_text(encoding="utf-8")
STORY = [PAGE.index("Orchard growers"), PAGE.index("\nADVERTISEMENT")], [PAGE.index("The orchards had"), PAGE.index("\nWatch:")]
REST = [[PAGE.index("Frost cost"), PAGE.index("\nStory continues")], [PAGE.index("The union said"), PAGE.index("\nShare on X")]]


def _gold(**changes: Any) -> dict[str, Any]:
    segment = {"role": "main", "spans": [*STORY, *REST], "topics": []}
    junk = [[0, PAGE.index("Orchard")], [PAGE.index("Share on X"), len(PAGE)]]
    return {"page_id": "p", "layout": "site", "text": PAGE, "segments": [segment], "junk": junk, **changes}


def test_a_page_cut_as_it_should_be_is_perfect(release: Release) -> None:
    """Found, in its role, without junk."""
    found = evaluate_pages(release, [_gold()])
    assert (found["segment_f1"], found["junk_leak"], found["role_accuracy"]) == (1.0, 0.0, 1.0)
    assert found["layouts"] == {"site": 1.0}


def test_lost_segments_leaks_and_wrong_roles_are_counted(release: Release) -> None:
    """A gold segment that nobody found costs recall; text called junk that was kept is a leak."""
    teaser = {"role": "teaser", "spans": [*STORY, *REST], "topics": ["sanctions"]}
    lost = {"role": "main", "spans": [[0, 20]], "topics": ["sanctions"]}
    found = evaluate_pages(release, [_gold(segments=[teaser, lost], junk=[list(REST[0])])])
    assert found["segment_f1"] == pytest.approx(2 / 3, abs=1e-4)
    assert (found["role_accuracy"], found["junk_leak"], found["end_to_end_f1"]) == (0.0, 1.0, 0.0)


def test_gold_pages_are_told_from_segments_and_checked(tmp_path: Path) -> None:
    """A file that is no gold is named."""
    good, bad = tmp_path / "good.jsonl", tmp_path / "bad.jsonl"
    good.write_text(json.dumps(_gold()) + "\n")
    bad.write_text(json.dumps({"page_id": "p"}) + "\n")
    assert holds_pages(good)
    assert not holds_pages(tmp_path / "none.jsonl")
    assert read_pages(good)[0]["layout"] == "site"
    with pytest.raises(CorpusError, match=r"bad\.jsonl:1: no 'junk'"):
        read_pages(bad)
