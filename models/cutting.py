"""The files in which a segmenter lies, in a release and in `shipped_segmenter/`, from where `wiretag train` takes them.

stems.txt      one stem a line
vectors.npy    float16 (n_stems, n_latent)
rarities.npy   float32 (n_stems,)
cutting.json   stems that say nothing, and the weights and biases of the scorers by cue and word
"""

import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from models import reading
from models.arrays import array_file, read_array
from models.boilerplate import CUES as BOILERPLATE_CUES
from models.boilerplate import Boilerplate
from models.cohesion import OPENING_CUES, STRANGER_CUES, Linear, Vocabulary
from models.segmenter import Segmenter

SHIPPED = Path(__file__).with_name("shipped_segmenter")
FILES = ("stems.txt", "vectors.npy", "rarities.npy", "cutting.json")


def segmenter_files(segmenter: Segmenter) -> dict[str, bytes]:
    """The files of a segmenter, by name."""
    vocabulary = segmenter.vocabulary
    stored = {
        "silent": vocabulary.silent,
        "strangers": _as_dict(segmenter.strangers, STRANGER_CUES),
        "openings": _as_dict(segmenter.openings, OPENING_CUES),
        "boilerplate": {
            "bias": segmenter.boilerplate.bias,
            "cues": dict(zip(BOILERPLATE_CUES, segmenter.boilerplate.cues, strict=True)),
            "words": segmenter.boilerplate.words,
        },
    }
    return {
        "stems.txt": "".join(f"{stem}\n" for stem in vocabulary.stems).encode(),
        "vectors.npy": array_file(vocabulary.vectors.astype(np.float16)),
        "rarities.npy": array_file(vocabulary.rarities),
        "cutting.json": (json.dumps(stored, ensure_ascii=False, indent=1) + "\n").encode(),
    }


def read_segmenter(files: Mapping[str, bytes]) -> Segmenter:
    """The segmenter of files. For files that are none it raises `ValueError`, `KeyError`, `TypeError`, `AttributeError` or what
    JSON and floats raise.
    """
    stems = files["stems.txt"].decode().split("\n")[:-1]
    vectors = read_array(files["vectors.npy"], "vectors.npy", np.float16)
    rarities = read_array(files["rarities.npy"], "rarities.npy", np.float32)
    if vectors.ndim != 2 or len(vectors) != len(stems) or rarities.shape != (len(stems),):
        raise ValueError(f"{len(stems)} stems, vectors {vectors.shape}, rarities {rarities.shape}")
    if not (np.isfinite(vectors).all() and np.isfinite(rarities).all() and (rarities >= 0).all()):
        raise ValueError("vectors.npy or rarities.npy holds a value that is no number, or below zero")
    stored = json.loads(files["cutting.json"])
    silent = list(stored["silent"])
    every = [*stems, *silent]
    if len(set(every)) != len(every) or reading.stems("\n".join(every)) != every:
        raise ValueError("stems.txt or cutting.json holds a stem twice, or what no text has as a stem")
    vocabulary = Vocabulary(stems, silent, vectors.astype(np.float32), rarities.astype(np.float32))
    found = stored["boilerplate"]
    boilerplate = Boilerplate(
        {word: _number(weight) for word, weight in found["words"].items()},
        tuple(_number(found["cues"][cue]) for cue in BOILERPLATE_CUES),
        _number(found["bias"]),
    )
    strangers, openings = _linear(stored["strangers"], STRANGER_CUES), _linear(stored["openings"], OPENING_CUES)
    return Segmenter(vocabulary, strangers, openings, boilerplate)


def shipped_files(folder: Path = SHIPPED) -> dict[str, bytes]:
    """The files of the segmenter that lies beside the program, for a new release."""
    return {name: (folder / name).read_bytes() for name in FILES}


def _as_dict(linear: Linear, cues: tuple[str, ...]) -> dict[str, Any]:
    return {"bias": linear.bias, "weights": dict(zip(cues, linear.weights.tolist(), strict=True))}


def _linear(stored: Mapping[str, Any], cues: tuple[str, ...]) -> Linear:
    return Linear(np.array([_number(stored["weights"][cue]) for cue in cues]), _number(stored["bias"]))


def _number(value: Any) -> float:
    if not math.isfinite(number := float(value)):
        raise ValueError(f"cutting.json holds {value!r}, which is no number")
    return number
