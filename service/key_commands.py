"""Commands for API keys: `wiretag keys …`."""

from pathlib import Path

import click

from models.errors import InputError

_file = click.option(
    "--file", "path", type=click.Path(path_type=Path), envvar="WIRETAG_KEYS", help="The file of keys.  [env: WIRETAG_KEYS]"
)


@click.group()
def keys() -> None:
    """Make, list and revoke API keys. A running service follows within a second."""


@keys.command()
@click.argument("name")
@click.option("--role", type=click.Choice(["classify", "correct", "admin"]), required=True, help="What the key may do.")
@_file
def add(name: str, role: str, path: Path | None) -> None:
    """Make a key and print it, this once: the file keeps its SHA-256 alone."""
    from service.keys import Role, changing_keys, make_key

    secret, key = make_key(name, Role(role))
    with changing_keys(_named(path)) as there:
        if any(each.name == name for each in there):
            raise InputError(f"{name}: there is a key of this name; remove it first, or choose another name")
        there.append(key)
    click.echo(secret)
    click.echo("Keep it: it cannot be shown again.", err=True)


@keys.command(name="list")
@_file
def list_(path: Path | None) -> None:
    """Print the name and role of every key."""
    from service.keys import read_keys

    for key in read_keys(_named(path)):
        click.echo(f"{key.role:<8}  {key.name}")


@keys.command()
@click.argument("name")
@_file
def remove(name: str, path: Path | None) -> None:
    """Revoke the key NAME."""
    from service.keys import changing_keys

    path = _named(path)
    with changing_keys(path) as there:
        left = [key for key in there if key.name != name]
        if len(left) == len(there):
            raise InputError(f"{name}: {path} has no such key; see `wiretag keys list`")
        there[:] = left
    click.echo(f"{name}: revoked", err=True)


def _named(path: Path | None) -> Path:
    if path is None:
        raise InputError("no file of keys; name one with --file or WIRETAG_KEYS")
    return path
