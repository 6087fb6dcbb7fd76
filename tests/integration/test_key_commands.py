"""`wiretag keys`, and the server that wants them."""

import json
import socket
import stat
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from models.cli import wiretag
from models.release import Release
from service.app import create_app
from service.settings import Settings

WIRETAG = [sys.executable, "-c", "from models.cli import main; main()"]


def _run(runner: CliRunner, *arguments: str, **environment: str):
    return runner.invoke(wiretag, ["keys", *arguments], env={"WIRETAG_KEYS": None, **environment})


def test_a_key_is_made_used_listed_and_revoked(runner: CliRunner, release: Release, tmp_path: Path) -> None:
    """Standard output is the key alone, so that it can be piped into a vault; the file never holds it."""
    path = tmp_path / "keys"
    made = _run(runner, "add", "newsroom", "--role", "correct", "--file", str(path))
    assert made.exit_code == 0
    secret = made.stdout.strip()
    assert made.stdout == f"{secret}\n"
    assert secret not in path.read_text(encoding="utf-8")
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    client = create_app(Settings(keys=path), release).test_client()
    assert client.get("/topics", headers={"Authorization": f"Bearer {secret}"}).status_code == 200
    listed = _run(runner, "list", WIRETAG_KEYS=str(path))
    assert listed.stdout.split() == ["correct", "newsroom"]
    assert _run(runner, "remove", "newsroom", "--file", str(path)).exit_code == 0
    assert path.read_text(encoding="utf-8") == ""
    assert _run(runner, "list", "--file", str(path)).stdout == ""


def test_one_line_a_key(runner: CliRunner, tmp_path: Path) -> None:
    """A platform team can put the file together by other means."""
    path = tmp_path / "keys"
    for name, role in (("a", "classify"), ("b", "admin")):
        assert _run(runner, "add", name, "--role", role, "--file", str(path)).exit_code == 0
    lines = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    assert [(line["name"], line["role"], len(line["sha256"])) for line in lines] == [("a", "classify", 64), ("b", "admin", 64)]


@pytest.mark.parametrize(
    ("arguments", "status", "said"),
    [
        (["add", "a", "--role", "classify"], 1, "there is a key of this name"),
        (["add", "a b", "--role", "classify"], 1, "not a name for a key"),
        (["add", "b", "--role", "root"], 2, "--role"),
        (["add", "b"], 2, "--role"),
        (["remove", "b"], 1, "has no such key"),
    ],
)
def test_wrong_use_is_named_and_changes_nothing(
    runner: CliRunner, tmp_path: Path, arguments: list[str], status: int, said: str
) -> None:
    """The message names what was wrong, and the file stays as it was."""
    path = tmp_path / "keys"
    _run(runner, "add", "a", "--role", "classify", "--file", str(path))
    before = path.read_bytes()
    done = _run(runner, *arguments, "--file", str(path))
    assert (done.exit_code, path.read_bytes()) == (status, before)
    assert said in done.stderr
    assert done.stdout == ""


def test_a_file_must_be_named(runner: CliRunner) -> None:
    """Keys are never written somewhere by guess."""
    for arguments in (["list"], ["remove", "a"], ["add", "a", "--role", "classify"]):
        done = _run(runner, *arguments)
        assert done.exit_code == 1
        assert "--file or WIRETAG_KEYS" in done.stderr


def test_serve_refuses_an_address_of_others_without_keys(tmp_path: Path) -> None:
    """One line that names the remedy, and exit status 1; with a broken file of keys as well."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    (tmp_path / "keys").write_text("wt_pasted", encoding="utf-8")
    command = [*WIRETAG, "serve", "--bind", f"0.0.0.0:{port}"]
    for environment, said in (({}, "WIRETAG_OPEN=1"), ({"WIRETAG_KEYS": str(tmp_path / "keys")}, "keys:1: not a JSON object")):
        done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=20, check=False)
        assert done.returncode == 1
        assert len(done.stderr.splitlines()) == 1
        assert said in done.stderr
        assert "wt_" not in done.stderr
