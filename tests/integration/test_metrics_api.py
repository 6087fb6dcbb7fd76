"""GET /metrics and GET /drift: what platform and desk read, and that nothing of a document stands in it."""

import json
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest
from flask.testing import FlaskClient
from prometheus_client.openmetrics.parser import text_string_to_metric_families as parse_openmetrics
from prometheus_client.parser import text_string_to_metric_families as parse

from models.release import Release
from service.app import create_app
from service.settings import Settings

DOCS = Path(__file__).resolve().parents[2] / "docs"
SANCTIONS = "The EU extended its sanctions on the bank of Zorblax on Monday, officials said in a statement to reporters."


def _samples(client: FlaskClient) -> dict[tuple[str, ...], float]:
    families = parse(client.get("/metrics").text)
    return {(s.name, *sorted(s.labels.values())): s.value for family in families for s in family.samples}


def test_metrics_are_prometheus_text(client: FlaskClient) -> None:
    """Version 0.0.4 by default, OpenMetrics for those who ask, the same numbers in both."""
    plain = client.get("/metrics")
    assert plain.status_code == 200
    assert plain.content_type.startswith("text/plain; version=0.0.4")
    asked = client.get("/metrics", headers={"Accept": "application/openmetrics-text; version=1.0.0"})
    assert asked.content_type.startswith("application/openmetrics-text")
    names = {family.name for family in parse(plain.text)}
    assert {family.name for family in parse_openmetrics(asked.text)} == names
    assert all(name.startswith("wiretag_") for name in names)


def test_requests_and_documents_are_counted(client: FlaskClient) -> None:
    """What was sent is what is counted, failed requests and unusable documents among it."""
    before = _samples(client)
    client.post("/classify", json={"documents": [{"text": SANCTIONS}, {"text": SANCTIONS}, {"text": ""}, {"text": 5}]})
    client.post("/classify", json={"page": f"Bank under sanctions\n{SANCTIONS}\n"})
    client.post("/classify", json={"text": 5})
    client.get("/../etc/passwd")
    client.open("/classify", method="BREW")
    after = _samples(client)
    grown = {key: value - before.get(key, 0) for key, value in after.items() if value != before.get(key, 0)}
    assert grown["wiretag_documents_total",] == 3
    assert grown["wiretag_document_errors_total",] == 2
    assert grown["wiretag_segments_total", "main"] == 1
    assert grown["wiretag_topics_total", "assigned", "sanctions"] == 3
    assert grown["wiretag_topic_score_count", "ukraine_war"] == 3
    assert grown["wiretag_requests_total", "/classify", "200", "POST"] == 2
    assert grown["wiretag_requests_total", "/classify", "400", "POST"] == 1
    assert grown["wiretag_requests_total", "404", "GET", "other"] == 1
    assert sum(value for (name, *labels), value in grown.items() if name == "wiretag_requests_total" and "405" in labels) == 1


def test_a_stream_is_counted_apart(client: FlaskClient) -> None:
    """Its documents are documents like others; its time, which its client decides, spoils no figure of the others."""
    before = _samples(client)
    lines = b"".join(json.dumps({"text": f"{SANCTIONS} {n}"}).encode() + b"\n" for n in range(40)) + b"{\n"
    answer = client.post("/classify", data=lines, content_type="application/x-ndjson", buffered=True)
    assert len(answer.data.splitlines()) == 41
    grown = {key: value - before.get(key, 0) for key, value in _samples(client).items() if value != before.get(key, 0)}
    assert grown["wiretag_documents_total",] == 40
    assert grown["wiretag_document_errors_total",] == 1
    assert grown["wiretag_topic_score_count", "sanctions"] == 40
    assert grown["wiretag_requests_total", "/classify (stream)", "200", "POST"] == 1
    assert ("wiretag_request_duration_seconds_count", "/classify") not in grown


def test_no_label_comes_from_a_document_or_an_address(client: FlaskClient) -> None:
    """Whatever clients send, the label values are those of the program and its releases."""
    for number in range(20):
        client.get(f"/zorblax/{number}?key=zorblax")
        client.post(
            "/classify", json={"text": f"zorblax {SANCTIONS}", "headline": "zorblax", "document_id": f"zorblax{number}"}
        )
    shown = client.get("/metrics").text
    assert "zorblax" not in shown.lower()
    assert len({line.partition(" ")[0] for line in shown.splitlines()}) < 500


def test_the_serving_release_is_told(client: FlaskClient, release: Release) -> None:
    """Who watches sees which release serves."""
    create_app(Settings(), release)
    assert _samples(client)["wiretag_model_workers", release.version] == 1
    assert _samples(client)["wiretag_workers",] == 1


def test_without_a_model_metrics_are_told_and_drift_is_not(tmp_path: Path, release: Release) -> None:
    """The numbers that say so must not depend on the model."""
    client = create_app(Settings(model=tmp_path)).test_client()
    try:
        found = _samples(client)
        assert not [key for key in found if key[0] in ("wiretag_model_workers", "wiretag_drift_psi")]
        assert found["wiretag_workers",] == 1
        assert client.get("/drift").status_code == 503
    finally:
        create_app(Settings(), release)  # the other tests of this process have a model


def test_drift_is_told(client: FlaskClient, release: Release) -> None:
    """Every quantity of every topic with its bins, expected and observed."""
    client.post("/classify", json={"documents": [{"text": f"{SANCTIONS} {'word ' * n}"} for n in range(250)]})
    answer = client.get("/drift")
    assert answer.headers["X-Model-Version"] == answer.json["model_version"] == release.version
    assert answer.json["has_reference"] is True
    assert answer.json["window_hours"] == 24
    found: dict[Any, Any] = {(each["quantity"], each["topic"]): each for each in answer.json["quantities"]}
    assert set(found) == {
        *((name, None) for name in ("unknown_terms", "tokens", "segments")),
        *((name, topic.id) for name in ("decisions", "scores") for topic in release.topics),
    }
    sanctions = found["decisions", "sanctions"]
    assert sanctions["count"] >= 250
    assert sanctions["psi"] > 0.25
    assert sanctions["reading"] == "much_changed"
    gauge = _samples(client)["wiretag_drift_psi", "decisions", "sanctions"]
    assert gauge == pytest.approx(sanctions["psi"], abs=0.05)


def _named(texts: Iterable[str]) -> set[str]:
    return {name for text in texts for name in re.findall(r"\bwiretag_\w+", text)}


def test_dashboard_and_alerts_name_only_what_is_exported(client: FlaskClient) -> None:
    """A metric that is renamed is renamed there too, and nothing exported is without a panel."""
    client.post("/classify", json={"page": f"Bank under sanctions\n{SANCTIONS}\n"})
    families = list(parse(client.get("/metrics").text))
    suffixes = {"counter": ("_total",), "gauge": ("",), "histogram": ("_bucket", "_sum", "_count")}
    exported = {family.name + suffix for family in families for suffix in suffixes[family.type]}
    dashboard = json.loads((DOCS / "grafana.json").read_text(encoding="utf-8"))
    queries = [target["expr"] for panel in dashboard["panels"] for target in panel.get("targets", ())]
    queries += [variable["query"]["query"] for variable in dashboard["templating"]["list"] if variable["type"] == "query"]
    shown = _named(queries)
    assert shown <= exported
    assert [family.name for family in families if not any(name.startswith(family.name) for name in shown)] == []
    assert _named([(DOCS / "alerts.yml").read_text(encoding="utf-8")]) <= exported | {family.name for family in families}


def test_every_alert_says_what_to_do() -> None:
    """Somebody who is woken at night has a line to begin with."""
    rules = (DOCS / "alerts.yml").read_text(encoding="utf-8").split("- alert: ")[1:]
    assert len(rules) == 12
    for rule in rules:
        assert re.search(r"^ +summary: \S", rule, re.MULTILINE), rule
        assert re.search(r"^ +runbook: \S.{40}", rule, re.MULTILINE), rule


def test_the_dashboard_can_be_imported() -> None:
    """It brings no data source of ours, and no panel lies on another."""
    dashboard = json.loads((DOCS / "grafana.json").read_text(encoding="utf-8"))
    assert dashboard["templating"]["list"][0]["type"] == "datasource"
    taken = set()
    for panel in dashboard["panels"]:
        assert panel["type"] == "row" or panel["datasource"]["uid"] == "${datasource}"
        at = panel["gridPos"]
        cells = {(at["x"] + dx, at["y"] + dy) for dx in range(at["w"]) for dy in range(at["h"])}
        assert not cells & taken, panel["title"]
        assert at["x"] + at["w"] <= 24
        taken |= cells
    assert len({panel["id"] for panel in dashboard["panels"]}) == len(dashboard["panels"])
