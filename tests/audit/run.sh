#!/usr/bin/env bash
# Known vulnerabilities of everything locked, by pip-audit in a pinned environment of its own; PYTHON makes it, ARGS go to pip-audit.
# Never fails for want of a network: where pip-audit or its advisories cannot be had, it says so and passes.
set -Eeuo pipefail
root=$(cd "$(dirname "$0")/../.." && pwd)
venv=${VENV:-$root/.venv/audit}
aside=$(mktemp -d)
trap 'rm -rf "$aside"' EXIT

if [ ! "$venv/.done" -nt "$root/tests/audit/requirements.txt" ]; then
  "${PYTHON:-python3}" -m venv --clear "$venv"
  if ! timeout 300 "$venv/bin/python" -m pip install --quiet --require-hashes -r "$root/tests/audit/requirements.txt" 2>"$aside/said"; then
    echo "audit: skipped: pip-audit cannot be installed here: $(tail -n 1 "$aside/said")"
    exit 0
  fi
  touch "$venv/.done"
fi
# shellcheck disable=SC2086 # ARGS are several words
timeout 600 "$venv/bin/pip-audit" --disable-pip --require-hashes -r "$root/tests/requirements.txt" --format json --output "$aside/found" \
  --progress-spinner off --timeout 10 ${ARGS:-} 2>"$aside/said" || true # it fails for vulnerabilities and for networks alike
"$venv/bin/python" "$root/tests/audit/report.py" "$aside/found" "$aside/said"
