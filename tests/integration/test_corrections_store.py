"""The corrections store, on SQLite and on PostgreSQL alike."""

import os
import sqlite3
import subprocess
import sys
import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory

import models.store
from models import database, tables
from models.corrections import Correction
from models.errors import InputError, StoreError
from models.store import Store
from service.candidates import Candidate
from service.review_queue import ReviewQueue
from tests.postgres import Server

ROOT = Path(__file__).resolve().parents[2]
WIRETAG = [sys.executable, "-c", "from models.cli import main; main()"]
MIGRATIONS = Path(database.__file__).with_name("migrations")


@pytest.fixture
def store(database_url: str) -> Iterator[Store]:
    with Store(database_url) as opened:
        yield opened


def _correction(text: str = "Swarms left the hives.", *topics: str, **more: Any) -> Correction:
    return Correction(text=text, topics=topics, **more)


def _candidate(text: str, document_id: str | None = None) -> Candidate:
    return Candidate("beekeeping", 0.5, None, text, document_id, "v1", [])


@contextmanager
def _engine(url: str) -> Iterator[sa.Engine]:
    """A plain engine, to look at a store from outside."""
    engine = sa.create_engine(url.replace("postgresql:", "postgresql+psycopg:"))
    yield engine
    engine.dispose()


def test_what_is_added_comes_back(store: Store) -> None:
    """Every field is kept as it was given, in any script, with who and when."""
    given = _correction(
        "Пчёлы 蜂 🐝\n“quoted” \\ | \t",
        "beekeeping",
        headline="Bees",
        shown=("toll_bridges",),
        document_id="d/1",
        model_version="v1",
        note="see ’24",
        group="g",
        source="s",
    )
    before = datetime.now(UTC)
    stored = store.add(given, by="ann")
    assert store.get(stored.id) == stored
    assert {name: getattr(stored, name) for name in given.__dataclass_fields__} == {
        name: getattr(given, name) for name in given.__dataclass_fields__
    }
    assert (stored.corrected_by, stored.stands) == ("ann", True)
    assert before - timedelta(seconds=1) <= stored.recorded_at <= datetime.now(UTC)
    assert store.get(stored.id + 1) is None


def test_two_people_on_one_segment_keep_both_and_the_later_stands(store: Store) -> None:
    """Nothing is overwritten; the standing label is the last word, the difference is counted."""
    first = store.add(_correction("Swarms left.", "beekeeping"), by="ann")
    second = store.add(_correction("Swarms  left.\n"), by="bob")
    assert [(each.id, each.stands) for each in store.page(9)] == [(second.id, True), (first.id, False)]
    assert list(store.standing()) == [second]
    assert [(each.id, is_conflict) for each, is_conflict in store.history()] == [(first.id, True), (second.id, True)]
    assert store.conflicts() == store.stats().conflicts == 1


def test_one_person_who_changes_their_mind_is_no_conflict(store: Store) -> None:
    """Only last words are compared; of people without names nobody knows."""
    store.add(_correction("Swarms left.", "beekeeping"), by="ann")
    store.add(_correction("Swarms left."), by="bob")
    store.add(_correction("Swarms left."), by="ann")
    assert store.conflicts() == 0
    store.add(_correction("Rain fell.", "beekeeping"))
    store.add(_correction("Rain fell."))
    assert store.conflicts() == 1


def test_a_repeated_key_is_one_correction(store: Store) -> None:
    """A client that heard no answer sends again without harm; a key that comes with something else is a mistake."""
    first = store.add(_correction("Swarms left.", "beekeeping"), by="ann", key="k")
    store.add(_correction("Swarms left."), by="bob", key="k")  # another person's key is another key
    again = store.add(_correction("Swarms left.", "beekeeping"), by="ann", key="k")
    assert (again.id, again.recorded_at) == (first.id, first.recorded_at)
    with pytest.raises(InputError, match="came with another correction before"):
        store.add(_correction("Rain fell."), by="ann", key="k")
    assert len(store.page(9)) == 2
    assert store.add(_correction("Rain fell."), key="k").id == store.add(_correction("Rain fell."), key="k").id


def test_pages_and_filters(store: Store) -> None:
    """Pages join without gap or overlap while others write; filters take whole topic names only."""
    ids = [
        store.add(_correction(f"Text {n}", *(["a_b"] if n % 2 else ["axb", "a_bc"]), document_id=f"d{n % 3}")).id
        for n in range(9)
    ]
    first = store.page(4)
    store.add(_correction("Text later", "late"))
    rest = store.page(9, before=first[-1].id)
    assert [each.id for each in [*first, *rest]] == ids[::-1]
    assert [each.id for each in store.page(9, topic="a_b")] == ids[1::2][::-1]
    assert [each.id for each in store.page(9, document_id="d1")] == ids[1::3][::-1]
    assert store.page(9, topic="%") == store.page(9, document_id="d") == []


def test_a_clock_that_goes_backwards_loses_and_reorders_nothing(database_url: str) -> None:
    """What stands and what is listed follow the order of storing; `since` takes all that came after its first match."""
    noon = datetime(2026, 11, 22, 12, tzinfo=UTC)
    clock = iter([noon, noon + timedelta(hours=1), noon - timedelta(days=400), noon + timedelta(hours=2)])
    with Store(database_url, now=lambda: next(clock)) as store:
        ids = [store.add(_correction("Swarms left.", topic)).id for topic in ("a", "b", "c")]
        assert [each.topics for each in store.standing()] == [("c",)]
        assert [each.id for each in store.page(9)] == ids[::-1]
        assert [each.id for each in store.page(9, since=noon + timedelta(minutes=30))] == [ids[2], ids[1]]
        assert store.page(9, since=noon + timedelta(days=1)) == []


def test_ids_are_never_used_again(store: Store) -> None:
    """A cursor or a link that somebody keeps cannot come to mean another correction."""
    last = store.add(_correction("Swarms left.", document_id="d"))
    store.delete_document("d")
    assert store.add(_correction("Rain fell.")).id > last.id


def test_deletion_by_document_takes_all_that_is_kept_of_it(store: Store) -> None:
    """A publisher may ask: corrections and candidates go, those of other documents stay."""
    store.add(_correction("Swarms left.", document_id="d1"))
    store.add(_correction("Swarms came back.", document_id="d1"))
    store.add(_correction("Rain fell.", document_id="d2"))
    ReviewQueue(store.database).add([_candidate("Hives on the bridge.", "d1"), _candidate("Hives on the roof.", "d2")])
    assert store.delete_document("d1") == (2, 1)
    assert store.delete_document("d1") == (0, 0)
    assert [each.document_id for each in store.page(9)] == ["d2"]
    assert store.stats().candidates == 1


def test_deleted_text_is_gone_from_the_files(tmp_path: Path) -> None:
    """SQLite overwrites what it frees and empties its log: no text remains on the disk."""
    with Store(f"sqlite:///{tmp_path}/c.db") as store:
        for n in range(50):
            store.add(_correction(f"Confidential swarm {n}. " * 40, document_id="d"))
        assert any(b"Confidential" in path.read_bytes() for path in tmp_path.iterdir())
        store.delete_document("d")
        assert not any(b"Confidential" in path.read_bytes() for path in tmp_path.iterdir())


def test_retention(database_url: str) -> None:
    """Older than a moment goes, the rest stays."""
    clock = iter([datetime(2025, 1, 1, tzinfo=UTC), datetime(2026, 1, 1, tzinfo=UTC)])
    with Store(database_url, now=lambda: next(clock)) as store:
        store.add(_correction("Old swarm."))
        store.add(_correction("New swarm."))
        assert store.prune(datetime(2025, 6, 1, tzinfo=UTC)) == (1, 0)
        assert [each.text for each in store.page(9)] == ["New swarm."]


def test_standing_reads_more_than_one_batch_and_nothing_that_comes_meanwhile(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A long export is one state of the store, though others write."""
    monkeypatch.setattr(models.store, "_BATCH", 50)
    store.add_new(_correction(f"Text {n}") for n in range(120))
    rows = store.standing()
    first = next(rows)
    store.add(_correction("Text 5", "late"))
    found = [first, *rows]
    assert [each.text for each in found] == [f"Text {n}" for n in range(120)]
    assert found[5].topics == ()


def test_a_repeated_import_stores_nothing_and_a_changed_label_does(store: Store) -> None:
    """An import that was interrupted is run again; what stands already is passed over."""
    rows = [_correction("Swarms left.", "beekeeping"), _correction("Rain fell.")]
    assert (store.add_new(rows, "import"), store.add_new(rows, "import")) == (2, 0)
    assert store.add_new([_correction("Rain fell.", "toll_bridges")], "import") == 1
    assert len(store.page(9)) == 3


def test_threads_lose_and_double_nothing(store: Store) -> None:
    """Eight writers, every correction sent twice under its key: one row each, in the order of their ids."""

    def write(writer: int) -> list[int]:
        return [store.add(_correction(f"Text {writer}/{n // 2}"), key=f"{writer}/{n // 2}").id for n in range(40)]

    with ThreadPoolExecutor(8) as pool:
        ids = [id_ for found in pool.map(write, range(8)) for id_ in found]
    assert sorted(set(ids)) == sorted(each.id for each in store.page(1_000))
    assert len(set(ids)) == 160


# Schema


def test_the_migrations_make_the_tables_that_the_program_uses(store: Store, database_url: str) -> None:
    """A column or index added to the one is added to the other."""
    known = {"include_name": lambda name, kind, _: kind != "table" or name in tables.metadata.tables, "compare_type": True}
    with _engine(database_url) as engine, engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={**known, "version_table": database.VERSION_TABLE})
        assert compare_metadata(context, tables.metadata) == []
        assert context.get_current_revision() == database.REVISIONS[-1]


def test_the_program_knows_every_revision() -> None:
    """The list in `models/database.py` is that of the files in `models/migrations/`."""
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    walked = [script.revision for script in ScriptDirectory.from_config(config).walk_revisions()]
    assert tuple(reversed(walked)) == database.REVISIONS


@pytest.mark.parametrize("revision", database.REVISIONS)
def test_a_store_of_an_older_schema_is_brought_up_with_its_rows(database_url: str, revision: str, tmp_path: Path) -> None:
    """Whatever release made it, its corrections are there afterwards."""
    (tmp_path / "var").mkdir()
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    with _engine(database_url) as engine, engine.begin() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, revision)
        connection.execute(
            sa.text(
                "INSERT INTO corrections (segment_hash, text, topics, corrected_by, recorded_at) "
                "VALUES ('h', 'Swarms left.', '[\"beekeeping\"]', 'ann', '2026-01-01 00:00:00')"
            )
        )
    with Store(database_url) as store:
        (row,) = store.page(9)
        assert (row.text, row.topics, row.corrected_by, row.stands) == ("Swarms left.", ("beekeeping",), "ann", True)
        assert store.add(_correction("Rain fell.")).id > row.id
        assert store.stats().candidates == 0


def test_a_store_of_a_newer_schema_is_refused(database_url: str) -> None:
    """An old program does not write into what it does not understand, and says what to do."""
    Store(database_url).close()
    with _engine(database_url) as engine, engine.begin() as connection:
        connection.execute(sa.text(f"UPDATE {database.VERSION_TABLE} SET version_num = '9999'"))
    with pytest.raises(StoreError, match=r"its schema '9999' is newer than this program's \(\d+\); update wiretag") as caught:
        Store(database_url)
    assert caught.value.fault == "its schema is newer than this program"


def test_several_processes_may_open_an_empty_store_at_once(database_url: str) -> None:
    """One of them makes the tables, the others wait for it."""
    environment = {**os.environ, "WIRETAG_DATABASE_URL": database_url}
    started = [
        subprocess.Popen(
            [*WIRETAG, "corrections", "migrate"], env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
        )
        for _ in range(3)
    ]
    outputs = [process.communicate(timeout=30)[0].decode() for process in started]
    assert [process.returncode for process in started] == [0] * 3, outputs
    assert all(output.endswith(f"schema {database.REVISIONS[-1]}\n") for output in outputs)


# Trouble


@pytest.mark.parametrize(
    ("url", "fault"),
    [
        ("postgresql://ann:s3cret@127.0.0.1:1/desk", "it is unreachable"),
        ("postgresql://ann:s3cret@127.0.0.1:x/desk", "its address is wrong"),
        ("mysql://ann:s3cret@127.0.0.1/desk", "its address is wrong"),
        ("s3cret", "its address is wrong"),
        ("sqlite://", "its address is wrong"),
        ("sqlite:///:memory:", "its address is wrong"),
        ("sqlite:////proc/none/c.db", "it cannot be opened"),
        ("sqlite:////proc/version", "it cannot be opened"),
        (f"sqlite:///{Path(__file__)}", "it is not an SQLite database"),
    ],
)
def test_a_store_that_cannot_be_had_is_a_clear_error(url: str, fault: str) -> None:
    """The message names the database and the remedy, never a password."""
    with pytest.raises(StoreError) as caught:
        Store(url)
    assert caught.value.fault == fault
    assert "s3cret" not in f"{caught.value} {caught.value!r}"
    assert "; " in str(caught.value) or "write sqlite:///FILE" in str(caught.value)


def test_postgresql_says_what_is_wrong(postgres: Server) -> None:
    """A wrong password, no such database, a replica that only reads: each is told apart."""
    url = postgres.create("faults")
    for wrong, fault in (
        (postgres.url("faults", "wr0ng"), "it refuses our name or password"),
        (postgres.url("nowhere"), "there is no such database"),
    ):
        with pytest.raises(StoreError) as caught:
            Store(wrong)
        assert caught.value.fault == fault
        assert "wr0ng" not in str(caught.value)
        assert postgres.password not in str(caught.value)
    with Store(url) as store:
        store.add(_correction())
    with _engine(url) as engine, engine.begin() as connection:
        connection.execute(sa.text("ALTER DATABASE faults SET default_transaction_read_only = on"))
    with Store(url) as store, pytest.raises(StoreError, match="it is read-only; name the primary server"):
        store.add(_correction())


def test_a_server_that_comes_back_is_used_again(postgres: Server) -> None:
    """The pool finds out by itself; what was stored is there."""
    with Store(postgres.create("restarts")) as store:
        stored = store.add(_correction())
        postgres.stop()
        try:
            with pytest.raises(StoreError, match="it is unreachable; start the server"):
                store.add(_correction("Rain fell."))
        finally:
            postgres.start()
        assert store.get(stored.id) == stored
        store.add(_correction("Rain fell."))


def test_a_full_disk_loses_nothing_and_heals(small_disk: Path) -> None:
    """What was answered stays, what was not is refused, and with space again the store goes on by itself."""
    with Store(f"sqlite:///{small_disk}/c.db") as store:
        ballast, stored = small_disk / "ballast", [store.add(_correction()).id]
        ballast.write_bytes(b"\0" * 500_000)
        with pytest.raises(StoreError, match="the disk is full; free some space"):
            stored.extend(store.add(_correction(f"Text {n}. " + "swarm " * 4_000)).id for n in range(100))
        ballast.unlink()
        stored.append(store.add(_correction("Rain fell.")).id)
        assert sorted(each.id for each in store.page(200)) == stored


def test_a_read_only_disk_is_said(small_disk: Path) -> None:
    """A store on a disk that may only be read is not used, and the message says so."""
    url = f"sqlite:///{small_disk}/c.db"
    Store(url).close()
    subprocess.run(["mount", "-o", "remount,ro", small_disk], check=True)
    with pytest.raises(StoreError) as caught:
        Store(url).add(_correction())
    assert caught.value.fault in ("it is read-only", "it cannot be opened")


def test_a_busy_store_is_waited_for_and_then_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Another program that holds the database for long costs an error that says so, not a request without end."""
    monkeypatch.setattr(database, "_BUSY", 0.2)
    with Store(f"sqlite:///{tmp_path}/c.db") as store, closing(sqlite3.connect(tmp_path / "c.db")) as other:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(StoreError, match="it is busy; try again"):
            store.add(_correction())
        other.rollback()
        store.add(_correction())


# Backup and restore


def _documented(database: str) -> list[str]:
    """The commands that docs/operate.md gives for a database: the first makes a backup, the second restores it."""
    section = (ROOT / "docs" / "operate.md").read_text(encoding="utf-8").partition("## Backup and restore")[2]
    block = section.partition(database)[2].partition("```console\n")[2].partition("```")[0]
    return [line.removeprefix("$ ") for line in block.splitlines()]


def test_the_documented_backup_can_be_restored(database_url: str, request: pytest.FixtureRequest, tmp_path: Path) -> None:
    """The commands of the documentation, word for word, give back what stood when the backup was made."""
    with Store(database_url) as store:
        is_sqlite = store.database.is_sqlite
        backup, restore = _documented("SQLite, while" if is_sqlite else "PostgreSQL, while")
        environment = {**os.environ, "WIRETAG_DATABASE_URL": database_url, "RESTORED_URL": database_url}
        if not is_sqlite:
            server: Server = request.getfixturevalue("postgres")
            environment["PATH"] = f"{server.programs}:{environment['PATH']}"
            environment["RESTORED_URL"] = server.create(f"restored_{uuid.uuid4().hex}")
        kept = store.add(_correction("Swarms left.", "beekeeping"))
        subprocess.run(backup, shell=True, check=True, cwd=tmp_path, env=environment, timeout=60)
        store.add(_correction("Rain fell."))
    subprocess.run(restore, shell=True, check=True, cwd=tmp_path, env=environment, timeout=60)
    with Store(environment["RESTORED_URL"]) as store:
        assert store.page(9) == [kept]
        assert store.add(_correction("Rain fell.")).id > kept.id
