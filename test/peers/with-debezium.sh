#!/usr/bin/env bash
# Runs a command beside a real Kafka broker and a Kafka Connect worker with Debezium,
# which are started here and stopped afterwards. The command finds the broker in
# CONNECTD_TEST_KAFKA_PEER, the worker's REST in CONNECTD_TEST_DEBEZIUM and its process
# id in CONNECTD_TEST_DEBEZIUM_PID.
#   with-debezium.sh COMMAND [ARG…]
set -euo pipefail
here="$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)"
export DEBEZIUM_DIR="${DEBEZIUM_DIR:-${TMPDIR:-/tmp}/connectd-debezium}"
export KAFKA_ADDR="${KAFKA_ADDR:-127.0.0.1:39292}" DEBEZIUM_PORT="${DEBEZIUM_PORT:-38283}"
"$here/debezium.sh" install
trap '"$here/debezium.sh" stop; "$here/kafka.sh" stop' EXIT
"$here/kafka.sh" start
"$here/debezium.sh" start
CONNECTD_TEST_DEBEZIUM_PID="$(cat "$DEBEZIUM_DIR/pid")" CONNECTD_TEST_KAFKA_PEER="$KAFKA_ADDR" CONNECTD_TEST_DEBEZIUM="http://127.0.0.1:$DEBEZIUM_PORT" "$@"
