"""Keys and the file that keeps their digests."""

import hmac
import json
import os
import stat
import threading
from pathlib import Path

import pytest

from models.errors import InputError
from service.keys import Key, Role, changing_keys, covers, find_key, make_key, read_keys


def test_a_key_is_long_random_and_kept_as_a_digest(tmp_path: Path) -> None:
    """Who steals the file of keys has no key."""
    path = tmp_path / "keys"
    secrets = []
    for name in ("a", "b"):
        secret, key = make_key(name, Role.CLASSIFY)
        secrets.append(secret)
        with changing_keys(path) as keys:
            keys.append(key)
    assert len(set(secrets)) == 2
    assert all(len(secret) >= 43 for secret in secrets)  # 256 bits in base64
    assert not any(secret in path.read_text(encoding="utf-8") for secret in secrets)
    assert [find_key(read_keys(path), secret).name for secret in secrets] == ["a", "b"]  # type: ignore[union-attr]


def test_what_is_no_key_is_not_found() -> None:
    """Neither another key, nor a digest, nor letters that no key has, open anything."""
    secret, key = make_key("a", Role.ADMIN)
    for wrong in ("", "wt_", secret[:-1], f"{secret}x", secret.upper(), key.digest.hex(), "ключ", "\x00"):
        assert find_key([key], wrong) is None


def test_a_secret_is_compared_with_every_key(monkeypatch: pytest.MonkeyPatch) -> None:
    """The time an answer takes does not tell which key was right: no comparison stops early, and none is skipped."""
    compared = []
    monkeypatch.setattr(hmac, "compare_digest", lambda a, b: compared.append(a) or a == b)
    made = [make_key(name, Role.CLASSIFY) for name in "abc"]
    keys = [key for _, key in made]
    assert find_key(keys, made[0][0]) == keys[0]
    assert compared == [key.digest for key in keys]


@pytest.mark.parametrize("held", Role)
@pytest.mark.parametrize("needed", Role)
def test_a_role_includes_those_below(held: Role, needed: Role) -> None:
    """Who may correct may classify, who administers may do both, and never the other way."""
    order = ["classify", "correct", "admin"]
    assert covers(held, needed) == (order.index(held) >= order.index(needed))


@pytest.mark.parametrize("name", ["", "a b", "a/b", "a\nb", "é", "x" * 65])
def test_a_name_that_could_spoil_a_log_is_refused(name: str) -> None:
    """Names stand in every log line of a key."""
    with pytest.raises(InputError, match="not a name"):
        make_key(name, Role.CLASSIFY)


GOOD = {"name": "a", "role": "classify", "sha256": "0" * 64}


@pytest.mark.parametrize(
    "line",
    [
        "wt_thisIsAKeySomebodyPastedHere",
        '"wt_thisIsAKeySomebodyPastedHere"',
        "[" * 100_000,
        json.dumps({**GOOD, "sha256": "wt_thisIsAKeySomebodyPastedHere"}),
        json.dumps({**GOOD, "role": "root"}),
        json.dumps({**GOOD, "role": ["classify"]}),
        json.dumps({**GOOD, "name": 7}),
        json.dumps({**GOOD, "name": "a b"}),
        json.dumps({**GOOD, "key": "wt_thisIsAKeySomebodyPastedHere"}),
        json.dumps({"name": "a", "role": "classify"}),
    ],
)
def test_a_broken_line_is_named_and_never_quoted(tmp_path: Path, line: str) -> None:
    """A key that somebody pasted into the file by mistake does not end up in a log."""
    path = tmp_path / "keys"
    path.write_text(f"{json.dumps({**GOOD, 'name': 'b', 'sha256': '1' * 64})}\n\n{line}\n", encoding="utf-8")
    with pytest.raises(InputError) as caught:
        read_keys(path)
    assert f"{path}:3:" in str(caught.value)
    assert "wt_" not in str(caught.value)


@pytest.mark.parametrize(("second", "what"), [({"sha256": "1" * 64}, "name"), ({"name": "b"}, "key")])
def test_two_lines_for_one_key_are_refused(tmp_path: Path, second: dict[str, str], what: str) -> None:
    """Removing a key by its name removes it: no second line keeps it alive."""
    path = tmp_path / "keys"
    path.write_text(f"{json.dumps(GOOD)}\n{json.dumps({**GOOD, **second})}\n", encoding="utf-8")
    with pytest.raises(InputError, match=f"same {what}"):
        read_keys(path)


def test_files_that_cannot_be_read_are_named(tmp_path: Path) -> None:
    """The message says which file and what to do."""
    with pytest.raises(InputError, match="wiretag keys add"):
        read_keys(tmp_path / "none")
    (tmp_path / "latin").write_bytes(b"\xe9")
    with pytest.raises(InputError, match="not UTF-8"):
        read_keys(tmp_path / "latin")


def test_a_new_file_is_for_its_owner_alone(tmp_path: Path) -> None:
    """Others on the machine learn neither the names nor the number of keys."""
    with changing_keys(tmp_path / "keys") as keys:
        keys.append(make_key("a", Role.CLASSIFY)[1])
    assert stat.S_IMODE((tmp_path / "keys").stat().st_mode) == 0o600


def test_a_change_keeps_mode_link_and_order(tmp_path: Path) -> None:
    """A service that could read the file before can read it after a revocation."""
    kept, link = tmp_path / "kept", tmp_path / "link"
    link.symlink_to(kept)
    for name in ("a", "b", "c"):
        with changing_keys(link) as keys:
            keys.append(make_key(name, Role.CLASSIFY)[1])
        kept.chmod(0o640)
    with changing_keys(link) as keys:
        keys[:] = [key for key in keys if key.name != "b"]
    assert link.is_symlink()
    assert stat.S_IMODE(kept.stat().st_mode) == 0o640
    assert [key.name for key in read_keys(kept)] == ["a", "c"]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["kept", "link"]


def test_a_change_that_fails_changes_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A full disk costs no key and leaves no debris."""
    path = tmp_path / "keys"
    with changing_keys(path) as keys:
        keys.append(make_key("a", Role.CLASSIFY)[1])
    before = path.read_bytes()

    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(InputError, match="No space left"), changing_keys(path) as keys:
        keys.clear()
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]
    with pytest.raises(InputError, match="cannot be written"), changing_keys(tmp_path / "none" / "keys"):
        pass


def test_changes_at_the_same_time_all_happen(tmp_path: Path) -> None:
    """A key that one hand removes is not brought back by another that adds."""
    path = tmp_path / "keys"

    def add(name: str) -> None:
        with changing_keys(path) as keys:
            keys.append(Key(name, Role.CLASSIFY, name.encode().rjust(32)))

    threads = [threading.Thread(target=add, args=(f"k{n}",)) for n in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert {key.name for key in read_keys(path)} == {f"k{n}" for n in range(20)}
