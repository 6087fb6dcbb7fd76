"""The real server through what happens to a service that is left alone: new models, killed workers, stops."""

import http.client
import json
import os
import signal
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from models.registry import Registry
from tests.running import Running, running, wait_until
from tests.two_releases import FOLLOWS, TEXT, versions_that_answer, write_registry

LONG = {
    "documents": [{"page": "Sanctions on banks were extended on Monday by the council.\n" * 100}] * 500
}  # works for seconds


@pytest.fixture
def registry(tmp_path: Path) -> Registry:
    """A registry of two releases, the first serving."""
    return write_registry(tmp_path / "models")[0]


@pytest.fixture
def server(tmp_path: Path, registry: Registry) -> Iterator[Running]:
    """Two workers that serve the registry."""
    with running(tmp_path / "log", "--workers", "2", "--model", str(registry.root)) as started:
        yield started


def _loads(server: Running, event: str) -> int:
    return sum(line["event"] == event for line in server.lines())


def test_models_are_listed_switched_and_switched_back(server: Running, registry: Registry) -> None:
    """An operator sees what there is, and changes what serves, over HTTP; the answer comes when it serves."""
    first, second = registry.versions()
    status, listing = server.call("/models")
    assert (status, listing["model_version"]) == (200, first)
    assert [(each["version"], each["current"]) for each in listing["models"]] == [(first, True), (second, False)]
    assert listing["models"][0]["figures"]["held_out_folds"]["macro_f1"] > 0

    assert server.call(f"/models/{second}/activate", {}) == (200, {"model_version": second, "before": first})
    assert registry.current() == second
    wait_until(lambda: set(versions_that_answer(server)) == {second}, FOLLOWS)
    assert [each["previous"] for each in server.call("/models")[1]["models"]] == [True, False]

    assert server.call("/models/rollback", {}) == (200, {"model_version": first, "before": second})
    wait_until(lambda: set(versions_that_answer(server)) == {first}, FOLLOWS)


def test_what_cannot_be_switched_is_a_problem(server: Running, registry: Registry) -> None:
    """Unknown, damaged, or asked for by another site's page: a clear answer, and the old model goes on."""
    first, second = registry.versions()
    for version in ("nothing", "..", "current"):
        assert server.call(f"/models/{version}/activate", {})[0] == 404
    assert server.call("/models/rollback", {})[1]["type"] == "/docs/errors#not-switched"
    for sender in ({"Origin": "http://elsewhere.example"}, {"Sec_Fetch_Site": "cross-site"}, {"Sec_Fetch_Site": "same-site"}):
        status, problem = server.call(f"/models/{second}/activate", {}, **sender)
        assert (status, problem["type"]) == (403, "/docs/errors#not-allowed")
    (registry.folder(second) / "coef.npy").write_bytes(b"")
    status, problem = server.call(f"/models/{second}/activate", {})
    assert (status, problem["detail"]) == (
        409,
        f"releases/{second}/coef.npy: differs from the manifest; restore the folder",
    )
    (registry.folder(second) / "manifest.json").write_text("{}")
    assert "fault" in server.call("/models")[1]["models"][1]
    assert set(versions_that_answer(server)) == {first}


@pytest.mark.parametrize("same_origin", [{"Origin": "http://127.0.0.1:{port}"}, {"Sec_Fetch_Site": "same-origin"}])
def test_the_service_s_own_pages_may_switch(server: Running, registry: Registry, same_origin: dict[str, str]) -> None:
    """The console is no other site."""
    headers = {name: value.format(port=server.port) for name, value in same_origin.items()}
    assert server.call(f"/models/{registry.versions()[1]}/activate", {}, **headers)[0] == 200


def test_a_single_folder_or_an_unwritable_registry_is_not_switched(tmp_path: Path, registry: Registry) -> None:
    """What the service cannot change it does not pretend to change."""
    first, second = registry.versions()
    with running(tmp_path / "log", "--model", str(registry.folder(first))) as server:
        status, problem = server.call(f"/models/{second}/activate", {})
        assert (status, problem["detail"]) == (
            409,
            "the service serves one release's folder; set WIRETAG_MODEL to a registry to switch",
        )
        assert [each["version"] for each in server.call("/models")[1]["models"]] == [first]
    (registry.root / ".lock").unlink()
    (registry.root / ".lock").mkdir()  # for root, too, a registry that cannot be written
    with running(tmp_path / "log", "--model", str(registry.root)) as server:
        status, problem = server.call(f"/models/{second}/activate", {})
        assert status == 409
        assert "make the registry writable" in problem["detail"]
    assert registry.current() == first


def _ask_until(server: Running, stop: threading.Event, seen: Counter[Any]) -> None:
    """Ask on one connection, again and again."""
    with server.client() as client:
        while not stop.is_set():
            try:
                client.request("POST", "/classify", json.dumps(TEXT), {"Content-Type": "application/json"})
                answer = client.getresponse()
                seen[answer.status, json.loads(answer.read())["model_version"], answer.headers["Connection"]] += 1
            except (OSError, http.client.HTTPException) as error:
                seen[type(error).__name__] += 1
                client.close()


def test_a_changed_pointer_switches_all_workers_without_dropping_anything(server: Running, registry: Registry) -> None:
    """`wiretag models activate` beside a busy service: every request is answered, and no connection closed."""
    stop, seen = threading.Event(), Counter[Any]()
    threads = [threading.Thread(target=_ask_until, args=(server, stop, seen)) for _ in range(4)]
    for thread in threads:
        thread.start()
    for turn in range(4):
        registry.activate(registry.versions()[(turn + 1) % 2])
        time.sleep(1)
    stop.set()
    for thread in threads:
        thread.join()
    assert {key[:1] + key[2:] for key in seen} == {(200, "keep-alive")}
    assert {key[1] for key in seen} == set(registry.versions())
    wait_until(lambda: set(versions_that_answer(server)) == {registry.current()}, FOLLOWS)


def test_sighup_looks_again_and_restarts_nothing(server: Running, registry: Registry) -> None:
    """The usual signal for a reload costs no worker and no connection, and tries a refused release once more."""
    first, second = registry.versions()
    with server.client() as client:
        client.request("GET", "/readyz")
        assert client.getresponse().read()
        wait_until(lambda: len(server.workers()) == 2)
        workers = server.workers()
        (registry.folder(second) / "coef.npy").write_bytes(b"")
        (registry.root / "next").write_text(second)
        (registry.root / "next").rename(registry.root / "current")
        wait_until(lambda: _loads(server, "model_refused") == 2)
        time.sleep(1)
        assert _loads(server, "model_refused") == 2  # once a worker, not with every look
        server.process.send_signal(signal.SIGHUP)
        wait_until(lambda: _loads(server, "model_refused") == 4)
        client.request("GET", "/readyz")
        answer = json.loads(client.getresponse().read())
        assert (answer["model_version"], answer["refused"].partition(":")[0]) == (first, f"releases/{second}/coef.npy")
        assert server.workers() == workers


def test_a_service_started_without_a_model_waits_for_one(tmp_path: Path) -> None:
    """Alive, not ready, and ready as soon as a model is activated."""
    root = tmp_path / "models"
    root.mkdir()
    with running(tmp_path / "log", "--model", str(root), ready=False) as server:
        assert "no model is active yet" in server.log.read_text()
        assert server.call("/readyz")[0] == 503
        assert server.call("/classify", TEXT)[0] == 503
        assert server.call("/models/rollback", {})[0] == 409
        write_registry(root)
        wait_until(lambda: server.call("/readyz")[0] == 200)


def _is_refused(server: Running) -> bool:
    try:
        server.connect().close()
    except ConnectionRefusedError:
        return True
    return False


def test_a_stop_finishes_what_is_in_flight_and_refuses_the_rest(server: Running) -> None:
    """SIGTERM: an answer that is worked on comes whole, idle connections are closed, new ones refused at once."""
    done: dict[str, Any] = {}

    def ask() -> None:
        done["status"], done["answer"] = server.call("/classify", LONG)

    with server.client() as idle, server.client() as half:
        idle.request("GET", "/healthz")
        assert idle.getresponse().read()
        half.putrequest("POST", "/classify")
        half.putheader("Content-Type", "application/json")
        body = json.dumps(TEXT).encode()
        half.putheader("Content-Length", str(len(body)))
        half.endheaders(body[:9])
        thread = threading.Thread(target=ask)
        thread.start()
        time.sleep(0.5)
        server.process.send_signal(signal.SIGTERM)
        wait_until(lambda: _is_refused(server))
        assert server.process.poll() is None
        half.send(body[9:])
        answer = half.getresponse()
        assert (answer.status, answer.headers["Connection"]) == (200, "close")
        thread.join()
        assert (done["status"], len(done["answer"]["results"])) == (200, len(LONG["documents"]))
        assert server.process.wait(10) == 0
        assert idle.sock.recv(1) == b""
        assert "Traceback" not in server.log.read_text()


def test_a_kept_connection_is_told_that_the_server_stops(server: Running) -> None:
    """A request on an idle connection that crosses the stop is answered, with `Connection: close`."""
    with server.client() as client:
        client.request("GET", "/healthz")
        assert client.getresponse().read()
        server.process.send_signal(signal.SIGTERM)
        time.sleep(0.5)
        client.request("GET", "/healthz")
        answer = client.getresponse()
        assert (answer.status, answer.headers["Connection"]) == (200, "close")
        assert server.process.wait(10) == 0


def test_what_the_kernel_accepted_before_a_stop_is_answered(server: Running) -> None:
    """Requests that wait to be accepted when SIGTERM comes are served, not reset."""
    for pid in server.workers():
        os.kill(pid, signal.SIGSTOP)
    with ExitStack() as stack:
        waiting = [stack.enter_context(server.client()) for _ in range(10)]
        for client in waiting:
            client.request("POST", "/classify", json.dumps(TEXT), {"Content-Type": "application/json"})
        server.process.send_signal(signal.SIGTERM)
        time.sleep(0.3)
        for pid in server.workers():
            os.kill(pid, signal.SIGCONT)
        assert [client.getresponse().status for client in waiting] == [200] * 10
        assert server.process.wait(10) == 0
