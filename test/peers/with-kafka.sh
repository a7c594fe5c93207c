#!/usr/bin/env bash
# Runs a command with CONNECTD_TEST_KAFKA set to a real Kafka broker: the one that
# the variable names already, or one that is started here and stopped afterwards.
#   with-kafka.sh ADDRESS COMMAND [ARG…]
set -euo pipefail
address="$1"
shift
if [ -n "${CONNECTD_TEST_KAFKA:-}" ]; then
  exec "$@"
fi
here="$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)"
export KAFKA_ADDR="$address"
"$here/kafka.sh" install
"$here/kafka.sh" start
trap '"$here/kafka.sh" stop' EXIT
CONNECTD_TEST_KAFKA="$address" "$@"
