"""Releases are verified before anything in them is used."""

import io
import json
import pickle
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from models.errors import ReleaseError
from models.registry import Registry
from models.release import load_release, with_prior, write_release


@pytest.fixture
def folder(desk_registry: Registry, tmp_path: Path) -> Path:
    """A copy of a sound release, to be spoilt."""
    (version,) = desk_registry.versions()
    return Path(shutil.copytree(desk_registry.folder(version), tmp_path / version))


def _reseal(folder: Path, name: str, content: bytes) -> None:
    """Replace a file and make the manifest agree: what an attacker or a bug in training would do."""
    import hashlib

    (folder / name).write_bytes(content)
    manifest = json.loads((folder / "manifest.json").read_text())
    manifest["files"][name] = hashlib.sha256(content).hexdigest()
    (folder / "manifest.json").write_text(json.dumps(manifest))


def _array(array: np.ndarray, allow_pickle: bool = False) -> bytes:
    buffer = io.BytesIO()
    np.save(buffer, array, allow_pickle=allow_pickle)
    return buffer.getvalue()


def _edit_manifest(folder: Path, **changes: object) -> None:
    manifest = json.loads((folder / "manifest.json").read_text())
    (folder / "manifest.json").write_text(json.dumps({**manifest, **changes}))


SPOILT: dict[str, tuple[Callable[[Path], object], str]] = {
    "no manifest": (lambda f: (f / "manifest.json").unlink(), "no model here"),
    "not JSON": (lambda f: (f / "manifest.json").write_text("{"), "not JSON"),
    "another program's": (lambda f: (f / "manifest.json").write_text('{"name": "x"}'), "not a Wiretag model"),
    "newer format": (lambda f: _edit_manifest(f, format=99), "model format 99"),
    "file missing": (lambda f: (f / "coef.npy").unlink(), "coef.npy"),
    "file cut": (
        lambda f: (f / "coef.npy").write_bytes((f / "coef.npy").read_bytes()[:-8]),
        "differs from the manifest",
    ),
    "card edited": (lambda f: (f / "MODEL_CARD.md").write_text("better"), "differs from the manifest"),
    "unlisted weights": (lambda f: _edit_manifest(f, files={}), "lists no"),
    "path outside": (
        lambda f: _edit_manifest(f, files={**json.loads((f / "manifest.json").read_text())["files"], "../x": ""}),
        "outside",
    ),
    "pickled array": (
        lambda f: _reseal(f, "bias.npy", _array(np.array([{}], dtype=object), True)),
        "not a usable model",
    ),
    "a pickle": (lambda f: _reseal(f, "bias.npy", pickle.dumps({"a": 1})), "not a usable model"),
    "wrong shape": (lambda f: _reseal(f, "bias.npy", _array(np.zeros(7, np.float32))), "not a usable model"),
    "not a number": (lambda f: _reseal(f, "bias.npy", _array(np.full(2, np.nan, np.float32))), "no number"),
    "other weights": (lambda f: _reseal(f, "bias.npy", _array(np.ones(2, np.float32))), "self-test"),
    "wild pairs": (
        lambda f: _reseal(f, "pairs.npy", _array(np.full_like(np.load(f / "pairs.npy"), 10**9))),
        "outside words.txt",
    ),
    "no self-test": (lambda f: _reseal(f, "selftest.jsonl", b""), "selftest.jsonl is empty"),
    "cuts lost": (lambda f: _edit_manifest(f, cuts={}), "not a usable model"),
    "topics lost": (lambda f: _edit_manifest(f, topics=[]), "not a usable model"),
}


@pytest.mark.parametrize("case", SPOILT)
def test_a_spoilt_folder_is_refused_by_name(folder: Path, case: str) -> None:
    """A damaged, foreign, newer or malicious folder never serves, and the message says which and why."""
    spoil, fault = SPOILT[case]
    spoil(folder)
    with pytest.raises(ReleaseError) as caught:
        load_release(folder)
    assert str(folder) in str(caught.value)
    assert fault in str(caught.value)


def test_a_release_is_never_changed(folder: Path) -> None:
    """Writing the same version again is harmless when the model is the same, and refused when it differs."""
    manifest = json.loads((folder / "manifest.json").read_text())
    files = {name: (folder / name).read_bytes() for name in manifest.pop("files")}
    manifest.pop("format")
    before = (folder / "manifest.json").read_bytes()
    assert write_release(folder.parent, manifest, files) == folder
    with pytest.raises(ReleaseError, match="never changed"):
        write_release(folder.parent, manifest, {**files, "words.txt": b"other\n"})
    assert (folder / "manifest.json").read_bytes() == before


def test_a_release_that_fails_its_own_test_is_not_written(folder: Path, tmp_path: Path) -> None:
    """Whole and sound or not at all: nothing is left of a release that cannot be loaded."""
    manifest = json.loads((folder / "manifest.json").read_text())
    files = {name: (folder / name).read_bytes() for name in manifest.pop("files")}
    root = tmp_path / "fresh"
    with pytest.raises(ReleaseError):
        write_release(root, manifest, {**files, "selftest.jsonl": b'{"text": "x", "scores": [9, 9]}\n'})
    assert list(root.iterdir()) == []


def test_a_prior_moves_the_odds_of_its_topic_alone(folder: Path) -> None:
    """A desk whose stream has a topic twice as often gets odds that say so; the others stay."""
    release = load_release(folder)
    text = "Beekeepers lost a swarm."
    before, after = (r.scorer.score(text).margins for r in (release, with_prior(release, {"beekeeping": 0.5})))
    assert after[0] - before[0] == pytest.approx(np.log(0.92 / 0.08))
    assert after[1] == before[1]
    for shares in ({"beekeeping": 0.0}, {"beekeeping": 1.0}, {"colour": 0.1}):
        with pytest.raises(ReleaseError, match="prior of"):
            with_prior(release, shares)
