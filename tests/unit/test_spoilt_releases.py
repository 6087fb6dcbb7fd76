"""Whatever stands in the files of a release, it is refused as a whole or it works."""

import hashlib
import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models import boilerplate, cohesion
from models.arrays import array_file, read_array
from models.cutting import segmenter_files
from models.errors import ReleaseError
from models.pipeline import Document, Form, Options, classify
from models.reference import EDGES, SCORE_EDGES
from models.release import DATA_FILES, load_release, selftest_file, weights_files, write_release
from models.scorer import Scorer, Weights
from models.segmenter import Segmenter

PAGE = (
    "Kim met bees\n\nThe bees of the hive met Kim in talks on the toll, and the talks went on.\n\nRelated\n\nToll rises again"
)


def small_release(root: Path) -> Path:
    """A release of six words and six stems, in a folder under `root`."""
    words = ["bees", "hive", "kim", "met", "toll", "élysée"]
    n = len(words)
    idf, coef = np.linspace(1, 2, n + 3), np.linspace(-2, 2, 2 * (n + 3)).reshape(-1, 2)
    pairs, kinds = np.array([[2, 3], [3, 0]], np.int32), np.array([0, -1, -1, -1, -1, -1], np.int32)
    exact = (array.astype(np.float32).astype(np.float64) for array in (idf, coef, np.array([-0.5, 0.25])))
    weights = Weights(words, pairs, kinds, *exact)
    vocabulary = cohesion.Vocabulary(
        ["bees", "hive", "kim", "met", "story", "toll"],
        ["talks"],
        np.linspace(-1, 1, 18).reshape(6, 3).astype(np.float32),
        np.linspace(1, 3, 6).astype(np.float32),
    )
    strangers, openings = (
        cohesion.Linear(np.linspace(-1, 1, len(cues)), -1.0) for cues in (cohesion.STRANGER_CUES, cohesion.OPENING_CUES)
    )
    marks = boilerplate.Boilerplate(
        {"toll": 0.5, "^met": -0.5}, tuple(np.linspace(-1, 1, len(boilerplate.CUES)).tolist()), -2.0
    )
    shares = [0, 1, *[0] * (len(SCORE_EDGES) - 1)]
    names = ("label", "description", "definition")
    manifest = {
        "version": "small-1",
        "topics": [{"id": id_, **dict.fromkeys(names, id_.title())} for id_ in ("bees", "tolls")],
        "cuts": {id_: {"threshold": 0.75, "review": 0.1} for id_ in ("bees", "tolls")},
        "calibration": {"prior": 0.08},
        "reference": {
            "texts": 9,
            "pages": 1,
            "tokens": {"up_to": EDGES["tokens"], "shares": [1, *[0] * len(EDGES["tokens"])]},
            "scores": {
                "up_to": SCORE_EDGES,
                "topics": {id_: {"having": shares, "lacking": shares} for id_ in ("bees", "tolls")},
            },
        },
    }
    scorer = Scorer(weights)
    files = weights_files(weights) | segmenter_files(Segmenter(vocabulary, strangers, openings, marks))
    files["selftest.jsonl"] = selftest_file(scorer, ["Kim met bees", "The toll at the Élysée"])
    return write_release(root, manifest, files)


def is_refused_or_works(folder: Path, name: str, content: bytes, *, seal: bool = True) -> None:
    """Put a file into a copy of a release, make the manifest agree with it, and use what loads of it; then undo that."""
    before, manifest = (folder / name).read_bytes(), (folder / "manifest.json").read_bytes()
    (folder / name).write_bytes(content)
    if seal and name != "manifest.json":
        stored = json.loads(manifest)
        stored["files"][name] = hashlib.sha256(content).hexdigest()
        (folder / "manifest.json").write_text(json.dumps(stored))
    try:
        release = load_release(folder)
        for form in (Form.TEXT, Form.PAGE):
            result = classify(release, Document(PAGE, form), Options(explain=True))
            json.dumps(result, ensure_ascii=False).encode()  # as an answer would be sent
        json.dumps(release.manifest, ensure_ascii=False).encode()
        if release.reference is not None:
            assert all(np.isfinite(expected.shares()).all() for expected in release.reference.scores.values())
    except ReleaseError as error:
        assert str(folder) in str(error)  # noqa: PT017 - that it is raised is allowed, not required
    finally:
        (folder / "manifest.json").write_bytes(manifest)
        (folder / name).write_bytes(before)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return small_release(tmp_path_factory.mktemp("small"))


NAMES = st.sampled_from([*DATA_FILES, "manifest.json"])
PIECES = st.one_of(
    st.binary(max_size=12),
    st.sampled_from(
        [b"NaN", b"1e999", b"-1", b"null", b"[]", b"{}", b'"\\ud800"', b'"\\u0000"', b"[" * 9999, b"1" + b"0" * 400, b"True"]
    ),
)


@settings(deadline=None)
@given(NAMES, st.lists(st.tuples(st.floats(0, 1), st.integers(0, 64), PIECES), max_size=4), st.none() | st.floats(0, 1))
def test_any_spoilt_file_is_refused_or_harmless(
    folder: Path, name: str, edits: list[tuple[float, int, bytes]], cut_at: float | None
) -> None:
    """Bytes replaced, put in, left out or cut off, with a manifest that agrees: `ReleaseError`, or a model that works."""
    content = (folder / name).read_bytes()
    for place, length, piece in edits:
        at = int(place * len(content))
        content = content[:at] + piece + content[at + length :]
    is_refused_or_works(folder, name, content[: None if cut_at is None else int(cut_at * len(content))])


@settings(deadline=None)
@given(st.data())
def test_any_value_of_a_manifest_is_refused_or_harmless(folder: Path, data: st.DataObject) -> None:
    """So is any JSON value in any place of the files that are JSON."""
    name = data.draw(st.sampled_from(["manifest.json", "cutting.json"]))
    stored = json.loads((folder / name).read_text())
    at: object = stored
    while True:
        keys = list(at) if isinstance(at, dict) else range(len(at)) if isinstance(at, list) else ()
        key = data.draw(st.sampled_from(keys))
        if not isinstance(at[key], dict | list) or not at[key] or data.draw(st.booleans()):
            break
        at = at[key]
    values = st.one_of(st.none(), st.booleans(), st.integers(), st.just(10**400), st.floats(), st.text(max_size=4))
    at[key] = data.draw(values | st.lists(values, max_size=2) | st.dictionaries(st.text(max_size=3), values, max_size=2))
    is_refused_or_works(folder, name, json.dumps(stored).encode())


def _with_shape(shape: bytes) -> bytes:
    content = array_file(np.ones((9, 2), np.float32))
    return content[:128].replace(b"(9, 2), }" + b" " * (len(shape) - 6), shape + b", }") + content[128:]


@pytest.mark.parametrize(
    "content",
    [
        *(_with_shape(shape) for shape in (b"(999999999999, 2)", b"(-9, -2)", b"(9, -2)", b"(10, 2)", b"((((((((((((((")),
        array_file(np.ones((9, 2), np.float32))[:-4],
        array_file(np.ones((9, 2), np.float32)) + b"0000",
        array_file(np.ones((9, 2), ">f4")),
        array_file(np.ones((9, 2))),
        b"",
        b"PK\x03\x04",
    ],
)
def test_an_array_file_is_not_believed(content: bytes) -> None:
    """No room is made for what only a header promises; other types, archives and remains are refused."""
    with pytest.raises(ValueError, match=r"coef\.npy"):
        read_array(content, "coef.npy", np.float32)
    np.testing.assert_array_equal(read_array(_with_shape(b"(9, 2)"), "coef.npy", np.float32), np.ones((9, 2)))
