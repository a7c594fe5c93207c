// SPDX-License-Identifier: Apache-2.0

package test

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/connectd/connectd/test/harness"
)

// bigRow is a row of the table that TestCDCKilledInALargeSnapshot reads.
type bigRow struct {
	ID int64
	V  string
}

// bigEvents is what the records of that table make of it, and how many of them are rows
// that were read in the first snapshot and by key.
type bigEvents struct {
	state         map[int64]string
	first, chunks int
}

func bigEventsOf(t *testing.T, records []harness.Record) bigEvents {
	t.Helper()
	out := bigEvents{state: map[int64]string{}}
	for _, r := range records {
		var key struct{ ID int64 }
		var v struct {
			Op     string
			After  *bigRow
			Source struct{ Snapshot string }
		}
		if err := json.Unmarshal([]byte(r.Key), &key); err != nil {
			t.Fatalf("%v: %s", err, r.Key)
		}
		if err := json.Unmarshal([]byte(r.Value), &v); err != nil {
			t.Fatalf("%v: %s", err, r.Value)
		}
		switch {
		case v.Op == "r" && v.Source.Snapshot == "incremental":
			out.chunks++
		case v.Op == "r":
			out.first++
		}
		if v.After == nil {
			delete(out.state, key.ID)
			continue
		}
		out.state[key.ID] = v.After.V
	}
	return out
}

// changeBig changes and deletes rows, moves some behind the end of the table, and adds new ones.
func changeBig(pg *harness.Postgres, rnd *rand.Rand, rows int) {
	for range 20 {
		id := rnd.IntN(rows)
		pg.Do(fmt.Sprintf("UPDATE big SET v = v || '+' WHERE id %% 500 = %d; DELETE FROM big WHERE id = %d; UPDATE big SET id = %d + (SELECT max(id) FROM big) WHERE id = %d; INSERT INTO big VALUES (%d, 'new') ON CONFLICT DO NOTHING",
			id%500, id, 1+rnd.IntN(1000), rnd.IntN(rows), rnd.IntN(rows)))
	}
}

// TestCDCKilledInALargeSnapshot kills the daemon several times in the middle of a table.
// Each time rows are changed before it goes on. The records make the table in the end, and
// each row was read at most once in the first snapshot and once by key, but for the chunk
// that each kill costs.
func TestCDCKilledInALargeSnapshot(t *testing.T) {
	t.Parallel()
	const rows, part = 20_000, 500
	rnd := seeded(t)
	pg := harness.SharedPostgres(t)
	pg.Do(fmt.Sprintf("CREATE TABLE big (id bigint PRIMARY KEY, v text); INSERT INTO big SELECT i, 'v' || i FROM generate_series(0, %d) i", rows-1))
	d := harness.Start(t, harness.Settings{})
	connector := d.Name("big")
	topic := connector + ".public.big"
	d.CreateTopic(topic, 1)
	c := pg.Source(connector)
	c["table.include.list"], c["tombstones.on.delete"], c["incremental.snapshot.chunk.size"] = "public.big", "false", fmt.Sprint(part)
	d.Must(201, "POST", "/connectors", map[string]any{"name": connector, "config": c, "initial_state": "STOPPED"})
	d.Kill()
	d.Set("task.transaction.max.bytes", "65536") // some hundred rows
	kills := cdcKills(t)
	for n := range kills {
		d.SetCrash(taskPoints[rnd.IntN(len(taskPoints))], 2+rnd.IntN(3))
		d.Launch()
		if n == 0 {
			d.WaitReady()
			d.Must(202, "PUT", "/connectors/"+connector+"/resume", nil)
		}
		d.WaitExit()
		changeBig(pg, rnd, rows)
	}
	d.SetEnv()
	d.Start()
	waitCaptured(t, d, pg, connector)
	got := bigEventsOf(t, d.Read(topic))
	t.Logf("%d rows in the first snapshot, %d by key", got.first, got.chunks)
	if got.first >= rows || got.chunks == 0 {
		t.Fatalf("no kill was in the middle of the first snapshot: %d rows of it, %d by key", got.first, got.chunks)
	}
	if most := rows + kills*(part+20*4); got.chunks > most {
		t.Errorf("%d rows were read by key, want at most %d", got.chunks, most)
	}
	checkBig(t, pg, got.state)
}

func checkBig(t *testing.T, pg *harness.Postgres, state map[int64]string) {
	t.Helper()
	wrong := 0
	table := pg.Rows("SELECT id, v FROM big")
	for _, row := range table {
		var id int64
		if _, err := fmt.Sscan(row[0], &id); err != nil {
			t.Fatal(err)
		}
		if v, ok := state[id]; !ok || v != row[1] {
			wrong++
			t.Logf("row %d is %q, and by the records %q (%t)", id, row[1], v, ok)
		}
	}
	if wrong > 0 || len(state) != len(table) {
		t.Errorf("%d rows are wrong; there are %d, and %d by the records", wrong, len(table), len(state))
	}
}
