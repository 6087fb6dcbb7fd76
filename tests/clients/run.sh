#!/usr/bin/env bash
# Public clients of the Open Inference Protocol against a real server, in an environment of their own: they are heavy and
# nobody needs them to use or test the service otherwise. Where they cannot be installed it says so and passes.
set -Eeuo pipefail
root=$(cd "$(dirname "$0")/../.." && pwd)
wiretag=${WIRETAG:-$root/.venv/bin/wiretag}
clients=${CLIENTS:-$root/.venv-clients}
python=${PYTHON:-python3}

if ! cmp -s "$root/tests/clients/requirements.txt" "$clients/installed.txt"; then
  rm -rf "$clients"
  "$python" -m venv "$clients"
  if ! "$clients/bin/python" -m pip --disable-pip-version-check install --quiet --require-hashes --only-binary :all: \
    -r "$root/tests/clients/requirements.txt" 2>"$clients/pip.log"; then
    tail -3 "$clients/pip.log" >&2
    echo "clients: skipped: the client packages cannot be installed here ($("$python" --version), $(uname -m))"
    exit 0
  fi
  cp "$root/tests/clients/requirements.txt" "$clients/installed.txt"
fi

port=$("$python" -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
log=$(mktemp)
"$wiretag" serve --bind "127.0.0.1:$port" --workers 1 >"$log" 2>&1 &
server=$!
trap 'kill $server 2>/dev/null || true; wait $server 2>/dev/null || true; rm -f "$log"' EXIT
for _ in $(seq 150); do
  if "$python" -c "import urllib.request as u; u.urlopen('http://127.0.0.1:$port/v2/health/ready', timeout=2)" 2>/dev/null; then break; fi
  kill -0 $server || { cat "$log" >&2; exit 1; }
  sleep 0.2
done
timeout 120 "$clients/bin/python" -W ignore "$root/tests/clients/check.py" "http://127.0.0.1:$port"
timeout 120 "$clients/bin/python" -W ignore "$root/tests/clients/inference_service.py"
