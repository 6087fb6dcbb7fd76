"""OpenTelemetry traces: what they hold, what they never hold, and that they cost nothing when off."""

import gzip
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from flask import Flask
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from models import pipeline
from models.errors import InputError
from models.release import Release
from models.scorer import Scorer
from models.segmenter import Segmenter
from service import traces
from service.app import create_app
from service.settings import Settings

PAGE = "Bank under sanctions\n" + "The Treasury imposed sanctions on the Confidential Bank on Monday, officials said.\n" * 5
STEPS = [(owner, name) for owner, name, _ in traces._STEPS]


@pytest.fixture
def spans() -> InMemorySpanExporter:
    return InMemorySpanExporter()


@pytest.fixture
def traced(release: Release, spans: InMemorySpanExporter, monkeypatch: pytest.MonkeyPatch) -> Flask:
    """An app whose traces end in `spans`; what tracing puts around functions goes with the test."""
    for owner, name in STEPS:
        monkeypatch.setattr(owner, name, getattr(owner, name))
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(spans))
    app = create_app(Settings(), release)
    traces.trace(app, provider)
    return app


def test_a_request_is_a_span_with_its_steps_inside(traced: Flask, spans: InMemorySpanExporter, release: Release) -> None:
    """A slow answer can be laid at reading, cutting or scoring."""
    client = traced.test_client()
    for body, expected in (
        ({"text": "Sanctions on banks."}, ["score"]),
        ({"page": PAGE}, ["cut", "score"]),
        ({"html": f"<h1>News</h1><p>{PAGE}</p>"}, ["read", "cut", "score"]),
    ):
        spans.clear()
        answer = client.post("/classify", json=body)
        assert answer.status_code == 200
        *steps, root = spans.get_finished_spans()
        assert [step.name for step in steps] == expected
        assert {step.parent.span_id for step in steps} == {root.context.span_id}
        assert root.name == "POST /classify"
        assert dict(root.attributes) == {
            "http.request.method": "POST",
            "http.route": "/classify",
            "http.response.status_code": 200,
            "wiretag.documents": 1,
            "wiretag.model_version": release.version,
            "wiretag.request_id": answer.headers["X-Request-ID"],
        }


def test_no_span_holds_a_word_of_a_document(
    traced: Flask, spans: InMemorySpanExporter, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither text, nor query, nor a failure's message, nor headers leave the service."""
    client = traced.test_client()
    headers = {"Authorization": "Bearer wt_confidential", "User-Agent": "confidential"}
    client.post("/classify?as=page&topics=confidential", data=PAGE, content_type="text/plain", headers=headers)
    client.get("/confidential", headers=headers)

    def fail(*_: object) -> None:
        raise ValueError("confidential")

    monkeypatch.setattr(Scorer, "score", fail)
    traces._wrap(Scorer, "score", "score")
    assert client.post("/classify", json={"page": PAGE}, headers=headers).status_code == 500
    found = spans.get_finished_spans()
    assert found
    assert "onfidential" not in "".join(span.to_json() for span in found)


def test_errors_are_marked(traced: Flask, spans: InMemorySpanExporter, monkeypatch: pytest.MonkeyPatch) -> None:
    """A failure of ours is an error in the trace; one of the caller's is not."""
    client = traced.test_client()
    assert client.post("/classify", json={"text": ""}).status_code == 422

    def fail(*_: object) -> None:
        raise ValueError("anything")

    monkeypatch.setattr("models.pipeline.decide", fail)
    assert client.post("/classify", json={"text": "Sanctions."}).status_code == 500
    roots = [span for span in spans.get_finished_spans() if span.parent is None]
    assert [(span.attributes["http.response.status_code"], span.status.is_ok) for span in roots] == [(422, True), (500, False)]


def test_a_callers_trace_goes_on(traced: Flask, spans: InMemorySpanExporter) -> None:
    """The desk's own trace leads through the service."""
    trace_id, span_id = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
    traced.test_client().get("/topics", headers={"traceparent": f"00-{trace_id}-{span_id}-01"})
    (root,) = spans.get_finished_spans()
    assert (f"{root.context.trace_id:032x}", f"{root.parent.span_id:016x}") == (trace_id, span_id)


def test_probes_are_not_traced(traced: Flask, spans: InMemorySpanExporter) -> None:
    """A probe every few seconds would drown what matters."""
    traced.test_client().get("/healthz")
    assert spans.get_finished_spans() == ()


def test_a_thousand_documents_are_not_a_thousand_spans(traced: Flask, spans: InMemorySpanExporter) -> None:
    """The steps of a request are shown up to a number."""
    documents = [{"text": "Sanctions on banks."} for _ in range(traces.MAX_STEPS + 10)]
    assert traced.test_client().post("/classify", json={"documents": documents}).status_code == 200
    assert len(spans.get_finished_spans()) == traces.MAX_STEPS + 1


def test_off_means_off() -> None:
    """Without the setting nothing of OpenTelemetry is imported and nothing stands in a request's way."""
    code = (
        "import sys; from service.app import create_app; from service import traces; create_app();"
        "assert not any(name.startswith('opentelemetry') for name in sys.modules);"
        "assert not any(hasattr(getattr(owner, name), '__wrapped__') for owner, name, _ in traces._STEPS)"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=30)
    assert not hasattr(pipeline.read_stories, "__wrapped__")
    assert not hasattr(Scorer.score, "__wrapped__")
    assert not hasattr(Segmenter.segment, "__wrapped__")


def test_an_address_that_is_none_is_refused_at_start(release: Release) -> None:
    """A slip in the setting is said at once."""
    with pytest.raises(InputError, match="WIRETAG_TRACE"):
        create_app(Settings(trace="collector:4318"), release)


class Collector(ThreadingHTTPServer):
    """A collector on loopback that keeps what it is sent."""

    daemon_threads = True

    def __init__(self) -> None:
        self.received: list[tuple[str, ExportTraceServiceRequest]] = []
        super().__init__(("127.0.0.1", 0), _Keep)
        threading.Thread(target=self.serve_forever, daemon=True).start()


class _Keep(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        if self.headers.get("Content-Encoding") == "gzip":
            body = gzip.decompress(body)
        self.server.received.append((self.path, ExportTraceServiceRequest.FromString(body)))
        self.send_response(200)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def collector() -> Iterator[Collector]:
    server = Collector()
    yield server
    server.shutdown()
    server.server_close()


def _serve_one_request(collector: str) -> float:
    """Start the real server with a trace address, ask once, stop it with SIGTERM: the seconds that stopping took."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{probe.getsockname()[1]}"
    command = [sys.executable, "-c", "from models.cli import main; main()", "serve", "--workers", "1"]
    environment = {**os.environ, "WIRETAG_BIND": url.removeprefix("http://"), "WIRETAG_TRACE": collector}
    with subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        try:
            body = json.dumps({"page": PAGE}).encode()
            for _ in range(400):
                try:
                    request = urllib.request.Request(f"{url}/classify", body, {"Content-Type": "application/json"})
                    with urllib.request.urlopen(request, timeout=10) as answer:
                        assert answer.status == 200
                    break
                except urllib.error.URLError:
                    time.sleep(0.05)
            process.send_signal(signal.SIGTERM)
            started = time.monotonic()
            assert process.wait(30) == 0
            return time.monotonic() - started
        finally:
            process.kill()


def test_a_worker_sends_its_spans_before_it_stops(collector: Collector) -> None:
    """The real server, forked workers and all: what was asked just before a stop arrives."""
    _serve_one_request(f"http://127.0.0.1:{collector.server_port}")
    assert {path for path, _ in collector.received} == {"/v1/traces"}
    resources = [each for _, message in collector.received for each in message.resource_spans]
    spans = [span.name for resource in resources for scope in resource.scope_spans for span in scope.spans]
    assert sorted(spans) == ["POST /classify", "cut", "score"]
    about = {each.key: each.value.string_value for each in resources[0].resource.attributes}
    assert about["service.name"] == "wiretag"
    assert "onfidential" not in str(collector.received)


def test_a_collector_that_is_down_disturbs_nothing() -> None:
    """Requests are answered, and a stop does not wait for it."""
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        assert _serve_one_request(f"http://127.0.0.1:{closed.getsockname()[1]}") < 10
