"""One client's requests never take the service from the others."""

import threading
import time
from contextlib import suppress

import pytest
from flask import Flask

from models.errors import InputError
from service import classify, limits
from service.app import create_app
from service.limits import Deadline, Turns
from service.problems import Problem
from service.settings import Settings
from tests.running import wait_until


@pytest.fixture(autouse=True)
def impatience(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "PATIENCE", 0.1)


def _refused(turns: Turns) -> float | None:
    """Seconds until a turn was refused, or None when there was one."""
    began = time.monotonic()
    try:
        with turns.turn():
            return None
    except Problem as problem:
        return time.monotonic() - began if (problem.status, problem.kind) == (503, "busy") else None


def test_beyond_those_at_work_a_few_wait_a_moment() -> None:
    """A burst is smoothed, a crowd is refused: waiting ends by itself."""
    turns = Turns(at_once=1, waiting=1, seconds=9)
    with turns.turn():
        waited = _refused(turns)
        assert waited is not None
        assert 0.1 <= waited < 1
    assert _refused(turns) is None


def test_without_room_to_wait_the_refusal_is_immediate() -> None:
    """Refusing costs nothing, and is known before a body is read."""
    turns = Turns(at_once=1, waiting=0, seconds=9)
    turns.refuse_if_full()
    with turns.turn():
        waited = _refused(turns)
        assert waited is not None
        assert waited < 0.05
        with pytest.raises(Problem):
            turns.refuse_if_full()
    turns.refuse_if_full()


def test_those_who_wait_are_served_in_order(monkeypatch: pytest.MonkeyPatch) -> None:
    """First come, first served: a turn that is given back goes to the one who waited longest."""
    monkeypatch.setattr(limits, "PATIENCE", 30)
    turns = Turns(at_once=1, waiting=20, seconds=9)
    order: list[int] = []

    def work(number: int) -> None:
        with turns.turn():
            order.append(number)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(20)]
    with turns.turn():
        for number, thread in enumerate(threads):
            thread.start()
            wait_until(lambda number=number: len(turns._waiting) > number)
    for thread in threads:
        thread.join()
    assert order == list(range(20))


def test_never_too_many_are_at_work() -> None:
    """However turns are taken, waited for and given back, the limit holds, and none is lost."""
    turns = Turns(at_once=2, waiting=50, seconds=9)
    at_work, most, lock = 0, 0, threading.Lock()

    def work() -> None:
        nonlocal at_work, most
        for _ in range(20):
            with suppress(Problem), turns.turn():
                with lock:
                    at_work += 1
                    most = max(most, at_work)
                time.sleep(0.0005)
                with lock:
                    at_work -= 1

    threads = [threading.Thread(target=work) for _ in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert most == 2
    with turns.turn(), turns.turn():
        assert _refused(turns) is not None


def test_a_turn_is_given_back_after_an_error() -> None:
    """A failing request holds nothing."""
    turns = Turns(at_once=1, waiting=0, seconds=9)
    with pytest.raises(ValueError, match="x"), turns.turn():
        raise ValueError("x")
    assert _refused(turns) is None


def test_a_deadline_says_what_to_do() -> None:
    """A request that takes too long ends with a problem that names the remedy."""
    Deadline(9).check()
    with pytest.raises(Problem, match="fewer documents") as caught:
        Deadline(-1).check()
    assert (caught.value.status, caught.value.kind) == (503, "out-of-time")


@pytest.fixture
def crowded() -> Flask:
    """An app all of whose turns are taken."""
    app = create_app(Settings(threads=2, concurrency=1))
    app.extensions["wiretag_turns"] = Turns(at_once=0, waiting=0, seconds=9)
    return app


def test_a_crowded_service_still_says_how_it_is(crowded: Flask) -> None:
    """A load balancer must not take a busy service for a dead one."""
    client = crowded.test_client()
    answer = client.post("/classify", json={"text": "Sanctions on banks."})
    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "1")
    assert answer.json["type"] == "/docs/errors#busy"
    for path in ("/healthz", "/readyz", "/topics", "/model", "/models"):
        assert client.get(path).status_code == 200


def test_a_batch_that_takes_too_long_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    """Between two documents the time is looked at; the next request is served."""
    client = create_app(Settings(request_seconds=1)).test_client()
    monkeypatch.setattr(classify, "classify", lambda *_: time.sleep(0.3))
    began = time.monotonic()
    answer = client.post("/classify", json={"documents": [{"text": "Sanctions on banks."}] * 1000})
    assert time.monotonic() - began < 3
    monkeypatch.undo()
    assert answer.status_code == 503
    assert answer.json["type"] == "/docs/errors#out-of-time"
    assert client.post("/classify", json={"text": "Sanctions on banks."}).status_code == 200


@pytest.mark.parametrize("coding", ["gzip", "deflate", "br", "GZIP, identity"])
def test_compressed_bodies_are_refused_unread(coding: str) -> None:
    """A kilobyte never becomes a gigabyte here."""
    answer = create_app(Settings()).test_client().post("/classify", data=b"\x1f\x8b", headers={"Content-Encoding": coding})
    assert answer.status_code == 415
    assert answer.headers["Accept-Encoding"] == "identity"
    assert "without Content-Encoding" in answer.json["detail"]


def test_threads_leave_room_to_refuse() -> None:
    """Settings under which nothing could be refused are refused themselves."""
    with pytest.raises(InputError, match=r"WIRETAG_THREADS: 4 .* set 5 or more"):
        Settings(threads=4)
    assert Settings(threads=5).waiting == 0
