// SPDX-License-Identifier: Apache-2.0

//go:build referee

package referee

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/url"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/connectd/connectd/connectors/postgrescdc/pgtest"
	"github.com/connectd/connectd/test/harness"
)

func TestMain(m *testing.M) { pgtest.Main(m) }

// scenario is what both systems are put through.
type scenario struct {
	name string
	// before is SQL that runs before the connectors exist, during while they stream:
	// see script_test.go for what else it may hold.
	before, during string
	// config is added to the settings that every scenario has; "" removes a key. In
	// values PREFIX is the topic prefix and SIDE is theirs or ours.
	config map[string]string
	// differs is nil unless connectd differs on purpose.
	differs *difference
	// unordered is a topic whose records may come in another order, "" for none.
	unordered string
	// marker is the topic of the table zz_marker, if it is not the usual one; its row
	// is the last change of every scenario.
	marker string
}

const jsonConverter = "org.apache.kafka.connect.json.JsonConverter"

// settings are the connector's, for the slot of one side.
func (s scenario) settings(srv *pgtest.Server, db, prefix, slot string) map[string]string {
	u, _ := url.Parse(srv.URL(db))
	c := map[string]string{
		"connector.class": "io.debezium.connector.postgresql.PostgresConnector", "tasks.max": "1", "plugin.name": "pgoutput",
		"database.hostname": u.Hostname(), "database.port": u.Port(), "database.user": u.User.Username(), "database.password": "postgres",
		"database.dbname": db, "topic.prefix": prefix, "slot.name": slot,
		"publication.name": "judged", "publication.autocreate.mode": "disabled", "snapshot.mode": "initial",
		"key.converter": jsonConverter, "key.converter.schemas.enable": "true",
		"value.converter": jsonConverter, "value.converter.schemas.enable": "true",
	}
	maps.Copy(c, s.config)
	of := "theirs"
	if strings.HasPrefix(slot, "ours") {
		of = "ours"
	}
	for k, v := range c {
		c[k] = strings.NewReplacer("PREFIX", prefix, "SIDE", of).Replace(v)
	}
	if list := c["table.include.list"]; list != "" {
		c["table.include.list"] = list + ",public.zz_marker"
	}
	for k, v := range c {
		if v == "" {
			delete(c, k)
		}
	}
	return c
}

// side is one of the two systems.
type side struct {
	name, rest, kafka, slot string
}

func sides(t *testing.T) (theirs, ours side) {
	t.Helper()
	theirs = side{name: "Debezium", rest: os.Getenv("CONNECTD_TEST_DEBEZIUM"), kafka: os.Getenv("CONNECTD_TEST_KAFKA_PEER"), slot: pgtest.Name(t, "theirs")}
	if theirs.rest == "" || theirs.kafka == "" {
		t.Fatal("CONNECTD_TEST_DEBEZIUM and CONNECTD_TEST_KAFKA_PEER name the peers: run make test-referee")
	}
	d := harness.Start(t, harness.Settings{})
	return theirs, side{name: "connectd", rest: d.REST, kafka: d.Kafka, slot: pgtest.Name(t, "ours")}
}

// dropSlots removes what the connectors have left, once they have ended.
func dropSlots(t *testing.T, url string, slots ...string) {
	conn, err := pgx.Connect(context.Background(), url)
	if err != nil {
		t.Error(err)
		return
	}
	defer conn.Close(context.Background())
	for _, slot := range slots {
		harness.Eventually(t, "slot "+slot+" can be dropped", func() error {
			_, err := conn.Exec(context.Background(), "SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots WHERE slot_name = $1", slot)
			return err
		})
	}
}

func (s side) call(t *testing.T, method, path string, body any) (int, []byte) {
	t.Helper()
	var text []byte
	if body != nil {
		var err error
		if text, err = json.Marshal(body); err != nil {
			t.Fatal(err)
		}
	}
	ctx, cancel := context.WithTimeout(context.Background(), harness.Patience)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, method, s.rest+path, bytes.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/json")
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatalf("%s: %v", s.name, err)
	}
	defer resp.Body.Close()
	answer, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, answer
}

// create posts the connector; a worker that is rebalancing is asked again.
func (s side) create(t *testing.T, name string, config map[string]string) {
	t.Helper()
	harness.Eventually(t, s.name+" takes the connector", func() error {
		code, answer := s.call(t, "POST", "/connectors", map[string]any{"name": name, "config": config})
		if code == http.StatusBadRequest {
			t.Fatalf("%s: %s", s.name, answer)
		}
		if code != http.StatusCreated {
			return fmt.Errorf("%d %s", code, answer)
		}
		return nil
	})
	t.Cleanup(func() { s.call(t, "DELETE", "/connectors/"+name, nil) })
}

// failed is the trace of a failed task, or "".
func (s side) failed(t *testing.T, name string) string {
	var status struct {
		Connector struct{ State, Trace string }
		Tasks     []struct{ State, Trace string }
	}
	if code, answer := s.call(t, "GET", "/connectors/"+name+"/status", nil); code == http.StatusOK {
		if err := json.Unmarshal(answer, &status); err != nil {
			t.Fatal(err)
		}
	}
	for _, task := range append(status.Tasks, status.Connector) {
		if task.State == "FAILED" {
			return task.Trace
		}
	}
	return ""
}

// waitSlot waits until the connector streams: its slot is in use, and not only being made.
func (s side) waitSlot(t *testing.T, srv *pgtest.Server, db, name string) {
	t.Helper()
	harness.Eventually(t, s.name+" streams", func() error {
		if trace := s.failed(t, name); trace != "" {
			t.Fatalf("%s failed: %s", s.name, trace)
		}
		rows, err := srv.Query(t.Context(), db, "SELECT 1 FROM pg_replication_slots s JOIN pg_stat_replication r ON r.pid = s.active_pid WHERE r.state = 'streaming' AND s.slot_name = '"+s.slot+"'")
		if err != nil {
			return err
		}
		if len(rows) == 0 {
			return fmt.Errorf("nobody streams from slot %s", s.slot)
		}
		return nil
	})
}

// waitIdle waits until nobody uses the slot.
func (s side) waitIdle(t *testing.T, srv *pgtest.Server, db string) {
	t.Helper()
	harness.Eventually(t, "slot "+s.slot+" is free", func() error {
		rows, err := srv.Query(t.Context(), db, "SELECT 1 FROM pg_replication_slots WHERE active AND slot_name = '"+s.slot+"'")
		if err == nil && len(rows) > 0 {
			err = fmt.Errorf("slot %s is in use", s.slot)
		}
		return err
	})
}

// resume lets a stopped connector go on.
func (s side) resume(t *testing.T, name string) {
	t.Helper()
	harness.Eventually(t, s.name+" resumes", func() error {
		if code, answer := s.call(t, "PUT", "/connectors/"+name+"/resume", nil); code >= 300 {
			return fmt.Errorf("%d %s", code, answer)
		}
		return nil
	})
}

// waitSnapshot waits until the offsets say that the snapshot is over. Every scenario has
// a row to take a snapshot of.
func (s side) waitSnapshot(t *testing.T, name string) {
	t.Helper()
	harness.Eventually(t, s.name+" has read all tables", func() error {
		if trace := s.failed(t, name); trace != "" {
			t.Fatalf("%s failed: %s", s.name, trace)
		}
		var answer struct {
			Offsets []struct{ Offset map[string]any }
		}
		code, text := s.call(t, "GET", "/connectors/"+name+"/offsets", nil)
		if code != http.StatusOK {
			return fmt.Errorf("%d %s", code, text)
		}
		if err := json.Unmarshal(text, &answer); err != nil {
			return err
		}
		if len(answer.Offsets) != 1 {
			return fmt.Errorf("there are no offsets")
		}
		o := answer.Offsets[0].Offset
		if o["snapshot"] != nil && o["snapshot_completed"] != true {
			return fmt.Errorf("offsets %s", text)
		}
		return nil
	})
}

// waitMarker waits until the row id of the table zz_marker has come out.
func (s side) waitMarker(t *testing.T, name, topic string, id int) {
	t.Helper()
	want := fmt.Sprintf(`"id":%d`, id)
	harness.Eventually(t, fmt.Sprintf("%s has written marker %d to %s", s.name, id, topic), func() error {
		if trace := s.failed(t, name); trace != "" {
			t.Fatalf("%s failed: %s", s.name, trace)
		}
		records, err := harness.ReadCommitted(s.kafka, topic)
		if err == nil && (len(records) == 0 || !strings.Contains(records[len(records)-1].Key+records[len(records)-1].Value, want)) {
			err = fmt.Errorf("it is not among %d records", len(records))
		}
		return err
	})
}

// stop ends the connector, which writes what it still holds: without transactions the
// marker may be there before rows of other topics.
func (s side) stop(t *testing.T, name string) {
	t.Helper()
	if code, answer := s.call(t, "PUT", "/connectors/"+name+"/stop", nil); code >= 300 {
		t.Fatalf("%s: stop: %d %s", s.name, code, answer)
	}
	harness.Eventually(t, s.name+" has stopped", func() error {
		var status struct {
			Connector struct{ State string }
			Tasks     []any
		}
		_, answer := s.call(t, "GET", "/connectors/"+name+"/status", nil)
		if err := json.Unmarshal(answer, &status); err != nil {
			return err
		}
		if status.Connector.State != "STOPPED" || len(status.Tasks) > 0 {
			return fmt.Errorf("status %s", answer)
		}
		return nil
	})
}

// records reads all topics that begin with the prefix.
func (s side) records(t *testing.T, prefix string) map[string][]harness.Record {
	t.Helper()
	cl, err := kgo.NewClient(kgo.SeedBrokers(s.kafka))
	if err != nil {
		t.Fatal(err)
	}
	defer cl.Close()
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	answer, err := kmsg.NewPtrMetadataRequest().RequestWith(ctx, cl)
	if err != nil {
		t.Fatal(err)
	}
	all := map[string][]harness.Record{}
	for _, topic := range answer.Topics {
		if topic.Topic == nil || !strings.HasPrefix(*topic.Topic, prefix) {
			continue
		}
		if all[*topic.Topic], err = harness.ReadCommitted(s.kafka, *topic.Topic); err != nil {
			t.Fatal(err)
		}
	}
	return all
}

func runAll(t *testing.T, scenarios []scenario) {
	for _, s := range scenarios {
		t.Run(strings.ReplaceAll(s.name, " ", "_"), s.run)
	}
}
