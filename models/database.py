"""The database behind the corrections store: SQLite or PostgreSQL by URL, its schema, and what its failures mean."""

import sqlite3
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import URL, Connection, create_engine, event, func, inspect, make_url, select, text
from sqlalchemy.exc import ArgumentError, DBAPIError, NoSuchModuleError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError

from models.errors import StoreError

DEFAULT_FILE = Path("var/corrections.db")
DEFAULT_URL = f"sqlite:///{DEFAULT_FILE}"
REVISIONS = ("0001", "0002")  # the schemas there have been, oldest first: those of models/migrations/
VERSION_TABLE = "wiretag_schema"  # not Alembic's own name, which another program in the same database may use

_BUSY = 10  # seconds that a writer waits for the others
_STATEMENT = 60  # seconds that PostgreSQL may work on a statement
_WRITERS = 0x57495245  # the advisory lock that writers of PostgreSQL hold in turn

# What a driver reports, in a few words and with a remedy. SQLite by the start of its error's name, PostgreSQL by SQLSTATE.
_FAULTS = {
    "SQLITE_FULL": ("the disk is full", "free some space"),
    "SQLITE_READONLY": ("it is read-only", "make the file and its folder writable"),
    "SQLITE_CANTOPEN": ("it cannot be opened", "make its folder writable, or name another with WIRETAG_DATABASE_URL"),
    "SQLITE_BUSY": ("it is busy", "try again"),
    "SQLITE_LOCKED": ("it is busy", "try again"),
    "SQLITE_IOERR": ("its disk fails", "check the disk and restore the backup"),
    "SQLITE_CORRUPT": ("it is damaged", "restore the backup"),
    "SQLITE_NOTADB": ("it is not an SQLite database", "name another with WIRETAG_DATABASE_URL"),
    "28": ("it refuses our name or password", "check WIRETAG_DATABASE_URL"),
    "3D": ("there is no such database", "create it, or name another with WIRETAG_DATABASE_URL"),
    "25006": ("it is read-only", "name the primary server, not a replica"),
    "42501": ("our role may not do this", "grant it the tables, or run `wiretag corrections migrate` as their owner"),
    "53100": ("the disk is full", "free some space on the server"),
    "53": ("it lacks resources", "try again; the server's log says more"),
    "55P03": ("it is busy", "try again"),
    "57": ("it stopped what we asked", "try again; the server's log says more"),
    "08": ("it is unreachable", "start the server, or check WIRETAG_DATABASE_URL"),
}


class Database:
    """An open database whose schema is up to date. May be shared by threads; a process that forks opens its own.

    Raises `StoreError` when it cannot be had: unreachable, refused, damaged, or of a newer schema than this program knows.
    """

    def __init__(self, url: str = DEFAULT_URL):
        parsed = _parse(url)
        self.name = _name(parsed)
        self.is_sqlite = parsed.get_backend_name() == "sqlite"
        if self.is_sqlite:
            _make_folder(parsed, self.name)
        try:
            self._engine = create_engine(
                parsed,
                pool_pre_ping=True,  # a server that was restarted costs no request
                pool_timeout=_BUSY,
                hide_parameters=True,  # no error ever quotes a text
                connect_args=_connect_args(parsed),
            )
        except ModuleNotFoundError:
            raise StoreError(
                f"{self.name}: PostgreSQL needs psycopg; install it with `pip install 'wiretag[postgres]'`",
                "its driver is missing",
            ) from None
        event.listen(self._engine, "connect", _prepare_sqlite if self.is_sqlite else _prepare_postgresql)
        try:
            self._migrate()
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """Close every connection."""
        self._engine.dispose()

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """A connection whose statements each see one state. Raises `StoreError`."""
        with self._translated(), self._engine.connect() as connection:
            yield connection

    @contextmanager
    def writing(self) -> Iterator[Connection]:
        """A transaction, durable once left without an error. Raises `StoreError`.

        Writers take turns: ids are given in the order in which corrections become visible, so a reader that has seen one has
        seen all before it, and the later of two is the one that was stored later.
        """
        with self._translated(), self._engine.begin() as connection:
            if self.is_sqlite:
                connection.exec_driver_sql("BEGIN IMMEDIATE")
            else:
                connection.execute(select(func.pg_advisory_xact_lock(_WRITERS)))
            yield connection

    def forget(self) -> None:
        """Leave nothing of what was deleted in SQLite's log; the file itself overwrites what it frees."""
        if self.is_sqlite:
            with self.reading() as connection:
                connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)")

    def _migrate(self) -> None:
        with self.reading() as connection:
            if self._revision(connection) == REVISIONS[-1]:
                return
        from alembic import command  # heavy, and needed once in the life of a store
        from alembic.config import Config

        with self.writing() as connection:
            if self._revision(connection) == REVISIONS[-1]:
                return  # another process was quicker
            config = Config()
            config.set_main_option("script_location", str(Path(__file__).with_name("migrations")).replace("%", "%%"))
            config.attributes["connection"] = connection
            command.upgrade(config, REVISIONS[-1])

    def _revision(self, connection: Connection) -> str | None:
        """The revision of the schema, None where there is none yet. Raises `StoreError` for one that we do not know."""
        if not inspect(connection).has_table(VERSION_TABLE):
            return None
        revision = connection.execute(text(f"SELECT version_num FROM {VERSION_TABLE}")).scalar()
        if revision is not None and revision not in REVISIONS:
            raise StoreError(
                f"{self.name}: its schema {revision!r} is newer than this program's ({REVISIONS[-1]}); update wiretag, or name "
                "another store with WIRETAG_DATABASE_URL",
                "its schema is newer than this program",
            )
        return revision

    @contextmanager
    def _translated(self) -> Iterator[None]:
        """Driver errors become `StoreError`s, in our own words: theirs may quote statements."""
        try:
            yield
        except DBAPIError as error:
            fault, remedy = _fault_of(error.orig)
            raise StoreError(f"{self.name}: {fault}; {remedy}", fault) from None
        except PoolTimeoutError:
            raise StoreError(f"{self.name}: it is busy; try again", "it is busy") from None


def _parse(url: str) -> URL:
    """The URL with the driver we use. Its own text is in no message: it may hold a password."""
    try:
        parsed = make_url(url)
        backend = parsed.get_backend_name()
    except (ArgumentError, NoSuchModuleError, ValueError):
        backend = ""
    if backend == "sqlite" and parsed.database not in (None, "", ":memory:"):
        return parsed.set(drivername="sqlite")
    if backend in ("postgresql", "postgres"):
        return parsed.set(drivername="postgresql+psycopg")
    raise StoreError(
        "WIRETAG_DATABASE_URL: write sqlite:///FILE or postgresql://USER:PASSWORD@HOST/DATABASE", "its address is wrong"
    )


def _name(url: URL) -> str:
    """What a log may call the database: no name of a user, no password, no option."""
    if url.get_backend_name() == "sqlite":
        return f"corrections store {url.database}"
    port = f":{url.port}" if url.port else ""
    return f"corrections store {url.database or ''} of PostgreSQL at {url.host or 'its default address'}{port}"


def _make_folder(url: URL, name: str) -> None:
    try:
        Path(url.database or "").parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        fault, remedy = _FAULTS["SQLITE_CANTOPEN"]
        raise StoreError(f"{name}: {fault} ({error.strerror}); {remedy}", fault) from None


def _connect_args(url: URL) -> dict[str, Any]:
    if url.get_backend_name() == "sqlite":
        return {"timeout": _BUSY}
    ours = {"connect_timeout": "3", "tcp_user_timeout": "10000", "application_name": "wiretag"}
    return {key: value for key, value in ours.items() if key not in url.query}


def _prepare_sqlite(connection: Any, _: Any) -> None:
    for pragma in ("synchronous=FULL", "foreign_keys=ON", "secure_delete=ON"):
        connection.execute(f"PRAGMA {pragma}")
    deadline = time.monotonic() + _BUSY
    while True:
        try:
            connection.execute("PRAGMA journal_mode=WAL")
            return
        except sqlite3.OperationalError as error:
            # several processes that open a new store at once: SQLite does not wait here, whatever its timeout
            if not error.sqlite_errorname.startswith("SQLITE_BUSY") or time.monotonic() > deadline:
                raise
            time.sleep(0.01)


def _prepare_postgresql(connection: Any, _: Any) -> None:
    with connection.cursor() as cursor:
        # durable whatever the server's default; a stricter one stays
        cursor.execute(
            "SELECT set_config('synchronous_commit', 'on', false) WHERE current_setting('synchronous_commit') = 'off'"
        )
        cursor.execute(f"SET lock_timeout = '{_BUSY}s'")
        cursor.execute(f"SET statement_timeout = '{_STATEMENT}s'")
    connection.commit()


def _fault_of(error: BaseException | None) -> tuple[str, str]:
    if isinstance(error, sqlite3.Error):
        code = getattr(error, "sqlite_errorname", "")
        return next((fault for key, fault in _FAULTS.items() if code.startswith(key)), (f"it fails ({code})", "see the log"))
    code = getattr(error, "sqlstate", None) or ""
    if found := _FAULTS.get(code) or _FAULTS.get(code[:2]):
        return found
    if code:
        return f"it fails (SQLSTATE {code})", "the server's log says more"
    # no SQLSTATE: no connection was made or it was lost; libpq tells why by its words alone
    if "authentication failed" in str(error):
        return _FAULTS["28"]
    return _FAULTS["3D" if "does not exist" in str(error) else "08"]
