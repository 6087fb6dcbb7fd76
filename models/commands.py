"""Commands of the registry: `wiretag models …`."""

from pathlib import Path

import click

from models.errors import ReleaseError, WiretagError


@click.group()
@click.option(
    "--registry",
    type=click.Path(path_type=Path, file_okay=False),
    envvar="WIRETAG_MODEL",
    help="Folder with releases/ and current. Default: the models shipped with the program.",
)
@click.pass_context
def models(ctx: click.Context, registry: Path | None) -> None:
    """List, show, verify, activate and roll back released models."""
    from models.registry import DEFAULT_ROOT, Registry

    ctx.obj = Registry(registry or DEFAULT_ROOT)


@models.command(name="list")
@click.pass_context
def list_(ctx: click.Context) -> None:
    """Print every version; the serving one is marked with a star."""
    current = ctx.obj.current()
    for version in ctx.obj.versions():
        click.echo(f"{'*' if version == current else ' '} {version}")


def _chosen(ctx: click.Context, version: str | None) -> Path:
    version = version or ctx.obj.current()
    if version is None:
        raise ReleaseError(f"{ctx.obj.root}: no model is active; name a version")
    return ctx.obj.folder(version)  # type: ignore[no-any-return]


@models.command()
@click.argument("version", required=False)
@click.pass_context
def show(ctx: click.Context, version: str | None) -> None:
    """Print the model card of VERSION (default: the serving one), and which kernel scores with it."""
    from models import kernels

    card = _chosen(ctx, version) / "MODEL_CARD.md"
    try:
        click.echo(card.read_text(encoding="utf-8"))
        click.echo(f"Scored here by the {kernels.name()} kernel.")
    except OSError as error:
        raise ReleaseError(f"{card}: cannot be read ({error.strerror}); restore the folder") from None


@models.command()
@click.argument("version", required=False)
@click.pass_context
def verify(ctx: click.Context, version: str | None) -> None:
    """Check VERSION (default: every version) against its manifest and self-test."""
    from models.release import verify_release

    folders = [_chosen(ctx, version)] if version else [ctx.obj.folder(name) for name in ctx.obj.versions()]
    if not folders:
        raise ReleaseError(f"{ctx.obj.releases}: there are no models; run `wiretag train`")
    faults = []
    for folder in folders:
        try:
            click.echo(f"{verify_release(folder)}: sound")
        except WiretagError as error:
            faults.append(str(error))
    if faults:
        raise ReleaseError("; ".join(faults))


@models.command()
@click.argument("version")
@click.pass_context
def activate(ctx: click.Context, version: str) -> None:
    """Make VERSION the serving one, after verifying it."""
    before = ctx.obj.activate(version)
    click.echo(f"{version} serves now" + (f" (before: {before})" if before and before != version else ""))


@models.command()
@click.pass_context
def rollback(ctx: click.Context) -> None:
    """Make the version that served before the current one serve again."""
    click.echo(f"{ctx.obj.rollback()} serves now")


@models.command()
@click.pass_context
def seed(ctx: click.Context) -> None:
    """Copy the model shipped with the program into a registry that has none, and make it serve."""
    version = ctx.obj.seed()
    click.echo(f"{ctx.obj.root}: {version} serves now" if version else f"{ctx.obj.root}: has a model; left as it is")


@models.command()
@click.argument("before")
@click.argument("after")
@click.pass_context
def diff(ctx: click.Context, before: str, after: str) -> None:
    """Print what changed from version BEFORE to AFTER: figures, thresholds, the words whose weights moved most."""
    from models.compare import differences
    from models.release import load_release

    old, new = (load_release(ctx.obj.folder(version)) for version in (before, after))
    lines = list(differences(old, new))
    click.echo("\n".join(lines) if lines else "no difference")


@models.command()
@click.option(
    "--keep", type=click.IntRange(min=0), default=5, show_default=True, help="How many of the newest to keep besides."
)
@click.pass_context
def prune(ctx: click.Context, keep: int) -> None:
    """Remove old versions; the serving one and the one before it always stay."""
    removed = ctx.obj.prune(keep)
    click.echo("\n".join(f"{version} removed" for version in removed) or "nothing to remove")
