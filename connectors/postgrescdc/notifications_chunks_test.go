// SPDX-License-Identifier: Apache-2.0

package postgrescdc

import (
	"slices"
	"strings"
	"testing"
)

// TestNotificationsOfChunks tells how many rows and chunks a table has: an estimate that may
// be wrong, a count where there is none or where it is not of the rows that are read, or
// nothing.
func TestNotificationsOfChunks(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name, ddl, filter string
		chunks, scanned   []string
	}{
		{"no statistics", "SELECT 1", "",
			[]string{"1 of 3, 5 rows", "2 of 3, 5 rows", "3 of 3, 5 rows"}, []string{"5 of 5"}},
		{"more rows than the statistics have", "ANALYZE a; INSERT INTO a VALUES (6), (7)", "",
			[]string{"1 of 3, 5 rows", "2 of 3, 5 rows", "3 of 3, 5 rows", "3 of 3, 5 rows"}, []string{"7 of 5"}},
		{"fewer rows than the statistics have", "ANALYZE a; DELETE FROM a WHERE id > 1", "",
			[]string{"1 of 3, 5 rows"}, []string{"1 of 5"}},
		{"statistics beside a condition", "ANALYZE a", "id > 2",
			[]string{"1 of 2, 3 rows", "2 of 2, 3 rows"}, []string{"3 of 3"}},
		{"rows that cannot be counted", "CREATE FUNCTION seen(i int) RETURNS bool LANGUAGE plpgsql AS $$BEGIN IF current_query() LIKE 'SELECT count%' THEN RAISE 'no'; END IF; RETURN true; END$$", "seen(id)",
			[]string{"", "", ""}, []string{"5"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			w := noticesWorld(t, abTables+"; "+c.ddl, map[string]string{"incremental.snapshot.chunk.size": "2"})
			r := w.start()
			defer r.stop()
			w.signal("1", signalExecute, `{"data-collections": ["public.a"], "additional-condition": "`+c.filter+`"}`)
			r.untilNoticed(noticeCompleted, 1)
			r.ordersDone(w.position())
			chunks, scanned := w.counted()
			if !slices.Equal(chunks, c.chunks) || !slices.Equal(scanned, c.scanned) {
				t.Errorf("got %q and %q, want %q and %q, of\n%s", chunks, scanned, c.chunks, c.scanned, strings.Join(w.noticed(), "\n"))
			}
		})
	}
}

// counted are the numbers of notifications on chunks and on the ends of tables.
func (w *world) counted() (chunks, scanned []string) {
	for i := range w.written {
		data, _ := w.written[i].Value.Get("additional_data")
		get := func(before, name string) string {
			for _, e := range data.Map() {
				if e.Key.Str() == name {
					return before + e.Value.Str()
				}
			}
			return ""
		}
		if w.written[i].Topic != noticesTopic {
			continue
		}
		switch kind, _ := w.written[i].Value.Get("type"); kind.Str() {
		case noticeInProgress:
			text := get("", dataPart) + get(" of ", dataParts) + get(", ", dataTotal)
			if text != "" {
				text += " rows"
			}
			chunks = append(chunks, text)
		case noticeTableCompleted:
			scanned = append(scanned, get("", dataRows)+get(" of ", dataTotal))
		}
	}
	return chunks, scanned
}

// TestNotificationsHaveTheOrderOfDebezium is about the members of the data.
func TestNotificationsHaveTheOrderOfDebezium(t *testing.T) {
	t.Parallel()
	w := noticesWorld(t, abTables, nil)
	r := w.start()
	defer r.stop()
	w.signal("1", signalExecute, `{"data-collections": ["public.a"]}`)
	r.untilNoticed(noticeCompleted, 1)
	want := map[string]string{
		noticeInProgress: `{"chunk_index":"1","last_processed_key":"5","total_rows":"5","current_collection_in_progress":"public.a","connector_name":"srv",` +
			`"total_chunks":"1","maximum_key":"5","data_collections":"public.a"}`,
		noticeTableCompleted: `{"scanned_collection":"public.a","connector_name":"srv","total_rows_scanned":"5","total_rows":"5","data_collections":"public.a","status":"SUCCEEDED"}`,
	}
	for i := range w.written {
		if w.written[i].Topic != noticesTopic {
			continue
		}
		kind, _ := w.written[i].Value.Get("type")
		data, _ := w.written[i].Value.Get("additional_data")
		text, ok := want[kind.Str()]
		if got := jsonText(data); ok && got != text {
			t.Errorf("%s has\n%s, want\n%s", kind.Str(), got, text)
		}
		delete(want, kind.Str())
	}
	if len(want) > 0 {
		t.Errorf("there are no notifications %v", want)
	}
}
