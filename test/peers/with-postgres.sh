#!/usr/bin/env bash
# Runs a command once for each of the PostgreSQL versions, with the servers of tests
# made of its programs, and fails if one of the runs did.
#   with-postgres.sh "MAJOR…" COMMAND [ARG…]
set -euo pipefail
here="$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)"
versions="$1"
shift
failed=""
for major in $versions; do
  bin="$("$here/postgres.sh" "$major")"
  echo "== PostgreSQL $major"
  CONNECTD_TEST_POSTGRES_BIN="$bin" "$@" || failed="$failed $major"
done
[ -z "$failed" ] || { echo "failed on PostgreSQL$failed" >&2; exit 1; }
