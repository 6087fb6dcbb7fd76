"""`wiretag summary`."""

from pathlib import Path

import click

from models.errors import WiretagError

_FILE = click.Path(path_type=Path)


@click.command()
@click.argument("results", type=_FILE, nargs=-1, required=True)
@click.option("--day", metavar="COLUMN", help="The input's column with a document's day. Default: published, date, …")
@click.option("--source", metavar="COLUMN", help="The input's column with its source. Default: source, …, its address.")
@click.option("--unique", is_flag=True, help="Leave out documents that repeat an earlier one (`wiretag tag --dedupe`).")
@click.option("--svg", type=_FILE, help="Draw the summary into this file.")
@click.option("--json", "as_json", is_flag=True, help="Print all counts as one JSON object.")
def summary(  # noqa: PLR0917 - click passes one argument an option, by name
    results: tuple[Path, ...], day: str | None, source: str | None, unique: bool, svg: Path | None, as_json: bool
) -> None:
    """Count what RESULTS of `wiretag tag` hold: topics by day, by source, and which come together.

    RESULTS are .jsonl (also .gz, .zst) or .parquet files, or folders of them.
    """
    from service.results import find_results, read_rows
    from service.summary import summarize
    from service.summary_picture import picture
    from service.summary_table import table
    from service.wire import encode

    needed = [column for column in (day, source) if column]
    found = summarize(read_rows(find_results(results), needed), day, source, unique)
    if svg is not None:
        try:
            svg.write_text(picture(found), encoding="utf-8")
        except OSError as error:
            raise WiretagError(f"{svg}: cannot be written ({error.strerror})") from None
    click.echo(encode(found.as_dict()) if as_json else table(found))
