// SPDX-License-Identifier: Apache-2.0

package postgrescdc

import (
	"context"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5/pgconn"
)

func TestHandBack(t *testing.T) {
	t.Parallel()
	row := place{end: 10, commit: 90, ordinal: 1, lsn: 40, lastCommit: 10, events: 1, change: changeInsert, txID: 7, system: "1"}
	with := func(change func(p *place)) place {
		p := row
		change(&p)
		return p
	}
	const repeats, commit = `"lsn_proc":10,"messageType":"COMMIT","lsn_commit":10,"lsn":10`, `"connectd_end":10,"connectd_commit":90`
	for _, c := range []struct {
		name  string
		place place
		want  string
	}{
		{"the first of several rows", row, `{` + repeats + `,"txId":7,` + commit + `,"connectd_ordinal":1,"connectd_part":0,"connectd_system":"1","connectd_timeline":0}`},
		{"a row with an LSN of its own", with(func(p *place) { p.alone = true }),
			`{"lsn_proc":40,"messageType":"INSERT","lsn_commit":10,"lsn_events_processed":1,"lsn":40,"txId":7,` + commit + `,"connectd_ordinal":1,"connectd_part":0,"connectd_system":"1","connectd_timeline":0}`},
		{"the second of several rows", with(func(p *place) { p.ordinal, p.events = 2, 2 }),
			`{"lsn_proc":40,"messageType":"INSERT","lsn_commit":10,"lsn_events_processed":2,"lsn":40,"txId":7,` + commit + `,"connectd_ordinal":2,"connectd_part":0,"connectd_system":"1","connectd_timeline":0}`},
		{"half of a change", with(func(p *place) { p.ordinal, p.part, p.events, p.alone = 1, 1, 2, true }),
			`{` + repeats + `,"txId":7,` + commit + `,"connectd_ordinal":1,"connectd_part":1,"connectd_system":"1","connectd_timeline":0}`},
		{"behind a message that lies behind the transaction", with(func(p *place) { p.lastCommit, p.message = 95, 95 }),
			`{` + repeats + `,"txId":7,` + commit + `,"connectd_ordinal":1,"connectd_part":0,"connectd_message":95,"connectd_last_commit":95,"connectd_system":"1","connectd_timeline":0}`},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			offset := c.place.offset()
			if got := jsonText(offset); got != c.want {
				t.Errorf("got  %s\nwant %s", got, c.want)
			}
			again, err := parseOffset(offset)
			if err != nil || again.end != c.place.end || again.commit != c.place.commit || again.ordinal != c.place.ordinal || again.part != c.place.part || again.lastCommit != c.place.lastCommit {
				t.Errorf("it is read as %+v, %v", again, err)
			}
		})
	}
}

// TestHandBackBehindRowsOfOneLSN: rows of COPY share an LSN, those of several
// statements do not.
func TestHandBackBehindRowsOfOneLSN(t *testing.T) {
	t.Parallel()
	w := newWorld(t, "CREATE TABLE t (id int PRIMARY KEY, s text)", map[string]string{"snapshot.mode": "no_data"})
	r := w.start()
	defer r.stop()
	w.exec("BEGIN; INSERT INTO t VALUES (3, 'x'); INSERT INTO t VALUES (4, 'x'); INSERT INTO t VALUES (5, 'x'); COMMIT")
	w.copy("t", "11\tx\n12\tx\n13\tx\n")
	got := map[string]string{}
	for len(got) < 6 {
		b := r.records()
		for i := range b.Records {
			offset := r.task.Position(b, i).Offset
			what, _ := offset.Get(memberMessageType)
			events, _ := offset.Get(memberLSNEvents)
			got[jsonText(b.Records[i].Key)] = jsonText(what) + jsonText(events)
			if i+1 == len(b.Records) { // what follows may not have come yet
				got[jsonText(b.Records[i].Key)] = "last"
			}
		}
		r.commitOnly(b)
	}
	for key, want := range map[string]string{`{"id":3}`: `"INSERT"1`, `{"id":4}`: `"INSERT"1`, `{"id":11}`: `"COMMIT"null`, `{"id":12}`: `"INSERT"2`} {
		if got[key] != want && got[key] != "last" {
			t.Errorf("the row %s is handed back as %s, want %s", key, got[key], want)
		}
	}
}

// copy writes rows with COPY, which is one record of the log for many of them.
func (w *world) copy(table, rows string) {
	w.t.Helper()
	ctx := context.Background()
	conn, err := pgconn.Connect(ctx, w.srv.URL(w.db))
	if err != nil {
		w.t.Fatal(err)
	}
	defer hangUp(conn)
	if _, err := conn.CopyFrom(ctx, strings.NewReader(rows), "COPY "+table+" FROM STDIN"); err != nil {
		w.t.Fatal(err)
	}
}
