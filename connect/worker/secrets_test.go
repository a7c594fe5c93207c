// SPDX-License-Identifier: Apache-2.0

package worker

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"testing"

	"github.com/connectd/connectd/connect/runtime"
	"github.com/connectd/connectd/connect/topics"
)

// lockedBuffer takes the lines of loggers of many goroutines.
type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lockedBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lockedBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// secretive is a setting whose provider p gives a secret, with its log.
func secretive(t *testing.T) (*setting, *lockedBuffer) {
	s := newSetting(t)
	log := &lockedBuffer{}
	s.o.Log = slog.New(slog.NewJSONHandler(log, nil))
	s.o.Providers = Providers{"p": func(_, _ string) (string, bool, error) { return "top-s3cret", true, nil }}
	return s, log
}

func hidden(t *testing.T, where string, v any) {
	t.Helper()
	text, err := json.Marshal(v)
	must(t, err)
	if strings.Contains(string(text), "s3cret") {
		t.Errorf("%s shows the secret: %s", where, text)
	}
}

func TestSecretsAreNotInAnswersOfValidate(t *testing.T) {
	s, log := secretive(t)
	w := s.start(t)
	ctx := deadline(t)
	infos, err := w.Validate(ctx, "FakeSource", source("name", "n", "file", "${p:x}", "tasks.max", "${p:x}", "unknown", "${p:x}"))
	must(t, err)
	hidden(t, "validate", infos)
	if infos.ErrorCount != 1 || !strings.Contains(infos.Errors()[0], "${p:x}") {
		t.Errorf("the mistakes are %v", infos.Errors())
	}
	for where, config := range map[string]map[string]string{
		"a wrong value":  source("tasks.max", "${p:x}"),
		"no class":       {"a": "${p:x}", "db.password": "my-s3cret"},
		"a wrong class":  source("connector.class", "${p:x}"),
		"a known secret": source("connector.class", "", "pass", "my-s3cret"),
	} {
		_, err := w.Create(ctx, "n", config, "")
		if status(err) != 400 {
			t.Errorf("%s: %v", where, err)
			continue
		}
		hidden(t, where, err.Error())
	}
	hidden(t, "the log", log.String())
}

func TestSecretsAreNotInTraces(t *testing.T) {
	s, log := secretive(t)
	s.world.run = func(context.Context, string) error {
		return fmt.Errorf("connect to db://me:top-s3cret@host with %s", "my-s3cret")
	}
	s.world.start = func(name string) error {
		if name == "bad" {
			return fmt.Errorf("connect to db://me:top-s3cret@host with %s", "my-s3cret")
		}
		return nil
	}
	w := s.start(t)
	config := func() map[string]string {
		return source("file", "${p:x}", "pass", "my-s3cret", runtime.RestartMaxAttempts, "0")
	}
	create(t, w, "c", config())
	create(t, w, "bad", config())
	eventuallyStates(t, w, "c", "RUNNING 0:FAILED")
	eventuallyStates(t, w, "bad", "FAILED")
	for _, name := range []string{"c", "bad"} {
		st, err := w.Status(name)
		must(t, err)
		hidden(t, "the status", st)
		trace := st.Connector.Trace
		if name == "c" {
			trace = st.Tasks[0].Trace
		}
		if !strings.Contains(trace, "connect to db://me:${p:x}@host with [hidden]") {
			t.Errorf("the trace of %s is %q", name, trace)
		}
	}
	hidden(t, "the log", log.String())
	stored, err := topics.OpenStatus(deadline(t), s.o.Status)
	must(t, err)
	defer stored.Close()
	hidden(t, "the status topic", stored.Tasks("c"))
}
