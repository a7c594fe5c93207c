// SPDX-License-Identifier: Apache-2.0

package process

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m, goleak.Cleanup(func(code int) { os.Exit(code) }))
}

func shell(t *testing.T, script string) (*Process, *Output) {
	t.Helper()
	out := &Output{}
	cmd := exec.Command("sh", "-c", script)
	cmd.Stdout = out
	p, err := Start(cmd)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := p.Kill(); err != nil {
			t.Error(err)
		}
	})
	return p, out
}

func within(t *testing.T, d time.Duration) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), d)
	t.Cleanup(cancel)
	return ctx
}

func wantError(t *testing.T, err error, text string) {
	t.Helper()
	if err == nil || !strings.Contains(err.Error(), text) {
		t.Errorf("the error is %v, want %q in it", err, text)
	}
}

func TestStop(t *testing.T) {
	const loop = "; echo ready; while :; do sleep 0.01; done"
	for _, c := range []struct {
		name, script string
		patience     time.Duration
		want         string // "" for none
	}{
		{"in order", "trap 'exit 0' TERM" + loop, time.Minute, ""},
		{"with a failure", "trap 'exit 3' TERM" + loop, time.Minute, "exit code 3"},
		{"by the signal", ":" + loop, time.Minute, "exit code -1"},
		{"not at all", "trap '' TERM" + loop, 50 * time.Millisecond, "does not stop"},
	} {
		t.Run(c.name, func(t *testing.T) {
			p, out := shell(t, c.script)
			if err := Until(within(t, time.Minute), p.Exited(), time.Millisecond, "the trap is set", func(context.Context) error {
				if out.String() == "" {
					return errors.New("nothing is printed")
				}
				return nil
			}); err != nil {
				t.Fatal(err)
			}
			err := p.Stop(within(t, c.patience))
			if c.want != "" {
				wantError(t, err, c.want)
			} else if err != nil {
				t.Error(err)
			}
		})
	}
}

func TestUntilEndsWithTheProcess(t *testing.T) {
	p, _ := shell(t, "exit 1")
	err := Until(within(t, time.Minute), p.Exited(), time.Millisecond, "it serves", func(context.Context) error { return errors.New("not yet") })
	wantError(t, err, "wait until it serves: the daemon has ended (not yet)")
}

func TestUntilEndsWithTheContext(t *testing.T) {
	err := Until(within(t, time.Millisecond), nil, time.Millisecond, "it serves", func(context.Context) error { return errors.New("not yet") })
	wantError(t, err, "wait until it serves: not yet")
}

func TestAnnouncementOfAnotherProcess(t *testing.T) {
	p, _ := shell(t, "exit 0")
	dir := t.TempDir()
	for _, c := range []struct {
		pid  int
		want string
	}{{p.PID() + 1, "is of process"}, {p.PID(), ""}} {
		text := fmt.Sprintf(`{"pid":%d,"rest":"http://127.0.0.1:1","bootstrap.servers":"127.0.0.1:2"}`, c.pid)
		if err := os.WriteFile(filepath.Join(dir, AnnouncementFile), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		at, err := p.Announced(dir)
		if c.want != "" {
			wantError(t, err, c.want)
			continue
		}
		if want := (Announcement{PID: p.PID(), REST: "http://127.0.0.1:1", Kafka: "127.0.0.1:2"}); err != nil || at != want {
			t.Errorf("the announcement is %+v, %v", at, err)
		}
	}
}

func TestCall(t *testing.T) {
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/refused" {
			http.Error(w, "no", http.StatusConflict)
			return
		}
		fmt.Fprintf(w, `{"type":%q}`, r.Header.Get("Content-Type"))
	}))
	defer srv.Close()
	defer http.DefaultClient.CloseIdleConnections()
	ctx := within(t, time.Minute)
	for _, c := range []struct {
		body []byte
		want string
	}{{nil, ""}, {[]byte("{}"), "application/json"}} {
		var answer struct{ Type string }
		if err := Call(ctx, "POST", srv.URL, c.body, &answer); err != nil || answer.Type != c.want {
			t.Errorf("the content type of %q is %q, want %q (%v)", c.body, answer.Type, c.want, err)
		}
	}
	wantError(t, Call(ctx, "GET", srv.URL+"/refused", nil, nil), "/refused: 409: no")
}
