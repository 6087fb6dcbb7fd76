"""/corrections over HTTP, on SQLite and on PostgreSQL alike."""

import json
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from flask import Flask, g
from flask.testing import FlaskClient
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from models.database import VERSION_TABLE
from models.release import Release
from models.store import Store
from service import store as service_store
from service.app import create_app
from service.keys import Role
from service.settings import Settings
from tests.postgres import Server

BODY = {"text": "The bank was put under sanctions.", "topics": ["sanctions"]}


@pytest.fixture
def desk_app(database_url: str, release: Release) -> Iterator[Flask]:
    app = create_app(Settings(database_url=database_url), release)
    yield app
    app.extensions["wiretag_store"].close()


@pytest.fixture
def desk(desk_app: Flask) -> FlaskClient:
    return desk_app.test_client()


def test_a_correction_is_stored_and_found_again(desk: FlaskClient, desk_app: Flask) -> None:
    """201 with what was stored; its address gives it back, with who, when, and that it stands."""
    body = {
        **BODY,
        "topics": ["ukraine_war", "sanctions", "sanctions"],
        "headline": "Bank",
        "shown": ["ukraine_war"],
        "document_id": "a1",
        "model_version": "v1",
        "note": "the bank is Russian",
    }
    answer = desk.post("/corrections", json=body)
    assert answer.status_code == 201
    assert answer.json.items() >= {**body, "topics": ["sanctions", "ukraine_war"], "corrected_by": None}.items()
    assert answer.json["recorded_at"].endswith("Z")
    assert answer.headers["Location"] == f"/corrections/{answer.json['id']}"
    assert desk.get(answer.headers["Location"]).json == {**answer.json, "stands": True}


def test_who_corrects_is_the_key_s_name(desk: FlaskClient, desk_app: Flask) -> None:
    """The name of the key that was used is kept with the correction."""
    desk_app.before_request_funcs.setdefault(None, []).append(lambda: setattr(g, "key_name", "ann"))
    assert desk.post("/corrections", json=BODY).json["corrected_by"] == "ann"


def test_a_retry_with_the_same_key_is_one_correction(desk: FlaskClient) -> None:
    """The same answer and one row, whatever came between; another body under the same key is refused."""
    headers = {"Idempotency-Key": "0f8fad5b"}
    first = desk.post("/corrections", json=BODY, headers=headers)
    desk.post("/corrections", json={**BODY, "topics": []})
    again = desk.post("/corrections", json=BODY, headers=headers)
    assert (again.status_code, again.json, again.headers["Location"]) == (201, first.json, first.headers["Location"])
    assert len(desk.get("/corrections").json["corrections"]) == 2
    refused = desk.post("/corrections", json={**BODY, "note": "x"}, headers=headers)
    assert refused.status_code == 422
    assert "another correction before" in refused.json["detail"]


def test_the_later_of_two_stands(desk: FlaskClient) -> None:
    """Both are listed, the newest first."""
    ids = [desk.post("/corrections", json={**BODY, "topics": topics}).json["id"] for topics in (["sanctions"], [])]
    listed = desk.get("/corrections").json
    assert [(each["id"], each["stands"]) for each in listed["corrections"]] == [(ids[1], True), (ids[0], False)]
    assert listed["next"] is None


def test_pages(desk: FlaskClient) -> None:
    """`next` leads from page to page to the end; filters narrow."""
    for n in range(5):
        desk.post("/corrections", json={**BODY, "text": f"Text {n}", "document_id": f"d{n % 2}"})
    found, before = [], ""
    while True:
        page = desk.get(f"/corrections?limit=2{before}").json
        found += [each["text"] for each in page["corrections"]]
        if page["next"] is None:
            break
        before = f"&before={page['next']}"
    assert found == [f"Text {n}" for n in (4, 3, 2, 1, 0)]
    assert len(desk.get("/corrections?document_id=d1").json["corrections"]) == 2
    assert desk.get("/corrections?topic=ukraine_war").json["corrections"] == []
    assert len(desk.get("/corrections?topic=sanctions&since=2020-01-01T00:00:00%2B02:00").json["corrections"]) == 5
    assert desk.get("/corrections?since=2100-01-01T00:00:00Z").json["corrections"] == []


def test_deletion_by_document(desk: FlaskClient) -> None:
    """A publisher's document goes; deleting without naming one is refused."""
    number = desk.post("/corrections", json={**BODY, "document_id": "a1"}).json["id"]
    assert desk.delete("/corrections").status_code == 400
    assert desk.delete("/corrections?document_id=").status_code == 400
    assert desk.delete("/corrections?document_id=a2").json == {"corrections": 0, "candidates": 0}
    assert desk.delete("/corrections?document_id=a1").json == {"corrections": 1, "candidates": 0}
    assert desk.get(f"/corrections/{number}").status_code == 404


def test_roles(desk_app: Flask) -> None:
    """Correcting and reading need `correct`, deleting needs `admin`."""
    views = desk_app.view_functions
    assert {name: views[f"corrections.{name}"].wiretag_role for name in ("post", "page", "one", "delete")} == {  # type: ignore[attr-defined]
        "post": Role.CORRECT,
        "page": Role.CORRECT,
        "one": Role.CORRECT,
        "delete": Role.ADMIN,
    }


@pytest.fixture(scope="module")
def file_app(tmp_path_factory: pytest.TempPathFactory, release: Release) -> Iterator[Flask]:
    """An app with an SQLite store, for what has nothing to do with the database."""
    app = create_app(Settings(database_url=f"sqlite:///{tmp_path_factory.mktemp('store')}/c.db"), release)
    yield app
    app.extensions["wiretag_store"].close()


@pytest.mark.parametrize(
    ("body", "status", "pointer", "words"),
    [
        ({"topics": []}, 400, "", "missing required field `text`"),
        ({"text": "A bank."}, 400, "", "missing required field `topics`"),
        ({**BODY, "topics": "sanctions"}, 400, "/topics", "Expected `array`"),
        ({**BODY, "tags": []}, 400, "", "unknown field `tags`"),
        ([BODY], 400, "", "Expected `object`"),
        ({**BODY, "text": " \n\t"}, 422, "/text", "empty or blank"),
        ({**BODY, "text": "a" * 1_000_000}, 422, "/text", "1,000,000 characters; 100,000 are allowed"),
        ({**BODY, "text": "A\x00bank"}, 422, "/text", "NUL character stands at offset 1"),
        ({**BODY, "topics": ["bees"]}, 422, "/topics", "unknown topic 'bees'; there are african_diplomacy, "),
        ({**BODY, "shown": ["A B"]}, 422, "/shown", "topic ids"),
        ({**BODY, "shown": ["a"] * 101}, 422, "/shown", "at most 100"),
        ({**BODY, "document_id": "d" * 513}, 422, "/document_id", "512 are allowed"),
    ],
)
def test_what_cannot_be_stored_is_refused(file_app: Flask, body: Any, status: int, pointer: str, words: str) -> None:
    """Each fault is a problem that names its place and quotes no text."""
    answer = file_app.test_client().post("/corrections", json=body)
    assert (answer.status_code, answer.content_type) == (status, "application/problem+json")
    assert words in answer.json["detail"]
    assert answer.json.get("errors", [{"pointer": ""}])[0]["pointer"] == pointer
    assert "bank" not in answer.text


@pytest.mark.parametrize(
    ("arguments", "status"),
    [
        ({"data": json.dumps(BODY), "content_type": "text/plain"}, 415),
        ({"data": json.dumps(BODY)}, 415),
        ({"data": b"{", "content_type": "application/json"}, 400),
        ({"data": b'{"text": "\\ud800", "topics": []}', "content_type": "application/json"}, 400),
        ({"data": b'{"text": "\xff", "topics": []}', "content_type": "application/json"}, 400),
        ({"json": BODY, "headers": {"Idempotency-Key": ""}}, 400),
        ({"json": BODY, "headers": {"Idempotency-Key": "k" * 256}}, 400),
        ({"json": BODY, "headers": {"Idempotency-Key": "ключ".encode().decode("latin-1")}}, 400),
        ({"data": b" " * 10_000_001, "content_type": "application/json"}, 413),
    ],
)
def test_requests_of_the_wrong_kind(file_app: Flask, arguments: dict[str, Any], status: int) -> None:
    """What is not JSON, in UTF-8 and of a bearable size, never reaches the store."""
    assert file_app.test_client().post("/corrections", **arguments).status_code == status


@pytest.mark.parametrize(
    "query",
    ["limit=0", "limit=201", "limit=x", "before=0", f"before={2**63}", "topic=A", "topic=%25", "document_id=%00", "since=noon",
     "since=0001-01-01T00:00:00%2B14:00", "order=up"],
)  # fmt: skip
def test_options_out_of_range(file_app: Flask, query: str) -> None:
    """An option that cannot be meant is named."""
    answer = file_app.test_client().get(f"/corrections?{query}")
    assert answer.status_code == 400
    assert query.partition("=")[0] in answer.json["detail"]


@pytest.mark.parametrize("number", ["0", "999999", str(2**63), "9" * 40])
def test_ids_that_are_not_there(file_app: Flask, number: str) -> None:
    """Whatever the number, it is a problem like any other."""
    answer = file_app.test_client().get(f"/corrections/{number}")
    assert (answer.status_code, answer.json["type"]) == (404, "/docs/errors#not-found")


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.fixed_dictionaries(
        {"text": st.text(), "topics": st.lists(st.sampled_from(["sanctions", "x"]))},
        optional={name: st.none() | st.text() for name in ("headline", "document_id", "model_version", "note")},
    ),
    st.none() | st.text(st.characters(min_codepoint=0x21, max_codepoint=0x7E), min_size=1, max_size=8),
)
def test_any_correction_is_kept_exactly_or_refused(desk: FlaskClient, body: dict[str, Any], key: str | None) -> None:
    """Whatever the words, in either database: they come back unchanged, or a 4xx says why not."""
    answer = desk.post("/corrections", json=body, headers={"Idempotency-Key": key} if key else {})
    assert answer.status_code in (201, 400, 422)
    if answer.status_code == 201:
        stored = desk.get(answer.headers["Location"]).json
        assert {name: stored[name] for name in body if name != "topics"} == {
            name: body[name] for name in body if name != "topics"
        }


# Trouble with the store


@pytest.mark.parametrize(
    "url",
    [
        "sqlite:////proc/none/c.db",
        "postgresql://ann:s3cret@127.0.0.1:1/desk?sslpassword=s3cret",
        "postgresql://wiretag:s3cret@127.0.0.1:PORT/postgres",
    ],
)
def test_without_a_store_corrections_wait_and_classification_goes_on(
    url: str,
    release: Release,
    capsys: pytest.CaptureFixture[str],
    request: pytest.FixtureRequest,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """503 with when to come back and a clear log line without any password; documents are tagged all the same."""
    if "PORT" in url:
        url = url.replace("PORT", str(request.getfixturevalue("postgres").port))
    monkeypatch.setattr("service.store.REST", 600.0)  # seconds
    client = create_app(Settings(database_url=url, review="on"), release).test_client()
    for answer in (client.post("/corrections", json=BODY), client.get("/corrections"), client.get("/review")):
        assert answer.status_code == 503
        assert answer.headers["Retry-After"] == "5"
        assert "the corrections store cannot be used: it " in answer.json["detail"]
        assert "127.0.0.1" not in answer.text
    assert client.post("/classify", json={"text": BODY["text"]}).status_code == 200
    assert client.get("/readyz").status_code == 200
    log = capsys.readouterr().out
    assert log.count("store_unavailable") == 1  # not asked again while it rests
    assert "s3cret" not in log
    assert "sanctions" not in log


def test_the_service_finds_a_database_that_came_back(
    postgres: Server, release: Release, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nobody has to restart the service after the database."""
    monkeypatch.setattr(service_store, "REST", 0.0)
    app = create_app(Settings(database_url=postgres.create("returns")), release)
    client = app.test_client()
    postgres.stop()
    try:
        assert client.post("/corrections", json=BODY).status_code == 503
    finally:
        postgres.start()
    assert client.post("/corrections", json=BODY).status_code == 201
    postgres.stop()
    try:
        assert client.post("/corrections", json=BODY).status_code == 503
    finally:
        postgres.start()
    assert client.post("/corrections", json={**BODY, "text": "A ship."}).status_code == 201
    assert len(client.get("/corrections").json["corrections"]) == 2
    app.extensions["wiretag_store"].close()


def test_a_store_of_a_newer_schema_is_left_alone(tmp_path: Path, release: Release) -> None:
    """An older program beside a newer one writes nothing, says why, and tags on."""
    url = f"sqlite:///{tmp_path}/c.db"
    Store(url).close()
    with closing(sqlite3.connect(tmp_path / "c.db")) as other:
        other.execute(f"UPDATE {VERSION_TABLE} SET version_num = '9999'")
        other.commit()
    client = create_app(Settings(database_url=url), release).test_client()
    answer = client.post("/corrections", json=BODY)
    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "5")
    assert "its schema is newer than this program" in answer.json["detail"]
    assert client.post("/classify", json={"text": BODY["text"]}).status_code == 200


def test_a_full_disk_is_said_and_healed_from(
    small_disk: Path, release: Release, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """503 with when to come back, documents are tagged on, and with space again the same request is stored, once."""
    monkeypatch.setattr(service_store, "REST", 0.0)
    app = create_app(Settings(database_url=f"sqlite:///{small_disk}/c.db"), release)
    client, ballast = app.test_client(), small_disk / "ballast"
    assert client.post("/corrections", json=BODY).status_code == 201
    ballast.write_bytes(b"\0" * (500_000))
    answers = []
    for number in range(100):
        sent = {**BODY, "text": f"Text {number}. " + "swarm " * 4_000}
        answers.append(client.post("/corrections", json=sent, headers={"Idempotency-Key": str(number)}))
        if answers[-1].status_code != 201:
            break
    refused = answers[-1]
    assert (refused.status_code, refused.headers["Retry-After"]) == (503, "5")
    assert "the disk is full" in capsys.readouterr().out
    assert client.post("/classify", json={"text": BODY["text"]}).status_code == 200
    ballast.unlink()
    assert client.post("/corrections", json=sent, headers={"Idempotency-Key": str(number)}).status_code == 201
    assert len(client.get("/corrections?limit=200").json["corrections"]) == 1 + len(answers)
    app.extensions["wiretag_store"].close()


def test_settings_refuse_what_is_no_address() -> None:
    """A wrong address is told before the service starts, without repeating the password that it may hold."""
    from models.errors import InputError

    with pytest.raises(InputError, match="WIRETAG_DATABASE_URL: write sqlite") as caught:
        Settings.from_environment({"WIRETAG_DATABASE_URL": "mysql://ann:s3cret@h/d"})
    assert "s3cret" not in str(caught.value)
    with pytest.raises(InputError, match="WIRETAG_REVIEW: 'yes' is neither on nor off"):
        Settings.from_environment({"WIRETAG_REVIEW": "yes"})


def test_a_process_that_never_corrects_does_not_load_the_database(release: Release, tmp_path: Path) -> None:
    """SQLAlchemy waits until it is needed, and no file is made before."""
    import subprocess
    import sys

    program = (
        "import sys; from service.app import create_app; from service.settings import Settings\n"
        "client = create_app(Settings()).test_client()\n"
        "assert client.post('/classify', json={'text': 'A bank.'}).status_code == 200\n"
        "assert not {'sqlalchemy', 'alembic'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", program], check=True, cwd=tmp_path, timeout=60)
    assert list(tmp_path.iterdir()) == []
