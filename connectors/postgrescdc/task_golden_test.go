// SPDX-License-Identifier: Apache-2.0

package postgrescdc

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/connectd/connectd/connect"
	"github.com/connectd/connectd/connect/convert"
)

// recorded is one case that was recorded with the original: its settings, and its
// records as the JsonConverter with schemas has written them.
type recorded struct {
	Config  map[string]string `json:"config"`
	Schemas []string          `json:"schemas"`
	records []recordedRecord
}

type recordedRecord struct {
	Topic    string      `json:"topic"`
	RawKey   []any       `json:"key"`
	RawValue []any       `json:"value"`
	Headers  [][2]string `json:"headers"`
}

func loadRecorded(t *testing.T, name string) *recorded {
	t.Helper()
	f, err := os.Open(filepath.Join("testdata", "recorded", name+".jsonl"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	lines := bufio.NewScanner(f)
	lines.Buffer(nil, 1<<20)
	r := &recorded{}
	for lines.Scan() {
		if r.Config == nil {
			err = json.Unmarshal(lines.Bytes(), r)
		} else {
			var rec recordedRecord
			err = json.Unmarshal(lines.Bytes(), &rec)
			r.records = append(r.records, rec)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	// The default of the original, which publishes tables that are created later.
	if r.Config["publication.autocreate.mode"] == "" {
		r.Config["publication.autocreate.mode"] = "all_tables"
	}
	return r
}

// lines writes the records of each topic, masked.
func (r *recorded) lines() map[string][]string {
	part := func(v []any) string {
		if v == nil {
			return "nothing"
		}
		return fmt.Sprintf(`{"schema":%s,"payload":%s}`, r.Schemas[int(v[0].(float64))], v[1])
	}
	out := map[string][]string{}
	for _, rec := range r.records {
		var h []string
		for _, kv := range rec.Headers {
			h = append(h, kv[0]+"="+kv[1])
		}
		out[rec.Topic] = append(out[rec.Topic], masked(part(rec.RawKey)+"\n"+part(rec.RawValue)+"\n"+strings.Join(h, "\n")))
	}
	return out
}

var masks = []struct {
	re *regexp.Regexp
	to string
}{
	{regexp.MustCompile(`"(ts_ms|ts_us|ts_ns|lsn|txId|xmin)":[0-9]+`), `"$1":0`},
	{regexp.MustCompile(`"sequence":"\[(null|\\"[0-9]+\\"),\\"[0-9]+\\"\]"`), `"sequence":""`},
	{regexp.MustCompile(`"id":"[0-9]+:[0-9]+"`), `"id":""`},
	{regexp.MustCompile(`runId=[-0-9a-f]{36}`), `runId=`},
	{regexp.MustCompile(`"db":"[a-z0-9_]+"`), `"db":""`},
	{regexp.MustCompile(`io\.debezium\.connector\.postgresql\.LogicalDecodingMessageMonitor\$LogicalDecodingMessageId@[0-9a-f]+`), messageCollection},
	// The original puts it where a hash of an address falls.
	{regexp.MustCompile(`\{"data_collection":"` + messageCollection + `","event_count":1\},`), ``},
	{regexp.MustCompile(`,\{"data_collection":"` + messageCollection + `","event_count":1\}`), ``},
}

var longText = regexp.MustCompile(`"[^"]*"`)

// masked replaces what differs from run to run, and long texts by their length.
func masked(s string) string {
	for _, m := range masks {
		s = m.re.ReplaceAllString(s, m.to)
	}
	return longText.ReplaceAllStringFunc(s, func(q string) string {
		if len(q) < 2000 {
			return q
		}
		return fmt.Sprintf(`"<%d:%s>"`, len(q)-2, q[1:9])
	})
}

// rendered writes records as the recordings are, masked.
func rendered(t *testing.T, records []connect.Record) map[string][]string {
	t.Helper()
	plugins := connect.Plugins{Converters: convert.Plugins()}
	plugin := plugins.Converter("org.apache.kafka.connect.json.JsonConverter")
	cfg, errs := plugin.Config.Parse(map[string]string{"schemas.enable": "true"})
	if len(errs) > 0 {
		t.Fatal(errs)
	}
	c, err := plugin.New(connect.ConverterContext{Config: cfg, Log: testLog()})
	if err != nil {
		t.Fatal(err)
	}
	part := func(topic string, s *connect.Schema, v connect.Value) string {
		if s == nil && v.IsNull() {
			return "nothing"
		}
		b, null, err := c.FromConnect(nil, topic, s, v)
		if err != nil {
			t.Fatalf("%s: %v", topic, err)
		}
		if null {
			return "nothing"
		}
		return string(b)
	}
	out := map[string][]string{}
	for i := range records {
		r := &records[i]
		if r.Err != nil {
			t.Fatal(r.Err)
		}
		var h []string
		for _, kv := range r.Headers {
			if strings.HasPrefix(kv.Key, "__connectd.") {
				continue
			}
			b, _, err := convert.SimpleHeader{}.FromConnectHeader(nil, r.Topic, kv.Key, kv.Schema, kv.Value)
			if err != nil {
				t.Fatal(err)
			}
			h = append(h, kv.Key+"="+string(b))
		}
		text := part(r.Topic, r.KeySchema, r.Key) + "\n" + part(r.Topic, r.ValueSchema, r.Value) + "\n" + strings.Join(h, "\n")
		out[r.Topic] = append(out[r.Topic], masked(text))
	}
	return out
}

var comments = regexp.MustCompile(`(?m)^--.*$`)

// runFile runs a file of SQL, statement by statement or line by line, on one connection.
func (w *world) runFile(name, separator string) {
	w.t.Helper()
	b, err := os.ReadFile(filepath.Join("testdata", "recorded", name))
	if err != nil {
		w.t.Fatal(err)
	}
	config, err := w.settings().sqlConfig(roleCatalog)
	if err != nil {
		w.t.Fatal(err)
	}
	conn, err := pgx.ConnectConfig(context.Background(), config)
	if err != nil {
		w.t.Fatal(err)
	}
	defer hangUp(conn.PgConn())
	for _, statement := range strings.Split(comments.ReplaceAllString(string(b), ""), separator) {
		if err := run(context.Background(), conn.PgConn(), statement); err != nil {
			w.t.Fatalf("%s: %v", statement, err)
		}
	}
}

// difference shows where two texts part.
func difference(got, want string) string {
	i := 0
	for i < len(got) && i < len(want) && got[i] == want[i] {
		i++
	}
	from := max(0, i-200)
	return fmt.Sprintf("\ngot  …%s\nwant …%s", got[from:min(len(got), i+200)], want[from:min(len(want), i+200)])
}

// meant are topics, or records of them, that differ for a reason.
var meant = map[string]bool{
	// message.key.columns names a column that is not part of the replica identity: the
	// server does not send its old value, and the original reports that the key was "".
	"g-dml-filters_public_orders 12": true,
	// The original forgets to mask a column of which it tells the source type.
	"g-dml-propagate.public.orders": true,
}

// compare reports the first record of each topic that differs.
func compare(t *testing.T, got, want map[string][]string) {
	t.Helper()
	for topic, w := range want {
		g := got[topic]
		if len(g) != len(w) {
			t.Errorf("topic %s has %d records, want %d", topic, len(g), len(w))
		}
		for i := range min(len(g), len(w)) {
			if g[i] != w[i] && !meant[topic] && !meant[fmt.Sprint(topic, " ", i)] {
				t.Errorf("topic %s, record %d: %s", topic, i, difference(g[i], w[i]))
				break
			}
		}
	}
	for topic := range got {
		if want[topic] == nil {
			t.Errorf("topic %s was not recorded: %s", topic, got[topic][0])
		}
	}
}

// settle polls until nothing has come for a while, and at least n records have.
func (r *taskRun) settle(n int) {
	r.w.t.Helper()
	r.until(n)
	for {
		b := r.poll(300*time.Millisecond, 1000)
		r.commit(b, len(b.Records))
		if len(b.Records) == 0 {
			return
		}
	}
}

func TestRecordedChanges(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"dml", "dml-defaults", "dml-no-tombstones", "dml-toast-placeholder", "dml-propagate", "dml-filters", "dml-snapshot", "dml-partition-root", "heartbeat"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			rec := loadRecorded(t, name)
			ddl, err := os.ReadFile(filepath.Join("testdata", "recorded", "dml.ddl.sql"))
			if err != nil {
				t.Fatal(err)
			}
			w := newWorld(t, string(ddl), rec.Config)
			if name == "dml-partition-root" {
				w.exec("CREATE PUBLICATION root_pub FOR TABLE parted WITH (publish_via_partition_root)")
			}
			want := rec.lines()
			heartbeats := want["__debezium-heartbeat.g-heartbeat"]
			delete(want, "__debezium-heartbeat.g-heartbeat")
			r := w.start()
			defer r.stop()
			if rec.Config["snapshot.mode"] == "initial" {
				w.written = nil
				snapshotted(r)
			}
			w.runFile("dml.sql", ";")
			without := w.withoutMessages(want)
			r.settle(len(rec.records) - without - len(heartbeats) + min(1, len(heartbeats)))
			got := rendered(t, w.written)
			w.withoutMessages(got)
			if len(heartbeats) > 0 {
				beats := got["__debezium-heartbeat.g-heartbeat"]
				delete(got, "__debezium-heartbeat.g-heartbeat")
				compare(t, map[string][]string{"beats": beats[:1]}, map[string][]string{"beats": heartbeats[:1]})
			}
			compare(t, got, want)
		})
	}
}

// withoutMessages takes out what servers before version 14 have otherwise: they send no
// logical messages, and so other counts in transactions. It returns how many it takes.
func (w *world) withoutMessages(all map[string][]string) int {
	if w.srv.Major(w.t) >= 14 {
		return 0
	}
	taken := 0
	for topic, records := range all {
		if strings.HasSuffix(topic, ".message") || strings.HasSuffix(topic, ".transaction") {
			taken += len(records)
			delete(all, topic)
		}
	}
	return taken
}

// snapshotted polls until the snapshot is complete.
func snapshotted(r *taskRun) {
	r.w.t.Helper()
	r.w.eventually("the snapshot is complete", func() bool {
		b := r.poll(100*time.Millisecond, 1000)
		r.commit(b, len(b.Records))
		return r.task.snapshot == nil
	})
}

// TestRecordedSchemaEvolution changes tables line by line and waits for the changes of
// each line, as the recording was made: what the stream does not say is looked up.
func TestRecordedSchemaEvolution(t *testing.T) {
	t.Parallel()
	rec := loadRecorded(t, "schema-evolution")
	ddl, err := os.ReadFile(filepath.Join("testdata", "recorded", "schema-evolution.ddl.sql"))
	if err != nil {
		t.Fatal(err)
	}
	w := newWorld(t, string(ddl), rec.Config)
	r := w.start()
	defer r.stop()
	w.runFileSlowly("schema-evolution.sql", r)
	r.settle(len(rec.records))
	compare(t, rendered(t, w.written), rec.lines())
}

// runFileSlowly runs a file line by line, and takes what comes of each.
func (w *world) runFileSlowly(name string, r *taskRun) {
	w.t.Helper()
	b, err := os.ReadFile(filepath.Join("testdata", "recorded", name))
	if err != nil {
		w.t.Fatal(err)
	}
	for line := range strings.Lines(comments.ReplaceAllString(string(b), "")) {
		w.exec(line)
		end := w.scalar("SELECT pg_current_wal_lsn() - '0/0'")
		w.eventually("the stream passes the line", func() bool {
			b := r.poll(20*time.Millisecond, 1000)
			r.commit(b, len(b.Records))
			at := r.task.emitter.place.end
			return fmt.Sprint(uint64(at)) >= end
		})
	}
}

// TestFastSchemaEvolution runs the same without waiting. The original dies of it: the
// catalog that it asks is newer than the stream.
func TestFastSchemaEvolution(t *testing.T) {
	t.Parallel()
	rec := loadRecorded(t, "schema-evolution")
	ddl, err := os.ReadFile(filepath.Join("testdata", "recorded", "schema-evolution.ddl.sql"))
	if err != nil {
		t.Fatal(err)
	}
	w := newWorld(t, string(ddl), rec.Config)
	r := w.start()
	defer r.stop()
	w.runFile("schema-evolution.sql", "\n")
	r.settle(len(rec.records))
	got := map[string][]string{}
	for i := range w.written {
		rec := &w.written[i]
		if rec.Err != nil {
			t.Fatal(rec.Err)
		}
		got[rec.Topic] = append(got[rec.Topic], line(rec))
	}
	for _, want := range []string{
		`{"id":7} c null {"id":7,"b":"seven","c":"x"} false`,
		`{"id":6} c null {"id":6,"b":9223372036854775807,"c":"x"} false`,
		`{"id":10} c null {"id":10,"b":null,"c2":null} false`,
		`{"id":14} c null {"id":14,"b":null,"c2":null,"m":"ok","d":19782} false`,
	} {
		if !slices.Contains(got["g-schema-evolution.public.evo"], "g-schema-evolution.public.evo "+want) {
			t.Errorf("a record is missing: %s\ngot:\n%s", want, strings.Join(got["g-schema-evolution.public.evo"], "\n"))
		}
	}
}
