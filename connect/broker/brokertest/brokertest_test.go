// SPDX-License-Identifier: Apache-2.0

package brokertest_test

import (
	"net"
	"strings"
	"testing"

	"github.com/connectd/connectd/connect/broker"
	"github.com/connectd/connectd/connect/broker/brokertest"
)

func TestStart(t *testing.T) {
	t.Setenv(brokertest.Env, "")
	addr := brokertest.Start(t)
	nc, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatalf("connect to %s: %v", addr, err)
	}
	if err := nc.Close(); err != nil {
		t.Fatal(err)
	}
	if brokertest.External() {
		t.Error("the embedded broker is taken for a real one")
	}
	if other := brokertest.StartEmbedded(t, broker.Options{}).Addr(); other == addr {
		t.Errorf("two brokers at %s", addr)
	}
}

func TestStartNamesTheRealBroker(t *testing.T) {
	t.Setenv(brokertest.Env, "kafka:9092")
	if got := brokertest.Start(t); got != "kafka:9092" || !brokertest.External() {
		t.Errorf("Start returned %s, external %v", got, brokertest.External())
	}
}

func TestNames(t *testing.T) {
	a, b := brokertest.Topic(t, "a/b"), brokertest.Topic(t, "a/b")
	if a == b || !strings.HasPrefix(a, "a-b-") {
		t.Errorf("names %s and %s", a, b)
	}
}
