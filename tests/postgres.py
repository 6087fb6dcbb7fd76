"""A PostgreSQL server for tests: made in a folder of its own, on a free loopback port, ended with the tests.

PostgreSQL refuses to run as root, so root hands the folder and the processes to an unprivileged user.
"""

import os
import pwd
import secrets
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Sequence
from pathlib import Path


def find_programs() -> Path | None:
    """The folder with initdb and pg_ctl: where PATH finds them, else where Debian keeps the newest."""
    if found := shutil.which("pg_ctl"):
        return Path(found).resolve().parent
    return max(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda path: float(path.parent.name), default=None)


class Server:
    """A running server whose only user is `wiretag`, with a password."""

    def __init__(self, programs: Path):
        self.programs = programs
        self._user = _unprivileged() if os.geteuid() == 0 else None
        self._folder = Path(tempfile.mkdtemp(prefix="wiretag-pg-"))
        self.password = secrets.token_urlsafe(12)
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = int(probe.getsockname()[1])
        secret = self._folder / "password"
        secret.write_text(self.password)
        if self._user:
            for path in (self._folder, secret):
                os.chown(path, self._user.pw_uid, self._user.pw_gid)
        self._run(
            "initdb", "-D", self._data, "-U", "wiretag", "--auth=scram-sha-256", f"--pwfile={secret}", "--no-sync", "-E", "UTF8"
        )
        self.start()

    @property
    def _data(self) -> str:
        return str(self._folder / "data")

    def url(self, database: str = "postgres", password: str | None = None) -> str:
        """The address of a database as users write it."""
        return f"postgresql://wiretag:{password or self.password}@127.0.0.1:{self.port}/{database}"

    def create(self, database: str) -> str:
        """Make an empty database and give its address."""
        import psycopg

        with psycopg.connect(self.url(), autocommit=True) as connection:
            connection.execute(f'CREATE DATABASE "{database}"')
        return self.url(database)

    def empty(self) -> str:
        """The address of one database, emptied: making one anew for every test would cost seconds and a gigabyte."""
        import psycopg

        with psycopg.connect(self.url(), autocommit=True) as connection:
            connection.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = 'tests'")
            if not connection.execute("SELECT 1 FROM pg_database WHERE datname = 'tests'").fetchone():
                return self.create("tests")
        with psycopg.connect(self.url("tests"), autocommit=True) as connection:
            connection.execute("DROP SCHEMA public CASCADE")
            connection.execute("CREATE SCHEMA public")
        return self.url("tests")

    def start(self) -> None:
        """Start the server and wait until it answers."""
        # without fsync: tests kill processes, never the machine
        options = (
            f"-c fsync=off -p {self.port} -c listen_addresses=127.0.0.1 -c unix_socket_directories='' -c max_connections=60"
        )
        self._run("pg_ctl", "-D", self._data, "-w", "-t", "30", "-l", str(self._folder / "log"), "-o", options, "start")

    def stop(self) -> None:
        """Stop the server at once; what was committed stays."""
        self._run("pg_ctl", "-D", self._data, "-w", "-m", "immediate", "stop")

    def remove(self) -> None:
        """Stop the server and remove its folder."""
        try:
            self.stop()
        finally:
            shutil.rmtree(self._folder, ignore_errors=True)

    def _run(self, program: str, *arguments: str) -> None:
        command: Sequence[str] = [str(self.programs / program), *arguments]
        as_user = {"user": self._user.pw_uid, "group": self._user.pw_gid, "extra_groups": []} if self._user else {}
        done = subprocess.run(
            command, cwd=self._folder, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, timeout=60, check=False, **as_user,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr.decode()


def _unprivileged() -> pwd.struct_passwd:
    """The user that PostgreSQL's package made, else nobody."""
    for name in ("postgres", "nobody"):
        try:
            return pwd.getpwnam(name)
        except KeyError:
            continue
    raise AssertionError("there is no unprivileged user to run PostgreSQL as")
