"""Commands of the corrections store: `wiretag corrections …`; and corrections as labelled segments."""

import json
import sys
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from models.errors import CorpusError, InputError

if TYPE_CHECKING:
    from models.corrections import Stored
    from models.store import Stats

_FILE = click.Path(path_type=Path)


def labelled(corrections: Iterable["Stored"]) -> Iterator[dict[str, Any]]:
    """Corrections as the contract's labelled segments.

    Those that nearly repeat an earlier one share its `group`: a story that ten sites carry must not stand on both sides of a
    fold.
    """
    from models.corrections import as_segment
    from models.duplicates import Seen

    seen = Seen()
    groups: dict[str, str] = {}
    for stored in corrections:
        headline, text = as_segment(stored.headline, stored.text)
        like = seen.first_like(text, (stored.segment_hash, 0))
        near = like[0] if like else stored.segment_hash
        group = stored.group or groups.get(near) or stored.segment_hash[:16]
        groups.setdefault(stored.segment_hash, group)
        yield {
            "id": f"correction-{stored.id}",
            "headline": headline,
            "text": text,
            "topics": list(stored.topics),
            "group": group,
            "source": stored.source or "correction",
        }


@click.group()
@click.option(
    "--database",
    metavar="URL",
    envvar="WIRETAG_DATABASE_URL",
    help="Corrections store.  [env: WIRETAG_DATABASE_URL; default: the SQLite file var/corrections.db]",
)
@click.pass_context
def corrections(ctx: click.Context, database: str | None) -> None:
    """Bring corrections in and out, and look after their store."""
    ctx.obj = database


def _open(ctx: click.Context) -> Any:
    from models.database import DEFAULT_URL
    from models.secret_files import secret
    from models.store import Store

    return ctx.with_resource(Store(ctx.obj or secret("WIRETAG_DATABASE_URL") or DEFAULT_URL))


@corrections.command(name="import")
@click.argument("files", type=_FILE, nargs=-1, required=True)
@click.option("--topics", "topics_path", type=_FILE, help="Topics file. Default: the topics of the serving model.")
@click.option("--model", type=_FILE, envvar="WIRETAG_MODEL", help="Release folder or registry. Default: the shipped model.")
@click.option("--by", default="import", show_default=True, help="Who corrected.")
@click.pass_context
def import_(ctx: click.Context, files: tuple[Path, ...], topics_path: Path | None, model: Path | None, by: str) -> None:
    """Store labelled segments of FILES (JSONL, CSV or TSV) as corrections.

    All of them are checked first. A segment that stands with these topics already is passed over: an import can be repeated.
    """
    from models.corrections import Correction, check
    from models.registry import load_model
    from models.topics import load_topics
    from training.corpus import read_segments

    topics = [topic.id for topic in (load_topics(topics_path) if topics_path else load_model(model).topics)]
    try:
        segments = read_segments(files, topics)
    except CorpusError as error:
        for problem in error.problems:
            click.echo(problem, err=True)
        raise
    except OSError as error:
        raise InputError(f"{error.filename}: cannot be read ({error.strerror})") from None
    rows = []
    for segment in segments:
        row = Correction(
            text=segment.text,
            topics=tuple(sorted(segment.topics)),
            headline=segment.headline,
            group=segment.group if segment.group != segment.id else None,
            source=segment.source or None,
        )
        try:
            check(row, topics)
        except InputError as error:
            raise InputError(f"segment {segment.id!r}: {error.pointer.removeprefix('/')}: {error}") from None
        rows.append(row)
    n_stored = _open(ctx).add_new(rows, by)
    click.echo(f"{n_stored:,} corrections stored, {len(rows) - n_stored:,} stood already", err=True)


@corrections.command()
@click.option("--all", "with_history", is_flag=True, help="Every correction, with who, when, and what stands.")
@click.pass_context
def export(ctx: click.Context, with_history: bool) -> None:
    """Write labelled segments as JSONL to standard output: of each segment the correction that stands."""
    store = _open(ctx)
    if with_history:
        for stored, is_conflict in store.history():
            (row,) = labelled([stored])
            _print({**row, **_history(stored), "conflict": is_conflict})
        return
    for row in labelled(store.standing()):
        _print(row)
    if number := store.conflicts():
        click.echo(f"on {number:,} segments people differ; the later stands, `export --all` shows both", err=True)


def _history(stored: "Stored") -> dict[str, Any]:
    return {
        "segment_hash": stored.segment_hash,
        "shown": stored.shown,
        "document_id": stored.document_id,
        "model_version": stored.model_version,
        "note": stored.note,
        "corrected_by": stored.corrected_by,
        "recorded_at": stored.recorded_at.isoformat(),
        "stands": stored.stands,
    }


def _print(row: dict[str, Any]) -> None:
    sys.stdout.buffer.write(json.dumps(row, ensure_ascii=False).encode() + b"\n")


@corrections.command()
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
@click.pass_context
def stats(ctx: click.Context, as_json: bool) -> None:
    """Print what the store holds: how many corrections, of which topics, by whom."""
    from dataclasses import asdict

    found = _open(ctx).stats()
    click.echo(json.dumps(asdict(found), default=datetime.isoformat) if as_json else "\n".join(_table(found)))


def _table(found: "Stats") -> Iterator[str]:
    yield f"{found.corrections:,} corrections of {found.segments:,} segments, {found.conflicts:,} of them in dispute"
    if found.first and found.last:
        yield f"from {found.first:%Y-%m-%d %H:%M} to {found.last:%Y-%m-%d %H:%M} UTC"
    yield f"{found.candidates:,} segments kept for review"
    if found.topics:
        yield f"{'given':>7} {'added':>7} {'removed':>7}"
    for topic, counts in found.topics.items():
        yield f"{counts.given:>7,} {counts.added:>7,} {counts.removed:>7,}  {topic}"
    if found.segments:
        yield f"{found.without_topic:>7,} {'':>7} {'':>7}  without a topic"
    for name, number in found.people.items():
        yield f"{number:>7,} by {name or 'people without a key'}"


@corrections.command()
@click.option("--older-than", type=click.IntRange(1, 36_500), metavar="DAYS", help="Delete what was recorded before.")
@click.option("--document-id", metavar="ID", help="Delete what is kept of a document.")
@click.pass_context
def prune(ctx: click.Context, older_than: int | None, document_id: str | None) -> None:
    """Delete corrections and segments kept for review, for good: old ones, or those of a document."""
    if (older_than is None) == (document_id is None):
        raise click.UsageError("give one of --older-than and --document-id")
    store = _open(ctx)
    if document_id is not None:
        n_corrections, n_candidates = store.delete_document(document_id)
    else:
        n_corrections, n_candidates = store.prune(datetime.now(UTC) - timedelta(days=older_than or 0))
    click.echo(f"{n_corrections:,} corrections and {n_candidates:,} segments kept for review deleted", err=True)


@corrections.command()
@click.pass_context
def migrate(ctx: click.Context) -> None:
    """Bring the store's schema up to date, making the store if there is none."""
    from models.database import REVISIONS

    click.echo(f"{_open(ctx).database.name}: schema {REVISIONS[-1]}")
