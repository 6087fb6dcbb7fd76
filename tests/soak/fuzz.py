"""Broken requests in great number: no error of ours, no traceback, no hang.

    python -m tests.soak.fuzz 100000 [--seed 7] [--only 4711]

Every request is made from its number and the seed alone, so one that failed can be sent again. Requests go through the WSGI
interface as raw bytes and values, past every client that would put them right.
"""

import argparse
import faulthandler
import io
import json
import logging
import random
import sys
import time
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

import structlog
from flask import Flask
from werkzeug.test import run_wsgi_app

from service.app import create_app
from service.settings import Settings
from tests.soak.seeds import CONTENT_TYPES, HEADERS, METHODS, ODD, PATHS, QUERIES, TEXTS, bodies

LIMIT = 5.0  # seconds a request may take
HANG = 60.0  # seconds after which the run ends with the stack of what hangs
LIMITS = Settings(max_characters=20_000, max_documents=50, max_body=300_000)  # low enough to be passed often


@dataclass(slots=True)
class Outcome:
    """What became of a run."""

    statuses: Counter[int] = field(default_factory=Counter)
    failures: list[str] = field(default_factory=list)
    slowest: float = 0.0
    seconds: float = 0.0

    def __str__(self) -> str:
        """The result line."""
        shares = ", ".join(f"{status}: {n:,}" for status, n in sorted(self.statuses.items()))
        return (
            f"{sum(self.statuses.values()):,} requests in {self.seconds:.0f} s, {len(self.failures)} failures; "
            f"slowest {self.slowest:.3f} s; {shares}"
        )


def fuzz(app: Flask, numbers: range, seed: int) -> Outcome:
    """Send the requests of these numbers and look at every answer."""
    logged: list[str] = []

    def watch(_: Any, __: str, event: dict[str, Any]) -> str:
        if event["event"] == "unexpected_error":
            logged.append(f"{event['error']} at {event['place']}")
        raise structlog.DropEvent

    structlog.configure(processors=[watch], wrapper_class=structlog.make_filtering_bound_logger(logging.INFO))
    outcome = Outcome()
    begun = time.perf_counter()
    try:
        for number in numbers:
            environ = request(random.Random(f"{seed}/{number}"))
            faulthandler.dump_traceback_later(HANG, exit=True)
            started = time.perf_counter()
            try:
                chunks, status_line, headers = run_wsgi_app(app, environ)
                body, status = b"".join(chunks), int(status_line[:3])
                getattr(chunks, "close", lambda: None)()  # as a server does
            except ConnectionResetError:  # how a stream whose body breaks off ends its connection
                body, status, headers, fault = b"", 0, None, None
            except Exception as error:  # noqa: BLE001, RUF100 whatever comes out of the app is what is looked for
                body, status, headers, fault = b"", 0, None, f"{type(error).__name__} came out of the app"
            else:
                fault = _fault(environ, status, headers, body)
            seconds = time.perf_counter() - started
            outcome.statuses[status] += 1
            outcome.slowest = max(outcome.slowest, seconds)
            fault = ", ".join(logged) or fault or (f"took {seconds:.1f} s" if seconds > LIMIT else None)
            logged.clear()
            if fault:
                outcome.failures.append(f"request {number}: {status} {environ['REQUEST_METHOD']}: {fault}")
    finally:
        faulthandler.cancel_dump_traceback_later()
        structlog.reset_defaults()
    outcome.seconds = time.perf_counter() - begun
    return outcome


def _fault(environ: dict[str, Any], status: int, headers: Any, body: bytes) -> str | None:
    """What is wrong with an answer, or None."""
    if status == 500 or b"Traceback" in body:
        return "an error of ours"
    if not headers.get("X-Request-ID"):
        return "no X-Request-ID"
    kind = headers.get("Content-Type", "")
    if environ["REQUEST_METHOD"] == "HEAD" or "json" not in kind:
        return "an error that is no problem document" if status >= 400 and environ["REQUEST_METHOD"] != "HEAD" else None
    try:
        answers = [json.loads(line) for line in (body.splitlines() if kind == "application/x-ndjson" else [body])]
    except ValueError:
        return "not JSON"
    answer = answers[-1] if answers else {}
    if status >= 400 and answer.get("status") != status and "error" not in answer:
        return "an error that is no problem document"
    return None


def request(rng: random.Random) -> dict[str, Any]:
    """A WSGI environment, from nearly right to nonsense."""
    path = rng.choice(PATHS) if rng.random() < 0.97 else mutate(rng, rng.choice(PATHS))
    kind, body = rng.choice(bodies())
    if rng.random() < 0.7 and kind in ("application/json", "infer"):
        body = json.dumps(_bend(rng, json.loads(body)), ensure_ascii=rng.random() < 0.5).encode("utf-8", "surrogatepass")
    if rng.random() < 0.6:
        body = mutate(rng, body)
    if kind == "infer" and rng.random() < 0.9:
        path = b"/v2/models/wiretag/infer"
    if path == b"/classify" and kind == "binary" and rng.random() < 0.9:
        path = b"/v2/models/wiretag/infer"
    declared = rng.choice(CONTENT_TYPES) if rng.random() < 0.2 else "application/json" if kind in ("infer", "binary") else kind
    environ = {
        "REQUEST_METHOD": "POST" if rng.random() < 0.9 else rng.choice(METHODS),
        "SCRIPT_NAME": "",
        "PATH_INFO": path.decode("latin-1"),
        "QUERY_STRING": rng.choice(QUERIES) if rng.random() < 0.4 else "",
        "SERVER_NAME": "localhost",
        "SERVER_PORT": "80",
        "SERVER_PROTOCOL": "HTTP/1.1",
        "wsgi.version": (1, 0),
        "wsgi.url_scheme": "http",
        "wsgi.input": io.BytesIO(body),
        "wsgi.errors": io.StringIO(),
        "wsgi.multithread": True,
        "wsgi.multiprocess": True,
        "wsgi.run_once": False,
        "CONTENT_TYPE": declared,
        "CONTENT_LENGTH": str(len(body)),
    }
    if rng.random() < 0.05:
        environ["CONTENT_LENGTH"] = rng.choice(["", "-1", "abc", "0", "99999999999", str(len(body) // 2), str(len(body) + 9)])
    if rng.random() < 0.05:
        del environ["CONTENT_LENGTH"]
        environ["wsgi.input_terminated"] = True
    if rng.random() < 0.05:
        environ["QUERY_STRING"] = mutate(rng, rng.choice(QUERIES).encode()).decode("latin-1")
    if kind == "binary":
        environ["HTTP_INFERENCE_HEADER_CONTENT_LENGTH"] = str(body.find(b"}]}") + 3)
    for name, values in rng.sample(HEADERS, rng.choice([0, 0, 1, 3])):
        environ[name] = rng.choice(values)
    return environ


def mutate(rng: random.Random, raw: bytes) -> bytes:
    """Bytes with a few changes: flipped, cut out, doubled, put in, broken off."""
    found = bytearray(raw)
    for _ in range(rng.choice([1, 1, 2, 5, 20])):
        at = rng.randrange(len(found) + 1)
        match rng.randrange(5):
            case 0 if found:
                found[at % len(found)] ^= 1 << rng.randrange(8)
            case 1:
                del found[at : at + rng.choice([1, 2, 10, 1000])]
            case 2:
                found[at:at] = found[at : at + rng.choice([1, 10, 500])]
            case 3:
                found[at:at] = rng.choice(ODD) if rng.random() < 0.7 else rng.randbytes(rng.choice([1, 4, 100]))
            case 4 if rng.random() < 0.1:
                del found[at:]
    return bytes(found[:400_000])


def _bend(rng: random.Random, value: Any, depth: int = 0) -> Any:
    """A JSON value with some of its parts replaced, dropped, renamed or nested."""
    if rng.random() < 0.08:
        return rng.choice(
            [None, True, 0, -1, 2**70, 1.5, 1e308, "", " ", "\0", "\ud800", "x" * 30_000, [], {}, [[]], {"a": 1}, _nested(rng)]
        )
    if isinstance(value, dict):
        bent = {
            (
                rng.choice(["text", "page", "html", "headline", "documents", "limit", "\u2028", ""])
                if rng.random() < 0.05
                else name
            ): (_bend(rng, each, depth + 1))
            for name, each in value.items()
            if rng.random() > 0.04
        }
        if rng.random() < 0.1:
            bent[rng.choice(["explain", "topics", "limit", "duplicates", "page", "colour"])] = _bend(
                rng, [1, "sanctions"], depth + 1
            )
        return bent
    if isinstance(value, list):
        return [_bend(rng, each, depth + 1) for each in value for _ in range(rng.choice([1, 1, 1, 1, 0, 2, 60]))][:2_000]
    if isinstance(value, str) and rng.random() < 0.3:
        return mutate(rng, rng.choice(TEXTS)).decode(rng.choice(["utf-8", "latin-1", "utf-16-le"]), "replace")
    return value


def _nested(rng: random.Random) -> Any:
    value: Any = "deep"
    for _ in range(rng.choice([10, 200])):
        value = [value] if rng.random() < 0.5 else {"text": value}
    return value


def main() -> None:
    """Run, print the result line, and exit with 1 where something failed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("count", type=int, nargs="?", default=100_000)
    parser.add_argument("--seed", type=int, default=20261122)
    parser.add_argument("--only", type=int, help="send this one again")
    given = parser.parse_args()
    numbers = range(given.count) if given.only is None else range(given.only, given.only + 1)
    outcome = fuzz(create_app(LIMITS), numbers, given.seed)
    for failure in outcome.failures[:20]:
        print(failure, file=sys.stderr)
    print(f"fuzz: {outcome}")
    sys.exit(bool(outcome.failures))


if __name__ == "__main__":
    main()
