// SPDX-License-Identifier: Apache-2.0

package interop

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/connectd/connectd/connect/broker/brokertest"
	"github.com/connectd/connectd/test/python"
)

// TestConfluentKafkaForPython produces and consumes Avro through the embedded broker and
// registry with Confluent's client, and asks the registry all that the client can ask.
func TestConfluentKafkaForPython(t *testing.T) {
	interpreter := python.Interpreter(t)
	address := brokertest.Start(t)
	cmd := exec.Command(interpreter, filepath.Join("testdata", "roundtrip.py"), registry(t, address), address, brokertest.Topic(t, "orders"))
	var stderr strings.Builder
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("roundtrip.py: %v\n%s\n%s", err, out, stderr.String())
	}
	topic := cmd.Args[len(cmd.Args)-1]
	want, err := os.ReadFile("testdata/roundtrip.txt")
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(string(want), strings.ReplaceAll(string(out), topic, "orders")); d != "" {
		t.Errorf("(-want +got)\n%s", d)
	}
}
