#!/usr/bin/env bash
# Fuzzes one target or all of them. Stable Rust and a C++ compiler build the programs; to run them, these
# programs, this script and the folders corpus and dict beside it are enough.
set -euo pipefail

usage() {
  cat <<'TEXT'
fuzz.sh TARGET|all|build SECONDS [--jobs N] [--built FOLDER]
    TARGET        a folder of corpus; all: every one of them; build: only build
    SECONDS       for each target; 0 repeats the corpus and invents nothing
    --jobs N      targets side by side; default: 1
    --built DIR   programs of an earlier build; nothing is built
What was found lies in findings/TARGET: a file for each input that stopped a target, and in findings/corpus
what was kept of the run. Ends with 1 if a target was stopped.
TEXT
}

here=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")" && pwd)
[[ $# -ge 1 ]] || { usage >&2; exit 2; }
choice=$1
seconds=${2:-0}
shift $(($# < 2 ? $# : 2))
jobs=1
built=
while [[ $# -gt 0 ]]; do
  case $1 in
    --jobs) jobs=${2:?}; shift 2 ;;
    --built) built=${2:?}; shift 2 ;;
    *) usage >&2; exit 2 ;;
  esac
done

# Inputs of more than 16 KiB find nothing that shorter ones do not, and cost speed; time that grows with the
# square of the length is the target long's business.
readonly LIMITS=(-max_len=16384 -timeout=10 -rss_limit_mb=2048 -print_final_stats=1)

build() {
  local triple
  triple=$(rustc -vV | sed -n 's/^host: //p')
  # Naming the target keeps the flags away from build scripts, which have no fuzzer to link with.
  RUSTFLAGS="-Cpasses=sancov-module -Cllvm-args=-sanitizer-coverage-level=4 \
    -Cllvm-args=-sanitizer-coverage-inline-8bit-counters -Cllvm-args=-sanitizer-coverage-pc-table \
    -Cllvm-args=-sanitizer-coverage-trace-compares --cfg fuzzing" \
    cargo build --release --locked --manifest-path "$here/Cargo.toml" --target "$triple" \
    --target-dir "$here/target" --features custody >&2
  built=$here/target/$triple/release
}

if [[ -z $built ]]; then
  build
fi
[[ $choice != build ]] || { printf '%s\n' "$built"; exit 0; }

targets=()
for folder in "$here"/corpus/*/; do
  name=$(basename "$folder")
  [[ $choice != all && $choice != "$name" ]] || targets+=("$name")
done
[[ ${#targets[@]} -gt 0 ]] || { printf 'no target is called %s\n' "$choice" >&2; exit 2; }

run() { # TARGET
  local target=$1 program=$built/site found=$here/findings/$1 kept=$here/findings/corpus/$1 options=()
  [[ $target != custody ]] || program=$built/custody
  mkdir -p "$found" "$kept"
  [[ ! -f $here/dict/$target.dict ]] || options+=("-dict=$here/dict/$target.dict")
  if [[ $seconds -gt 0 ]]; then
    options+=("-max_total_time=$seconds" "$kept")
  else
    options+=(-runs=0)
  fi
  FUZZ_TARGET=$target "$program" "${LIMITS[@]}" "-artifact_prefix=$found/" "${options[@]}" \
    "$here/corpus/$target" >"$found/log" 2>&1
}

summary() { # TARGET CODE
  local log=$here/findings/$1/log stopped
  stopped=$(find "$here/findings/$1" -type f ! -name log | wc -l)
  printf '%-10s %12s executions %8s a second, edges %6s, inputs that stopped it %3d, exit %d\n' "$1" \
    "$(sed -n 's/^stat::number_of_executed_units: *//p' "$log")" \
    "$(sed -n 's/^stat::average_exec_per_sec: *//p' "$log")" \
    "$(sed -n 's/.* cov: \([0-9]*\) .*/\1/p' "$log" | tail -n 1)" "$stopped" "$2"
}

failed=0
declare -A running=()
reap() {
  local pid code=0
  wait -n -p pid || code=$?
  summary "${running[$pid]}" "$code"
  unset "running[$pid]"
  [[ $code -eq 0 ]] || failed=1
}
for target in "${targets[@]}"; do
  [[ ${#running[@]} -lt $jobs ]] || reap
  run "$target" &
  running[$!]=$target
done
while [[ ${#running[@]} -gt 0 ]]; do reap; done
exit "$failed"
