"""Commands of the training side: `wiretag train`, `wiretag evaluate`, `wiretag retrain`, `wiretag corpus`."""

import json
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from models.errors import CorpusError

if TYPE_CHECKING:
    from training.corpus import Segment
    from training.retrain import Result

_FILE = click.Path(path_type=Path)
STAGES = 6  # of a retraining that promotes
STREAMED_FROM = 100_000_000  # bytes of labelled segments, from which on a fit in memory passes 4 GB: docs/scale.md
KEPT = 3  # exit status of a retraining after which the old model serves on


@click.command()
@click.option(
    "--corpus",
    "corpora",
    type=_FILE,
    multiple=True,
    help="Labelled segments: a file or folder; may be repeated. Default: the shipped corpus.",
)
@click.option("--topics", "topics_path", type=_FILE, help="Topics file. Default: the shipped topics.")
@click.option("--recipe", "recipe_path", type=_FILE, help="Recipe file. Default: the shipped recipe.")
@click.option("--registry", type=_FILE, envvar="WIRETAG_MODEL", help="Registry to release into. Default: the program's own.")
@click.option(
    "--measure",
    multiple=True,
    metavar="NAME=FILE",
    help="Labelled segments or gold pages to measure on; the figures go into the model card and change nothing.",
)
@click.option("--activate/--no-activate", default=True, show_default=True, help="Make the new model the serving one.")
@click.option("--pipeline", is_flag=True, help="Write the scikit-learn pipeline beside the model, for data scientists.")
@click.option(
    "--streamed/--no-streamed",
    default=None,
    help=f"Fit in passes over the files, in bounded memory. Default: when they hold more than {STREAMED_FROM // 10**6} MB.",
)
@click.option("--scheduler", metavar="URL", help="Fit on the workers of this Dask scheduler, such as tcp://10.0.0.5:8786.")
def train(  # noqa: PLR0917 - click passes one argument an option, by name
    corpora: tuple[Path, ...],
    topics_path: Path | None,
    recipe_path: Path | None,
    registry: Path | None,
    measure: tuple[str, ...],
    activate: bool,
    pipeline: bool,
    streamed: bool | None,
    scheduler: str | None,
) -> None:
    """Fit a model on labelled segments, measure it and release it."""
    from models.registry import DEFAULT_ROOT, Registry
    from models.topics import DEFAULT_PATH, load_topics
    from training.cluster import fitting_on
    from training.corpus import CORPUS_DIR, files, read_segments
    from training.lock import only_run
    from training.recipe import DEFAULT_PATH as DEFAULT_RECIPE
    from training.recipe import load_recipe
    from training.release import make_release, read_yardstick
    from training.streamed import make_streamed_release

    topics = load_topics(topics_path or DEFAULT_PATH)
    recipe = load_recipe(recipe_path or DEFAULT_RECIPE)
    ids = [topic.id for topic in topics]
    paths = corpora or (CORPUS_DIR,)
    n_bytes = sum(path.stat().st_size for path in files(paths))
    measured_on = {}
    for pair in measure:
        name, equals, file = pair.partition("=")
        if not equals or not name or not file:
            raise click.BadParameter(f"{pair!r}: write NAME=FILE", param_hint="--measure")
        measured_on[name] = read_yardstick(Path(file), ids)
    target = Registry(registry or DEFAULT_ROOT)
    written: dict[str, Any] = {"measured_on": measured_on, "with_pipeline": pipeline}
    with only_run(target.root):
        if streamed if streamed is not None else n_bytes > STREAMED_FROM:
            if scheduler:
                raise click.UsageError("--scheduler: a streamed fit runs on this machine alone; leave one of the two out")
            click.echo(f"fitting {len(ids)} topics on {n_bytes / 1e6:,.0f} MB of segments, streamed", err=True)
            folder = make_streamed_release(paths, topics, recipe, target.releases, **written)
        else:
            segments = read_segments(paths, ids)
            click.echo(f"fitting {len(ids)} topics on {len(segments):,} segments", err=True)
            with fitting_on(scheduler):
                folder = make_release(segments, topics, recipe, target.releases, **written)
        if activate:
            target.activate(folder.name)
    click.echo(folder.name)


@click.command()
@click.argument("file", type=_FILE)
@click.option(
    "--model",
    type=_FILE,
    envvar="WIRETAG_MODEL",
    help="Release folder or registry. Default: the shipped model.",
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def evaluate(file: Path, model: Path | None, as_json: bool) -> None:
    """Measure a model on FILE: labelled segments, or gold pages."""
    from models.registry import load_model
    from training.card import figure_lines
    from training.release import measure, read_yardstick

    release = load_model(model)
    figures = measure(release, read_yardstick(file, [topic.id for topic in release.topics]))
    click.echo(json.dumps(figures) if as_json else "\n".join(figure_lines(figures)))


@click.command()
@click.option("--registry", type=_FILE, envvar="WIRETAG_MODEL", help="Registry to release into. Default: the program's own.")
@click.option("--corpus", "corpora", type=_FILE, multiple=True, help="Labelled segments. Default: the shipped corpus.")
@click.option("--data", type=_FILE, multiple=True, help="More labelled segments (JSONL, CSV, TSV); may be repeated.")
@click.option(
    "--database", metavar="URL", envvar="WIRETAG_DATABASE_URL", help="Corrections store. Default: var/corrections.db."
)
@click.option("--corrections/--no-corrections", default=True, show_default=True, help="Learn from the corrections that stand.")
@click.option("--topics", "topics_path", type=_FILE, help="Topics file. Default: the serving model's topics.")
@click.option("--recipe", "recipe_path", type=_FILE, help="Recipe file. Default: the shipped recipe.")
@click.option("--gate", "gate_path", type=_FILE, help="What a model must show. Default: the shipped gate.")
@click.option("--holdout", type=_FILE, help="Segments to judge on that no model learnt from. Default: a fold of the corpus.")
@click.option("--behaviour", type=_FILE, help="Folder with tables of cases. Default: the shipped tables.")
@click.option("--report", type=_FILE, help="Folder for report.json and report.html. Default: reports/VERSION in the registry.")
@click.option("--allow-topics-change", is_flag=True, help="Let a model with other topics in.")
@click.option("--force", is_flag=True, help="Let the model in whatever the gate says; its manifest will tell.")
@click.option("--curve/--no-curve", default=True, show_default=True, help="Measure what more labels would bring.")
@click.option("--json", "as_json", is_flag=True, help="Print the report as one JSON object.")
@click.option("--scheduler", metavar="URL", help="Fit on the workers of this Dask scheduler, such as tcp://10.0.0.5:8786.")
def retrain(  # noqa: PLR0917 - click passes one argument an option, by name
    registry: Path | None,
    corpora: tuple[Path, ...],
    data: tuple[Path, ...],
    database: str | None,
    corrections: bool,
    topics_path: Path | None,
    recipe_path: Path | None,
    gate_path: Path | None,
    holdout: Path | None,
    behaviour: Path | None,
    report: Path | None,
    allow_topics_change: bool,
    force: bool,
    curve: bool,
    as_json: bool,
    scheduler: str | None,
) -> None:
    """Fit a model on corpus and corrections, and let it serve if it passes the gate.

    Exit status: 0 the new model serves, 3 the old one was kept, 1 the run failed.
    """
    from tqdm import tqdm

    from models.registry import DEFAULT_ROOT, Registry
    from models.topics import DEFAULT_PATH as DEFAULT_TOPICS
    from models.topics import load_topics, parse_topics
    from training.behaviour_tables import DEFAULT_DIR
    from training.cluster import fitting_on
    from training.corpus import CORPUS_DIR, read_segments
    from training.gate import DEFAULT_PATH as DEFAULT_GATE
    from training.gate import load_gate
    from training.learning import learning_curve
    from training.recipe import DEFAULT_PATH as DEFAULT_RECIPE
    from training.recipe import load_recipe
    from training.report import write_report
    from training.retrain import Outcome, Task, today
    from training.retrain import retrain as run

    target = Registry(registry or DEFAULT_ROOT)
    recipe = today(load_recipe(recipe_path or DEFAULT_RECIPE))
    serving = target.load_current().manifest if target.current() and topics_path is None else None
    topics = parse_topics(serving["topics"], str(target.root)) if serving else load_topics(topics_path or DEFAULT_TOPICS)
    ids = [topic.id for topic in topics]
    task = Task(
        target,
        read_segments(corpora or [CORPUS_DIR], ids),
        [*(read_segments(data, ids) if data else ()), *(_corrected(database, ids) if corrections else ())],
        topics,
        recipe,
        load_gate(gate_path or DEFAULT_GATE),
        holdout=read_segments([holdout], ids) if holdout else (),
        behaviour=behaviour or DEFAULT_DIR,
        may_change_topics=allow_topics_change,
        force=force,
    )
    bar = tqdm(total=STAGES, file=sys.stderr, bar_format="{desc:<44}{bar}{elapsed}", disable=as_json)
    with fitting_on(scheduler), bar as progress:

        def tell(stage: str) -> None:
            progress.set_description_str(stage)
            progress.update()

        result = run(task, tell)
        tell("reporting")
        learnt = learning_curve(result.additions.corpus, result.additions.added, ids, recipe) if curve else None
        folder = write_report(report or target.root / "reports" / result.challenger.version, result, learnt)
    if as_json:
        click.echo((folder / "report.json").read_text(encoding="utf-8"))
    else:
        click.echo("\n".join(_told(result)))
        click.echo(f"report: {folder / 'report.html'}")
    if result.outcome is Outcome.KEPT:
        sys.exit(KEPT)


def _corrected(database: str | None, topics: Sequence[str]) -> Iterator["Segment"]:
    """The standing corrections as labelled segments. The default store need not be there."""
    from models.database import DEFAULT_FILE, DEFAULT_URL
    from models.secret_files import secret
    from models.store import Store
    from training.corpus import Segment
    from training.corrections import labelled

    url = database or secret("WIRETAG_DATABASE_URL")
    if not url and not DEFAULT_FILE.exists():
        return
    with Store(url or DEFAULT_URL) as store:
        for row in labelled(store.standing()):
            if not set(row["topics"]) <= set(topics):
                click.echo(f"{row['id']}: names a topic that the model does not have; left out", err=True)
                continue
            yield Segment(row["id"], row["headline"], row["text"], frozenset(row["topics"]), row["group"], row["source"])


def _told(result: "Result") -> list[str]:
    lines = [f"{'pass' if check.passed else 'FAIL'}  {check.name}: {check.told}" for check in result.verdict.checks]
    lines += result.verdict.remarks
    lines += [f"one text, two labels: {c.first} and {c.second}; {c.stands} stands" for c in result.additions.conflicts]
    champion = result.champion.version if result.champion else "no model"
    forced = " by force" if result.forced else ""
    if result.outcome == "promoted":
        return [*lines, f"{result.challenger.version} serves now{forced} (before: {champion})"]
    return [*lines, f"{champion} was kept; {result.challenger.version} did not pass"]


@click.group()
def corpus() -> None:
    """Look after labelled segments."""


@corpus.command()
@click.argument("paths", type=_FILE, nargs=-1)
@click.option("--topics", "topics_path", type=_FILE, help="Topics file. Default: the shipped topics.")
def check(paths: tuple[Path, ...], topics_path: Path | None) -> None:
    """Check labelled segments in PATHS (default: the shipped corpus): schema, ids, repeats, balance."""
    from models.topics import DEFAULT_PATH, load_topics
    from training.corpus import CORPUS_DIR, balance, read_segments, repeats

    topics = load_topics(topics_path or DEFAULT_PATH)
    try:
        segments = read_segments(paths or [CORPUS_DIR], [topic.id for topic in topics])
    except CorpusError as error:
        for problem in error.problems:
            click.echo(problem, err=True)
        raise
    counts = balance(segments)
    click.echo(f"{counts.segments:,} segments, {counts.groups:,} stories, {counts.words:,} words")
    for topic in topics:
        click.echo(f"{counts.topics.get(topic.id, 0):>7,} {topic.id}")
    click.echo(f"{counts.several:>7,} with several topics\n{counts.none:>7,} with none")
    if found := repeats(segments):
        for problem in found:
            click.echo(problem, err=True)
        raise CorpusError(f"{len(found)} segments repeat others; drop them or give them one group")
