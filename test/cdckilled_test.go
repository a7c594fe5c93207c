// SPDX-License-Identifier: Apache-2.0

package test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/connectd/connectd/connectors/postgrescdc/pgtest"
	"github.com/connectd/connectd/test/harness"
)

// prepareItems makes the daemon of captureItems, and does not wait for anything.
func prepareItems(t *testing.T, pg *harness.Postgres, extra harness.Config) *itemsWorld {
	t.Helper()
	w := &itemsWorld{t: t, pg: pg, d: harness.Start(t, harness.Settings{})}
	w.connector = w.d.Name("items")
	w.topic = w.connector + ".public.items"
	w.d.CreateTopic(w.topic, 1)
	w.d.Create(w.connector, w.config(extra))
	return w
}

// sessions are those of the connector, with what they wait for.
func (w *itemsWorld) sessions() string {
	w.t.Helper()
	var out []string
	for _, row := range w.pg.Rows(`SELECT concat_ws(' ', application_name, state, wait_event_type, wait_event) FROM pg_stat_activity
 WHERE application_name LIKE 'connectd %' AND datname = '` + w.pg.DB + "' ORDER BY 1") {
		out = append(out, strings.TrimPrefix(row[0], "connectd "+w.connector+" "))
	}
	return strings.Join(out, ", ")
}

// looksSince is the first version that can look for the client while a statement runs.
const looksSince = 14

// TestCDCKilledLeavesNoSession kills the daemon where it can end nothing in order. No
// session of it stays, which would hold up vacuum or the next one, and the next daemon
// brings everything once.
func TestCDCKilledLeavesNoSession(t *testing.T) {
	t.Parallel()
	const rows = 20_000
	for _, c := range []struct {
		name, ddl string
		extra     harness.Config
		// holds takes what the connector has to wait for, and returns how it lets go.
		holds func(pg *harness.Postgres) func()
		// there is in the list of sessions when the daemon is killed.
		there string
		// after says that the sessions end when what they wait for is over, not before.
		after bool
		// looks says that it takes a server that looks for its client while it waits.
		looks bool
	}{
		{name: "rows are read and nobody takes them", ddl: wideItems(rows), extra: harness.Config{"max.queue.size.in.bytes": "65536", "producer.override.max.request.size": "1000000"},
			there: "snapshot active"},
		{name: "a statement waits for a lock", ddl: itemsDDL, there: "active Lock relation", looks: true,
			holds: hold("LOCK TABLE items IN ACCESS EXCLUSIVE MODE")},
		{name: "the slot is being made", ddl: itemsDDL, there: "stream active Lock", after: true,
			holds: hold("INSERT INTO other VALUES (1, 'x')")},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			pg := harness.OwnPostgres(t, pgtest.Options{})
			pg.Do(c.ddl)
			release := func() {}
			if c.holds != nil {
				release = c.holds(pg)
			}
			w := prepareItems(t, pg, c.extra)
			w.d.Eventually("the connector has the session "+c.there, func() error {
				if got := w.sessions(); !strings.Contains(got, c.there) {
					return fmt.Errorf("it has %s", got)
				}
				return nil
			})
			w.d.Kill()
			if c.after {
				w.d.Start() // meets the session of the dead one
				w.d.Eventually("the next one waits for the slot", func() error {
					if !strings.Contains(w.d.Output(), "still being made by another connection") {
						return errors.New("the log does not say so")
					}
					return nil
				})
				release()
			} else {
				if c.looks && pg.Major(t) < looksSince {
					release()
				}
				w.d.Eventually("no session is left", func() error {
					if got := w.sessions(); got != "" {
						return fmt.Errorf("there are %s", got)
					}
					return nil
				})
				release()
				w.d.Start()
			}
			waitCaptured(t, w.d, pg, w.connector)
			w.d.Eventually("each row is there once", func() error { return w.onceEach() })
			w.insert(1_000_000)
			w.d.Eventually("each row is there once", func() error { return w.onceEach() })
		})
	}
}

func wideItems(n int) string {
	return fmt.Sprintf("CREATE TABLE items (id int PRIMARY KEY, v text); INSERT INTO items SELECT g, repeat('x', 2000) FROM generate_series(1, %d) g", n)
}

// hold runs a statement in a transaction that stays open.
func hold(sql string) func(pg *harness.Postgres) func() {
	return func(pg *harness.Postgres) func() {
		conn := pg.Connect()
		if _, err := conn.Exec(context.Background(), "BEGIN; "+sql); err != nil {
			panic(err)
		}
		return func() {
			if _, err := conn.Exec(context.Background(), "COMMIT"); err != nil {
				panic(err)
			}
		}
	}
}

// onceEach compares the keys of the topic with those of the table. A table whose reading
// broke off with some of its rows committed is read once more, by key.
func (w *itemsWorld) onceEach() error {
	most := 1
	if strings.Contains(w.d.Output(), "read by key, beside the stream") {
		most = 2
	}
	got := map[string]int{}
	for _, r := range w.d.Read(w.topic) {
		got[r.Key]++
	}
	for key, n := range got {
		if n > most {
			return fmt.Errorf("%s is there %d times", key, n)
		}
	}
	if want := w.pg.One("SELECT count(*) FROM items"); fmt.Sprint(len(got)) != want {
		return fmt.Errorf("there are %d keys, want %s", len(got), want)
	}
	return nil
}
