// SPDX-License-Identifier: Apache-2.0

package test

import (
	"encoding/binary"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"testing"

	"github.com/hamba/avro/v2"

	"github.com/connectd/connectd/test/harness"
)

// order is a row of the orders table, or the part of one that an event knows. A row of
// before the second version of the table has no delivery.
type order struct {
	ID       int    `avro:"id" json:"id"`
	Item     string `avro:"item" json:"item"`
	Quantity int    `avro:"quantity" json:"quantity"`
	Delivery any    `avro:"delivery_id" json:"delivery_id,omitempty"`
}

func (o *order) String() string {
	if o == nil {
		return "nothing"
	}
	s := fmt.Sprintf("%d %s %d", o.ID, o.Item, o.Quantity)
	if o.Delivery != nil {
		s += fmt.Sprintf(" delivery %v", o.Delivery)
	}
	return s
}

// orderEvent is a change of the orders table as a consumer reads it.
type orderEvent struct {
	Op     string `avro:"op" json:"op"`
	Before *order `avro:"before" json:"before"`
	After  *order `avro:"after" json:"after"`
	Source struct {
		LSN      *int64  `avro:"lsn" json:"lsn"`
		Snapshot *string `avro:"snapshot" json:"snapshot"`
	} `avro:"source" json:"source"`
}

// late reports whether the event is a row of an interrupted snapshot, read by key beside
// the stream.
func (e *orderEvent) late() bool {
	return e.Op == "r" && e.Source.Snapshot != nil && *e.Source.Snapshot == "incremental"
}

// change is the event as the writer tells it: a delete is known by its key.
func (e *orderEvent) change() string {
	if e.Op == "d" {
		return fmt.Sprintf("d %d", e.Before.ID)
	}
	return e.Op + " " + e.After.String()
}

// schemas reads what the registry of a daemon knows. It decodes by a library that the
// converter does not use.
type schemas struct {
	t    *testing.T
	d    *harness.Daemon
	byID map[uint32]avro.Schema
}

func schemasOf(t *testing.T, d *harness.Daemon) *schemas {
	return &schemas{t: t, d: d, byID: map[uint32]avro.Schema{}}
}

// get asks the registry and decodes its answer.
func (s *schemas) get(path string, to any) {
	s.t.Helper()
	resp, err := http.Get(s.d.Registry + path)
	if err != nil {
		s.t.Fatal(err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err == nil && resp.StatusCode != http.StatusOK {
		err = fmt.Errorf("status %d", resp.StatusCode)
	}
	if err == nil {
		err = json.Unmarshal(text, to)
	}
	if err != nil {
		s.t.Fatalf("GET %s of the registry: %v: %s", path, err, text)
	}
}

func (s *schemas) versions(subject string) []int {
	var v []int
	s.get("/subjects/"+subject+"/versions", &v)
	return v
}

func (s *schemas) version(subject string, n int) avro.Schema {
	s.t.Helper()
	var v struct{ Schema string }
	s.get(fmt.Sprintf("/subjects/%s/versions/%d", subject, n), &v)
	return s.parse(v.Schema)
}

func (s *schemas) parse(text string) avro.Schema {
	s.t.Helper()
	// A cache of its own: later versions define the same names anew.
	schema, err := avro.ParseWithCache(text, "", &avro.SchemaCache{})
	if err != nil {
		s.t.Fatalf("%v in the schema %s", err, text)
	}
	return schema
}

// split returns the schema that a record was written with, and its data.
func (s *schemas) split(value string) (avro.Schema, []byte) {
	s.t.Helper()
	if len(value) < 5 || value[0] != 0 {
		s.t.Fatalf("%q is not Avro with the id of a schema", value)
	}
	id := binary.BigEndian.Uint32([]byte(value[1:5]))
	if s.byID[id] == nil {
		var v struct{ Schema string }
		s.get(fmt.Sprintf("/schemas/ids/%d", id), &v)
		s.byID[id] = s.parse(v.Schema)
	}
	return s.byID[id], []byte(value[5:])
}

// event decodes a change as it was written.
func (s *schemas) event(value string) (e orderEvent) {
	s.t.Helper()
	schema, data := s.split(value)
	if err := avro.Unmarshal(schema, data, &e); err != nil {
		s.t.Fatalf("decode %q: %v", value, err)
	}
	return e
}

// eventAs decodes a change with a reader's schema.
func (s *schemas) eventAs(reader avro.Schema, value string) (e orderEvent) {
	s.t.Helper()
	writer, data := s.split(value)
	resolved, err := avro.NewSchemaCompatibility().Resolve(reader, writer)
	if err != nil {
		s.t.Fatalf("resolve the schemas: %v", err)
	}
	if err := avro.Unmarshal(resolved, data, &e); err != nil {
		s.t.Fatalf("decode %q: %v", value, err)
	}
	return e
}

// key decodes the key of a record of orders.
func (s *schemas) key(text string) int {
	s.t.Helper()
	var k struct {
		ID int `avro:"id"`
	}
	schema, data := s.split(text)
	if err := avro.Unmarshal(schema, data, &k); err != nil {
		s.t.Fatalf("decode key %q: %v", text, err)
	}
	return k.ID
}
