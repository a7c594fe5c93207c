#!/usr/bin/env bash
# A real Apache Kafka broker, one node, for the tests that compare with it.
#   kafka.sh install | start | stop | status | wipe
# Needs java (17 or newer) and mvn. KAFKA_ADDR is where it listens (default
# 127.0.0.1:39092), KAFKA_DIR where it lives (default below the temporary folder).
set -euo pipefail
here="$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)"
address="${KAFKA_ADDR:-127.0.0.1:39092}"
host="${address%:*}"
port="${address##*:}"
dir="${KAFKA_DIR:-${TMPDIR:-/tmp}/connectd-kafka-$port}"
jars="${KAFKA_JARS:-${TMPDIR:-/tmp}/connectd-kafka-jars}"
pidfile="$dir/pid"
mkdir -p "$dir"

. "$here/process.sh"

install() {
  [ -f "$jars/.complete" ] && return
  mkdir -p "$jars"
  mvn -B -ntp -q -f "$here/kafka/pom.xml" dependency:copy-dependencies -DincludeScope=runtime -DoutputDirectory="$jars"
  touch "$jars/.complete"
}

settings() {
  cat > "$dir/server.properties" << P
process.roles=broker,controller
node.id=1
controller.quorum.voters=1@$host:$((port + 1))
listeners=PLAINTEXT://$address,CONTROLLER://$host:$((port + 1))
advertised.listeners=PLAINTEXT://$address
controller.listener.names=CONTROLLER
listener.security.protocol.map=PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT
log.dirs=$dir/data
num.partitions=1
group.initial.rebalance.delay.ms=0
group.min.session.timeout.ms=1000
offsets.topic.replication.factor=1
offsets.topic.num.partitions=5
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
transaction.state.log.num.partitions=5
share.coordinator.state.topic.replication.factor=1
share.coordinator.state.topic.min.isr=1
P
  cat > "$dir/log4j2.properties" << P
rootLogger.level=WARN
rootLogger.appenderRef.out.ref=out
appender.out.type=Console
appender.out.name=out
appender.out.layout.type=PatternLayout
appender.out.layout.pattern=[%d] %p %m (%c)%n
P
}

tool() { java -Xmx256M -Dlog4j2.level=ERROR -cp "$jars/*" "$@"; }

# Answers are there when both the port is open and the broker has left fencing.
answers() {
  (exec 3<> "/dev/tcp/$host/$port") 2> /dev/null &&
    tool org.apache.kafka.tools.TopicCommand --bootstrap-server "$address" --list > /dev/null 2>&1
}

start() {
  running && return
  install
  settings
  if [ ! -f "$dir/data/meta.properties" ]; then
    id="$(tool kafka.tools.StorageTool random-uuid 2> /dev/null | tail -n 1)"
    tool kafka.tools.StorageTool format -t "$id" -c "$dir/server.properties" > "$dir/format.log" 2>&1
  fi
  nohup java -Xms256M -Xmx768M -server -XX:+UseG1GC -Dlog4j2.configurationFile="file:$dir/log4j2.properties" \
    -cp "$jars/*" kafka.Kafka "$dir/server.properties" > "$dir/server.log" 2>&1 < /dev/null &
  echo $! > "$pidfile"
  await "kafka on $address" "$dir/server.log" answers
}

case "${1:-}" in
install) install ;;
start) start ;;
stop) stop ;;
status) status ;;
wipe) running && { echo "stop it first" >&2; exit 1; }; rm -rf "$dir" ;;
*) sed -n '2,5p' "$0" >&2; exit 2 ;;
esac
