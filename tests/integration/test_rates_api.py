"""How often a client may ask, counted in the process and in a real Redis."""

import re
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from flask import Flask
from structlog.testing import capture_logs
from werkzeug.test import TestResponse, create_environ, run_wsgi_app

from models.errors import InputError
from models.release import Release
from service.app import create_app
from service.keys import Role, changing_keys, make_key
from service.rates import Rate, _client
from service.settings import Settings


def _ask(app: Flask, address: str = "192.0.2.1", **headers: str) -> TestResponse:
    names = {name.replace("_", "-"): value for name, value in headers.items()}
    return app.test_client().get("/topics", headers=names, environ_overrides={"REMOTE_ADDR": address})


def _told(answer: TestResponse) -> tuple[int, int]:
    """What is left of the quota, and for how many seconds."""
    left, seconds = re.fullmatch(r'"default";r=(\d+);t=(\d+)', answer.headers["RateLimit"]).groups()
    return int(left), int(seconds)


def test_beyond_the_rate_the_answer_is_429(release: Release) -> None:
    """A client learns what it may send, what is left, and when to come back."""
    app = create_app(Settings(rate="2/minute"), release)
    answers = [_ask(app) for _ in range(4)]
    assert [answer.status_code for answer in answers] == [200, 200, 429, 429]
    left, seconds = zip(*(_told(answer) for answer in answers), strict=True)
    assert left == (1, 0, 0, 0)
    assert all(50 < each <= 60 for each in seconds)
    assert {answer.headers["RateLimit-Policy"] for answer in answers} == {'"default";q=2;w=60'}
    refused = answers[2]
    assert refused.headers["Retry-After"] == str(seconds[2])
    assert refused.json["type"] == "/docs/errors#too-many-requests"
    assert refused.content_type == "application/problem+json"


def test_after_the_wait_it_goes_on(release: Release) -> None:
    """Who comes back when told to is served, and refused requests do not make the wait longer."""
    app = create_app(Settings(rate="1/2second"), release)
    assert _ask(app).status_code == 200
    wait = int(_ask(app).headers["Retry-After"])
    assert 1 <= wait <= 2
    for _ in range(5):
        assert _ask(app).status_code == 429
    time.sleep(wait)
    assert _ask(app).status_code == 200


def test_without_a_rate_nothing_is_counted(app: Flask) -> None:
    """Off by default, without a trace in the answers."""
    answer = _ask(app)
    assert not [name for name, _ in answer.headers if "rate" in name.lower()]


def test_probes_are_never_refused(release: Release) -> None:
    """A busy client does not make an orchestrator believe that the service is gone."""
    app = create_app(Settings(rate="1/minute"), release)
    _ask(app)
    assert _ask(app).status_code == 429
    assert {app.test_client().get(path).status_code for path in ("/healthz", "/readyz") for _ in range(3)} == {200}


def test_the_body_is_not_read_before_the_rate_is_checked(release: Release) -> None:
    """A client over its rate costs no more than its headers."""

    class Unread:
        def read(self, *_: object) -> bytes:
            raise AssertionError("the body was read")

        readline = readlines = __iter__ = read

    app = create_app(Settings(rate="1/minute"), release)
    _ask(app)
    environ = create_environ("/classify", method="POST", content_type="application/json", content_length=9_000_000)
    _, status, _ = run_wsgi_app(app, {**environ, "wsgi.input": Unread(), "REMOTE_ADDR": "192.0.2.1"})
    assert status.startswith("429")


def test_clients_are_counted_by_address_without_keys(release: Release) -> None:
    """One client's haste does not refuse another; whoever has a network of IPv6 has one quota."""
    app = create_app(Settings(rate="1/minute"), release)
    assert [_ask(app, address).status_code for address in ("192.0.2.1", "192.0.2.2", "192.0.2.1")] == [200, 200, 429]
    assert [_ask(app, f"2001:db8::{n}").status_code for n in ("1", "2")] == [200, 429]


@pytest.mark.parametrize(
    ("address", "counted"),
    [
        ("192.0.2.1", "192.0.2.1"),
        ("::ffff:192.0.2.1", "192.0.2.1"),  # how a socket for both names an IPv4 client
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::"),
        ("fe80::1%eth0", "fe80::"),
        ("::1", "::"),
        ("not:an:address", "not:an:address"),
        ("x" * 1000, "x" * 64),
    ],
)
def test_what_an_address_is_counted_as(address: str, counted: str) -> None:
    """A client has as many addresses as it likes in its own network, and one quota."""
    assert _client(address) == counted


def test_keys_are_counted_wherever_they_are_used(release: Release, tmp_path: Path) -> None:
    """With keys, a key has its quota, whatever address it is used from; who has none spends nobody's."""
    made = [make_key(name, Role.CLASSIFY) for name in "ab"]
    with changing_keys(tmp_path / "keys") as keys:
        keys += [key for _, key in made]
    app = create_app(Settings(rate="2/minute", keys=tmp_path / "keys"), release)
    a, b = (f"Bearer {secret}" for secret, _ in made)
    assert [_ask(app, Authorization="Bearer wt_unknown").status_code for _ in range(4)] == [401] * 4
    answers = [_ask(app, address, Authorization=a).status_code for address in ("192.0.2.1", "192.0.2.2", "192.0.2.3")]
    assert answers == [200, 200, 429]
    assert _ask(app, Authorization=b).status_code == 200


def test_forwarded_addresses_are_believed_as_far_as_told(release: Release) -> None:
    """Nobody gets a new quota by writing a header; behind n proxies, the n-th address from the right is the client's."""
    app = create_app(Settings(rate="1/minute"), release)
    assert [_ask(app, X_Forwarded_For=f"198.51.100.{n}").status_code for n in (1, 2)] == [200, 429]
    app = create_app(Settings(rate="1/minute", proxies=1), release)
    assert [_ask(app, X_Forwarded_For=f"198.51.100.{n}").status_code for n in (1, 2, 1)] == [200, 200, 429]
    # what the client wrote stands left of what the proxy added
    assert [_ask(app, X_Forwarded_For=f"203.0.113.{n}, 198.51.100.9").status_code for n in (1, 2)] == [200, 429]


@pytest.mark.parametrize("rate", ["many", "600", "600/fortnight", "0/minute", "-1/minute", "1/second; 9/minute"])
def test_a_rate_that_is_none_is_refused_at_start(release: Release, rate: str) -> None:
    """A slip in the setting is said at once, and never means no limit."""
    with pytest.raises(InputError, match="WIRETAG_RATE"):
        create_app(Settings(rate=rate), release)


@pytest.mark.parametrize("redis", ["memory://", "localhost:6379", "redis://:s3cret@localhost:port", "http://localhost"])
def test_an_address_that_is_none_of_redis_is_refused_at_start(release: Release, redis: str) -> None:
    """The message names the setting, and not what may hold a password."""
    with pytest.raises(InputError, match="WIRETAG_REDIS") as caught:
        create_app(Settings(rate="1/minute", redis=redis), release)
    assert "s3cret" not in str(caught.value)


class Server:
    """A Redis server of the test's own on a free loopback port."""

    def __init__(self, folder: Path):
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        self.address = f"redis://127.0.0.1:{self.port}/0"
        self._folder = folder
        self.start()

    def start(self) -> None:
        command = ["redis-server", "--port", str(self.port), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no"]
        self._process = subprocess.Popen([*command, "--dir", str(self._folder)], stdout=subprocess.DEVNULL)
        for _ in range(200):
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", self.port)) == 0:
                    return
            time.sleep(0.05)
        pytest.fail("redis-server does not answer")

    def stop(self) -> None:
        self._process.kill()
        self._process.wait(10)


@pytest.fixture
def redis(tmp_path: Path) -> Iterator[Server]:
    if not shutil.which("redis-server"):
        pytest.skip("redis-server is not installed here")
    server = Server(tmp_path)
    yield server
    server.stop()


def test_processes_share_a_quota_in_redis(release: Release, redis: Server) -> None:
    """Two services (or two workers) with one Redis count together, and tell the same."""
    one, other = (create_app(Settings(rate="3/minute", redis=redis.address), release) for _ in range(2))
    answers = [_ask(app) for app in (one, other, one, other, one)]
    assert [answer.status_code for answer in answers] == [200, 200, 200, 429, 429]
    assert [_told(answer)[0] for answer in answers] == [2, 1, 0, 0, 0]
    assert answers[-1].headers["Retry-After"] == str(_told(answers[-1])[1])


def test_a_window_ends_in_redis_too(release: Release, redis: Server) -> None:
    """Who waits as long as told is served."""
    app = create_app(Settings(rate="1/2second", redis=redis.address), release)
    assert _ask(app).status_code == 200
    time.sleep(int(_ask(app).headers["Retry-After"]))
    assert _ask(app).status_code == 200


def test_redis_down_does_not_stop_the_service(release: Release, redis: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without Redis requests pass uncounted, at once, with one line in the log; when it is back, they are counted."""
    monkeypatch.setattr("service.rates._PAUSE", 0.2)
    app = create_app(Settings(rate="1/minute", redis=redis.address), release)
    assert [_ask(app).status_code for _ in range(2)] == [200, 429]
    redis.stop()
    with capture_logs() as logs:
        started = time.perf_counter()
        answers = [_ask(app) for _ in range(50)]
        assert time.perf_counter() - started < 2
        time.sleep(0.25)
        answers.append(_ask(app))
    assert {answer.status_code for answer in answers} == {200}
    assert "RateLimit" not in answers[0].headers
    (line,) = [line for line in logs if line["event"] == "rates_not_counted"]
    assert str(redis.port) not in str(line)
    redis.start()
    time.sleep(0.25)
    assert [_ask(app).status_code for _ in range(2)] == [200, 429]


def test_a_service_starts_while_redis_is_down(release: Release) -> None:
    """The order in which machines come up does not matter."""
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        app = create_app(Settings(rate="1/minute", redis=f"redis://127.0.0.1:{closed.getsockname()[1]}/0"), release)
        assert [_ask(app).status_code for _ in range(3)] == [200] * 3


def test_a_redis_that_hangs_costs_a_quarter_of_a_second(release: Release) -> None:
    """A server that takes the connection and never answers is given up, and left alone for a while."""
    with socket.socket() as deaf:
        deaf.bind(("127.0.0.1", 0))
        deaf.listen()
        rate = Rate("1/minute", f"redis://127.0.0.1:{deaf.getsockname()[1]}/0")
        started = time.perf_counter()
        assert rate.count("key", "a") is None
        first = time.perf_counter() - started
        assert first < 2
        assert rate.count("key", "a") is None
        assert time.perf_counter() - started - first < 0.2
