// SPDX-License-Identifier: Apache-2.0

package interop

import (
	"bufio"
	"encoding/json"
	"fmt"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/connectd/connectd/test/python"
)

// request is a case for testdata/serialize.py, and reply its answer.
type request struct {
	Schema  string  `json:"schema"`
	Reader  string  `json:"reader,omitempty"`
	Data    string  `json:"data"` // hex, as all bytes here
	Seconds float64 `json:"seconds,omitempty"`
}

type reply struct {
	Library, Message, Resolved, Error string
	ReadNS                            float64 `json:"read_ns"`
	WriteNS                           float64 `json:"write_ns"`
}

// ask gives the cases to the script and returns its answers in their order.
func ask(t testing.TB, cases []request) []reply {
	t.Helper()
	var in strings.Builder
	for _, c := range cases {
		line, err := json.Marshal(c)
		if err != nil {
			t.Fatal(err)
		}
		in.Write(append(line, '\n'))
	}
	cmd := exec.Command(python.Interpreter(t), filepath.Join("testdata", "serialize.py"))
	cmd.Stdin = strings.NewReader(in.String())
	var stderr strings.Builder
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("serialize.py: %v\n%s", err, stderr.String())
	}
	var replies []reply
	lines := bufio.NewScanner(strings.NewReader(string(out)))
	lines.Buffer(nil, 16<<20)
	for lines.Scan() {
		var r reply
		if err := json.Unmarshal(lines.Bytes(), &r); err != nil {
			t.Fatal(fmt.Errorf("%s: %w", lines.Text(), err))
		}
		replies = append(replies, r)
	}
	if len(replies) != len(cases) {
		t.Fatalf("%d answers for %d cases\n%s", len(replies), len(cases), stderr.String())
	}
	return replies
}
