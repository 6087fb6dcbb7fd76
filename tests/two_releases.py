"""A registry with two releases that can be told apart: the shipped one, and a copy that is surer of every topic."""

import shutil
from collections import Counter
from dataclasses import replace
from pathlib import Path

from models.registry import Registry
from models.release import read_manifest, selftest_file, weights_files, write_release
from models.scorer import Scorer
from tests.running import Running

TEXT = {"text": "The council said that the bank had asked about sanctions."}
FOLLOWS = 6.0  # seconds in which all workers follow: half a second and the loading, and what a busy machine needs
SHIFT = 0.5  # added to every margin by the second release


def write_registry(root: Path) -> tuple[Registry, str, str]:
    """The registry under `root`, its first version serving, and the names of both versions."""
    shipped, registry = Registry(), Registry(root)
    first = str(shipped.current())
    shutil.copytree(shipped.folder(first), registry.releases / first)
    release = registry.activate(first) or registry.load_current()
    folder = registry.folder(first)
    files = {name: (folder / name).read_bytes() for name in read_manifest(folder)["files"]}
    weights = replace(release.scorer.weights, bias=release.scorer.weights.bias + SHIFT)
    files |= weights_files(weights)
    # the arrays are written in single precision: the scores are those of what was written
    written = replace(weights, bias=weights.bias.astype("float32").astype("float64"))
    files["selftest.jsonl"] = selftest_file(Scorer(written), ["The Treasury imposed sanctions on the bank on Monday."])
    second = f"{first}-surer"
    write_release(registry.releases, {**read_manifest(folder), "version": second}, files)
    return registry, first, second


def versions_that_answer(server: Running, n: int = 30) -> Counter[str]:
    """Which versions answer, asked on connections of their own, so that all workers are."""
    return Counter(server.call("/classify", TEXT)[1]["model_version"] for _ in range(n))
