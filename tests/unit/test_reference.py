"""What a release expects to meet."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from models.errors import ReleaseError
from models.reference import EDGES, SCORE_EDGES, ExpectedScores, histogram
from models.registry import Registry
from models.release import Release, load_release, log_odds, with_prior

HAVING = (0.0,) * 8 + (0.1, 0.2, 0.7)
LACKING = (0.5, 0.2, 0.1, 0.1, 0.05, 0.03, 0.02) + (0.0,) * 4


def test_a_value_on_an_edge_lies_below_it() -> None:
    """Bins are those of Prometheus: their upper edge belongs to them."""
    assert histogram([1, 2, 2, 3, 9], [1, 2, 3]) == (0.2, 0.4, 0.2, 0.2)
    assert histogram([], [1]) == ()


def test_expected_scores_follow_the_share_of_the_topic() -> None:
    """Texts with the topic and without are mixed as they are on the stream."""
    rare, common = (ExpectedScores(HAVING, LACKING, prior) for prior in (0.1, 0.5))
    assert rare.shares() == pytest.approx([0.1 * a + 0.9 * b for a, b in zip(HAVING, LACKING, strict=True)])
    assert 1 - rare.up_to(0.75) == pytest.approx(0.1)
    assert 1 - common.up_to(0.75) == pytest.approx(0.5)
    assert (rare.up_to(0.0), rare.up_to(1.0)) == (0.0, 1.0)


def test_expected_scores_move_with_the_odds() -> None:
    """Where serving raises a topic's odds, higher scores are expected; a shift from edge to edge moves whole bins."""
    plain = ExpectedScores(HAVING, LACKING, 0.1)
    shift = log_odds(0.25) - log_odds(0.1)
    moved = ExpectedScores(HAVING, LACKING, 0.1, shift)
    assert moved.up_to(0.25) == pytest.approx(plain.up_to(0.1))
    assert all(moved.up_to(edge) <= plain.up_to(edge) for edge in SCORE_EDGES)
    assert sum(moved.shares()) == pytest.approx(1)


def test_the_shipped_release_has_a_reference(release: Release) -> None:
    """Drift of the shipped model can be told: texts, pages and scores of every topic were measured when it was made."""
    reference = release.reference
    assert reference is not None
    assert reference.n_texts == release.manifest["corpus"]["segments"]
    assert reference.n_pages > 0
    assert set(reference.shares) == set(EDGES)
    for topic, cut in zip(release.topics, release.cuts, strict=True):
        assert 0.02 < 1 - reference.scores[topic.id].up_to(cut.threshold) < 0.2
    moved = with_prior(release, {"sanctions": 0.3}).reference
    assert moved is not None
    assert moved.scores["sanctions"].prior == 0.3
    assert moved.scores["sanctions"].up_to(0.5) < reference.scores["sanctions"].up_to(0.5)
    assert moved.scores["ukraine_war"] == reference.scores["ukraine_war"]


@pytest.fixture
def folder(desk_registry: Registry, tmp_path: Path) -> Path:
    """A copy of a sound release, to be changed."""
    (version,) = desk_registry.versions()
    return Path(shutil.copytree(desk_registry.folder(version), tmp_path / version))


def _edit(folder: Path, change: Callable[[dict[str, Any]], object]) -> None:
    manifest = json.loads((folder / "manifest.json").read_text())
    change(manifest)
    (folder / "manifest.json").write_text(json.dumps(manifest))


def test_a_small_desk_has_a_reference_without_pages(folder: Path) -> None:
    """A corpus of few long stories tells nothing of pages, and all else."""
    reference = load_release(folder).reference
    assert reference is not None
    assert reference.n_pages == 0
    assert set(reference.shares) == {"unknown_terms", "tokens"}
    assert set(reference.scores) == {"beekeeping", "toll_bridges"}


def test_a_release_without_a_reference_loads(folder: Path) -> None:
    """So do releases made before there was one, and those that counted in other bins."""
    _edit(folder, lambda manifest: manifest["reference"]["tokens"].update(up_to=[1, 2], shares=[0.5, 0.2, 0.3]))
    assert load_release(folder).reference is None
    _edit(folder, lambda manifest: manifest.pop("reference"))
    assert load_release(folder).reference is None
    assert with_prior(load_release(folder), {"beekeeping": 0.3}).reference is None


@pytest.mark.parametrize(
    "change",
    [
        lambda reference: reference.pop("scores"),
        lambda reference: reference.update(texts="many"),
        lambda reference: reference["tokens"].update(shares=[0.1]),
        lambda reference: reference["tokens"]["shares"].__setitem__(0, 7),
        lambda reference: reference["scores"]["topics"].pop("beekeeping"),
    ],
)
def test_a_damaged_reference_is_refused(folder: Path, change: Callable[[dict[str, Any]], object]) -> None:
    """A manifest that was edited by hand is named, not served."""
    _edit(folder, lambda manifest: change(manifest["reference"]))
    with pytest.raises(ReleaseError, match="not a usable model"):
        load_release(folder)
