// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/connectd/connectd/connectors/postgrescdc/pgtest"
)

const avroConverter = "io.confluent.connect.avro.AvroConverter"

// Names of the systems on the real Kafka.
const (
	onKafka  = "connectd, JSON, real Kafka"
	debezium = "Debezium, JSON, real Kafka"
)

// system is one that reads changes: connectd or Debezium, with a broker and a format.
type system struct {
	*daemon
	name, slot string
	pid        int
	settings   map[string]string
}

// systems starts what is compared. The peers are there if their variables are set.
func (s *session) systems(ctx context.Context) (all []*system, stop func() error, err error) {
	var daemons []*daemon
	stop = func() error {
		var errs []error
		for _, d := range daemons {
			errs = append(errs, d.stop())
		}
		return errors.Join(errs...)
	}
	start := func(name string, settings map[string]string, env ...string) error {
		s.count++
		d, err := s.start(ctx, fmt.Sprintf("cdc-%d", s.count), env...)
		if err != nil {
			return errors.Join(err, stop())
		}
		daemons = append(daemons, d)
		all = append(all, &system{daemon: d, name: name, slot: fmt.Sprintf("connectd_%d", len(all)), pid: d.process.PID(), settings: settings})
		return nil
	}
	json := map[string]string{"key.converter": jsonConverter, "value.converter": jsonConverter, "key.converter.schemas.enable": "false", "value.converter.schemas.enable": "false"}
	avro := map[string]string{"key.converter": avroConverter, "value.converter": avroConverter}
	if s.compression != "" {
		json["producer.override.compression.type"], avro["producer.override.compression.type"] = s.compression, s.compression
	}
	if err := start("connectd, JSON", json); err != nil {
		return nil, nil, err
	}
	if err := start("connectd, Avro", avro); err != nil {
		return nil, nil, err
	}
	broker, rest := os.Getenv("CONNECTD_TEST_KAFKA_PEER"), os.Getenv("CONNECTD_TEST_DEBEZIUM")
	if !s.peers || broker == "" || rest == "" {
		return all, stop, nil
	}
	if err := start(onKafka, json, "CONNECT_BOOTSTRAP_SERVERS="+broker, "CONNECT_GROUP_ID="+fmt.Sprintf("bench-%d", s.count),
		"CONNECT_CONFIG_STORAGE_REPLICATION_FACTOR=1", "CONNECT_OFFSET_STORAGE_REPLICATION_FACTOR=1", "CONNECT_STATUS_STORAGE_REPLICATION_FACTOR=1"); err != nil {
		return nil, nil, err
	}
	peer := &daemon{rest: rest, kafka: broker}
	if err := peer.open(ctx); err != nil {
		return nil, nil, errors.Join(err, stop())
	}
	best := maps.Clone(json)
	maps.Copy(best, map[string]string{"max.batch.size": "20480", "max.queue.size": "81920", "snapshot.fetch.size": "20480"})
	pid, err := strconv.Atoi(strings.TrimSpace(os.Getenv("CONNECTD_TEST_DEBEZIUM_PID")))
	if err != nil {
		return nil, nil, errors.Join(fmt.Errorf("CONNECTD_TEST_DEBEZIUM_PID: %w", err), stop())
	}
	return append(all, &system{daemon: peer, name: debezium, slot: "debezium", pid: pid, settings: best}), stop, nil
}

// topic is where the rows of a table go; each measurement has its own prefix.
func (y *system) topic(prefix, table string) string { return prefix + ".public." + table }

func (y *system) config(srv *pgtest.Server, prefix, mode string) map[string]string {
	u, _ := url.Parse(srv.URL("postgres"))
	c := map[string]string{
		"connector.class": "io.debezium.connector.postgresql.PostgresConnector", "plugin.name": "pgoutput", "tasks.max": "1",
		"database.hostname": u.Hostname(), "database.port": u.Port(), "database.user": u.User.Username(), "database.password": "postgres",
		"database.dbname": "postgres", "topic.prefix": prefix, "slot.name": y.slot, "publication.name": "bench",
		"publication.autocreate.mode": "disabled", "snapshot.mode": mode,
		"topic.creation.default.partitions": "1", "topic.creation.default.replication.factor": "1",
	}
	maps.Copy(c, y.settings)
	return c
}

func (y *system) prefix(w workload) string {
	return strings.NewReplacer(" ", "", ",", "", "-", "").Replace(fmt.Sprintf("b%d_%s_%s", os.Getpid(), y.slot, w.name))
}

// prepare makes the slot, and stops the connector.
func (y *system) prepare(ctx context.Context, srv *pgtest.Server, w workload) error {
	name := y.prefix(w)
	if err := y.post(ctx, name, y.config(srv, name, "no_data")); err != nil {
		return err
	}
	// A slot that is being made is in use too, and gone if its maker is stopped.
	found := func(sql string) func(context.Context) error {
		return func(ctx context.Context) error {
			rows, err := srv.Query(ctx, "postgres", sql)
			if err == nil && len(rows) == 0 {
				err = errors.New("not yet")
			}
			return err
		}
	}
	if err := y.until(ctx, tick, "the slot is read", found("SELECT 1 FROM pg_replication_slots s JOIN pg_stat_replication r ON r.pid = s.active_pid"+
		" WHERE s.slot_name = '"+y.slot+"' AND r.state IN ('catchup', 'streaming')")); err != nil {
		return err
	}
	if err := y.call(ctx, "PUT", "/connectors/"+name+"/stop", nil, nil); err != nil {
		return err
	}
	return y.until(ctx, tick, "the slot is free", found("SELECT 1 FROM pg_replication_slots WHERE slot_name = '"+y.slot+"' AND NOT active"))
}

// catchUp resumes the connector and waits until the last change is in its topic.
func (y *system) catchUp(ctx context.Context, r *report, w workload, bare time.Duration) (o outcome, err error) {
	name := y.prefix(w)
	resetPeak(y.pid)
	cpu, began := cpuTime(y.pid), time.Now()
	if err := y.profiled(ctx, func() error {
		if err := y.call(ctx, "PUT", "/connectors/"+name+"/resume", nil, nil); err != nil {
			return err
		}
		if err := y.until(ctx, tick, "the last change is there", y.filled(y.topic(name, "done"), 1)); err != nil {
			return err
		}
		// Without transactions what was written before may come after it.
		return y.until(ctx, tick, "all rows are there", y.filled(y.topic(name, w.table), int64(w.n)))
	}); err != nil {
		return o, err
	}
	took := time.Since(began)
	used := cpuTime(y.pid) - cpu
	if err := y.verify(ctx, y.topic(name, w.table), w.n); err != nil {
		return o, err
	}
	return y.row(r, w.name, w.n, took, used, ratioNote(bare, took)), y.remove(ctx, name)
}

// outcome is what a system reached.
type outcome struct {
	system string
	rate   float64 // rows a second
	cpu    float64 // microseconds a row, of its process
}

func (y *system) row(r *report, what string, n int, took, used time.Duration, note string) outcome {
	o := outcome{system: y.name, rate: float64(n) / took.Seconds(), cpu: float64(used.Microseconds()) / float64(n)}
	r.line(what+": "+y.name, thousands(o.rate)+" rows/s", fmt.Sprintf("%s, %.1f µs CPU a row, %.1f s CPU, %s", note, o.cpu, used.Seconds(), readMemory(y.pid)))
	return o
}

// besideDebezium compares the two that wrote to the same broker.
func (r *report) besideDebezium(what string, all []outcome) {
	ours := slices.IndexFunc(all, func(o outcome) bool { return o.system == onKafka })
	peer := slices.IndexFunc(all, func(o outcome) bool { return o.system == debezium })
	if ours < 0 || peer < 0 {
		return
	}
	a, b := all[ours], all[peer]
	r.line(what+": connectd : Debezium", fmt.Sprintf("%.1f times the rows/s", a.rate/b.rate), fmt.Sprintf("CPU a row 1 : %.1f, on the same broker", b.cpu/a.cpu))
}

func (y *system) filled(topic string, n int64) func(context.Context) error {
	return func(ctx context.Context) error {
		end, err := y.end(ctx, topic)
		if err == nil && end < n {
			err = fmt.Errorf("%s ends at %d", topic, end)
		}
		return err
	}
}

// verify counts the rows with another client; a rate of lost rows is no rate.
func (y *system) verify(ctx context.Context, topic string, n int) error {
	_, err := y.daemon.count(ctx, topic, n)
	return err
}

// cpuTime is what a process has used of the processors so far.
func cpuTime(pid int) time.Duration {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return 0
	}
	// The name of the program, in parentheses, may hold blanks.
	fields := strings.Fields(string(text[bytes.LastIndexByte(text, ')')+1:]))
	if len(fields) < 13 {
		return 0
	}
	user, _ := strconv.Atoi(fields[11])
	system, _ := strconv.Atoi(fields[12])
	// Linux counts in hundredths of a second on all machines that Go runs on.
	return time.Duration(user+system) * 10 * time.Millisecond
}

// resetPeak makes the peak of a process's memory begin anew.
func resetPeak(pid int) {
	// Where this cannot be done the peak is that of the process's whole life.
	_ = os.WriteFile(filepath.Join("/proc", strconv.Itoa(pid), "clear_refs"), []byte("5"), 0)
}

// copyOut reads a table as fast as the server gives it.
func copyOut(ctx context.Context, srv *pgtest.Server, table string) (time.Duration, error) {
	bin, err := srv.Bin("psql")
	if err != nil {
		return 0, err
	}
	cmd := exec.CommandContext(ctx, bin, "-X", "-d", srv.URL("postgres"), "-c", "COPY "+table+" TO STDOUT")
	cmd.Stdout = io.Discard
	began := time.Now()
	if err := cmd.Run(); err != nil {
		return 0, fmt.Errorf("copy %s: %w", table, err)
	}
	return time.Since(began), nil
}
