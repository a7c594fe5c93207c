# What kafka.sh and debezium.sh do alike: a process in the background, by its $pidfile.

running() { [ -f "$pidfile" ] && kill -0 "$(cat "$pidfile")" 2> /dev/null; }

# await NAME LOG CONDITION: returns when the condition holds, and ends with the end of the
# log if the process is gone, or if it takes two minutes.
await() {
  for _ in $(seq 1 600); do
    if ! running; then
      tail -n 20 "$2" >&2
      exit 1
    fi
    if $3; then
      echo "$1, process id $(cat "$pidfile")"
      return
    fi
    sleep 0.2
  done
  echo "no answer: $1" >&2
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

status() {
  if ! running; then
    echo stopped
    exit 1
  fi
  echo "running, process id $(cat "$pidfile")"
}
