"""Secrets come from files as well as from variables."""

from pathlib import Path

import pytest
from click.testing import CliRunner

from models.cli import wiretag
from models.errors import InputError
from models.secret_files import secret
from service.settings import Settings

URL = "postgresql://wiretag:hush@postgres/wiretag"


def test_a_file_gives_what_a_variable_would(tmp_path: Path) -> None:
    """The end of the line that an editor leaves is no part of it; other settings have no such variable."""
    file = tmp_path / "url"
    file.write_text(URL + "\n")
    settings = Settings.from_environment({"WIRETAG_DATABASE_URL_FILE": str(file), "WIRETAG_BIND_FILE": "/nowhere"})
    assert settings.database_url == URL
    assert "hush" not in repr(settings)
    assert secret("WIRETAG_REDIS", {}) == ""


@pytest.mark.parametrize(
    ("content", "more", "told"),
    [
        (None, {}, "cannot be read (No such file"),
        ("", {}, "is empty"),
        (" \n", {}, "is empty"),
        ("\udcff", {}, "not UTF-8"),
        (URL, {"WIRETAG_DATABASE_URL": URL}, "both are set"),
    ],
)
def test_what_gives_no_secret_is_named_without_it(tmp_path: Path, content: str | None, more: dict[str, str], told: str) -> None:
    """The message names the variable and the file, never what stands in it."""
    file = tmp_path / "url"
    if content is not None:
        file.write_bytes(content.encode(errors="surrogateescape"))
    with pytest.raises(InputError) as refused:
        Settings.from_environment({"WIRETAG_DATABASE_URL_FILE": str(file), **more})
    assert told in str(refused.value)
    assert "WIRETAG_DATABASE_URL" in str(refused.value)
    assert "hush" not in str(refused.value)


def test_commands_read_the_same_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Retraining and the corrections' commands meet the service's store."""
    file = tmp_path / "url"
    file.write_text(f"sqlite:///{tmp_path}/store.db")
    monkeypatch.setenv("WIRETAG_DATABASE_URL_FILE", str(file))
    found = CliRunner().invoke(wiretag, ["corrections", "migrate"])
    assert found.exit_code == 0
    assert str(tmp_path / "store.db") in found.output
    file.unlink()
    for words in (["corrections", "stats"], ["retrain", "--registry", str(tmp_path / "models")]):
        found = CliRunner().invoke(wiretag, words)
        assert found.exit_code == 1
        assert "WIRETAG_DATABASE_URL_FILE" in found.output
