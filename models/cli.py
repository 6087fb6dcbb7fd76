"""The `wiretag` command. Each room brings its subcommands as entry points; a heavy import waits until its command runs."""

import os
import sys
from importlib.metadata import EntryPoint, entry_points, version
from typing import Any

import click

from models.errors import WiretagError


class _Rooms(click.Group):
    """A group whose subcommands are the entry points of `wiretag.commands`."""

    @staticmethod
    def _found() -> dict[str, EntryPoint]:
        return {point.name: point for point in entry_points(group="wiretag.commands")}

    def list_commands(self, ctx: click.Context) -> list[str]:
        return sorted(self._found())

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        point = self._found().get(cmd_name)
        return point.load() if point else None

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except WiretagError as error:
            message = str(error)
        except ModuleNotFoundError as error:
            message = f"this command needs {error.name}; install it with `pip install 'wiretag[train]'` or `make train`"
        click.echo(f"wiretag: {one_line(message)}", err=True)
        raise SystemExit(1) from None


def one_line(message: str) -> str:
    """A message on one line."""
    return " ".join(message.split())


@click.group(cls=_Rooms, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(version("wiretag"), message="%(version)s")
def wiretag() -> None:
    """Cut scraped news pages into segments and tag each with the desk's topics."""


def main() -> None:
    """Run `wiretag`: exit status 0 done, 1 the work failed, 2 wrong use."""
    try:
        wiretag()
    except BrokenPipeError:  # the reader of our output has gone (`| head`): not a failure of ours
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        raise SystemExit(0) from None
