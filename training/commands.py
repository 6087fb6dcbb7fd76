"""Commands of the training side: `wiretag train`, `wiretag evaluate`, `wiretag corpus`."""

import json
from pathlib import Path

import click

from models.errors import CorpusError

_FILE = click.Path(path_type=Path)


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
@click.option("--registry", type=_FILE, help="Folder to release into. Default: the program's own models/.")
@click.option(
    "--measure",
    multiple=True,
    metavar="NAME=FILE",
    help="Labelled segments or gold pages to measure on; the figures go into the model card and change nothing.",
)
@click.option("--activate/--no-activate", default=True, show_default=True, help="Make the new model the serving one.")
@click.option("--pipeline", is_flag=True, help="Write the scikit-learn pipeline beside the model, for data scientists.")
def train(  # noqa: PLR0917 - click passes one argument an option, by name
    corpora: tuple[Path, ...],
    topics_path: Path | None,
    recipe_path: Path | None,
    registry: Path | None,
    measure: tuple[str, ...],
    activate: bool,
    pipeline: bool,
) -> None:
    """Fit a model on labelled segments, measure it and release it."""
    from models.registry import DEFAULT_ROOT, Registry
    from models.topics import DEFAULT_PATH, load_topics
    from training.corpus import CORPUS_DIR, read_segments
    from training.recipe import DEFAULT_PATH as DEFAULT_RECIPE
    from training.recipe import load_recipe
    from training.release import make_release, read_yardstick

    topics = load_topics(topics_path or DEFAULT_PATH)
    recipe = load_recipe(recipe_path or DEFAULT_RECIPE)
    ids = [topic.id for topic in topics]
    segments = read_segments(corpora or [CORPUS_DIR], ids)
    measured_on = {}
    for pair in measure:
        name, equals, file = pair.partition("=")
        if not equals or not name or not file:
            raise click.BadParameter(f"{pair!r}: write NAME=FILE", param_hint="--measure")
        measured_on[name] = read_yardstick(Path(file), ids)
    target = Registry(registry or DEFAULT_ROOT)
    click.echo(f"fitting {len(ids)} topics on {len(segments):,} segments", err=True)
    folder = make_release(segments, topics, recipe, target.releases, measured_on=measured_on, with_pipeline=pipeline)
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
