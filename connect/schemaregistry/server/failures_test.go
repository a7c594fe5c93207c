// SPDX-License-Identifier: Apache-2.0

package server_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/connectd/connectd/connect/broker/brokertest"
	"github.com/connectd/connectd/connect/schemaregistry/server"
)

// brokenStore is a store that fails.
type brokenStore struct {
	*server.MemoryStore
	open, write, sync error
}

func (b brokenStore) Open(ctx context.Context, apply func(server.Record)) error {
	return errors.Join(b.MemoryStore.Open(ctx, apply), b.open)
}

func (b brokenStore) Write(ctx context.Context, decide func() ([]server.Record, error)) error {
	if b.write != nil {
		return b.write
	}
	return b.MemoryStore.Write(ctx, decide)
}

func (b brokenStore) Sync(context.Context) error { return b.sync }

func TestStoreFailures(t *testing.T) {
	const int1 = `{"schema":"\"int\""}`
	for _, tc := range []struct {
		name, request string
		store         brokenStore
		want, logged  string
	}{
		{"write", "POST /subjects/a/versions\n" + int1, brokenStore{write: errors.New("disk full")},
			`500 {"error_code":50001,"message":"Register schema operation failed while writing to the Kafka store"}`, "disk full"},
		{"write too late", "POST /subjects/a/versions\n" + int1, brokenStore{write: fmt.Errorf("write: %w", context.DeadlineExceeded)},
			`500 {"error_code":50002,"message":"Register schema operation timed out"}`, "deadline exceeded"},
		{"delete a version", "DELETE /subjects/a/versions/1", brokenStore{write: errors.New("disk full")},
			`500 {"error_code":50001,"message":"Delete Schema Version operation failed while writing to the Kafka store"}`, "disk full"},
		{"delete a subject", "DELETE /subjects/a", brokenStore{write: context.DeadlineExceeded},
			`500 {"error_code":50002,"message":"Delete subject operation timed out"}`, "deadline exceeded"},
		{"configure", "PUT /config\n" + `{"compatibility":"NONE"}`, brokenStore{write: errors.New("disk full")},
			`500 {"error_code":50001,"message":"Update config operation failed while writing to the Kafka store"}`, "disk full"},
		{"look at the end", "GET /schemas/ids/1", brokenStore{sync: errors.New("no broker")},
			`500 {"error_code":50001,"message":"Error while reading the Kafka store"}`, "no broker"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			tc.store.MemoryStore = server.NewMemoryStore()
			var log bytes.Buffer
			s, err := server.New(t.Context(), server.Options{Store: tc.store, Log: slog.New(slog.NewTextHandler(&log, nil))})
			if err != nil {
				t.Fatal(err)
			}
			run(t, s, []step{{tc.request, tc.want}})
			if !strings.Contains(log.String(), tc.logged) {
				t.Errorf("the log does not say %q:\n%s", tc.logged, log.String())
			}
		})
	}
}

func TestOptionsThatAreRefused(t *testing.T) {
	if _, err := server.New(t.Context(), server.Options{Store: server.NewMemoryStore(), Compatibility: "SIDEWARD"}); err == nil {
		t.Error("a level that is none is taken")
	}
	if _, err := server.New(t.Context(), server.Options{Store: brokenStore{MemoryStore: server.NewMemoryStore(), open: errors.New("no broker")}}); err == nil || !strings.Contains(err.Error(), "no broker") {
		t.Errorf("error %v, want the store's", err)
	}
	s, err := server.New(t.Context(), server.Options{Store: server.NewMemoryStore(), Compatibility: "full"})
	if err != nil {
		t.Fatal(err)
	}
	run(t, s, []step{{"GET /config", `200 {"compatibilityLevel":"FULL"}`}})
}

func TestBounds(t *testing.T) {
	s := open(t, server.NewMemoryStore())
	deep := strings.Repeat(`{\"type\":\"array\",\"items\":`, 300) + `\"int\"` + strings.Repeat("}", 300)
	for _, tc := range []struct{ name, body, want string }{
		{"too long", `{"schema":"` + strings.Repeat("x", 17<<20) + `"}`, `413 {"error_code":413,"message":"HTTP 413 Request Entity Too Large"}`},
		{"too deep", strings.Repeat(`{"a":`, 5000), `400 {"error_code":400,"message":"The body cannot be read: parse JSON: nested deeper than 200"}`},
		{"schema too deep", `{"schema":"` + deep + `"}`, "422 "},
		{"many members", `{"schema":"\"int\"","x":{` + manyMembers(200_000) + `"z":1}}`, `200 {"id":1}`},
	} {
		t.Run(tc.name, func(t *testing.T) {
			got := strings.Join(ask(s, []string{"POST /subjects/a/versions", tc.body}), " ")
			if !strings.HasPrefix(got, tc.want) {
				t.Errorf("got %.200s\nwant %s", got, tc.want)
			}
		})
	}
}

func manyMembers(n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, `"m%d":1,`, i)
	}
	return b.String()
}

// TestTooMuchToCompare registers unions of thousands of records, each of which would be
// compared with each.
func TestTooMuchToCompare(t *testing.T) {
	s := open(t, server.NewMemoryStore())
	union := func(prefix string) string {
		var names []string
		for i := range 2000 {
			names = append(names, fmt.Sprintf(`{"type":"record","name":"%s%d","fields":[]}`, prefix, i))
		}
		return "[" + strings.Join(names, ",") + "]"
	}
	register(t, s, "a", union("A"))
	got := ask(s, []string{"POST /compatibility/subjects/a/versions?verbose=true", `{"schema":"` + strings.ReplaceAll(union("B"), `"`, `\"`) + `"}`})
	if got[0] != "200" || !strings.Contains(got[1], "more than 262144 pairs of types to compare") {
		t.Errorf("got %.300s", got)
	}
}

func TestHeadHasNoBody(t *testing.T) {
	l := httptest.NewServer(open(t, server.NewMemoryStore()))
	defer l.Close()
	answer, err := l.Client().Head(l.URL + "/subjects")
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	if answer.StatusCode != 200 || answer.ContentLength != 2 {
		t.Errorf("status %d, length %d", answer.StatusCode, answer.ContentLength)
	}
}

// TestAfterClose asks a registry that is closed: it fails at once, as there is nothing to
// wait for.
func TestAfterClose(t *testing.T) {
	s := open(t, server.NewKafkaStore(server.KafkaOptions{Cluster: cluster(t), Topic: brokertest.Topic(t, "schemas")}))
	register(t, s, "a", `"int"`)
	for range 2 {
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
	}
	run(t, s, []step{
		{"GET /schemas/ids/1", `200 {"schema":"\"int\""}`},
		{"POST /subjects/a/versions\n" + `{"schema":"\"long\""}`, `500 {"error_code":50001,"message":"Register schema operation failed while writing to the Kafka store"}`},
	})
}
