// SPDX-License-Identifier: Apache-2.0

package server_test

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/connectd/connectd/connect/broker/brokertest"
	"github.com/connectd/connectd/connect/kafka"
	"github.com/connectd/connectd/connect/schemaregistry/server"
)

func deadline(t testing.TB) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 60*time.Second)
	t.Cleanup(cancel)
	return ctx
}

func connectTo(t testing.TB, address string) *kafka.Cluster {
	t.Helper()
	settings, errs := kafka.ParseSettings(map[string]string{"bootstrap.servers": address})
	if len(errs) > 0 {
		t.Fatal(errs)
	}
	c, err := kafka.Open(deadline(t), settings)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := c.Close(); err != nil {
			t.Errorf("close the cluster: %v", err)
		}
	})
	return c
}

func cluster(t testing.TB) *kafka.Cluster { return connectTo(t, brokertest.Start(t)) }

// topicLog returns the records of a topic as they are read by a replay.
func topicLog(t testing.TB, c *kafka.Cluster, topic string, uncommitted bool) []server.Record {
	t.Helper()
	replay := c.Replay
	if uncommitted {
		replay = c.ReplayUncommitted
	}
	var records []server.Record
	_, err := replay(deadline(t), topic, []int32{0}, nil, func(_ int32, r *kafka.Record) error {
		records = append(records, server.Record{Key: slices.Clone(r.Key), Value: slices.Clone(r.Value)})
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return records
}

// produce writes records past the store, in a transaction that is left open if id is
// given.
func produce(t testing.TB, c *kafka.Cluster, topic, id string, records ...server.Record) {
	t.Helper()
	p, err := c.NewProducer(deadline(t), kafka.ProducerOptions{TransactionalID: id, TransactionTimeout: time.Minute})
	if err != nil {
		t.Fatal(err)
	}
	var out []kafka.Record
	for _, r := range records {
		out = append(out, kafka.Record{Key: r.Key, Value: r.Value, Timestamp: 1})
	}
	p.Send(kafka.TopicPartition{Topic: topic}, out)
	if err := p.Flush(deadline(t)); err != nil {
		t.Fatal(err)
	}
}

func register(t testing.TB, s *server.Server, subject, schema string) int {
	t.Helper()
	body, err := json.Marshal(map[string]string{"schema": schema})
	if err != nil {
		t.Fatal(err)
	}
	got := ask(s, []string{"POST /subjects/" + subject + "/versions", string(body)})
	var answer struct{ ID int }
	if err := json.Unmarshal([]byte(got[1]), &answer); err != nil || got[0] != "200" {
		t.Fatalf("register %s: %s", schema, got)
	}
	return answer.ID
}

func TestTheLogSurvives(t *testing.T) {
	c, topic := cluster(t), brokertest.Topic(t, "schemas")
	s := open(t, server.NewKafkaStore(server.KafkaOptions{Cluster: c, Topic: topic}))
	register(t, s, "a", `"int"`)
	register(t, s, "a", `"long"`)
	register(t, s, "b", `"int"`)
	run(t, s, []step{
		{"PUT /config/a\n" + `{"compatibility":"FULL"}`, `200 {"compatibility":"FULL"}`},
		{"DELETE /subjects/b", `200 [1]`},
		{"GET /schemas/ids/1/versions?deleted=true", `200 [{"subject":"a","version":1},{"subject":"b","version":1}]`},
	})
	want := `{"keytype":"SCHEMA","subject":"a","version":1,"magic":1}	{"subject":"a","version":1,"id":1,"schema":"\"int\"","deleted":false}
{"keytype":"SCHEMA","subject":"a","version":2,"magic":1}	{"subject":"a","version":2,"id":2,"schema":"\"long\"","deleted":false}
{"keytype":"SCHEMA","subject":"b","version":1,"magic":1}	{"subject":"b","version":1,"id":1,"schema":"\"int\"","deleted":false}
{"keytype":"CONFIG","subject":"a","magic":0}	{"subject":"a","compatibilityLevel":"FULL"}
{"keytype":"DELETE_SUBJECT","subject":"b","magic":0}	{"subject":"b","version":1}
`
	if d := cmp.Diff(want, logText(topicLog(t, c, topic, false))); d != "" {
		t.Errorf("the topic: (-want +got)\n%s", d)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	again := open(t, server.NewKafkaStore(server.KafkaOptions{Cluster: c, Topic: topic}))
	run(t, again, []step{
		{"GET /schemas?deleted=true", `200 [{"subject":"a","version":1,"id":1,"schema":"\"int\""},{"subject":"a","version":2,"id":2,"schema":"\"long\""},{"subject":"b","version":1,"id":1,"schema":"\"int\""}]`},
		{"GET /subjects", `200 ["a"]`},
		{"GET /config/a", `200 {"compatibilityLevel":"FULL"}`},
		{"POST /subjects/c/versions\n" + `{"schema":"\"string\""}`, `200 {"id":3}`},
	})
}

func TestReadsWhatTheOriginalWritesMeanwhile(t *testing.T) {
	c, topic := cluster(t), brokertest.Topic(t, "schemas")
	s := open(t, server.NewKafkaStore(server.KafkaOptions{Cluster: c, Topic: topic}))
	register(t, s, "a", `"int"`)
	produce(t, c, topic, "", server.Record{
		Key:   []byte(`{"keytype":"SCHEMA","subject":"b","version":1,"magic":1}`),
		Value: []byte(`{"subject":"b","version":1,"id":2,"schema":"\"long\"","deleted":false}`),
	})
	run(t, s, []step{
		// What is not there is looked for at the end of the log before it is denied.
		{"GET /schemas/ids/2", `200 {"schema":"\"long\""}`},
		{"POST /subjects/c/versions\n" + `{"schema":"\"string\""}`, `200 {"id":3}`},
	})
}

// TestServersShareATopic has many clients register the same schemas with several servers
// at once: each schema gets one id, ids are dense, and all servers say the same.
func TestServersShareATopic(t *testing.T) {
	address, topic := brokertest.Start(t), brokertest.Topic(t, "schemas")
	var servers []*server.Server
	for range 3 {
		servers = append(servers, open(t, server.NewKafkaStore(server.KafkaOptions{Cluster: connectTo(t, address), Topic: topic})))
	}
	const schemas = 12
	var mu sync.Mutex
	ids := map[string]map[int]bool{}
	var wg sync.WaitGroup
	for i := range servers {
		for client := range 2 {
			wg.Go(func() {
				for n := range schemas {
					n = (n*5 + client*7 + i) % schemas
					schema := fmt.Sprintf(`{"type":"fixed","name":"F","size":%d}`, n)
					id := register(t, servers[i], fmt.Sprintf("s%d", n%4*10+n), schema)
					mu.Lock()
					if ids[schema] == nil {
						ids[schema] = map[int]bool{}
					}
					ids[schema][id] = true
					mu.Unlock()
				}
			})
		}
	}
	wg.Wait()
	seen := map[int]bool{}
	for schema, of := range ids {
		if len(of) != 1 {
			t.Errorf("%s has the ids %v", schema, of)
		}
		for id := range of {
			seen[id] = true
		}
	}
	for id := 1; id <= schemas; id++ {
		if !seen[id] {
			t.Errorf("no schema has id %d; they have %v", id, seen)
		}
	}
	want := ask(servers[0], []string{"GET /schemas/ids/12/versions"})
	if want[0] != "200" {
		t.Error(want)
	}
	for _, s := range servers[1:] {
		if d := cmp.Diff(want, ask(s, []string{"GET /schemas/ids/12/versions"})); d != "" {
			t.Error(d)
		}
	}
	// Whatever was aborted on the way, readers of everything come to the same state.
	all := open(t, server.NewMemoryStore(topicLog(t, connectTo(t, address), topic, true)...))
	if d := cmp.Diff(ask(servers[0], []string{"GET /schemas"}), ask(all, []string{"GET /schemas"})); d != "" {
		t.Error(d)
	}
}

// TestOneServerManyClients registers one schema from many clients at once.
func TestOneServerManyClients(t *testing.T) {
	s := open(t, server.NewKafkaStore(server.KafkaOptions{Cluster: cluster(t), Topic: brokertest.Topic(t, "schemas")}))
	var wg sync.WaitGroup
	for client := range 16 {
		wg.Go(func() {
			if id := register(t, s, fmt.Sprintf("s%d", client%4), `"int"`); id != 1 {
				t.Errorf("id %d, want 1", id)
			}
		})
	}
	wg.Wait()
	run(t, s, []step{{"GET /schemas/ids/1/versions", `200 [{"subject":"s0","version":1},{"subject":"s1","version":1},{"subject":"s2","version":1},{"subject":"s3","version":1}]`}})
}

// TestAbortedWritesAreWrittenOver leaves a transaction open as a killed server does: the
// next one must end it, and readers of uncommitted records, as the original is one, must
// come to the same state.
func TestAbortedWritesAreWrittenOver(t *testing.T) {
	c, topic := cluster(t), brokertest.Topic(t, "schemas")
	s := open(t, server.NewKafkaStore(server.KafkaOptions{Cluster: c, Topic: topic}))
	register(t, s, "kept", `"int"`)
	register(t, s, "deleted", `"long"`)
	run(t, s, []step{
		{"DELETE /subjects/deleted", `200 [1]`},
		{"PUT /config/kept\n" + `{"compatibility":"FULL"}`, `200 {"compatibility":"FULL"}`},
		{"PUT /mode/kept\n" + `{"mode":"READONLY"}`, `200 {"mode":"READONLY"}`},
		{"POST /subjects/:.x:a/versions\n" + `{"schema":"\"int\""}`, `200 {"id":1}`},
	})
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	produce(t, c, topic, topic+"-writer", readLog(t, "testdata/log/aborted.txt")...)

	again := open(t, server.NewKafkaStore(server.KafkaOptions{Cluster: c, Topic: topic}))
	steps := []step{
		{"GET /subjects?deleted=true", `200 [":.x:a","deleted","kept"]`},
		{"GET /subjects", `200 [":.x:a","kept"]`},
		{"GET /config/kept", `200 {"compatibilityLevel":"FULL"}`},
		{"GET /config", `200 {"compatibilityLevel":"BACKWARD"}`},
		{"GET /mode/kept", `200 {"mode":"READONLY"}`},
		{"GET /mode/new", `404 {"error_code":40409,"message":"Subject 'new' does not have subject-level mode configured"}`},
		{"GET /contexts", `200 [".",".x"]`},
		{"GET /schemas/ids/3", `404 {"error_code":40403,"message":"Schema 3 not found"}`},
	}
	run(t, again, steps)
	register(t, again, "later", `"string"`)
	steps[0].want, steps[1].want, steps[7].want = `200 [":.x:a","deleted","kept","later"]`, `200 [":.x:a","kept","later"]`, `200 {"schema":"\"string\""}`
	run(t, again, steps)
	all := topicLog(t, c, topic, true)
	if len(all) == len(topicLog(t, c, topic, false)) {
		t.Fatal("nothing was aborted")
	}
	run(t, open(t, server.NewMemoryStore(all...)), steps)
}

// TestAFencedWriterBeginsAnew takes the right to write away between two writes.
func TestAFencedWriterBeginsAnew(t *testing.T) {
	c, topic := cluster(t), brokertest.Topic(t, "schemas")
	s := open(t, server.NewKafkaStore(server.KafkaOptions{Cluster: c, Topic: topic}))
	register(t, s, "a", `"int"`)
	if err := c.Fence(deadline(t), []string{topic + "-writer"}); err != nil {
		t.Fatal(err)
	}
	if id := register(t, s, "b", `"long"`); id != 2 {
		t.Errorf("id %d, want 2", id)
	}
	if err := c.Fence(deadline(t), []string{topic + "-writer"}); err != nil {
		t.Fatal(err)
	}
	run(t, s, []step{{"DELETE /subjects/b", `200 [1]`}, {"GET /subjects", `200 ["a"]`}})
	if got := len(topicLog(t, c, topic, false)); got != 3 {
		t.Errorf("%d records, want 3", got)
	}
}

func TestTooLargeForTheLog(t *testing.T) {
	c, topic := cluster(t), brokertest.Topic(t, "schemas")
	configs := map[string]string{"cleanup.policy": "compact", "max.message.bytes": "8192"}
	if _, err := c.EnsureTopic(deadline(t), kafka.TopicSpec{Name: topic, Partitions: 1, Replication: 1, Configs: configs}); err != nil {
		t.Fatal(err)
	}
	s := open(t, server.NewKafkaStore(server.KafkaOptions{Cluster: c, Topic: topic}))
	long := fmt.Sprintf(`{\"type\":\"int\",\"doc2\":\"%s\"}`, strings.Repeat("x", 20000))
	run(t, s, []step{
		{"POST /subjects/a/versions\n" + `{"schema":"` + long + `"}`, `422 {"error_code":42209,"message":"Register operation failed because schema is too large"}`},
		{"POST /subjects/a/versions\n" + `{"schema":"\"int\""}`, `200 {"id":1}`},
	})
}

func TestTopicsThatAreNoLog(t *testing.T) {
	c := cluster(t)
	for _, tc := range []struct {
		name       string
		partitions int32
		policy     string
		want       string
	}{
		{"two partitions", 2, "compact", "the topic has 2 partitions"},
		{"deleted", 1, "delete", "cleanup.policy=delete"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			topic := brokertest.Topic(t, "schemas")
			if _, err := c.EnsureTopic(deadline(t), kafka.TopicSpec{Name: topic, Partitions: tc.partitions, Replication: 1, Configs: map[string]string{"cleanup.policy": tc.policy}}); err != nil {
				t.Fatal(err)
			}
			_, err := server.New(deadline(t), server.Options{Store: server.NewKafkaStore(server.KafkaOptions{Cluster: c, Topic: topic})})
			if err == nil || !strings.Contains(err.Error(), tc.want) {
				t.Errorf("error %v, want one with %q", err, tc.want)
			}
		})
	}
}
