"""Keys on requests, and who may serve without any."""

import json
import time
from pathlib import Path

import pytest
from flask import Flask, g
from flask.testing import FlaskClient
from structlog.testing import capture_logs

from models.errors import InputError
from models.release import Release
from service import access
from service.access import KeyRing, refuse_open_address
from service.app import create_app
from service.keys import Role, changing_keys, make_key, needs
from service.settings import Settings

BODY = {"text": "Sanctions on banks were extended."}


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "keys"


@pytest.fixture
def secrets(path: Path) -> dict[Role, str]:
    """A key of each role; the file that `path` names knows them."""
    made = {role: make_key(f"desk-{role}", role) for role in Role}
    with changing_keys(path) as keys:
        keys += [key for _, key in made.values()]
    return {role: secret for role, (secret, _) in made.items()}


@pytest.fixture
def guarded(path: Path, secrets: dict[Role, str], release: Release, monkeypatch: pytest.MonkeyPatch) -> Flask:
    """The app with keys, and a view for each role; it looks at the file at every request."""
    monkeypatch.setattr(access, "_LOOK", 0.0)
    app = create_app(Settings(keys=path), release)
    for role in Role:
        app.add_url_rule(f"/for/{role}", f"for_{role}", needs(role)(lambda: g.key_name))
    app.add_url_rule("/unmarked", "unmarked", lambda: g.key_name)
    return app


@pytest.fixture
def client(guarded: Flask) -> FlaskClient:
    return guarded.test_client()


def _bearer(secret: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {secret}"}


@pytest.mark.parametrize("held", Role)
@pytest.mark.parametrize("needed", Role)
def test_roles(client: FlaskClient, secrets: dict[Role, str], held: Role, needed: Role) -> None:
    """A key opens what its role covers, and the answer to anything else names the role that would."""
    answer = client.get(f"/for/{needed}", headers=_bearer(secrets[held]))
    order = list(Role)
    if order.index(held) >= order.index(needed):
        assert (answer.status_code, answer.text) == (200, f"desk-{held}")
    else:
        assert answer.status_code == 403
        assert answer.json["type"] == "/docs/errors#not-allowed"
        assert needed in answer.json["detail"]


def test_what_carries_no_mark_needs_a_key(client: FlaskClient, secrets: dict[Role, str]) -> None:
    """A view that somebody forgets to mark is not open."""
    assert client.get("/unmarked").status_code == 401
    assert client.get("/unmarked", headers=_bearer(secrets[Role.CLASSIFY])).status_code == 200


def test_probes_need_no_key(client: FlaskClient) -> None:
    """An orchestrator asks whether the service lives without a secret."""
    assert client.get("/healthz").status_code == client.get("/readyz").status_code == 200


@pytest.mark.parametrize(
    ("given", "challenge"),
    [
        (None, "Bearer"),
        ("", "Bearer"),
        ("Bearer", "Bearer"),
        ("Bearer ", "Bearer"),
        ("Basic dXNlcjpwYXNz", "Bearer"),
        ("wt_key", "Bearer"),
        ("Bearer wt_unknown", 'Bearer error="invalid_token"'),
        ("Bearer \xff\xfe", 'Bearer error="invalid_token"'),
        ("Bearer " + "x" * 8000, 'Bearer error="invalid_token"'),
    ],
)
def test_without_a_known_key_the_answer_is_401(client: FlaskClient, given: str | None, challenge: str) -> None:
    """The challenge says how to authenticate, and the answer repeats nothing of what was sent."""
    headers = {} if given is None else {"Authorization": given}
    answer = client.post("/classify", json=BODY, headers=headers)
    assert answer.status_code == 401
    assert answer.headers["WWW-Authenticate"] == challenge
    assert answer.json["type"] == "/docs/errors#no-key"
    assert "wt_" not in answer.text


def test_the_scheme_is_read_in_any_case(client: FlaskClient, secrets: dict[Role, str]) -> None:
    """HTTP's names of schemes have no case."""
    headers = {"Authorization": f"bearer  {secrets[Role.CLASSIFY]}"}
    assert client.post("/classify", json=BODY, headers=headers).status_code == 200


def test_the_log_names_the_key_and_never_holds_it(client: FlaskClient, secrets: dict[Role, str]) -> None:
    """Who asked can be told from the log, also where it was not allowed; nobody can ask in their name with it."""
    with capture_logs() as logs:
        client.post("/classify", json=BODY, headers=_bearer(secrets[Role.CLASSIFY]))
        client.get("/for/admin", headers=_bearer(secrets[Role.CORRECT]))
        client.get("/topics", headers=_bearer("wt_unknown"))
    assert [(line["status"], line["key"]) for line in logs] == [(200, "desk-classify"), (403, "desk-correct"), (401, None)]
    assert "wt_" not in str(logs)


def test_a_key_is_revoked_and_added_without_a_restart(client: FlaskClient, path: Path, secrets: dict[Role, str]) -> None:
    """A leaked key is out of use as soon as it is removed from the file."""
    secret, key = make_key("new", Role.CLASSIFY)
    with changing_keys(path) as keys:
        keys[:] = [key, *(key for key in keys if key.role is not Role.CLASSIFY)]
    assert client.get("/topics", headers=_bearer(secrets[Role.CLASSIFY])).status_code == 401
    assert client.get("/topics", headers=_bearer(secrets[Role.ADMIN])).status_code == 200
    assert client.get("/topics", headers=_bearer(secret)).status_code == 200
    with changing_keys(path) as keys:
        keys.clear()
    assert client.get("/topics", headers=_bearer(secret)).status_code == 401


@pytest.mark.parametrize("content", ['{"name": "half', None])
def test_a_broken_file_leaves_the_keys_of_before(
    client: FlaskClient, path: Path, secrets: dict[Role, str], content: str | None
) -> None:
    """A slip of the editor locks nobody out and lets nobody in; the log says it once."""
    if content is None:
        path.unlink()
    else:
        path.write_text(content, encoding="utf-8")
    with capture_logs() as logs:
        for _ in range(3):
            assert client.get("/topics", headers=_bearer(secrets[Role.CLASSIFY])).status_code == 200
            assert client.get("/topics", headers=_bearer("wt_unknown")).status_code == 401
    (refused,) = [line for line in logs if line["event"] == "keys_refused"]
    assert str(path) in refused["fault"]
    assert refused["in_force"] == 3
    _, key = make_key("new", Role.CLASSIFY)
    path.write_text(json.dumps({"name": key.name, "role": key.role, "sha256": key.digest.hex()}), encoding="utf-8")
    assert client.get("/topics", headers=_bearer(secrets[Role.CLASSIFY])).status_code == 401


def test_the_file_is_looked_at_once_a_second(
    path: Path, secrets: dict[Role, str], release: Release, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A thousand requests cost no thousand looks at the disk."""
    client = create_app(Settings(keys=path), release).test_client()
    looks = []
    real = KeyRing._state
    monkeypatch.setattr(KeyRing, "_state", lambda ring: looks.append(ring) or real(ring))
    started = time.monotonic()
    for _ in range(20):
        assert client.get("/healthz").status_code == 200
        assert client.get("/topics", headers=_bearer(secrets[Role.CLASSIFY])).status_code == 200
    assert len(looks) <= 1 + time.monotonic() - started


def test_a_service_does_not_start_with_keys_that_it_cannot_read(path: Path, release: Release) -> None:
    """No slip in a path opens the service."""
    with pytest.raises(InputError, match="wiretag keys add"):
        create_app(Settings(keys=path), release)


@pytest.mark.parametrize("bind", ["127.0.0.1:80", "127.9.9.9:80", "localhost:80", "[::1]:80"])
def test_loopback_needs_no_keys(bind: str) -> None:
    """On one's own machine it just runs."""
    refuse_open_address(Settings(bind=bind))


@pytest.mark.parametrize(
    "bind", ["0.0.0.0:80", "[::]:80", "192.0.2.1:80", "[2001:db8::1]:80", "no.such.host.invalid:80", ":80"]
)
def test_an_address_of_others_needs_keys_or_a_word(bind: str, path: Path) -> None:
    """Nobody serves the world by mistake."""
    with pytest.raises(InputError, match="WIRETAG_OPEN=1") as caught:
        refuse_open_address(Settings(bind=bind))
    assert "wiretag keys add" in str(caught.value)
    refuse_open_address(Settings(bind=bind, open=True))
    refuse_open_address(Settings(bind=bind, keys=path))


def test_open_and_keys_together_ask_for_keys(path: Path, secrets: dict[Role, str], release: Release) -> None:
    """The container says WIRETAG_OPEN, and keys close it all the same."""
    client = create_app(Settings(keys=path, open=True), release).test_client()
    assert client.get("/topics").status_code == 401


@pytest.mark.parametrize(("text", "is_open"), [("1", True), ("true", True), ("0", False), ("No", False), ("", False)])
def test_open_is_said_by_1(text: str, is_open: bool) -> None:
    """WIRETAG_OPEN=0 does not open anything."""
    assert Settings.from_environment({"WIRETAG_OPEN": text}).open is is_open


def test_a_word_that_is_neither_is_refused() -> None:
    """A slip is said, and taken for neither."""
    with pytest.raises(InputError, match="WIRETAG_OPEN: 'perhaps'"):
        Settings.from_environment({"WIRETAG_OPEN": "perhaps"})
    with pytest.raises(InputError, match="WIRETAG_PROXIES: -1"):
        Settings.from_environment({"WIRETAG_PROXIES": "-1"})
    assert Settings.from_environment({"WIRETAG_PROXIES": "0"}).proxies == 0


FOREIGN = [
    {"Sec-Fetch-Site": "cross-site"},
    {"Sec-Fetch-Site": "same-site", "Origin": "http://localhost"},
    {"Origin": "http://evil.example"},
    {"Origin": "null"},
    {"Sec-Fetch-Site": ""},
    {"Origin": "http://[broken"},
]
OWN = [
    {},
    {"Sec-Fetch-Site": "same-origin", "Origin": "https://outside.example"},  # a proxy with a Host of its own
    {"Sec-Fetch-Site": "none"},
    {"Origin": "http://localhost"},
]


@pytest.mark.parametrize(("headers", "status"), [*((each, 403) for each in FOREIGN), *((each, 200) for each in OWN)])
def test_a_foreign_page_cannot_use_a_readers_browser(app: Flask, headers: dict[str, str], status: int) -> None:
    """Without keys, a page that a person happens to visit cannot make their browser give orders to the service."""
    client = app.test_client()
    assert client.post("/classify", json=BODY, headers=headers).status_code == status
    assert client.get("/topics", headers=headers).status_code == 200


def test_security_headers_stand_on_every_answer(app: Flask) -> None:
    """Whatever is asked: nothing is sniffed, framed, run, referred or stored."""
    client = app.test_client()
    for answer in (
        client.get("/topics"),
        client.post("/classify", json=BODY),
        client.post("/classify", data=b"{"),
        client.get("/nothing"),
    ):
        assert answer.headers.getlist("X-Content-Type-Options") == ["nosniff"]
        assert answer.headers.getlist("Referrer-Policy") == ["no-referrer"]
        assert answer.headers.getlist("Content-Security-Policy") == ["default-src 'none'; frame-ancestors 'none'"]
        assert answer.headers.getlist("Cache-Control") == ["no-store"]


def test_a_page_sets_its_own_policy(release: Release) -> None:
    """A view that serves HTML says itself what may run in it, and the default does not stand beside it."""
    app = create_app(Settings(), release)
    policy = "default-src 'self'; frame-ancestors 'none'"
    app.add_url_rule("/page", "page", lambda: ("", {"Content-Security-Policy": policy, "Cache-Control": "max-age=60"}))
    answer = app.test_client().get("/page")
    assert answer.headers.getlist("Content-Security-Policy") == [policy]
    assert answer.headers.getlist("Cache-Control") == ["max-age=60"]
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
