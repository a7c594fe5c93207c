#!/usr/bin/env bash
# A real Kafka Connect worker with Debezium for PostgreSQL, on the broker of kafka.sh.
#   debezium.sh install | start | stop | status
# Needs java (17 or newer) and mvn. DEBEZIUM_PORT is the port of its REST (default
# 38083); KAFKA_ADDR and KAFKA_JARS are those of kafka.sh. DEBEZIUM_DIR is where it lives.
set -euo pipefail
here="$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)"
address="${KAFKA_ADDR:-127.0.0.1:39092}"
port="${DEBEZIUM_PORT:-38083}"
dir="${DEBEZIUM_DIR:-${TMPDIR:-/tmp}/connectd-debezium-$port}"
jars="${KAFKA_JARS:-${TMPDIR:-/tmp}/connectd-kafka-jars}"
plugins="${DEBEZIUM_JARS:-${TMPDIR:-/tmp}/connectd-debezium-jars}"
pidfile="$dir/pid"
mkdir -p "$dir"

# What the worker has itself must not be in the plugin's folder a second time.
provided=connect-api,connect-json,connect-runtime,connect-transforms,kafka-clients,slf4j-api,lz4-java,snappy-java,zstd-jni,jakarta.ws.rs-api

running() { [ -f "$pidfile" ] && kill -0 "$(cat "$pidfile")" 2> /dev/null; }

install() {
  "$here/kafka.sh" install
  [ -f "$plugins/.complete" ] && return
  mkdir -p "$plugins/debezium"
  mvn -B -ntp -q -f "$here/debezium/pom.xml" dependency:copy-dependencies -DincludeScope=runtime \
    -DexcludeArtifactIds="$provided" -DoutputDirectory="$plugins/debezium"
  touch "$plugins/.complete"
}

settings() {
  cat > "$dir/worker.properties" << P
bootstrap.servers=$address
group.id=debezium-peer-$port
key.converter=org.apache.kafka.connect.json.JsonConverter
value.converter=org.apache.kafka.connect.json.JsonConverter
config.storage.topic=debezium-peer-$port-configs
config.storage.replication.factor=1
offset.storage.topic=debezium-peer-$port-offsets
offset.storage.replication.factor=1
offset.storage.partitions=1
status.storage.topic=debezium-peer-$port-status
status.storage.replication.factor=1
offset.flush.interval.ms=1000
listeners=http://127.0.0.1:$port
rest.advertised.host.name=127.0.0.1
plugin.path=$plugins
P
  cat > "$dir/log4j2.properties" << P
rootLogger.level=WARN
rootLogger.appenderRef.out.ref=out
appender.out.type=Console
appender.out.name=out
appender.out.layout.type=PatternLayout
appender.out.layout.pattern=[%d] %p %X{connector.context}%m (%c)%n
P
}

start() {
  running && return
  install
  settings
  nohup java -Xms256M "-Xmx${DEBEZIUM_HEAP:-1G}" -server -XX:+UseG1GC -Dlog4j2.configurationFile="file:$dir/log4j2.properties" \
    -cp "$jars/*" org.apache.kafka.connect.cli.ConnectDistributed "$dir/worker.properties" > "$dir/worker.log" 2>&1 < /dev/null &
  echo $! > "$pidfile"
  for _ in $(seq 1 600); do
    if ! running; then
      tail -n 20 "$dir/worker.log" >&2
      exit 1
    fi
    # GET / answers before the worker has joined its group; GET /connectors does not.
    if curl -sf "http://127.0.0.1:$port/connectors" > /dev/null 2>&1; then
      echo "kafka connect with debezium on 127.0.0.1:$port, process id $(cat "$pidfile")"
      return
    fi
    sleep 0.2
  done
  echo "kafka connect does not answer on 127.0.0.1:$port" >&2
  exit 1
}

stop() {
  running || { rm -f "$pidfile"; return 0; }
  kill "$(cat "$pidfile")"
  for _ in $(seq 1 150); do
    running || break
    sleep 0.1
  done
  running && kill -9 "$(cat "$pidfile")"
  rm -f "$pidfile"
}

case "${1:-}" in
install) install ;;
start) start ;;
stop) stop ;;
status) if running; then echo "running, process id $(cat "$pidfile")"; else echo stopped; exit 1; fi ;;
*) sed -n '2,5p' "$0" >&2; exit 2 ;;
esac
