// SPDX-License-Identifier: Apache-2.0

// Package brokertest gives tests a Kafka broker: the embedded one, or a real
// Apache Kafka, so that the same suites run against both.
//
// Start returns a bootstrap address. Unless the environment variable
// CONNECTD_TEST_KAFKA names a broker (host:port), an embedded one is started for
// the test and closed with it. As a real broker is shared by many tests, topics,
// groups and transactional ids get names that occur once: see Topic and Name.
package brokertest

import (
	"context"
	"crypto/rand"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/connectd/connectd/connect/broker"
	"github.com/connectd/connectd/connect/broker/store"
)

// Env is the environment variable that names a real broker.
const Env = "CONNECTD_TEST_KAFKA"

// Start returns the bootstrap address of a broker that lives at least as long as
// the test. An embedded one verifies all records, as a real one does, but in benchmarks.
func Start(t testing.TB) string {
	t.Helper()
	if addr := os.Getenv(Env); addr != "" {
		return addr
	}
	_, timed := t.(*testing.B)
	return StartEmbedded(t, broker.Options{Store: store.Options{CheckRecords: !timed}}).Addr()
}

// External reports whether Start returns the address of a real broker, for
// tests that change or inspect the embedded one.
func External() bool { return os.Getenv(Env) != "" }

// StartEmbedded starts an embedded broker, whatever the environment says. Unless
// set in o, it uses a new directory and a free port of the loopback interface.
// It is closed with the test, which fails if closing does.
func StartEmbedded(t testing.TB, o broker.Options) *broker.Broker {
	t.Helper()
	if o.Dir == "" {
		o.Dir = t.TempDir()
	}
	if o.Listen == "" {
		o.Listen = "127.0.0.1:0"
	}
	b, err := broker.Start(context.Background(), o)
	if err != nil {
		t.Fatalf("start broker: %v", err)
	}
	t.Cleanup(func() {
		if err := b.Close(); err != nil && b.Err() == nil {
			t.Errorf("close broker: %v", err)
		}
	})
	return b
}

// Topic returns a topic name that no other test uses. It does not create it.
func Topic(t testing.TB, prefix string) string { return Name(t, prefix) }

// Name returns prefix with a part that makes it unique, for groups and
// transactional ids.
func Name(t testing.TB, prefix string) string {
	t.Helper()
	var b [6]byte
	if _, err := rand.Read(b[:]); err != nil {
		t.Fatalf("make a unique name: %v", err)
	}
	return fmt.Sprintf("%s-%x", strings.ReplaceAll(prefix, "/", "-"), b)
}
