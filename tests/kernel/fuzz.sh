#!/usr/bin/env bash
# Fuzz the compiled kernel under AddressSanitizer, UndefinedBehaviorSanitizer and a leak check: FUZZ_SECONDS for each target of
# fuzz.py, then many more spoilt releases than `make test` tries. What fails is written to var/fuzz/ and named;
# `tests/kernel/fuzz.sh TARGET FILE` runs it again. PYTHON names the interpreter. Where it cannot run, it says why and passes.
#
# libFuzzer of Debian's clang, with an interpreter inside, rather than atheris: on the same target it tried a third more inputs a
# second (8,900 against 6,700) with the same coverage of the C code, and needs neither a package for each Python nor its lock.
set -Eeuo pipefail
root=$(cd "$(dirname "$0")/../.." && pwd)
python=$(realpath -s "${PYTHON:-$root/.venv/bin/python}")
seconds=${FUZZ_SECONDS:-60}
aside=$(mktemp -d)
trap 'rm -rf "$aside"' EXIT

skip() {
  echo "fuzz: skipped: $1"
  exit 0
}
config() { "$python" -c "import sysconfig; print(sysconfig.get_config_var('$1') or '')"; }
include=$("$python" -c 'import sysconfig; print(sysconfig.get_path("include"))')
command -v clang >/dev/null || skip "it needs clang"
[ -e "$include/Python.h" ] || skip "it needs the headers of Python"
link=(-L"$(config LIBDIR)" -L"$(config LIBPL)" -Wl,-rpath,"$(config LIBDIR)" -lpython"$(config LDVERSION)" -rdynamic $(config LIBS))
sanitize=(-fsanitize=fuzzer,address,undefined -fno-sanitize-recover=undefined)
echo 'int LLVMFuzzerTestOneInput(void); int LLVMFuzzerTestOneInput(void) { return 0; }' >"$aside/probe.c"
clang "${sanitize[@]}" "$aside/probe.c" "${link[@]}" -o "$aside/probe" 2>"$aside/log" || skip "clang lacks libFuzzer or Python its library: $(tail -1 "$aside/log")"

clang -g -O1 -fno-omit-frame-pointer -Wno-tautological-constant-out-of-range-compare "${sanitize[@]}" -I"$include" "$root"/tests/kernel/fuzz.c "$root"/models/kernel/*.c "${link[@]}" -o "$aside/fuzz"
export FUZZ_PYTHON=$python PYTHONPATH=$root:$root/tests/kernel PYTHONDONTWRITEBYTECODE=1
export PYTHONMALLOC=malloc # Python's own allocator would hide what lies next to a block
fuzz() { # TARGET ARGUMENT...; leaks are looked for once, at the end: after every input it takes ten times as long
  FUZZ_TARGET=$1 ASAN_OPTIONS=detect_leaks=1 "$aside/fuzz" -detect_leaks=0 -timeout=20 "${@:2}"
}
if [ $# -eq 2 ]; then
  fuzz "$1" "$2"
  exit
fi

mkdir -p "$root/var/fuzz"
failed=()
for target in score read sight construct; do
  mkdir "$aside/$target"
  PYTHONMALLOC='' "$python" "$root/tests/kernel/fuzz.py" "$target" "$aside/$target"
  echo "fuzz: $target for $seconds s"
  fuzz "$target" "$aside/$target" -dict="$aside/$target.dict" -max_total_time="$seconds" -max_len=512 \
    -artifact_prefix="$root/var/fuzz/$target-" >"$aside/log" 2>&1 || failed+=("$target")
  if [[ " ${failed[*]-} " == *" $target "* ]]; then
    grep -v 'NEW \|REDUCE\|pulse\|NEW_FUNC\|Uses:' "$aside/log"
  else
    grep 'INITED\|DONE' "$aside/log"
  fi
done
cd "$root"
PYTHONMALLOC='' "$python" -m pytest -q -p no:cacheprovider --hypothesis-profile=fuzz tests/unit/test_spoilt_releases.py || failed+=("spoilt releases")
if [ ${#failed[@]} -gt 0 ]; then
  echo "fuzz: failed: ${failed[*]}; see above, and the inputs in var/fuzz/:" >&2
  ls "$root/var/fuzz" >&2
  exit 1
fi
echo "fuzz: passed"
