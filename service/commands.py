"""Commands of the serving side: `wiretag serve`, `wiretag classify`."""

import gc
import sys
from pathlib import Path

import click

from models.errors import InputError

_FILE = click.Path(path_type=Path)
_FORMS = click.Choice(["text", "page", "html"])
_model = click.option(
    "--model", type=_FILE, envvar="WIRETAG_MODEL", help="Release folder or registry. Default: the shipped model."
)


@click.command()
@click.option("--bind", metavar="HOST:PORT", help="Address to listen on.  [env: WIRETAG_BIND; default: 127.0.0.1:8000]")
@click.option("--workers", type=int, help="Worker processes.  [env: WIRETAG_WORKERS; default: 2]")
@click.option("--threads", type=int, help="Threads a worker.  [env: WIRETAG_THREADS; default: 16]")
@click.option(
    "--model",
    type=_FILE,
    help="Release folder or registry.  [env: WIRETAG_MODEL; default: the shipped model]",
)
def serve(bind: str | None, workers: int | None, threads: int | None, model: Path | None) -> None:
    """Run the HTTP service.

    A folder without any model yet is waited for; a model that is damaged is refused at once.
    """
    gc.disable()  # what is loaded from here on stays; `run` has it on again
    try:
        from models.registry import awaits_model, load_model
        from models.release import with_prior
        from service.app import create_app
        from service.server import run
        from service.settings import Settings

        settings = Settings.from_environment(bind=bind, workers=workers, threads=threads, model=model)
        if awaits_model(settings.model):
            click.echo(f"{settings.model}: no model is active yet; /readyz says so until one is", err=True)
            release = None
        else:
            release = with_prior(load_model(settings.model), settings.shares)  # refused before a port is taken
        run(create_app(settings, release), settings)
    finally:
        gc.enable()


@click.command()
@click.argument("file", type=click.Path(path_type=Path, allow_dash=True), default="-")
@click.option("--as", "form", type=_FORMS, help="What FILE holds. Default: html for .html files, else page.")
@_model
@click.option("--explain", is_flag=True, help="Show the words that decided.")
@click.option("--json", "as_json", is_flag=True, help="Print the wire form.")
def classify(file: Path, form: str | None, model: Path | None, explain: bool, as_json: bool) -> None:
    """Classify one page or text (FILE, or - for standard input)."""
    from models.pipeline import Document, Form, Options
    from models.pipeline import classify as run
    from models.registry import load_model
    from service.terminal import render
    from service.wire import encode

    if form is None:
        form = "html" if file.suffix.lower() in {".html", ".htm"} else "page"
    try:
        content = (sys.stdin.buffer.read() if str(file) == "-" else file.read_bytes()).decode()
    except UnicodeDecodeError as error:
        raise InputError(f"{file}: not UTF-8 (byte {error.start}); convert the file") from None
    except OSError as error:
        raise InputError(f"{file}: cannot be read ({error.strerror})") from None
    name = None if str(file) == "-" else str(file)
    try:
        result = run(load_model(model), Document(content, Form(form), None, name), Options(explain=explain))
    except InputError as error:
        raise InputError(f"{name or 'standard input'}: {error}") from None
    if as_json:
        click.echo(encode(result))
    else:
        click.echo(render(result))
