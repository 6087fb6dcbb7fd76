#!/usr/bin/env bash
# Install the peers of the benchmark, each into an environment of its own: benchmarks/peers/install.sh [PEER]…
# They go to var/peers, or where PEERS says; what is there already is left as it is.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
root=$(cd "$here/../.." && pwd)
into=${PEERS:-$root/var/peers}
python=${PYTHON:-python3}

[ $# -gt 0 ] || set -- annif bentoml fasttext granian mlserver spacy
for peer in "$@"; do
  [ -f "$here/$peer.txt" ] || { echo "$peer: no such peer" >&2; exit 2; }
  if cmp -s "$here/$peer.txt" "$into/$peer/installed.txt"; then
    echo "$peer: there"
    continue
  fi
  "$python" -m venv --clear "$into/$peer"
  pip=("$into/$peer/bin/python" -m pip --disable-pip-version-check install --quiet)
  if [ "$peer" = granian ]; then # it serves Wiretag itself, from this folder
    "${pip[@]}" --require-hashes -r "$root/service/requirements.txt"
  fi
  if "${pip[@]}" -r "$here/$peer.txt"; then
    cp "$here/$peer.txt" "$into/$peer/installed.txt"
    echo "$peer: installed"
  else
    rm -rf "${into:?}/$peer"
    echo "$peer: cannot be installed here (see above); the benchmark will skip it" >&2
  fi
done
