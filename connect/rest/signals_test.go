// SPDX-License-Identifier: Apache-2.0

package rest

import (
	"strings"
	"testing"

	"github.com/connectd/connectd/connect/worker"
)

func TestSignals(t *testing.T) {
	for _, c := range []struct{ body, asked, answer string }{
		{`{"id":"1","type":"execute-snapshot","data":{"data-collections":["a.b"]}}`, `signal a "1" "execute-snapshot" {"data-collections":["a.b"]}`, `{"id":"1","type":"execute-snapshot","data":{"data-collections":["a.b"]}}`},
		{`{"type":"log","data":"{\"message\":\"x\"}"}`, `signal a "" "log" {"message":"x"}`, `{"id":"","type":"log","data":"{\"message\":\"x\"}"}`},
		{`{"type":"stop-snapshot","data":null}`, `signal a "" "stop-snapshot" `, `{"id":"","type":"stop-snapshot","data":null}`},
		{`{"type":"stop-snapshot"}`, `signal a "" "stop-snapshot" `, `{"id":"","type":"stop-snapshot"}`},
	} {
		h := &herder{}
		if w := ask(server(h), "POST", "/connectors/a/signals", c.body); w.Code != 202 || strings.TrimSpace(w.Body.String()) != c.answer {
			t.Errorf("%s answers %d %s", c.body, w.Code, w.Body)
		}
		if len(h.asked) != 1 || h.asked[0] != c.asked {
			t.Errorf("%s asks %q, want %s", c.body, h.asked, c.asked)
		}
	}
}

func TestSignalsThatAreRefused(t *testing.T) {
	for body, says := range map[string]string{
		``: "no body", `{`: "read the request", `[]`: "a JSON object is needed", `{"type":"log"} x`: "more behind",
		`{"id":"1"}`: "no type", `{"type":"log","kind":"x"}`: "the members are id, type and data", `{"type":7}`: "type cannot be number",
	} {
		h := &herder{}
		if w := ask(server(h), "POST", "/connectors/a/signals", body); w.Code != 400 || !strings.Contains(w.Body.String(), says) || len(h.asked) > 0 {
			t.Errorf("%s answers %d %s, want 400 and %s", body, w.Code, w.Body, says)
		}
	}
	h := &herder{err: &worker.Problem{Status: 409, Message: "not now"}}
	if w := ask(server(h), "POST", "/connectors/a/signals", `{"type":"log"}`); w.Code != 409 || !strings.Contains(w.Body.String(), "not now") {
		t.Errorf("it answers %d %s", w.Code, w.Body)
	}
}
