"""The frozen holdout: what two models are compared on. Neither learnt from it, and no correction ever enters it.

It is the first fold of the corpus (`training.fit`). A release carries `holdout.json`: the scores that a twin of the model,
fitted without the holdout, gives it. The released model itself has learnt from all segments.
"""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import msgspec
import numpy as np
from numpy.typing import NDArray

from models.errors import ReleaseError
from models.release import Release
from training.corpus import Segment

FILE = "holdout.json"
Bools = NDArray[np.bool_]
Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Judged:
    """A model on a holdout: matrices (segments, topics) of scores and of what it assigns."""

    version: str
    topics: tuple[str, ...]
    scores: Floats
    assigned: Bools


class _File(msgspec.Struct):
    sha256: str
    topics: list[str]
    ids: list[str]
    scores: list[list[float]]


def digest(segments: Sequence[Segment]) -> str:
    """SHA-256 of what the holdout is: ids, texts and labels, in order."""
    rows = ([s.id, s.full_text, sorted(s.topics), s.group] for s in segments)
    return hashlib.sha256("\n".join(json.dumps(row) for row in rows).encode()).hexdigest()


def holdout_file(segments: Sequence[Segment], topics: Sequence[str], scores: Floats) -> bytes:
    """The file that a release carries."""
    rounded = [[round(float(score), 6) for score in row] for row in scores]
    return msgspec.json.encode(_File(digest(segments), list(topics), [s.id for s in segments], rounded)) + b"\n"


def stored(release: Release, folder: Path, segments: Sequence[Segment]) -> Judged | None:
    """The scores that a release carries for this very holdout, or None where it carries none or those of another.

    Raises `ReleaseError` for a file that cannot be read.
    """
    if FILE not in release.manifest["files"]:
        return None
    try:
        file = msgspec.json.decode((folder / FILE).read_bytes(), type=_File)
    except (OSError, msgspec.MsgspecError) as error:
        raise ReleaseError(f"{folder / FILE}: cannot be read ({type(error).__name__}); restore the folder") from None
    if file.sha256 != digest(segments):
        return None
    return judged(release, np.array(file.scores).reshape(len(segments), len(file.topics)))


def scored(release: Release, segments: Sequence[Segment]) -> Judged:
    """A release on a holdout that it scores itself: honest only where it has not learnt from it."""
    return judged(release, np.array([release.scorer.score(s.full_text).scores for s in segments]))


def judged(release: Release, scores: Floats) -> Judged:
    """Scores with the decisions of a release's cuts."""
    thresholds = np.array([cut.threshold for cut in release.cuts])
    return Judged(release.version, tuple(topic.id for topic in release.topics), scores, scores >= thresholds)
