// SPDX-License-Identifier: Apache-2.0

//go:build referee

package referee

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/connectd/connectd/connectors/postgrescdc/pgtest"
	"github.com/connectd/connectd/test/harness"
)

// match is one scenario as it is played.
type match struct {
	scenario
	srv        *pgtest.Server
	db, prefix string
	sides      []side
	conn       *pgx.Conn
	// markers is how many rows the table zz_marker has got, without the first.
	markers int
}

func (s scenario) run(t *testing.T) {
	t.Parallel()
	m := &match{scenario: s, srv: pgtest.Shared(t)}
	m.db = m.srv.Database(t)
	theirs, ours := sides(t)
	m.sides = []side{theirs, ours}
	m.prefix = strings.ReplaceAll(pgtest.Name(t, "r"), "_", "-")
	play(t, m.srv.URL(m.db), "CREATE TABLE zz_marker (id int PRIMARY KEY); INSERT INTO zz_marker VALUES (0); CREATE PUBLICATION judged FOR ALL TABLES;"+s.before)
	t.Cleanup(func() { dropSlots(t, m.srv.URL(m.db), theirs.slot, ours.slot) })
	for _, side := range m.sides {
		side.create(t, m.prefix, s.settings(m.srv, m.db, m.prefix, side.slot))
	}
	m.waitBegin(t)
	m.play(t)
	for _, side := range m.sides {
		side.stop(t, m.prefix)
	}
	want, translated := s.differs.translate(theirs.records(t, m.prefix))
	got := lines(ours.records(t, m.prefix))
	if s.unordered != "" {
		topic := strings.ReplaceAll(s.unordered, "PREFIX", m.prefix)
		slices.Sort(want[topic])
		slices.Sort(got[topic])
	}
	for _, d := range differences(want, got) {
		t.Error(d)
	}
	if s.differs != nil && !translated {
		t.Errorf("nothing differs as the scenario says: %s", s.differs.why)
	}
}

// reads and streams say what the settings ask for.
func (s scenario) reads() bool {
	mode := s.config["snapshot.mode"]
	return mode != "no_data" && (mode != "configuration_based" || s.config["snapshot.mode.configuration.based.snapshot.data"] == "true")
}

func (s scenario) streams() bool {
	mode := s.config["snapshot.mode"]
	return mode != "initial_only" && (mode != "configuration_based" || s.config["snapshot.mode.configuration.based.start.stream"] == "true")
}

func (m *match) waitBegin(t *testing.T) {
	t.Helper()
	for _, side := range m.sides {
		if m.streams() {
			side.waitSlot(t, m.srv, m.db, m.prefix)
		}
		if m.reads() {
			side.waitSnapshot(t, m.prefix)
		}
	}
}

// play runs the script: statements, each in a transaction of its own where none was
// begun, none of them with a semicolon inside, and between them
//
//	\wait   until both sides have written everything: the original asks the server for
//	        the columns of a table when it sees a change of them, and must not be late
//	\stop   stops both connectors
//	\start  lets them go on, and waits until they stream
//	\count TABLE N  until N records of a table are there: those of an incremental
//	        snapshot come beside the stream, before or behind a marker
//
// A scenario that streams ends with \wait.
func (m *match) play(t *testing.T) {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), m.srv.URL(m.db))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(context.Background())
	m.conn = conn
	script := m.during
	if m.streams() {
		script += ";\\wait"
	}
	for statement := range strings.SplitSeq(script, ";") {
		m.step(t, strings.TrimSpace(statement))
	}
}

func (m *match) step(t *testing.T, statement string) {
	t.Helper()
	switch statement {
	case "":
	case "\\wait":
		m.wait(t)
	case "\\stop":
		for _, side := range m.sides {
			side.stop(t, m.prefix)
			side.waitIdle(t, m.srv, m.db)
		}
	case "\\start":
		for _, side := range m.sides {
			side.resume(t, m.prefix)
		}
		m.waitBegin(t)
	default:
		var table string
		var n int
		if _, err := fmt.Sscanf(statement, "\\count %s %d", &table, &n); err == nil {
			m.count(t, table, n)
			return
		}
		m.exec(t, statement)
	}
}

func (m *match) count(t *testing.T, table string, n int) {
	t.Helper()
	for _, side := range m.sides {
		harness.Eventually(t, fmt.Sprintf("%s has written %d records of %s", side.name, n, table), func() error {
			if trace := side.failed(t, m.prefix); trace != "" {
				t.Fatalf("%s failed: %s", side.name, trace)
			}
			records, err := harness.ReadCommitted(side.kafka, m.prefix+".public."+table)
			if err == nil && len(records) < n {
				err = fmt.Errorf("there are %d", len(records))
			}
			return err
		})
	}
}

func (m *match) exec(t *testing.T, statement string) {
	t.Helper()
	if _, err := m.conn.Exec(t.Context(), statement, pgx.QueryExecModeSimpleProtocol); err != nil {
		t.Fatalf("%s: %v", statement, err)
	}
}

func (m *match) wait(t *testing.T) {
	t.Helper()
	m.markers++
	m.exec(t, fmt.Sprintf("INSERT INTO zz_marker VALUES (%d)", m.markers))
	topic := m.prefix + ".public.zz_marker"
	if m.marker != "" {
		topic = strings.ReplaceAll(m.marker, "PREFIX", m.prefix)
	}
	for _, side := range m.sides {
		side.waitMarker(t, m.prefix, topic, m.markers)
	}
}

// play runs statements without any of the words that match.play knows.
func play(t *testing.T, url, sql string) {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(context.Background())
	m := &match{conn: conn}
	for statement := range strings.SplitSeq(sql, ";") {
		if s := strings.TrimSpace(statement); s != "" {
			m.exec(t, s)
		}
	}
}
