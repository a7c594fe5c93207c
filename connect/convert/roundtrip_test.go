// SPDX-License-Identifier: Apache-2.0

package convert

import (
	"bufio"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/connectd/connectd/connect"
)

// TestRecordedMessagesComeBackAsTheyWere reads the messages that a Debezium
// connector wrote through the original's JsonConverter, and writes them again.
func TestRecordedMessagesComeBackAsTheyWere(t *testing.T) {
	files, err := filepath.Glob("testdata/debezium/*.jsonl")
	if err != nil || len(files) == 0 {
		t.Fatal("no recordings", err)
	}
	for _, file := range files {
		t.Run(filepath.Base(file), func(t *testing.T) { roundTripFile(t, file) })
	}
}

func roundTripFile(t *testing.T, file string) {
	f, err := os.Open(file)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	schemas := "true"
	if strings.Contains(file, "noschema") {
		schemas = "false"
	}
	j := newJSON(t, map[string]string{schemasEnable: schemas})
	lines := bufio.NewScanner(f)
	lines.Buffer(nil, 1<<20)
	for n := 1; lines.Scan(); n++ {
		var message struct {
			Topic      string
			Key, Value *string
		}
		if err := json.Unmarshal(lines.Bytes(), &message); err != nil {
			t.Fatal(err)
		}
		if strings.HasPrefix(message.Topic, "@") {
			continue // offsets of the worker, which are no messages
		}
		for _, text := range []*string{message.Key, message.Value} {
			if text != nil {
				roundTrip(t, j, n, *text)
			}
		}
	}
}

func roundTrip(t *testing.T, j *JSON, line int, text string) {
	t.Helper()
	var a connect.Arena
	s, v, err := j.ToConnect(&a, "t", []byte(text))
	if err != nil {
		t.Errorf("line %d: %v", line, err)
		return
	}
	if err := connect.Check(s, v); err != nil {
		t.Errorf("line %d: %v", line, err)
	}
	out, null, err := j.FromConnect(nil, "t", s, v)
	if err != nil || null || string(out) != text {
		t.Errorf("line %d: %v\ngot  %s\nwant %s", line, err, out, text)
	}
}
