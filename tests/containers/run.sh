#!/usr/bin/env bash
# Build the image and run it hardened, alone and with compose; classify pages in it; stop it with SIGTERM.
# With a Docker engine at hand it uses that. Without one it needs root on Debian and the builder that stands an engine up
# (BUILDER, by default the one shared by the team); where neither is there it says so and passes.
set -Eeuo pipefail
root=$(cd "$(dirname "$0")/../.." && pwd)
image=wiretag:0.1
export SMOKE="$root/tests/containers/smoke.sh"

if docker info >/dev/null 2>&1; then
  cd "$root"
  trap 'docker compose down -v >/dev/null 2>&1 || true' EXIT
  docker compose build --quiet
  docker compose up -d --no-build --wait
  bash "$SMOKE"
  docker compose stop -t 20
  test "$(docker compose ps -a --format '{{.ExitCode}}')" = 0
  echo "containers: passed"
  exit 0
fi
builder=${BUILDER:-$root/../shared/tools/build_and_run.sh}
if [ "$(id -u)" != 0 ] || ! command -v apt-get >/dev/null || [ ! -x "$builder" ]; then
  echo "containers: skipped: no Docker engine runs here, and standing one up needs root, Debian and $(basename "$builder")"
  exit 0
fi
"$builder" "$root" "$image"
