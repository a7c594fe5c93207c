#!/usr/bin/env bash
# Runs every fuzz target of the module for a while, one after the other: test/fuzz.sh [TIME [PATTERN]]. TIME is 30s
# by default, in s, m or h; PATTERN, of grep -E, chooses among the lines "directory target" (-list as TIME shows them).
# FUZZPARALLEL is the number of workers, 2 by default.
#
# A package is built on its own first: with all that it imports made ready for fuzzing that takes minutes the first time,
# and go test would be silent as long. Then each target has its time and two minutes to begin and end; what takes longer
# hangs, is stopped with the stacks of its goroutines, and has failed. All targets run; those that failed are named at the end.
# Go 1.26 may fail a target at the very end of its time with "context deadline exceeded" and no input
# (golang/go#75804): that is told, and is no failure.
# To make an interesting input small, for which Go takes up to a minute, without a new run in between, a target has five seconds.
set -euo pipefail
cd "$(dirname "$0")/.."
time="${1:-30s}" only="${2:-.}" parallel="${FUZZPARALLEL:-2}" grace=120 building=1800

targets() {
  grep -rlE '^func Fuzz' --include='*_test.go' . | xargs -n1 dirname | sort -u | while read -r dir; do
    grep -hoE '^func Fuzz[A-Za-z0-9_]+' "$dir"/*_test.go | sed "s|^func |$dir |"
  done | grep -E "$only"
}

if [ "$time" = -list ]; then
  targets
  exit
fi
case "$time" in
  *[0-9]s) limit=${time%s} ;;
  *[0-9]m) limit=$((${time%m} * 60)) ;;
  *[0-9]h) limit=$((${time%h} * 3600)) ;;
  *) echo "test/fuzz.sh: the time '$time' is not a whole number with s, m or h" >&2; exit 2 ;;
esac

binaries="$(mktemp -d)"
trap 'rm -rf "$binaries"' EXIT
cache="$(go env GOCACHE)/fuzz/$(go list -m)"
failed=() built='' count=0

# stopped CODE WHAT notes that something failed.
stopped() {
  if [ "$1" = 1 ] && tail -n 3 "$binaries/log" | sed 's/^ *//' | tr '\n' '|' | grep -qE '^--- FAIL: [A-Za-z0-9_]+ \([0-9.]+s\)\|context deadline exceeded\|FAIL\|$'; then
    echo "== ended by its time: $2"
    return
  fi
  case "$1" in
    124 | 131 | 137) failed+=("$2: did not end in time") ;;
    *) failed+=("$2: exit code $1") ;;
  esac
  echo "== FAILED ${failed[-1]}"
}

while read -r dir target; do
  if [ "$dir" != "$built" ]; then
    rm -f "$binaries/fuzz.test"
    built="$dir"
    timeout --kill-after=10s "$building" go test -c -fuzz . -o "$binaries/fuzz.test" "$dir" 2>&1 | tee "$binaries/log" || stopped $? "$dir (build)"
  fi
  [ -x "$binaries/fuzz.test" ] || continue
  echo "== $dir $target"
  count=$((count + 1))
  (cd "$dir" && timeout --signal=QUIT --kill-after=10s "$((limit + grace))" "$binaries/fuzz.test" -test.run '^$' \
    -test.fuzz "^${target}\$" -test.fuzztime "$time" -test.fuzzminimizetime 5s -test.parallel "$parallel" -test.fuzzcachedir "$cache/${dir#./}") \
    </dev/null 2>&1 | tee "$binaries/log" || stopped $? "$dir $target"
done < <(targets)

echo "== $count targets, $time each, ${#failed[@]} failed"
[ "$count" -gt 0 ] || failed+=("no target is like $only")
if [ "${#failed[@]}" -gt 0 ]; then
  printf '   %s\n' "${failed[@]}"
  exit 1
fi
