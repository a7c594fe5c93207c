// SPDX-License-Identifier: Apache-2.0

package server_test

import (
	"fmt"
	"testing"

	"github.com/connectd/connectd/connect/avro"
	"github.com/connectd/connectd/connect/broker/brokertest"
	"github.com/connectd/connectd/connect/schemaregistry/server"
)

func record(fields int) string {
	text := `{"type":"record","name":"R","fields":[{"name":"id","type":"long"}`
	for i := range fields {
		text += fmt.Sprintf(`,{"name":"f%d","type":["null","string"],"default":null}`, i)
	}
	return text + "]}"
}

func must200(b *testing.B, got []string) {
	if got[0] != "200" {
		b.Fatal(got)
	}
}

func post(path, schema string) []string {
	return []string{"POST " + path, `{"schema":` + avro.StringJSON(schema).String() + `}`}
}

func BenchmarkByID(b *testing.B) {
	s := open(b, server.NewMemoryStore())
	must200(b, ask(s, post("/subjects/a/versions", record(20))))
	for b.Loop() {
		must200(b, ask(s, []string{"GET /schemas/ids/1"}))
	}
}

// BenchmarkRegisterKnown is what every producer does once at its start.
func BenchmarkRegisterKnown(b *testing.B) {
	s := open(b, server.NewMemoryStore())
	request := post("/subjects/a/versions", record(20))
	for b.Loop() {
		must200(b, ask(s, request))
	}
}

// BenchmarkRegister writes a new version of a subject through the embedded broker,
// checked against the one before it, until it has been read back.
func BenchmarkRegister(b *testing.B) {
	s := open(b, server.NewKafkaStore(server.KafkaOptions{Cluster: cluster(b), Topic: brokertest.Topic(b, "schemas")}))
	n := 0
	for b.Loop() {
		n++
		must200(b, ask(s, post(fmt.Sprintf("/subjects/s%d/versions", n%100), record(n%500))))
	}
}
