"""A released model: a folder of plain files that is verified before anything in it is used.

    manifest.json     format, version, topics, cuts, figures, the reference of drift, and the SHA-256 of every file beside it
    words.txt         one word of the vocabulary a line
    pairs.npy         int32 (n_pairs, 2): the word pairs that are features
    kinds.npy         int32 (n_words,): the kind of every word, or -1
    idf.npy coef.npy bias.npy   float32
    stems.txt vectors.npy rarities.npy cutting.json   the segmenter; see `models.cutting`
    selftest.jsonl    texts with their expected scores, checked at every load
    MODEL_CARD.md     for people

Nothing is unpickled and nothing in the files is believed: what does not fit together is refused before it is used.
"""

import errno
import hashlib
import json
import math
import os
import re
import shutil
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from models.arrays import array_file, read_array
from models.cutting import FILES as SEGMENTER_FILES
from models.cutting import read_segmenter
from models.decisions import Cut
from models.errors import ReleaseError, TopicsError
from models.reference import Reference, parse_reference
from models.scorer import Scorer, Weights
from models.segmenter import Segmenter
from models.text import are_tokens
from models.topics import Topic, parse_topics

FORMAT = 2  # 2: words, pairs and kinds, float32 arrays, calibration folded into coef and bias; the segmenter beside them
SELFTEST_TOLERANCE = 1e-9
ARRAYS = ("pairs", "kinds", "idf", "coef", "bias")
INTEGERS = frozenset({"pairs", "kinds"})
VERSION = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")  # it names a folder and stands in a header of every answer
DATA_FILES = ("words.txt", *(f"{name}.npy" for name in ARRAYS), *SEGMENTER_FILES, "selftest.jsonl")


@dataclass(frozen=True, slots=True)
class Release:
    """A loaded, verified model."""

    version: str
    topics: tuple[Topic, ...]
    cuts: tuple[Cut, ...]
    scorer: Scorer
    segmenter: Segmenter
    manifest: Mapping[str, Any]
    reference: Reference | None = None  # what it expects to meet; releases before drift was measured have none


def load_release(folder: Path) -> Release:
    """The model of a folder, its files checked against the manifest and its self-test passed.

    Raises `ReleaseError` naming the folder, what is wrong and what to do.
    """
    manifest = read_manifest(folder)
    files = _read_files(folder, manifest)
    try:
        topics = parse_topics(manifest["topics"], str(folder / "manifest.json"))
        cuts = tuple(
            Cut(_chance(manifest["cuts"][t.id]["threshold"]), _chance(manifest["cuts"][t.id]["review"])) for t in topics
        )
        version = manifest["version"]
        if not VERSION.fullmatch(version):
            raise ValueError(f"{version!r} cannot be the name of a version")
        weights = _weights(files, len(topics))
        prior = float(manifest["calibration"]["prior"])
        if not 0 < prior < 1:
            raise ValueError(f"a prior of {prior} is no share")
        reference = parse_reference(manifest.get("reference"), [topic.id for topic in topics], prior)
        release = Release(version, topics, cuts, Scorer(weights), read_segmenter(files), manifest, reference)
        _selftest(release, files["selftest.jsonl"], folder)
    except (LookupError, TypeError, ValueError, AttributeError, ArithmeticError, RecursionError, TopicsError) as error:
        raise ReleaseError(f"{folder}: not a usable model ({type(error).__name__}: {error}); restore the folder") from None
    return release


def with_prior(release: Release, shares: Mapping[str, float]) -> Release:
    """The release for a stream on which topics have other shares than the prior it was calibrated for.

    A topic's log-odds move by the difference of the two priors' log-odds (Saerens et al. 2002, for known shares), its threshold
    and review band keep their meaning as chances. Topics not in `shares` stay as they are. Raises `ReleaseError` for a topic
    that the release lacks and for a share outside (0, 1).
    """
    ids = [topic.id for topic in release.topics]
    bias, reference = release.scorer.weights.bias.copy(), release.reference
    calibrated_for = float(release.manifest["calibration"]["prior"])
    for topic, share in shares.items():
        if topic not in ids:
            raise ReleaseError(f"prior of {topic!r}: the model has no such topic; it has {', '.join(ids)}")
        if not 0 < share < 1:
            raise ReleaseError(f"prior of {topic!r}: {share} is no share; give a number between 0 and 1")
        shift = log_odds(share) - log_odds(calibrated_for)
        bias[ids.index(topic)] += shift
        reference = reference and reference.with_prior(topic, share, shift)
    return replace(release, scorer=Scorer(replace(release.scorer.weights, bias=bias)), reference=reference)


def log_odds(share: float) -> float:
    """ln(p / (1 - p))."""
    return math.log(share / (1 - share))


def verify_release(folder: Path) -> str:
    """The version of a folder that matches its manifest and passes its self-test; else raises `ReleaseError`."""
    return load_release(folder).version


def write_release(root: Path, manifest: dict[str, Any], files: Mapping[str, bytes]) -> Path:
    """Write a release folder whole or not at all, verify it by loading it, and give its path.

    `manifest` lacks only `format` and `files`. The folder is written aside and renamed. An existing release with the same
    version is left as it is when its model files are the same, and is never overwritten when they differ. Raises
    `ReleaseError`, on a full disk too.
    """
    target = root / str(manifest["version"])
    manifest = {"format": FORMAT, **manifest, "files": {name: _digest(files[name]) for name in sorted(files)}}
    if target.exists():
        there = read_manifest(target).get("files", {})
        if any(there.get(name) != manifest["files"][name] for name in DATA_FILES):
            raise ReleaseError(f"{target}: a different model already has this version; releases are never changed")
        verify_release(target)
        return target
    try:
        root.mkdir(parents=True, exist_ok=True)
        aside = Path(tempfile.mkdtemp(prefix=".new-", dir=root))
        try:
            for name, content in {**files, "manifest.json": _json_bytes(manifest)}.items():
                with (aside / name).open("wb") as file:
                    file.write(content)
                    file.flush()
                    os.fsync(file.fileno())
            verify_release(aside)
            aside.chmod(0o755)
            aside.rename(target)
        except BaseException:
            shutil.rmtree(aside, ignore_errors=True)
            raise
    except OSError as error:
        remedy = "free some space" if error.errno == errno.ENOSPC else f"make it writable for user {os.getuid()}"
        raise ReleaseError(f"{root}: the model cannot be written ({error.strerror}); {remedy}") from None
    return target


def copy_release(folder: Path, root: Path) -> Path:
    """Write a release folder into another registry's folder of releases, as `write_release` does, and give its path."""
    manifest = read_manifest(folder)
    try:
        files = {name: (folder / name).read_bytes() for name in manifest["files"]}
    except OSError as error:
        raise ReleaseError(f"{folder}: {error.filename} cannot be read ({error.strerror}); restore the folder") from None
    return write_release(root, {key: manifest[key] for key in manifest if key not in ("format", "files")}, files)


def weights_files(weights: Weights) -> dict[str, bytes]:
    """The files that hold a model's weights, by name."""
    files = {"words.txt": "".join(f"{word}\n" for word in weights.words).encode()}
    for name in ARRAYS:
        files[f"{name}.npy"] = array_file(getattr(weights, name).astype(_dtype(name)))
    return files


def selftest_file(scorer: Scorer, texts: list[str]) -> bytes:
    """Texts with the scores this scorer gives them, one JSON object a line."""
    rows = ({"text": text, "scores": scorer.score(text).scores} for text in texts)
    return "".join(json.dumps(row) + "\n" for row in rows).encode()


def read_manifest(folder: Path) -> dict[str, Any]:
    """A folder's manifest, its other files unread. Raises `ReleaseError` where it is none of this program's format."""
    path = folder / "manifest.json"
    try:
        manifest = json.loads(path.read_bytes())
        json.dumps(manifest, ensure_ascii=False).encode()  # `/model` answers with it: nothing that is no text
    except (FileNotFoundError, NotADirectoryError):
        raise ReleaseError(f"{folder}: no model here (no manifest.json); run `wiretag train` or name another folder") from None
    except OSError as error:
        raise ReleaseError(f"{path}: cannot be read ({error.strerror})") from None
    except (ValueError, RecursionError):
        raise ReleaseError(f"{path}: not JSON; restore the folder") from None
    if not isinstance(manifest, dict) or not isinstance(manifest.get("files"), dict) or "format" not in manifest:
        raise ReleaseError(f"{path}: not a Wiretag model; name a folder that `wiretag train` wrote")
    if manifest["format"] != FORMAT:
        raise ReleaseError(
            f"{folder}: model format {manifest['format']}, this program reads {FORMAT}; upgrade Wiretag or retrain the model"
        )
    return manifest


def _read_files(folder: Path, manifest: Mapping[str, Any]) -> dict[str, bytes]:
    if missing := [name for name in DATA_FILES if name not in manifest["files"]]:
        raise ReleaseError(f"{folder}: the manifest lists no {missing[0]}; restore the folder")
    files = {}
    for name, digest in manifest["files"].items():
        if Path(name).name != name:
            raise ReleaseError(f"{folder}: the manifest lists {name!r}, which lies outside the folder; do not trust it")
        try:
            files[name] = (folder / name).read_bytes()
        except (OSError, ValueError) as error:  # a name may hold what no file's can
            raise ReleaseError(f"{folder}: {name!r} cannot be read ({error}); restore the folder") from None
        if _digest(files[name]) != digest:
            raise ReleaseError(f"{folder / name}: differs from the manifest; restore the folder")
    return files


def _weights(files: Mapping[str, bytes], n_topics: int) -> Weights:
    arrays = {name: read_array(files[f"{name}.npy"], f"{name}.npy", _dtype(name)) for name in ARRAYS}
    lines = files["words.txt"].decode()
    words = lines.split("\n")[:-1]
    pairs, kinds, idf, coef, bias = (arrays[name] for name in ARRAYS)
    n_features = len(words) + len(pairs) + int(kinds.max(initial=-1)) + 1
    shapes = {
        "pairs": (len(pairs), 2),
        "kinds": (len(words),),
        "idf": (n_features,),
        "coef": (n_features, n_topics),
        "bias": (n_topics,),
    }
    for name, shape in shapes.items():
        if arrays[name].shape != shape:
            raise ValueError(f"{name}.npy is {arrays[name].shape}, expected {shape}")
        if not np.isfinite(arrays[name]).all():
            raise ValueError(f"{name}.npy holds a value that is no number")
    if len(pairs) and (pairs.min() < 0 or pairs.max() >= len(words)):
        raise ValueError("pairs.npy points outside words.txt")
    if len(np.unique(pairs[:, 0].astype(np.int64) * len(words) + pairs[:, 1])) != len(pairs):
        raise ValueError("pairs.npy holds a pair twice")
    if kinds.min(initial=0) < -1:
        raise ValueError("kinds.npy holds a kind below -1")
    if len(set(words)) != len(words) or not are_tokens(lines):
        raise ValueError("words.txt holds a word twice, or what no text has as a word")
    return Weights(words, pairs, kinds, idf.astype(np.float64), coef.astype(np.float64), bias.astype(np.float64))


def _dtype(name: str) -> type[np.int32 | np.float32]:
    return np.int32 if name in INTEGERS else np.float32


def _chance(value: Any) -> float:
    if not 0 <= float(value) <= 1:
        raise ValueError(f"{value!r} is no chance")
    return float(value)


def _selftest(release: Release, content: bytes, folder: Path) -> None:
    rows = [json.loads(line) for line in content.decode().splitlines()]
    if not rows:
        raise ReleaseError(f"{folder}: selftest.jsonl is empty; restore the folder")
    for number, row in enumerate(rows, 1):
        scores = release.scorer.score(row["text"]).scores
        if len(row["scores"]) != len(scores) or not np.allclose(scores, row["scores"], rtol=0, atol=SELFTEST_TOLERANCE):
            raise ReleaseError(
                f"{folder}: self-test {number} of {len(rows)} gives other scores than it should; restore the folder"
            )


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def _json_bytes(value: Any) -> bytes:
    return (json.dumps(value, ensure_ascii=False, indent=2) + "\n").encode()
