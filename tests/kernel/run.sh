#!/usr/bin/env bash
# The tests of the compiled kernel under AddressSanitizer and UndefinedBehaviorSanitizer, those of threads under ThreadSanitizer;
# PYTHON names the interpreter.
# Where no compiler with sanitizers is, it says so and passes.
set -Eeuo pipefail
root=$(cd "$(dirname "$0")/../.." && pwd)
python=${PYTHON:-$root/.venv/bin/python}
aside=$(mktemp -d)
trap 'rm -rf "$aside"' EXIT

include=$("$python" -c 'import sysconfig; print(sysconfig.get_path("include"))')
suffix=$("$python" -c 'import sysconfig; print(sysconfig.get_config_var("EXT_SUFFIX"))')
if ! command -v gcc >/dev/null || [ ! -e "$include/Python.h" ] || [ ! -e "$(gcc -print-file-name=libasan.so)" ]; then
  echo "kernel: skipped: the sanitizers need gcc with libasan and the headers of Python"
  exit 0
fi
cp -r "$root/models" "$root/training" "$root/tests" "$root/pyproject.toml" "$aside"
gcc -shared -fPIC -g -O1 -fno-omit-frame-pointer -fsanitize=address,undefined -fno-sanitize-recover=undefined \
  -I"$include" "$aside"/models/kernel/*.c -o "$aside/models/_kernel$suffix"
cd "$aside"
PYTHONPATH="$aside" LD_PRELOAD="$(gcc -print-file-name=libasan.so)" ASAN_OPTIONS=detect_leaks=0 "$python" -c "import models._kernel as k, sys; sys.exit(not k.__file__.startswith(\"$aside\"))"
# Python's own allocator would hide what lies next to a block
LD_PRELOAD="$(gcc -print-file-name=libasan.so) $(gcc -print-file-name=libubsan.so)" ASAN_OPTIONS=detect_leaks=0 PYTHONMALLOC=malloc \
  PYTHONPATH="$aside" timeout 600 "$python" -m pytest -q -p no:cacheprovider tests/unit/test_kernels.py tests/unit/test_sight.py
gcc -shared -fPIC -g -O1 -fsanitize=thread -I"$include" "$aside"/models/kernel/*.c -o "$aside/models/_kernel$suffix"
LD_PRELOAD="$(gcc -print-file-name=libtsan.so)" PYTHONPATH="$aside" timeout 300 "$python" -m pytest -q -p no:cacheprovider \
  tests/unit/test_kernels.py -k threads
echo "kernel: passed under the sanitizers"
