"""A whole run: plan, engine and assembly together, with its progress."""

import os
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
from tqdm import tqdm

from models.errors import WiretagError
from models.registry import named_folder
from models.release import Release, load_release
from service.archive import parts
from service.archive.assembly import Assembly, Output, assembling
from service.archive.chunks import Choices, Chunk
from service.archive.dask_engine import Cluster
from service.archive.engine import Engine, Pool, alone
from service.archive.plan import Plan, check_columns

_FORMAT = 1  # of the journal; raised when a program cannot go on with an earlier one's


@dataclass(frozen=True, slots=True)
class Task:
    """What a run is told to do. `workers` 0 is one a core; `scheduler` is a Dask cluster's, for its engine."""

    inputs: tuple[str, ...]
    output: str
    choices: Choices
    model: Path | None = None
    workers: int = 0
    resume: bool = False
    scheduler: str | None = None


@dataclass(frozen=True, slots=True)
class Summary:
    """What became of a run."""

    n_documents: int
    n_failed: int
    n_done_before: int
    seconds: float


def run(task: Task, engine_of: Callable[[Release, Path, str], Engine] | None = None) -> Summary | None:
    """Tag archives. None where there is nothing to resume, the output being whole.

    Raises `WiretagError`; what is done by then stays for `resume`.

    engine_of: makes the engine of the release, its folder and the form of output; without, this machine's own.
    """
    check_columns(task.choices, parts.COLUMNS)
    output = Output.of(task.output, task.choices.keep, task.choices.chunk_bytes, task.choices.dedupe)
    if task.resume and output.is_complete():
        return None
    output.check_free()
    folder = named_folder(task.model)
    release = load_release(folder)
    plan = Plan(task.inputs, task.choices)
    n_bytes = plan.check()[1]
    begun = time.monotonic()
    with assembling(output) as assembly, _progress(n_bytes) as bar:
        assembly.begin(_identity(task, release, output), task.resume)
        before = assembly.n_documents
        engine = engine_of(release, folder, output.suffix) if engine_of else _engine(task, release, folder, output, n_bytes)
        try:
            for part in engine(_undone(plan, assembly, bar)):
                assembly.keep(part)
                bar.set_postfix_str(_rate(assembly.n_documents - before, begun), refresh=False)
                bar.update(part.size)
            bar.set_postfix_str("putting it together", refresh=True)
            assembly.finish()
        except WiretagError as error:
            if assembly.done:
                raise WiretagError(f"{error} (what is done is kept: --resume goes on from there)") from None
            raise
    return Summary(assembly.n_documents, assembly.n_failed, before, time.monotonic() - begun)


def _engine(task: Task, release: Release, folder: Path, output: Output, n_bytes: int) -> Engine:
    if task.scheduler is not None:
        return Cluster(task.scheduler, folder, task.choices, output.suffix)
    workers = task.workers or len(os.sched_getaffinity(0))
    if workers == 1 or n_bytes <= task.choices.chunk_bytes:
        return alone(release, task.choices, output.suffix)
    return Pool(workers, folder, task.choices, output.suffix, lambda words: tqdm.write(words, file=sys.stderr))


def _undone(plan: Plan, assembly: Assembly, bar: Any) -> Iterator[Chunk]:
    for chunk in plan.chunks():
        if assembly.has(chunk):
            bar.initial += chunk.size  # neither work nor time of this run
            bar.update(chunk.size)
        else:
            yield chunk


def _identity(task: Task, release: Release, output: Output) -> dict[str, Any]:
    """What must be the same for a run to be resumed."""
    choices = msgspec.to_builtins(task.choices)
    return {
        "format": _FORMAT,
        "model": release.version,
        "inputs": list(task.inputs),
        "output": f"{output.suffix}{'/' * output.is_folder}",
        **choices,
    }


def _progress(n_bytes: int) -> Any:
    """A bar over the bytes of the inputs; where nobody watches, a line now and then."""
    form = "{percentage:3.0f}% of {total_fmt} |{bar}| {elapsed}, {remaining} left{postfix}"
    watched = sys.stderr.isatty()
    return tqdm(
        total=n_bytes,
        unit="B",
        unit_scale=True,
        file=sys.stderr,
        bar_format=form,
        mininterval=0.2 if watched else 30,
        leave=watched,
    )


def _rate(n_documents: int, begun: float) -> str:
    return f"{n_documents:,} documents, {n_documents / max(time.monotonic() - begun, 1e-3):,.0f} a second"
