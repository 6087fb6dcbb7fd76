#!/usr/bin/env bash
# The Kubernetes manifests, built by kustomize and held to the schemas of every Kubernetes they are for, without a cluster. Both
# come from packages, in an environment of their own. Where they cannot be installed it says so and passes.
set -Eeuo pipefail
root=$(cd "$(dirname "$0")/../.." && pwd)
deploy=${DEPLOY:-$root/.venv-deploy}
python=${PYTHON:-python3}

if ! cmp -s "$root/tests/deploy/requirements.txt" "$deploy/installed.txt"; then
  rm -rf "$deploy"
  "$python" -m venv "$deploy"
  if ! "$deploy/bin/python" -m pip --disable-pip-version-check install --quiet --require-hashes --only-binary :all: \
    -r "$root/tests/deploy/requirements.txt" 2>"$deploy/pip.log"; then
    tail -3 "$deploy/pip.log" >&2
    echo "deploy: skipped: kubectl and the schemas cannot be installed here ($("$python" --version), $(uname -m))"
    exit 0
  fi
  cp "$root/tests/deploy/requirements.txt" "$deploy/installed.txt"
fi
timeout 300 "$deploy/bin/python" "$root/tests/deploy/check.py" "$deploy/bin/kubectl"
