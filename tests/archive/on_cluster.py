"""A run on a Dask cluster whose workers are killed, against one of this machine that nobody disturbs."""

import random
import signal
from collections.abc import Callable
from pathlib import Path

from tests.archive.proof import Run, digest
from tests.cluster import cluster
from tests.running import wait_until


def prove_on_cluster(
    whole: Run, out: str, folder: Path, *, n_chunks: int, n_kills: int, seed: int, say: Callable[[str], object]
) -> None:
    """Assert that a run over which workers are killed at random moments, each replaced by a new one, gives the same bytes.

    n_chunks: of the run, about; whole: has been run, and its options are those of the cluster's too.
    """
    rng = random.Random(seed)
    folder.mkdir()
    with cluster(folder) as made:
        run = Run(whole.source, out, (*whole.options, "--engine", "dask", "--scheduler", made.url))
        process = run.start()
        for moment in sorted(rng.random() for _ in range(n_kills)):
            wait_until(lambda moment=moment: process.poll() is not None or run.done()[0] >= round(moment * n_chunks), 3600)
            if process.poll() is not None:
                break
            made.add_worker()
            made.workers[-2].send_signal(signal.SIGKILL)
            say(f"a worker killed when {run.done()[1]:,} documents were done")
        said = process.communicate()[1]
        assert process.returncode == 0, said
    assert digest(Path(out)) == digest(Path(whole.out)), "the output differs"
