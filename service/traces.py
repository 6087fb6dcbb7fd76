"""OpenTelemetry traces: a span a request, and in it spans for what reads, cuts and scores its first documents. Off by default.

No span holds text, a query, a path or a key: a request's has method, route, status, request id, model version and number of
documents.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import wraps
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

from flask import Flask, Response, g, has_app_context, request

from models import pipeline
from models.errors import InputError
from models.scorer import Scorer
from models.segmenter import Segmenter
from service.access import role_needed
from service.settings import Settings

if TYPE_CHECKING:
    from opentelemetry.context import Context
    from opentelemetry.trace import Span, Tracer, TracerProvider

MAX_STEPS = 64  # spans in a request's: a thousand documents would drown the collector and say nothing more
_STEPS = (
    (pipeline, "read_stories", "read"),
    (Segmenter, "segment", "cut"),
    (Segmenter, "segment_html", "cut"),
    (Scorer, "score", "score"),
)


def init_app(app: Flask, settings: Settings) -> None:
    """Send traces to the collector that `WIRETAG_TRACE` names, if it names one. Raises `InputError`."""
    if not settings.trace:
        return
    if not settings.trace.startswith(("http://", "https://")):
        raise InputError("WIRETAG_TRACE: not the address of a collector; write one such as http://collector:4318")
    try:
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
        from opentelemetry.sdk.resources import OTELResourceDetector, Resource
        from opentelemetry.sdk.trace import TracerProvider
        from opentelemetry.sdk.trace.export import BatchSpanProcessor
    except ModuleNotFoundError:
        raise InputError("WIRETAG_TRACE needs OpenTelemetry; install it with `pip install 'wiretag[trace]'`") from None
    about = Resource.create({"service.name": "wiretag", "service.version": version("wiretag")})
    provider = TracerProvider(resource=about.merge(OTELResourceDetector().detect()))  # OTEL_SERVICE_NAME and the like win
    exporter = OTLPSpanExporter(endpoint=settings.trace.rstrip("/") + "/v1/traces", timeout=2)
    provider.add_span_processor(BatchSpanProcessor(exporter))
    trace(app, provider)


def trace(app: Flask, provider: "TracerProvider") -> None:
    """Trace the app's requests; open addresses, such as those of probes, are left out."""
    tracer = provider.get_tracer("wiretag")
    for owner, name, step in _STEPS:
        _wrap(owner, name, step)
    app.before_request(lambda: _start(tracer))
    app.after_request(_describe)
    app.teardown_request(_end)


@dataclass(slots=True)
class _Trace:
    tracer: "Tracer"
    span: "Span"
    context: "Context"
    steps_left: int = MAX_STEPS


def _start(tracer: "Tracer") -> None:
    from opentelemetry.propagate import extract
    from opentelemetry.trace import SpanKind, set_span_in_context

    if role_needed() is None:
        return
    caller = extract(request.headers)  # a trace that the caller began goes on here
    route = request.url_rule.rule if request.url_rule else ""
    attributes = {"http.request.method": request.method, "http.route": route, "wiretag.request_id": g.request_id}
    span = tracer.start_span(f"{request.method} {route}", caller, SpanKind.SERVER, attributes)
    g.trace = _Trace(tracer, span, set_span_in_context(span, caller))


def _describe(response: Response) -> Response:
    from opentelemetry.trace import StatusCode

    if traced := g.get("trace"):
        traced.span.set_attribute("http.response.status_code", response.status_code)
        traced.span.set_attribute("wiretag.documents", g.get("documents", 0))
        if served := g.get("model_version"):
            traced.span.set_attribute("wiretag.model_version", served)
        if response.status_code >= 500:
            traced.span.set_status(StatusCode.ERROR)
    return response


def _end(_: BaseException | None) -> None:
    if traced := g.pop("trace", None):
        traced.span.end()


def _wrap(owner: Any, name: str, step: str) -> None:
    """Put a span around a function of `models`, as OpenTelemetry's own instrumentations do: `models` knows nothing of it."""
    function: Callable[..., Any] = getattr(owner, name)
    if hasattr(function, "__wrapped__"):
        return

    @wraps(function)
    def spanned(*args: Any, **options: Any) -> Any:
        traced = g.get("trace") if has_app_context() else None
        if traced is None or traced.steps_left < 1:
            return function(*args, **options)
        traced.steps_left -= 1
        # an error's message may quote a document
        with traced.tracer.start_as_current_span(step, traced.context, record_exception=False, set_status_on_exception=False):
            return function(*args, **options)

    setattr(owner, name, spanned)
