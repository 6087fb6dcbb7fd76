#!/usr/bin/env bash
# The console in a real browser: Debian's Chromium driven by Playwright, and axe-core for accessibility. PYTHON names the
# interpreter that has the test suite; what only these tests need lies apart, in BROWSER. Further arguments go to pytest.
# Where there is no Chromium, or Playwright cannot be installed, it says so and passes; without axe-core its tests are skipped.
set -Eeuo pipefail
cd "$(dirname "$0")/../.."
python=${PYTHON:-.venv/bin/python}
place=${BROWSER:-$PWD/.venv-browser}
locks=tests/browser
export CHROMIUM=${CHROMIUM:-/usr/bin/chromium}

skip() {
  echo "browser: skipped: $1"
  exit 0
}

[ -x "$CHROMIUM" ] || skip "no Chromium at $CHROMIUM (Debian: apt-get install --no-install-recommends chromium)"
if ! cmp -s $locks/requirements.txt "$place/installed.txt"; then
  rm -rf "$place" && mkdir -p "$place"
  if ! "$python" -m pip --disable-pip-version-check install --quiet --require-hashes --only-binary :all: --no-deps \
    --target "$place/python" -r $locks/requirements.txt 2>"$place/pip.log"; then
    tail -3 "$place/pip.log" >&2
    skip "Playwright cannot be installed here ($("$python" --version), $(uname -m))"
  fi
  cp $locks/requirements.txt "$place/installed.txt"
fi
if ! cmp -s $locks/package-lock.json "$place/package-lock.json"; then
  cp $locks/package.json $locks/package-lock.json "$place"
  if ! npm ci --prefix "$place" --ignore-scripts --no-audit --no-fund --silent >"$place/npm.log" 2>&1; then
    tail -3 "$place/npm.log" >&2
    rm -f "$place/package-lock.json" # tried again next time
  fi
fi
export AXE="$place/node_modules/axe-core/axe.min.js" PYTHONPATH="$place/python${PYTHONPATH:+:$PYTHONPATH}"
exec "$python" -m pytest ${TESTS:-tests/browser} "$@"
