"""GET /metrics: the counts in the text format of Prometheus."""

from collections.abc import Iterator, Sequence
from itertools import accumulate

from flask import Blueprint, Response, current_app, request
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily
from prometheus_client.exposition import choose_encoder
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector, CollectorRegistry
from prometheus_client.utils import floatToGoString

from models.reference import EDGES, SCORE_EDGES
from models.release import Release
from service.counts import METHODS, OUTCOMES, REASONS, ROLES, SECONDS, STATUSES, Floats
from service.drift import measure
from service.keys import Role, needs
from service.metrics import Metrics, metrics
from service.openapi import operation

blueprint = Blueprint("metrics", __name__)


@blueprint.get("/metrics")
@needs(Role.CLASSIFY)
@operation("Counts of all workers, for Prometheus", str)
def get() -> Response:
    """The counts of all workers; OpenMetrics for those who ask for it."""
    release: Release | None = current_app.extensions["wiretag_model"].release
    registry = CollectorRegistry(auto_describe=False)
    registry.register(Exposition(metrics, release))
    encode, content_type = choose_encoder(request.headers.get("Accept", ""))
    return Response(encode(registry), content_type=content_type)


class Exposition(Collector):
    """The counts as metric families. `docs/metrics.md` lists them; a test holds it to this."""

    def __init__(self, counted: Metrics, release: Release | None):
        self._counted, self._counts, self._release = counted, counted.counts, release

    def collect(self) -> Iterator[Metric]:
        """Every metric of the service."""
        yield from self._of_requests()
        yield from self._of_workers()
        yield from self._of_documents()
        yield from self._of_texts()
        if self._release is not None:
            yield from self._of_drift(self._release)

    def _of_requests(self) -> Iterator[Metric]:
        rows = self._counts.rows
        requests = CounterMetricFamily("wiretag_requests", "Requests answered.", labels=("route", "method", "status"))
        for route, counts in self._counts.by_label("routes", rows["requests"]).items():
            for method, of_method in zip(METHODS, counts, strict=True):
                for status, count in zip(STATUSES, of_method, strict=True):
                    if count:
                        requests.add_metric((route, method, status), count)
        yield requests
        seconds = HistogramMetricFamily(
            "wiretag_request_duration_seconds", "Time from a request to its answer; to the end of a stream.", labels=("route",)
        )
        for route, counts in self._counts.by_label("routes", rows["seconds"]).items():
            _add(seconds, (route,), SECONDS, counts)
        yield seconds
        shed = CounterMetricFamily("wiretag_shed", "Requests refused to protect the others.", labels=("reason",))
        for reason, count in self._counts.by_label("shed_reasons", rows["shed"]).items():
            shed.add_metric((reason,), float(count))
        yield shed

    def _of_workers(self) -> Iterator[Metric]:
        states = self._counts.states[self._counts.used()]
        yield GaugeMetricFamily("wiretag_requests_in_flight", "Requests under way.", float(states["in_flight"].sum()))
        yield GaugeMetricFamily("wiretag_workers", "Worker processes.", float(states["is_alive"].sum()))
        versions = GaugeMetricFamily("wiretag_model_workers", "Worker processes that serve a model.", labels=("version",))
        serving = [state["version"].decode(errors="replace") for state in states if state["is_alive"] and state["version"]]
        for version in sorted(set(serving)):
            versions.add_metric((version,), serving.count(version))
        yield versions
        yield _counter(
            "wiretag_reloads", "Releases that workers were asked to load.", "outcome", OUTCOMES, self._total("reloads")
        )

    def _of_documents(self) -> Iterator[Metric]:
        classified, unusable = self._total("documents")
        yield CounterMetricFamily("wiretag_documents", "Documents classified.", classified)
        yield CounterMetricFamily("wiretag_document_errors", "Documents of several that could not be used.", unusable)
        yield _counter("wiretag_segments", "Segments found in pages.", "role", ROLES, self._total("segments"))
        yield _counter("wiretag_none", "Documents without a topic.", "reason", REASONS, self._total("none"))
        topics = CounterMetricFamily("wiretag_topics", "Topics given to documents.", labels=("topic", "decision"))
        for topic, (assigned, review) in self._by_topic("decisions").items():
            topics.add_metric((topic, "assigned"), assigned)
            topics.add_metric((topic, "review"), review)
        yield topics

    def _of_texts(self) -> Iterator[Metric]:
        scores = HistogramMetricFamily("wiretag_topic_score", "Calibrated scores of documents.", labels=("topic",))
        for topic, counts in self._by_topic("scores").items():
            _add(scores, (topic,), SCORE_EDGES, counts)
        yield scores
        for field, name, help_ in (
            ("unknown_terms", "wiretag_unknown_terms_ratio", "Share of a document's tokens that the model does not know."),
            ("tokens", "wiretag_document_tokens", "Tokens of a document."),
            ("segments", "wiretag_page_segments", "Segments of a page."),
        ):
            family = HistogramMetricFamily(name, help_, labels=())
            _add(family, (), EDGES[field], self._counts.measured(field))
            yield family

    def _of_drift(self, release: Release) -> Iterator[Metric]:
        drift = measure(release, self._counted)
        index = GaugeMetricFamily(
            "wiretag_drift_psi",
            "Population stability index of the sliding window and the model's reference.",
            labels=("quantity", "topic"),
        )
        count = GaugeMetricFamily("wiretag_drift_observations", "Documents or pages in the window.", labels=("quantity",))
        for each in drift.quantities:
            if each.psi is not None:
                index.add_metric((each.quantity, each.topic or ""), each.psi)
            if each.topic is None:
                count.add_metric((each.quantity,), each.count)
        yield index
        yield count
        yield GaugeMetricFamily(
            "wiretag_drift_rising_terms", "Words unknown to the model that rise in the sliding window.", len(drift.rising_terms)
        )

    def _total(self, field: str) -> Sequence[float]:
        return self._counts.total(field).tolist()  # type: ignore[no-any-return]

    def _by_topic(self, field: str) -> dict[str, Floats]:
        return self._counts.by_label("topics", self._counts.rows["measured"][field])


def _counter(name: str, help_: str, label: str, values: Sequence[str], counts: Sequence[float]) -> Metric:
    family = CounterMetricFamily(name, help_, labels=(label,))
    for value, count in zip(values, counts, strict=True):
        family.add_metric((str(value),), count)
    return family


def _add(family: HistogramMetricFamily, labels: Sequence[str], edges: Sequence[float], counts: Floats) -> None:
    """Add a histogram from the counts of its bins, the last of which is the sum."""
    limits = [*map(floatToGoString, edges), "+Inf"]
    family.add_metric(labels, list(zip(limits, accumulate(counts[:-1].tolist()), strict=True)), float(counts[-1]))
