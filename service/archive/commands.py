"""`wiretag tag`."""

from pathlib import Path

import click

_FORMS = click.Choice(["text", "page", "html"])


@click.command()
@click.argument("inputs", nargs=-1, required=True)
@click.option(
    "-o",
    "--output",
    required=True,
    help="Results: a .jsonl (also .gz, .zst) or .parquet file; a folder of them if it ends in /.",
)
@click.option("--as", "form", type=_FORMS, help="What a row's text is. Default: text; html for HTML files and web archives.")
@click.option("--text-column", default="text", show_default=True, help="Column or field that holds the text.")
@click.option("--id-column", default="document_id", show_default=True, help="Column that holds the id.")
@click.option(
    "--headline-column", default="headline", show_default=True, help="Column that holds the headline, if there is one."
)
@click.option("--keep", multiple=True, metavar="COLUMN", help="Carry a column of the input through. May be repeated.")
@click.option(
    "--model",
    type=click.Path(path_type=Path),
    envvar="WIRETAG_MODEL",
    help="Release folder or registry. Default: the shipped model.",
)
@click.option("--workers", type=click.IntRange(0), default=0, help="Processes. Default: one a core.")
@click.option(
    "--chunk-mb", type=click.FloatRange(0.001), default=8, show_default=True, help="Input worked on at once by a process."
)
@click.option("--resume", is_flag=True, help="Go on with a run that was stopped or killed.")
@click.option("--fail-fast", is_flag=True, help="Stop at the first document that cannot be used.")
@click.option(
    *("--dedupe", "--duplicates", "dedupe"),
    is_flag=True,
    help="Mark stories that repeat an earlier one of the run, nearly word for word.",
)
@click.option("--engine", type=click.Choice(["local", "dask"]), default="local", show_default=True, help="What does the work.")
@click.option("--scheduler", metavar="URL", help="The scheduler of --engine dask, such as tcp://10.0.0.5:8786.")
def tag(  # noqa: PLR0917 - one argument an option
    inputs: tuple[str, ...],
    output: str,
    form: str | None,
    text_column: str,
    id_column: str,
    headline_column: str,
    keep: tuple[str, ...],
    model: Path | None,
    workers: int,
    chunk_mb: float,
    resume: bool,
    fail_fast: bool,
    dedupe: bool,
    engine: str,
    scheduler: str | None,
) -> None:
    """Tag whole archives: JSONL, CSV, TSV, Parquet rows, WARC records, text and HTML files, folders of them, globs, URLs.

    Results keep the order of the documents. A document that cannot be used becomes a row with its error. The output appears
    only when all of it was written; a run that was killed goes on with --resume.
    """
    if (engine == "dask") != (scheduler is not None):
        raise click.UsageError("--engine dask and --scheduler URL go together")
    from models.pipeline import Form
    from service.archive.chunks import Choices, Columns
    from service.archive.run import Task, run

    columns = Columns(id_column, text_column, headline_column)
    choices = Choices(Form(form) if form else None, columns, keep, round(chunk_mb * 1e6), fail_fast, dedupe)
    summary = run(Task(inputs, output, choices, model, workers, resume, scheduler))
    if summary is None:
        click.echo(f"{output} is whole; there is nothing to go on with", err=True)
        return
    before = f" ({summary.n_done_before:,} before)" if summary.n_done_before else ""
    click.echo(
        f"{summary.n_documents:,} documents tagged{before}, {summary.n_failed:,} could not be used: {output} "
        f"({_duration(summary.seconds)})",
        err=True,
    )


def _duration(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes // 60}:{minutes % 60:02}:{rest:02}" if minutes >= 60 else f"{minutes}:{rest:02}"
