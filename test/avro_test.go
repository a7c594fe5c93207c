// SPDX-License-Identifier: Apache-2.0

package test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/connectd/connectd/test/harness"
)

const avroConverter = "io.confluent.connect.avro.AvroConverter"

// saleSchema is a schema of the demo, as its file has it.
func saleSchema(t *testing.T, version int) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("..", "config", "schemas", fmt.Sprintf("sale-%d.avsc", version)))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// registry asks the daemon's schema registry.
func registry(t *testing.T, d *harness.Daemon, method, path string, body any) (int, string) {
	t.Helper()
	text, err := json.Marshal(body)
	if err != nil {
		t.Fatal(err)
	}
	req, err := http.NewRequestWithContext(t.Context(), method, d.Registry+path, bytes.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/vnd.schemaregistry.v1+json")
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	answer, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, string(answer)
}

// appendLines adds lines to a file that a connector follows.
func appendLines(t *testing.T, path string, lines ...string) {
	t.Helper()
	f, err := os.OpenFile(path, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if _, err := f.WriteString(strings.Join(lines, "\n") + "\n"); err != nil {
		t.Fatal(err)
	}
}

// jsonSales are sales as lines; the later ones know of deliveries.
func jsonSales(from, to int, deliveries bool) []string {
	var lines []string
	for i := from; i < to; i++ {
		quantity := i % 5 // every fifth breaks a rule
		line := fmt.Sprintf(`{"location":"L%d","product":"P%d","sales_date":"2026-07-%02d","quantity":%d`, i%3, i, 1+i%28, quantity)
		if deliveries && i%2 == 0 {
			line += fmt.Sprintf(`,"delivery_id":%d`, i)
		}
		lines = append(lines, line+"}")
	}
	return lines
}

// TestSalesAsAvroEvolve: JSON lines become Avro in one connector, are validated into two
// topics, and get a field while an old and a new reader run; the daemon is killed once.
func TestSalesAsAvroEvolve(t *testing.T) {
	t.Parallel()
	d := harness.Start(t, harness.Settings{})
	in, valid, invalid := d.Name("sales_input"), d.Name("sales_validated"), d.Name("sales_error")
	path := filepath.Join(d.Dir, "sales.json")
	appendLines(t, path, jsonSales(0, 50, false)...)
	d.Create(d.Name("input"), harness.Config{
		"connector.class": "FileStreamSource", "file": path, "format": "json", "topic": in, "key.converter": stringConverter, "value.converter": avroConverter,
		"transforms": "schema,key", "transforms.schema.type": "ApplySchema", "transforms.schema.schema": saleSchema(t, 1),
		"transforms.key.type": "Map", "transforms.key.key": "value.location",
	})
	d.Create(d.Name("validate"), harness.Config{
		"connector.class": "KafkaSource", "topics": in, "topic": valid, "key.converter": stringConverter, "value.converter": avroConverter,
		"transforms": "valid", "transforms.valid.type": "Validate", "transforms.valid.rules": "quantity: value.quantity > 0",
		"errors.tolerance": "all", "errors.deadletterqueue.topic.name": invalid, "errors.deadletterqueue.topic.replication.factor": "1",
	})
	for version := 1; version <= 2; version++ {
		d.Create(d.Name(fmt.Sprint("reader", version)), harness.Config{
			"connector.class": "FileStreamSink", "topics": valid, "file": readerFile(d, version), "exactly.once": "true",
			"key.converter": stringConverter, "value.converter": avroConverter, "value.converter.reader.schema": saleSchema(t, version),
			"transforms": "line", "transforms.line.type": "Map", "transforms.line.value": "value.product + ' ' + string(value.delivery_id ?? 'none')",
		})
	}
	d.WaitCount(valid, 40)
	registered(t, d, in+"-value", "[1]")
	refusesAFieldWithoutDefault(t, d, in+"-value")

	d.Must(200, "PATCH", d.Connector("input")+"/config", map[string]string{"transforms.schema.schema": saleSchema(t, 2)})
	appendLines(t, path, jsonSales(50, 75, true)...)
	d.Kill()
	d.Start()
	appendLines(t, path, jsonSales(75, 100, true)...)
	d.WaitCount(valid, 80)
	registered(t, d, in+"-value", "[1,2]")
	errorsKeepTheirBytes(t, d.Read(in), d.WaitCount(invalid, 20))
	for version := 1; version <= 2; version++ {
		waitReader(t, d, version)
	}
}

// TestApplySchemaTakesASubject looks the schema up in the registry, with what it refers to.
func TestApplySchemaTakesASubject(t *testing.T) {
	t.Parallel()
	d := harness.Start(t, harness.Settings{})
	for _, c := range []struct {
		subject string
		body    map[string]any
	}{
		{"place", map[string]any{"schema": `{"type":"enum","name":"Place","symbols":["Rome","Oslo"]}`}},
		{"visit", map[string]any{"schema": `{"type":"record","name":"Visit","fields":[{"name":"at","type":"Place"},{"name":"n","type":"int","default":7}]}`,
			"references": []map[string]any{{"name": "Place", "subject": "place", "version": 1}}}},
	} {
		if code, answer := registry(t, d, "POST", "/subjects/"+c.subject+"/versions", c.body); code != 200 {
			t.Fatalf("%s: %d %s", c.subject, code, answer)
		}
	}
	path := filepath.Join(d.Dir, "visits.json")
	appendLines(t, path, `{"at":"Rome"}`)
	d.Create(d.Name("visits"), harness.Config{
		"connector.class": "FileStreamSource", "file": path, "format": "json", "topic": d.Name("visits"), "key.converter": stringConverter,
		"value.converter": "org.apache.kafka.connect.json.JsonConverter", "value.converter.schemas.enable": "false",
		"transforms": "schema", "transforms.schema.type": "ApplySchema", "transforms.schema.schema.subject": "visit",
	})
	if got := d.WaitCount(d.Name("visits"), 1)[0].Value; got != `{"at":"Rome","n":7}` {
		t.Errorf("the record is %s", got)
	}
}

func readerFile(d *harness.Daemon, version int) string {
	return filepath.Join(d.Dir, fmt.Sprintf("reader-%d.txt", version))
}

func registered(t *testing.T, d *harness.Daemon, subject, want string) {
	t.Helper()
	if code, answer := registry(t, d, "GET", "/subjects/"+subject+"/versions", nil); code != 200 || answer != want {
		t.Errorf("versions of %s: %d %s, want %s", subject, code, answer, want)
	}
}

func refusesAFieldWithoutDefault(t *testing.T, d *harness.Daemon, subject string) {
	t.Helper()
	text := strings.Replace(saleSchema(t, 2), `"int", "default": 0`, `"int"`, 1)
	code, answer := registry(t, d, "POST", "/subjects/"+subject+"/versions", map[string]string{"schema": text})
	if code != 409 || !strings.Contains(answer, "READER_FIELD_MISSING_DEFAULT_VALUE") || !strings.Contains(answer, "delivery_id") || !strings.Contains(answer, "BACKWARD") {
		t.Errorf("a field without default: %d %s", code, answer)
	}
}

// errorsKeepTheirBytes holds that key and value on the error topic are those of the input.
func errorsKeepTheirBytes(t *testing.T, input, failed []harness.Record) {
	t.Helper()
	have := map[string]int{}
	for _, r := range input {
		have[r.Key+"\x00"+r.Value]++
	}
	for _, r := range failed {
		if have[r.Key+"\x00"+r.Value] == 0 {
			t.Errorf("the error topic has %q = %x, which the input has not", r.Key, r.Value)
		}
		if rule, _ := r.Header("__connectd.validate.rule"); rule != "quantity" {
			t.Errorf("an error names the rule %q", rule)
		}
	}
}

// waitReader waits for the lines of one reader: the old one never sees a delivery, the
// new one sees the default in records that were written before there were any.
func waitReader(t *testing.T, d *harness.Daemon, version int) {
	t.Helper()
	want := map[string]bool{}
	for i := range 100 {
		delivery := "none"
		if version == 2 {
			delivery = "0"
			if i >= 50 && i%2 == 0 {
				delivery = fmt.Sprint(i)
			}
		}
		if i%5 != 0 {
			want[fmt.Sprintf("P%d %s", i, delivery)] = true
		}
	}
	d.Eventually(fmt.Sprintf("reader %d has all sales", version), func() error {
		text, err := os.ReadFile(readerFile(d, version))
		if err != nil {
			return err
		}
		if len(text) == 0 {
			return errors.New("it has none")
		}
		lines := strings.Split(strings.TrimSpace(string(text)), "\n")
		for _, line := range lines {
			if !want[line] {
				t.Fatalf("reader %d has the line %q", version, line)
			}
		}
		if len(lines) != len(want) {
			return fmt.Errorf("it has %d of %d", len(lines), len(want))
		}
		return nil
	})
}
