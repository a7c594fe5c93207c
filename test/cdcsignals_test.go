// SPDX-License-Identifier: Apache-2.0

package test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/connectd/connectd/test/harness"
)

// signalled is a connector on a table that is read only when a signal asks for it.
type signalled struct {
	t     *testing.T
	d     *harness.Daemon
	pg    *harness.Postgres
	topic string
	rows  int
}

// newSignalled makes the connector c. Offsets without records are committed once a minute,
// as they usually are.
func newSignalled(t *testing.T, rows int, config func(d *harness.Daemon) harness.Config) *signalled {
	t.Helper()
	pg := harness.SharedPostgres(t)
	pg.Do(fmt.Sprintf("CREATE TABLE orders (id int PRIMARY KEY, v text); INSERT INTO orders SELECT i, repeat('x', 100) FROM generate_series(1, %d) i", rows))
	d := harness.Start(t, harness.Settings{Properties: map[string]string{"offset.flush.interval.ms": "60000"}})
	prefix := d.Name("s")
	c := pg.Source(prefix)
	c["snapshot.mode"], c["signal.poll.interval.ms"] = "no_data", "50"
	for k, v := range config(d) {
		c[k] = v
	}
	d.Create("c", c)
	d.WaitTasks("c", 1, "RUNNING")
	pg.WaitWalsender(0)
	return &signalled{t, d, pg, prefix + ".public.orders", rows}
}

const blockingOrders = `{"data-collections":["public.orders"],"type":"blocking"}`

// post sends a signal by REST, again as long as the connector does not take any yet.
func (s *signalled) post(kind, data string) {
	s.t.Helper()
	harness.Eventually(s.t, "the signal is taken", func() error {
		code, answer, err := s.d.Call("POST", "/connectors/c/signals", map[string]string{"id": "1", "type": kind, "data": data})
		if err == nil && code != 202 {
			err = fmt.Errorf("%d %s", code, answer)
		}
		return err
	})
}

// readOnce waits until every row was read, and checks that nothing more was: neither before
// the next change, nor after a crash.
func (s *signalled) readOnce() {
	s.t.Helper()
	s.d.WaitCount(s.topic, s.rows)
	s.next("behind", s.rows+1)
	s.d.Kill()
	s.d.Start()
	s.next("once more", s.rows+2)
}

// next changes a row, and expects that to be the last of n records.
func (s *signalled) next(v string, n int) {
	s.t.Helper()
	s.pg.Do("UPDATE orders SET v = '" + v + "' WHERE id = 1")
	got := s.d.WaitCount(s.topic, n)
	if len(got) != n || !strings.Contains(got[len(got)-1].Value, v) {
		s.t.Errorf("%d records came, and the last is %s; want %d", len(got), got[len(got)-1].Value, n)
	}
}

func TestCDCSignalsByREST(t *testing.T) {
	t.Parallel()
	s := newSignalled(t, 50, func(*harness.Daemon) harness.Config { return nil })
	signals := "/connectors/c/signals"
	for _, c := range []struct {
		path, body string
		code       int
		says       string
	}{
		{signals, `{"type":"execute-snapshots"}`, 400, "did you mean execute-snapshot?"},
		{signals, `{"type":"set-binlog-position"}`, 400, "there is no binary log"},
		{signals, `{"type":"execute-snapshot","data":{"data-collections":["(a"]}}`, 400, "not a valid regular expression"},
		{signals, `{"type":"execute-snapshot"}`, 400, "data-collections is empty"},
		{signals, `{"type":"log","data":{"message":"` + strings.Repeat("x", 10<<20) + `"}}`, 400, "bytes, and may have"},
		{"/connectors/nobody/signals", `{"type":"log"}`, 404, "not found"},
	} {
		code, answer := s.raw(c.path, c.body)
		if code == 409 { // it has just begun
			s.post("log", `{"message":"here"}`)
			code, answer = s.raw(c.path, c.body)
		}
		if code != c.code || !strings.Contains(answer, c.says) {
			t.Errorf("%.80s answers %d %.300s, want %d %s", c.body, code, answer, c.code, c.says)
		}
	}
	began := time.Now()
	s.post("execute-snapshot", blockingOrders)
	if took := time.Since(began); took > 20*time.Second {
		t.Errorf("the answer took %s: it waited for the next flush", took)
	}
	s.readOnce()
	s.post("log", `{"message":"here"}`)
	s.d.Must(202, "PUT", "/connectors/c/pause", nil)
	s.d.WaitTasks("c", 1, "PAUSED")
	if code, answer := s.raw(signals, `{"type":"log"}`); code != 409 || !strings.Contains(answer, "paused") {
		t.Errorf("a paused connector answers %d %s", code, answer)
	}
}

func (s *signalled) raw(path, body string) (int, string) {
	s.t.Helper()
	code, answer, err := s.d.Call("POST", path, body)
	if err != nil {
		s.t.Fatal(err)
	}
	return code, answer
}

// TestCDCSignalsByRESTSurvive kills the daemon as soon as a signal is answered, and in the
// middle of what it asks for.
func TestCDCSignalsByRESTSurvive(t *testing.T) {
	t.Parallel()
	s := newSignalled(t, 20_000, func(*harness.Daemon) harness.Config { return nil })
	s.post("execute-snapshot", blockingOrders)
	s.d.Kill()
	s.d.Start()
	harness.Eventually(t, "rows come", func() error {
		if len(s.d.Values(s.topic)) == 0 {
			return errors.New("there are none")
		}
		return nil
	})
	s.d.Kill()
	s.d.Start()
	harness.Eventually(t, "the last row comes", func() error {
		values := s.d.Values(s.topic)
		if len(values) == 0 || !strings.Contains(values[len(values)-1], `"snapshot":"last"`) {
			return fmt.Errorf("%d records", len(values))
		}
		return nil
	})
	seen := map[string]bool{}
	for _, v := range s.d.Values(s.topic) {
		_, after, _ := strings.Cut(v, `"after":{"id":`)
		id, _, _ := strings.Cut(after, ",")
		seen[id] = true
	}
	if len(seen) != s.rows {
		t.Errorf("%d rows were read, of %d", len(seen), s.rows)
	}
	s.next("behind", len(s.d.Values(s.topic))+1)
}

func TestCDCSignalsOfATopic(t *testing.T) {
	t.Parallel()
	var topic string
	s := newSignalled(t, 50, func(d *harness.Daemon) harness.Config {
		topic = d.Name("signals")
		d.CreateTopic(topic, 1)
		return harness.Config{"signal.enabled.channels": "kafka", "signal.kafka.topic": topic}
	})
	key := strings.TrimSuffix(s.topic, ".public.orders")
	send := func(value string) { s.d.Produce(topic, harness.Record{Key: key, Value: value}) }
	send("no JSON")
	send(`{"id":"1","type":"dance"}`)
	send(`{"id":"1","type":"log","data":{"message":"` + strings.Repeat("x", 500_000) + `"}}`)
	send(`{"id":"1","type":"execute-snapshot","data":` + blockingOrders + `}`)
	s.readOnce()
}

func TestCDCSignalsOfAFile(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "signals")
	s := newSignalled(t, 50, func(*harness.Daemon) harness.Config {
		return harness.Config{"signal.enabled.channels": "file", "signal.file": file}
	})
	lines := "no JSON\n" + `{"id":"1","type":"log","data":{"message":"` + strings.Repeat("x", 10<<20) + `"}}` + "\n" +
		`{"id":"1","type":"execute-snapshot","data":` + blockingOrders + "}\n"
	if err := os.WriteFile(file, []byte(lines), 0o600); err != nil {
		t.Fatal(err)
	}
	s.readOnce()
}
