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

. "$here/process.sh"

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

# GET / answers before the worker has joined its group; GET /connectors does not.
answers() { curl -sf "http://127.0.0.1:$port/connectors" > /dev/null 2>&1; }

start() {
  running && return
  install
  settings
  nohup java -Xms256M "-Xmx${DEBEZIUM_HEAP:-1G}" -server -XX:+UseG1GC -Dlog4j2.configurationFile="file:$dir/log4j2.properties" \
    -cp "$jars/*" org.apache.kafka.connect.cli.ConnectDistributed "$dir/worker.properties" > "$dir/worker.log" 2>&1 < /dev/null &
  echo $! > "$pidfile"
  await "kafka connect with debezium on 127.0.0.1:$port" "$dir/worker.log" answers
}

case "${1:-}" in
install) install ;;
start) start ;;
stop) stop ;;
status) status ;;
*) sed -n '2,5p' "$0" >&2; exit 2 ;;
esac
