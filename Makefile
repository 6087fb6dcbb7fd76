# `make serve` and `make test` do all set-up on a fresh machine with Python 3.11 or newer.
PYTHON ?= python3
VENV   ?= .venv
BIND   ?=             # make serve BIND=127.0.0.1:9000; else WIRETAG_BIND, else 127.0.0.1:8000
MEASURE ?=            # make train MEASURE="open_set=news.jsonl": figures for the model card
FUZZ_SECONDS ?= 60    # make fuzz-kernel: for each target
BIN     = $(VENV)/bin
PIP     = $(BIN)/python -m pip --disable-pip-version-check install --quiet

.PHONY: install serve train test lint audit bench bench-http bench-servers bench-peers bench-curves bench-sizing bench-scale docs test-kernel fuzz-kernel test-alerts test-clients test-browser test-deploy test-soak test-archive test-containers wheel lock clean

install: $(VENV)/.serve ## set-up alone

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "Python 3.11 or newer is needed; set PYTHON=..." >&2; exit 1; }
	$(PYTHON) -m venv $(VENV)

# The project is installed in place, without its dependencies: the locks bring those, by hash.
define install_locked
	$(PIP) --require-hashes -r $(1)
	$(PIP) --no-deps --no-build-isolation --editable .
	@touch $@
endef

$(VENV)/.serve: $(BIN)/python service/requirements.txt pyproject.toml
	$(call install_locked,service/requirements.txt)

$(VENV)/.train: $(BIN)/python training/requirements.txt pyproject.toml
	$(call install_locked,training/requirements.txt)

$(VENV)/.test: $(BIN)/python tests/requirements.txt pyproject.toml
	$(call install_locked,tests/requirements.txt)

serve: $(VENV)/.serve ## the service
	$(BIN)/wiretag serve $(if $(strip $(BIND)),--bind $(BIND))

train: $(VENV)/.train ## rebuild the released model from training/corpus/
	$(BIN)/python -m training.cutting
	$(BIN)/wiretag train $(foreach pair,$(MEASURE),--measure $(pair))

test: $(VENV)/.test ## the whole test suite
	$(BIN)/python -m pytest

lint: $(VENV)/.test ## format, lint, types
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy

audit: ## known vulnerabilities of what is locked; skipped with the reason where no advisories can be had
	PYTHON=$(PYTHON) tests/audit/run.sh

bench: $(VENV)/.test ## benchmarks that need nothing else; ARGS=--json for one JSON object a line
	$(BIN)/python -m benchmarks.serving $(ARGS)
	$(BIN)/python -m benchmarks.cutting $(ARGS)
	$(BIN)/python -m benchmarks.footprint $(ARGS)
	$(BIN)/python -m benchmarks.counting $(ARGS)
	$(BIN)/python -m benchmarks.archive $(ARGS)
	$(BIN)/python -m benchmarks.cluster $(ARGS)

test-kernel: $(VENV)/.test ## the kernel's tests under sanitizers; skipped with the reason where there is no gcc
	PYTHON=$(abspath $(BIN)/python) tests/kernel/run.sh

fuzz-kernel: $(VENV)/.test ## the kernel under a fuzzer that its coverage guides; FUZZ_SECONDS=600 for longer; skipped with the reason without clang
	PYTHON=$(abspath $(BIN)/python) FUZZ_SECONDS=$(FUZZ_SECONDS) tests/kernel/fuzz.sh

test-clients: $(VENV)/.test ## public clients of the Open Inference Protocol; skipped with the reason where they cannot be installed
	WIRETAG=$(abspath $(BIN)/wiretag) CLIENTS=$(abspath $(VENV))-clients PYTHON=$(PYTHON) tests/clients/run.sh

test-deploy: ## the Kubernetes manifests by kustomize and the schemas; skipped with the reason where these cannot be installed
	DEPLOY=$(abspath $(VENV))-deploy PYTHON=$(PYTHON) tests/deploy/run.sh

test-browser: $(VENV)/.test ## the console in Chromium; screenshots in var/screenshots/; skipped with the reason without Chromium or npm
	PYTHON=$(abspath $(BIN)/python) BROWSER=$(abspath $(VENV))-browser tests/browser/run.sh $(ARGS)

wheel: $(VENV)/.serve ## a wheel in dist/ with the kernel compiled, for machines without a compiler
	$(BIN)/python -m pip wheel --quiet --no-deps --no-build-isolation --wheel-dir dist .

test-alerts: $(VENV)/.test ## alert rules, dashboard and metrics, checked by promtool; skipped with the reason where there is none
	PYTHON=$(abspath $(BIN)/python) tests/alerts/run.sh

test-containers: $(VENV)/.test ## build the images and try the deployment; needs Docker or root on Debian, else skipped with the reason
	PYTHON=$(abspath $(BIN)/python) tests/containers/run.sh

SOAK_SECONDS ?= 600   # make test-soak SOAK_SECONDS=12 for a short form
test-soak: $(VENV)/.test ## the service at its limit, its workers killed, its models switched; 10,000 corrections by eight writers; 30 retrainings and activations killed
	$(BIN)/python -m tests.soak --seconds $(strip $(SOAK_SECONDS))
	$(BIN)/python -m tests.soak.fuzz $$(( $(strip $(SOAK_SECONDS)) * 200 ))
	WIRETAG_SOAK_CORRECTIONS=$$(( $(strip $(SOAK_SECONDS)) * 16 )) $(BIN)/python -m pytest -s tests/integration/test_corrections_server.py
	WIRETAG_SOAK_KILLS=$$(( ($(strip $(SOAK_SECONDS)) + 19) / 20 )) $(BIN)/python -m pytest tests/integration/test_killed.py

bench-scale: $(VENV)/.test ## how fitting grows from 10,000 to 2 million segments, in memory and streamed; an hour, 8 GB of disk
	$(BIN)/python -m benchmarks.scale $(ARGS)

ARCHIVE_DOCUMENTS ?= 1000000   # make test-archive ARCHIVE_DOCUMENTS=20000 for a short form
test-archive: $(VENV)/.test ## a bulk run over a million pages, killed ten times at random moments: the same bytes; 5 GB of disk
	$(BIN)/python -m tests.archive --documents $(strip $(ARCHIVE_DOCUMENTS))

bench-http: $(VENV)/.test ## the service over HTTP against an echo and a naive service; needs wrk
	$(BIN)/python -m benchmarks.http $(ARGS)

bench-servers: $(VENV)/.test ## the settings of gunicorn and granian; needs wrk
	PYTHON=$(abspath $(BIN)/python) benchmarks/peers/install.sh granian
	$(BIN)/python -m benchmarks.servers $(ARGS)

bench-peers: $(VENV)/.test ## the service against its peers, which are installed under var/peers (2 GB); needs wrk
	PYTHON=$(abspath $(BIN)/python) benchmarks/peers/install.sh
	$(BIN)/python -m benchmarks.peers $(ARGS)

bench-curves: $(VENV)/.test ## the pictures of docs/: how scoring grows; needs wrk
	$(BIN)/python -m benchmarks.curves $(ARGS)

bench-sizing: $(VENV)/.test ## the table of sizes in docs/operate.md (ARGS=--write); needs wrk
	$(BIN)/python -m benchmarks.sizing $(ARGS)

docs: $(VENV)/.test ## renew the parts of the README that come from the program
	$(BIN)/python -m docs.refresh

UV_LOCK    = uv pip compile -q --universal --python-version 3.11 --generate-hashes --no-header --no-annotate --fork-strategy fewest
UV_COMPILE = $(UV_LOCK) pyproject.toml --group build
lock: ## renew the lock files; needs uv. The rooms' locks agree because each is bound by the tests' lock
	$(UV_COMPILE) --extra bulk --extra cluster --extra postgres --extra redis --extra trace --extra train --extra dev -o tests/requirements.txt
	$(UV_COMPILE) --extra train -c tests/requirements.txt -o training/requirements.txt
	$(UV_COMPILE) -c tests/requirements.txt -o service/requirements.txt
	$(UV_COMPILE) --extra postgres --extra redis -c tests/requirements.txt -o service/requirements-image.txt
	$(UV_LOCK) tests/clients/requirements.in -o tests/clients/requirements.txt
	$(UV_LOCK) tests/deploy/requirements.in -o tests/deploy/requirements.txt
	$(UV_LOCK) tests/browser/requirements.in -c tests/requirements.txt -o tests/browser/requirements.txt

clean:
	rm -rf $(VENV) $(VENV)-clients $(VENV)-deploy $(VENV)-browser build dist *.egg-info
