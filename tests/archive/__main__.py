"""The long form of the proof: a million pages, ten kills of the run or (--dask) of a worker, the same bytes. `make test-archive`."""

import argparse
import tempfile
import time
from pathlib import Path

from tests.archive.on_cluster import prove_on_cluster
from tests.archive.pages import write_pages
from tests.archive.proof import Run, prove

SUFFIXES = (".jsonl", ".parquet/")


def main() -> None:
    """Make the pages, and prove it for each form of output; an assertion that fails ends with status 1."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--documents", type=int, default=1_000_000)
    parser.add_argument("--kills", type=int, default=10)
    parser.add_argument("--chunk-mb", type=float, default=2)
    parser.add_argument("--dask", action="store_true", help="Kill workers of a Dask cluster, not the run.")
    parser.add_argument("--dedupe", action="store_true")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--only", choices=SUFFIXES, action="append")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        source = folder / "pages.jsonl"
        write_pages(source, options.documents)
        arguments = ("--as", "page", "--chunk-mb", str(options.chunk_mb), *(["--dedupe"] if options.dedupe else []))
        n_chunks = -(-source.stat().st_size // round(options.chunk_mb * 1e6))
        for suffix in options.only or SUFFIXES:
            begun = time.monotonic()
            whole, killed = (Run(source, f"{folder}/{each}{suffix}", arguments) for each in ("whole", "killed"))

            def say(words: str, suffix: str = suffix, begun: float = begun) -> None:
                print(f"{suffix:<10} {time.monotonic() - begun:7.0f} s  {words}", flush=True)

            bounds = {"n_chunks": n_chunks, "n_kills": options.kills, "seed": options.seed}
            if options.dask:
                say(f"{whole.finish()[0]:,} documents tagged on this machine")
                prove_on_cluster(whole, killed.out, folder / f"dask{suffix.strip('/')}", **bounds, say=say)
            else:
                prove(whole, killed, **bounds, say=say)
            say("the same bytes")


if __name__ == "__main__":
    main()
