// SPDX-License-Identifier: Apache-2.0

package server_test

import (
	"bytes"
	"log/slog"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/connectd/connectd/connect/schemaregistry/server"
)

// readLog reads a file of keys and values, parted by tabs; null is a tombstone.
func readLog(t testing.TB, path string) []server.Record {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var records []server.Record
	for line := range strings.SplitSeq(strings.TrimRight(string(data), "\n"), "\n") {
		key, value, _ := strings.Cut(line, "\t")
		r := server.Record{Key: []byte(key), Value: []byte(value)}
		if value == "null" {
			r.Value = nil
		}
		records = append(records, r)
	}
	return records
}

func logText(records []server.Record) string {
	var b strings.Builder
	for _, r := range records {
		b.Write(r.Key)
		b.WriteByte('\t')
		if r.Value == nil {
			b.WriteString("null")
		}
		b.Write(r.Value)
		b.WriteByte('\n')
	}
	return b.String()
}

type step struct {
	request string // method, path, and after a blank the body
	want    string // status and body
}

func run(t *testing.T, s *server.Server, steps []step) {
	t.Helper()
	for _, c := range steps {
		got := strings.Join(ask(s, strings.SplitN(c.request, "\n", 2)), " ")
		if got != c.want {
			t.Errorf("%.300s\n got %.1000s\nwant %s", c.request, got, c.want)
		}
	}
}

// TestReadsTheOriginalsLog starts on a log that has what the original has written, over
// its versions, and what nobody can make sense of.
func TestReadsTheOriginalsLog(t *testing.T) {
	var log bytes.Buffer
	store := server.NewMemoryStore(readLog(t, "testdata/log/original.txt")...)
	s, err := server.New(t.Context(), server.Options{Store: store, Log: slog.New(slog.NewTextHandler(&log, nil))})
	if err != nil {
		t.Fatal(err)
	}
	if got := strings.Count(log.String(), "has no effect"); got != 6 {
		t.Errorf("%d records have no effect, want 6:\n%s", got, log.String())
	}
	run(t, s, []step{
		{"GET /subjects", `200 [":.x:a","a","j","m","r","s"]`},
		{"GET /subjects?deleted=true", `200 [":.x:a","a","j","m","r","s"]`},
		{"GET /config", `200 {"compatibilityLevel":"FULL"}`},
		{"GET /config/a", `200 {"compatibilityLevel":"NONE"}`},
		{"GET /config/aliased", `200 {"alias":"a","compatibilityLevel":"FULL"}`},
		{"GET /mode/a", `200 {"mode":"READONLY"}`},
		{"GET /mode/r?defaultToGlobal=true", `200 {"mode":"READWRITE"}`},
		{"GET /contexts", `200 [".",".x"]`},
		{"GET /subjects/s/versions?deletedAsNegative=true", `200 [-1,-2,3]`},
		{"GET /schemas/ids/3", `200 {"schema":"{\"type\":\"array\",\"items\":\"F\"}","references":[{"name":"F","subject":"f","version":1}]}`},
		{"GET /schemas/ids/4", `200 {"schemaType":"JSON","schema":"{\"type\":\"object\"}"}`},
		{"GET /subjects/j/versions/1", `200 {"subject":"j","version":1,"id":4,"schemaType":"JSON","schema":"{\"type\":\"object\"}"}`},
		{"GET /schemas/ids/9", `404 {"error_code":40403,"message":"Schema 9 not found"}`},
		{"GET /schemas/ids/10", `200 {"schema":"\"int\"","metadata":{"properties":{"k":"v"}},"ruleSet":{"domainRules":[{"name":"n","kind":"TRANSFORM"}]}}`},
		{"GET /subjects/:.x:a/versions/1", `200 {"subject":":.x:a","version":1,"id":1,"schema":"\"double\""}`},
		// The next id is behind all that were ever there.
		{"POST /subjects/new/versions\n" + `{"schema":"\"string\""}`, `200 {"id":11}`},
		// A schema of another type is not taken for Avro.
		{"POST /subjects/j/versions\n" + `{"schema":"\"string\""}`, `409 {"error_code":409,"message":"Schema being registered is incompatible with an earlier schema for subject \"j\", details: [Incompatible because of different schema type, {validateFields: 'false', compatibility: 'FULL'}]"}`},
		{"DELETE /subjects/j/versions/1", `200 1`},
		{"DELETE /mode/a", `200 {"mode":"READONLY"}`},
		{"DELETE /subjects/a/versions/2", `200 2`},
		{"DELETE /subjects/m/versions/1", `200 1`},
	})
	records := store.Records()
	want := `{"keytype":"SCHEMA","subject":"new","version":1,"magic":1}	{"subject":"new","version":1,"id":11,"schema":"\"string\"","deleted":false}
{"keytype":"SCHEMA","subject":"j","version":1,"magic":1}	{"subject":"j","version":1,"id":4,"schemaType":"JSON","schema":"{\"type\":\"object\"}","deleted":true}
{"keytype":"MODE","subject":"a","magic":0}	null
{"keytype":"SCHEMA","subject":"a","version":2,"magic":1}	{"subject":"a","version":2,"id":2,"md5":"yCIg","schema":"\"long\"","deleted":true}
{"keytype":"SCHEMA","subject":"m","version":1,"magic":1}	{"subject":"m","version":1,"id":10,"metadata":{"properties":{"k":"v"}},"ruleSet":{"domainRules":[{"name":"n","kind":"TRANSFORM"}]},"schema":"\"int\"","deleted":true}
`
	if d := cmp.Diff(want, logText(records[len(records)-5:])); d != "" {
		t.Errorf("what was written: (-want +got)\n%s", d)
	}
}

// TestWritesTheOriginalsLog holds the bytes of every kind of record.
func TestWritesTheOriginalsLog(t *testing.T) {
	store := server.NewMemoryStore()
	s := open(t, store)
	for _, request := range []string{
		"PUT /config\n" + `{"compatibility":"NONE"}`,
		"PUT /config/a\n" + `{"compatibility":"FULL","normalize":true}`,
		"POST /subjects/a/versions\n" + `{"schema":"{\"type\":\"fixed\",\"name\":\"F\",\"namespace\":\"n\",\"size\":2,\"doc\":\"a \\\"<quoted>\\\" \u2028 \\u0001\"}"}`,
		"POST /subjects/b%2Fc/versions\n" + `{"schema":"{\"type\":\"array\",\"items\":\"n.F\"}","references":[{"name":"n.F","subject":"a","version":1}]}`,
		"POST /subjects/b%2Fc/versions\n" + `{"schema":"\"int\"","metadata":{"properties":{"z":"1","a":"2"}}}`,
		"DELETE /subjects/b%2Fc/versions/1",
		"DELETE /subjects/b%2Fc",
		"POST /subjects/b%2Fc/versions\n" + `{"schema":"\"int\"","metadata":{"properties":{"z":"1","a":"2"}}}`,
		"DELETE /subjects/b%2Fc/versions/1?permanent=true",
		"PUT /mode/a\n" + `{"mode":"READONLY"}`,
		"PUT /mode\n" + `{"mode":"READWRITE"}`,
		"DELETE /mode/a",
		"DELETE /config",
		"POST /subjects/:.x:a/versions\n" + `{"schema":"\"int\""}`,
		"DELETE /subjects/:.x:a",
		"PUT /mode/:.x:\n" + `{"mode":"IMPORT"}`,
		"DELETE /subjects/a",
		"DELETE /subjects/a?permanent=true",
	} {
		if got := ask(s, strings.SplitN(request, "\n", 2)); got[0] != "200" {
			t.Fatalf("%s: %s", request, got)
		}
	}
	const path = "testdata/log/written.txt"
	got := logText(store.Records())
	if *update {
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if d := cmp.Diff(logText(readLog(t, path)), got); d != "" {
		t.Errorf("(-want +got)\n%s", d)
	}
	// Who reads this log knows the same.
	again := open(t, server.NewMemoryStore(store.Records()...))
	for _, path := range []string{"/schemas?deleted=true", "/config", "/config/a", "/mode", "/mode/:.x:", "/contexts", "/schemas/ids/1", "/schemas/ids/2", "/schemas/ids/3"} {
		if d := cmp.Diff(ask(s, []string{"GET " + path}), ask(again, []string{"GET " + path})); d != "" {
			t.Errorf("%s: (-writer +reader)\n%s", path, d)
		}
	}
}

// FuzzLog feeds records that nobody has written: nothing may break.
func FuzzLog(f *testing.F) {
	for _, r := range readLog(f, "testdata/log/original.txt") {
		f.Add(r.Key, r.Value)
	}
	f.Fuzz(func(t *testing.T, key, value []byte) {
		s := open(t, server.NewMemoryStore(append(readLog(t, "testdata/log/original.txt"), server.Record{Key: key, Value: value}, server.Record{Key: key})...))
		for _, path := range []string{"/schemas?deleted=true", "/config", "/mode", "/contexts"} {
			if got := ask(s, []string{"GET " + path}); got[0] != "200" {
				t.Errorf("GET %s: %s", path, got)
			}
		}
	})
}

// FuzzRegister sends bodies from outside.
func FuzzRegister(f *testing.F) {
	f.Add(`{"schema":"\"int\""}`)
	f.Add(`{"schema":"\"F\"","references":[{"name":"F","subject":"f","version":1}],"schemaType":"AVRO","id":-1,"version":0,"metadata":null,"ruleSet":{}}`)
	f.Fuzz(func(t *testing.T, body string) {
		s := open(t, server.NewMemoryStore(readLog(t, "testdata/log/original.txt")...))
		for _, path := range []string{"/subjects/new/versions", "/subjects/s", "/compatibility/subjects/s/versions/latest?verbose=true"} {
			if got := ask(s, []string{"POST " + path, body}); got[0] >= "500" {
				t.Errorf("POST %s %s: %s", path, body, got)
			}
		}
	})
}
