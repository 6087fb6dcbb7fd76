#!/usr/bin/env bash
# The alert rules, the dashboard's queries and what the service exports, checked with promtool; PYTHON names the interpreter.
# Where no promtool is (Debian: package prometheus), it says so and passes.
set -Eeuo pipefail
cd "$(dirname "$0")/../.."
python=${PYTHON:-.venv/bin/python}
if ! command -v promtool >/dev/null; then
  echo "alerts: skipped: promtool is not installed (Debian: apt-get install --no-install-recommends prometheus)"
  exit 0
fi
aside=$(mktemp -d)
trap 'rm -rf "$aside"' EXIT

promtool check rules docs/alerts.yml
promtool test rules tests/alerts/cases.yml

"$python" - "$aside" <<'PYTHON'
import json, logging, pathlib, sys
import structlog
from service.app import create_app

aside = pathlib.Path(sys.argv[1])
structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.ERROR))
client = create_app().test_client()
documents = [{"text": f"The EU extended its sanctions on bank number {n} on Monday, officials said."} for n in range(250)]
client.post("/classify", json={"documents": [*documents, {"text": ""}]})
client.post("/classify", json={"page": "Sanctions extended\n" + documents[0]["text"]})
client.get("/nowhere")
(aside / "metrics").write_bytes(client.get("/metrics").data)

panels = json.loads(pathlib.Path("docs/grafana.json").read_text())["panels"]
queries = [target["expr"] for panel in panels for target in panel.get("targets", ())]
rules = [
    {"record": f"panel:query:{n}", "expr": query.replace("$__rate_interval", "5m").replace("$instance", ".*").replace("$topic", ".*")}
    for n, query in enumerate(queries)
]
(aside / "queries.yml").write_text(json.dumps({"groups": [{"name": "dashboard", "rules": rules}]}))
PYTHON
promtool check rules "$aside/queries.yml"
promtool check metrics <"$aside/metrics"
echo "alerts: passed"
