// SPDX-License-Identifier: Apache-2.0

package postgrescdc

import (
	"reflect"
	"strings"
	"testing"

	"github.com/connectd/connectd/connect"
	"github.com/connectd/connectd/connect/connecttest"
	"github.com/connectd/connectd/connect/convert"
)

func TestOffsetRoundTrip(t *testing.T) {
	t.Parallel()
	for name, p := range map[string]place{
		"between transactions": {end: 10, lsn: 10, lastCommit: 10, change: changeCommit, txID: 7, micros: 5, system: "1", timeline: 1},
		"in a transaction":     {end: 10, commit: 20, ordinal: 3, message: 12, lsn: 15, lastCommit: 10, events: 2, change: changeUpdate, txID: 7, micros: 5, system: "1", timeline: 1},
		"in a change":          {end: 10, commit: 20, ordinal: 3, part: 1, lsn: 10, lastCommit: 10, change: changeCommit, txID: 7, micros: 5, system: "1", timeline: 1},
		"in a snapshot": {end: 10, lsn: 10, micros: 5, system: "1", timeline: 2,
			snapshot: &snapshotProgress{tables: map[string]tableMark{`public."q"`: {10, true}, "public.b": {30, false}}}},
		"with forms of tables":        {end: 10, lsn: 10, system: "1", forms: (*tableForms)(nil).with("public.b", 7).with(`public."a b"`, 1<<63)},
		"with no form of a table yet": {end: 10, lsn: 10, system: "1", forms: &tableForms{told: map[string]uint64{}}},
		"behind a snapshot":           {end: 10, lsn: 10, system: "1", timeline: 2, snapshot: &snapshotProgress{completed: true}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, err := parseOffset(p.offset())
			if err != nil {
				t.Fatal(err)
			}
			if !reflect.DeepEqual(got, p) {
				t.Errorf("got %+v, want %+v", got, p)
			}
		})
	}
}

func TestOffsetOfDebezium(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name, text string
		want       place
	}{
		{"behind a commit", `{"transaction_id":"1449","lsn_proc":354160640,"messageType":"COMMIT","transaction_data_collection_order_public.orders":1,"lsn_commit":354160640,"lsn":354160640,"txId":1449,"ts_usec":1795252623461562}`,
			place{end: 354160640, lsn: 354160640, lastCommit: 354160640, txID: 1449, micros: 1795252623461562, change: changeCommit}},
		{"behind a row", `{"lsn_proc":552251928,"lsn_events_processed":2,"messageType":"INSERT","lsn_commit":552219912,"lsn":552251928,"txId":4166,"ts_usec":1}`,
			place{end: 552219912, lsn: 552251928, lastCommit: 552219912, events: 2, txID: 4166, micros: 1, change: changeInsert, foreign: true}},
		{"older releases count no events", `{"lsn_proc":9,"messageType":"UPDATE","lsn_commit":5,"lsn":9,"txId":4,"ts_usec":1}`,
			place{end: 5, lsn: 9, lastCommit: 5, events: 1, txID: 4, micros: 1, change: changeUpdate, foreign: true}},
		{"in a snapshot", `{"snapshot":"INITIAL","snapshot_completed":false,"lsn":9,"txId":4,"ts_usec":1}`,
			place{end: 9, lsn: 9, txID: 4, micros: 1, snapshot: &snapshotProgress{foreign: true}}},
		{"behind a snapshot of an older release", `{"snapshot":true,"last_snapshot_record":true,"lsn":9}`,
			place{end: 9, lsn: 9, snapshot: &snapshotProgress{completed: true}}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			got, err := parseOffset(connecttest.Parse(t, c.text))
			if err != nil {
				t.Fatal(err)
			}
			if !reflect.DeepEqual(got, c.want) {
				t.Errorf("got %+v, want %+v", got, c.want)
			}
		})
	}
}

func TestOffsetThatIsNone(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		`{}`:                        `read stored offset: it has neither "connectd_end" nor "lsn"`,
		`{"lsn":"x"}`:               `read stored offset: member "lsn" must be a whole number, but is string`,
		`{"lsn":1,"messageType":2}`: `read stored offset: member "messageType" must be a text, but is int64`,
		`{"connectd_end":1,"connectd_notifications":"[]"}`: `read stored offset: member "connectd_notifications" must be a JSON object: json: cannot unmarshal array into Go value of type postgrescdc.notices`,
		`"x"`: `read stored offset: it must be a map, but is string`,
		`{"connectd_end":1,"snapshot":"INITIAL","connectd_snapshot_tables":"["}`: `read stored offset: member "connectd_snapshot_tables" must be a JSON object of tables: unexpected end of JSON input`,
	} {
		if _, err := parseOffset(connecttest.Parse(t, text)); err == nil || err.Error() != want {
			t.Errorf("%s gives %v, want %s", text, err, want)
		}
	}
	p := connect.Position{Partition: connecttest.Parse(t, `{"x":1}`)}
	if err := checkOffset(p); err == nil {
		t.Error("a partition without server is taken")
	}
}

func FuzzOffset(f *testing.F) {
	f.Add(`{"lsn_proc":9,"messageType":"UPDATE","lsn_commit":5,"lsn":9,"txId":4,"ts_usec":1}`)
	f.Add(`{"connectd_end":1,"snapshot":"INITIAL","connectd_snapshot_tables":"{\"a.b\":-5}","connectd_incremental":"{\"tables\":[{\"name\":\"x\"}]}"}`)
	f.Add(`{"connectd_end":18446744073709551615,"snapshot":true}`)
	f.Add(`{"connectd_end":1,"connectd_notifications":"{\"list\":[{\"aggregate\":\"Initial Snapshot\",\"type\":\"COMPLETED\",\"data\":[[\"status\",\"x\"]]}]}"}`)
	f.Fuzz(func(t *testing.T, text string) {
		v, err := convert.ParseJSON(new(connect.Arena), []byte(text))
		if err != nil {
			return
		}
		p, err := parseOffset(v)
		if err != nil || p.foreign {
			return
		}
		again, err := parseOffset(p.offset())
		if err != nil {
			t.Fatalf("%s is written as what cannot be read: %v", text, err)
		}
		if !reflect.DeepEqual(again.owed, p.owed) {
			t.Fatalf("notifications %+v come back as %+v", p.owed, again.owed)
		}
		if again.end != p.end || again.commit != p.commit || again.commit != 0 && again.ordinal != p.ordinal {
			t.Fatalf("%+v comes back as %+v", p, again)
		}
	})
}

// FuzzCopyRow takes rows of COPY apart, whatever they hold.
func FuzzCopyRow(f *testing.F) {
	f.Add("1\tx\\ty\t\\N\t\\\\N")
	f.Add("\\")
	f.Fuzz(func(t *testing.T, text string) {
		w := snapshotRows{held: []byte(text)}
		w.split()
		if want := strings.Count(text, "\t") + 1; len(w.tuple) != want {
			t.Fatalf("%q has %d columns, want %d", text, len(w.tuple), want)
		}
		for _, c := range w.tuple {
			if len(c.Data) > len(text) {
				t.Fatalf("%q makes a column of %d bytes", text, len(c.Data))
			}
		}
	})
}

func TestCopyRow(t *testing.T) {
	t.Parallel()
	w := snapshotRows{held: []byte(`1	a\tb\\c\nd\re\bf\fg\v	\N		\\N`)}
	w.split()
	want := []string{"1", "a\tb\\c\nd\re\bf\fg\v", "<null>", "", `\N`}
	for i, c := range w.tuple {
		got := string(c.Data)
		if c.Kind == columnNull {
			got = "<null>"
		}
		if got != want[i] {
			t.Errorf("column %d is %q, want %q", i, got, want[i])
		}
	}
}
