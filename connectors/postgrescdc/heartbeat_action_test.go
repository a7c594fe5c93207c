// SPDX-License-Identifier: Apache-2.0

package postgrescdc

import (
	"bytes"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"
)

// logLines is a log that can be looked at while it is written.
type logLines struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *logLines) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *logLines) text() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// logged makes the tasks of a world write to the lines that it returns.
func (w *world) logged() *logLines {
	l := &logLines{}
	w.log = slog.New(slog.NewTextHandler(l, nil))
	return l
}

const actionTable = "CREATE TABLE t (id int PRIMARY KEY); CREATE TABLE beats (at timestamptz)"

func actionWorld(t *testing.T, query string) *world {
	return newWorld(t, actionTable, map[string]string{
		"snapshot.mode": "no_data", "table.include.list": "public.t", "heartbeat.interval.ms": "50", "heartbeat.action.query": query, "topic.heartbeat.name": "beats",
	})
}

// streams checks that changes come.
func (r *taskRun) streams(id string) {
	r.w.t.Helper()
	r.w.exec("INSERT INTO t VALUES (" + id + ")")
	r.w.eventually("the row "+id+" comes", func() bool {
		b := r.poll(time.Second, 100)
		for i := range b.Records {
			if jsonText(b.Records[i].Key) == `{"id":`+id+`}` {
				return true
			}
		}
		return false
	})
}

func TestHeartbeatActionIsRun(t *testing.T) {
	t.Parallel()
	w := actionWorld(t, "INSERT INTO beats VALUES (now()); DELETE FROM beats WHERE at < now() - interval '1 day'")
	r := w.start()
	defer r.stop()
	many := func(n string) func() bool {
		return func() bool { return w.scalar("SELECT count(*) >= "+n+" FROM beats") == "t" }
	}
	w.eventually("beats are written", many("2"))
	r.streams("1")
	w.exec("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND query LIKE 'INSERT INTO beats%'")
	w.exec("TRUNCATE beats")
	w.eventually("beats are written by a new session", many("2"))
	r.streams("2")
}

func TestHeartbeatActionThatHangs(t *testing.T) {
	t.Parallel()
	w := actionWorld(t, "SELECT pg_sleep(3600)")
	sleeping := func() string {
		return w.scalar("SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND state = 'active' AND query LIKE 'SELECT pg_sleep%'")
	}
	r := w.start()
	w.eventually("the statement runs", func() bool { return sleeping() == "1" })
	r.streams("1")
	r.streams("2")
	r.stop()
	w.eventually("the statement ends with the task", func() bool { return sleeping() == "0" })
}

func TestHeartbeatActionIsBounded(t *testing.T) {
	t.Parallel()
	w := actionWorld(t, "SELECT pg_sleep(3600)")
	w.props["database.query.timeout.ms"] = "100"
	log := w.logged()
	r := w.start()
	defer r.stop()
	w.eventually("the statement is given up", func() bool { return strings.Contains(log.text(), "heartbeat.action.query failed") })
	r.streams("1")
}

func TestHeartbeatActionThatFails(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ query, want string }{
		"a table that is not there": {"INSERT INTO nosuch VALUES ('s3cret')", `relation \"nosuch\" does not exist (SQLSTATE 42P01)`},
		"a value that does not fit": {"INSERT INTO t VALUES ('s3cret')", `invalid input syntax for type integer: \"…\" (SQLSTATE 22P02)`},
		"a syntax error":            {"INSERT 's3cret'", `syntax error at or near \"…\" (SQLSTATE 42601)`},
		"an exception":              {"DO $$ BEGIN RAISE 's3cret'; END $$", "an exception was raised (SQLSTATE P0001)"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := actionWorld(t, c.query)
			log := w.logged()
			r := w.start()
			w.eventually("the failure is logged", func() bool { return strings.Contains(log.text(), c.want) })
			r.streams("1")
			w.exec("CREATE TABLE nosuch (s text)")
			if strings.Contains(c.query, "nosuch") {
				w.eventually("it works again", func() bool { return strings.Contains(log.text(), "works again") })
			}
			r.stop()
			if strings.Contains(log.text(), "s3cret") {
				t.Errorf("the log has what the statement holds:\n%s", log.text())
			}
		})
	}
}
