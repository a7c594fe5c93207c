// SPDX-License-Identifier: Apache-2.0

package test

import (
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/hamba/avro/v2"

	"github.com/connectd/connectd/test/harness"
)

// captureAvroOrders creates a connector over a table of orders, whose schemas are in the
// registry of the daemon.
func captureAvroOrders(t *testing.T, ddl string, extra ...string) *itemsWorld {
	t.Helper()
	pg := harness.SharedPostgres(t)
	pg.Do(ddl)
	d := harness.Start(t, harness.Settings{})
	connector := d.Name("shop")
	c := avroSource(pg, connector)
	for i := 0; i < len(extra); i += 2 {
		c[extra[i]] = extra[i+1]
	}
	w := &itemsWorld{t: t, pg: pg, d: d, connector: connector, topic: connector + ".public.orders"}
	d.Create(connector, c)
	waitCaptured(t, d, pg, connector)
	return w
}

// rows are the operations and the rows of all records, decoded by their own schemas.
func (w *itemsWorld) rows(s *schemas, column string) []string {
	w.t.Helper()
	var out []string
	for _, r := range w.d.Read(w.topic) {
		if r.NullValue {
			continue
		}
		var e struct {
			Op    string         `avro:"op"`
			After map[string]any `avro:"after"`
		}
		schema, data := s.split(r.Value)
		if err := avro.Unmarshal(schema, data, &e); err != nil {
			w.t.Fatalf("decode %q: %v", r.Value, err)
		}
		for _, row := range e.After { // the union names the record
			e.After, _ = row.(map[string]any)
		}
		out = append(out, e.Op+" "+text(e.After["id"])+" "+text(e.After[column]))
	}
	return out
}

// text writes a decoded scalar, which a union may wrap.
func text(v any) string {
	switch v := v.(type) {
	case map[string]any:
		for _, inner := range v {
			return text(inner)
		}
	case int:
		return strconv.Itoa(v)
	case int64:
		return strconv.FormatInt(v, 10)
	case string:
		return "'" + v + "'"
	}
	return "null"
}

// TestCDCChangeThatTheRegistryRefuses: int to bigint is a new version of the schema; text
// to int is none that readers of the versions before could read.
func TestCDCChangeThatTheRegistryRefuses(t *testing.T) {
	t.Parallel()
	w := captureAvroOrders(t, `CREATE TABLE orders (id int PRIMARY KEY, item text, quantity int); INSERT INTO orders VALUES (1, '11', 1)`)
	w.d.WaitCount(w.topic, 1)
	w.pg.Do(`ALTER TABLE orders ALTER quantity TYPE bigint; INSERT INTO orders VALUES (2, '22', 3000000000)`)
	w.d.WaitCount(w.topic, 2)
	s, subject := schemasOf(t, w.d), w.topic+"-value"
	if v := s.versions(subject); !slices.Equal(v, []int{1, 2}) {
		t.Fatalf("int to bigint: the versions are %v", v)
	}
	w.pg.Do(`ALTER TABLE orders ALTER item TYPE int USING item::int; INSERT INTO orders VALUES (3, 33, 3); INSERT INTO orders VALUES (4, 44, 4)`)
	w.waitFailed("(table public.orders): Error registering Avro schema under subject " + subject + ": column item of type int cannot be read from string; the new schema cannot read version 2")
	w.waitFailed("This breaks the compatibility BACKWARD of the subject. Undo the change at the source; or, if all readers can take it, let the registry accept it (PUT /config/" + subject +
		` {"compatibility": "NONE"}) and restart the task, which goes on at this record; or send the records to a new topic`)
	if n := len(w.d.Read(w.topic)); n != 2 {
		t.Errorf("%d records are there", n)
	}

	if status, answer := registry(t, w.d, "PUT", "/config/"+subject, map[string]string{"compatibility": "NONE"}); status != 200 {
		t.Fatalf("status %d: %s", status, answer)
	}
	w.d.Must(204, "POST", "/connectors/"+w.connector+"/tasks/0/restart", nil)
	w.d.WaitCount(w.topic, 4)
	waitCaptured(t, w.d, w.pg, w.connector)
	if got, want := strings.Join(w.rows(s, "item"), ", "), "r 1 '11', c 2 '22', c 3 33, c 4 44"; got != want {
		t.Errorf("the rows are %s, want %s", got, want)
	}
}

// TestCDCRefusedChangeGoesToAnotherTopic: the other way out.
func TestCDCRefusedChangeGoesToAnotherTopic(t *testing.T) {
	t.Parallel()
	w := captureAvroOrders(t, `CREATE TABLE orders (id int PRIMARY KEY, item text)`)
	w.pg.Do(`INSERT INTO orders VALUES (1, '11')`)
	w.d.WaitCount(w.topic, 1)
	w.pg.Do(`ALTER TABLE orders ALTER item TYPE int USING item::int; INSERT INTO orders VALUES (2, 22)`)
	w.waitFailed("column item of type int cannot be read from string")
	c := avroSource(w.pg, w.connector)
	c["transforms"], c["transforms.second.type"] = "second", "org.apache.kafka.connect.transforms.RegexRouter"
	c["transforms.second.regex"], c["transforms.second.replacement"] = `(.*)[.]orders`, "$1.orders2"
	c["slot.name"], c["publication.name"] = w.config(nil)["slot.name"], w.config(nil)["publication.name"]
	w.d.Must(200, "PUT", "/connectors/"+w.connector+"/config", c)
	w.topic += "2"
	w.d.WaitCount(w.topic, 1)
	if got := strings.Join(w.rows(schemasOf(t, w.d), "item"), ", "); got != "c 2 22" {
		t.Errorf("the rows are %s", got)
	}
}
