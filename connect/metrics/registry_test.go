// SPDX-License-Identifier: Apache-2.0

package metrics

import (
	"flag"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/connectd/connectd/connect"
	"github.com/connectd/connectd/connect/connecttest"
)

var update = flag.Bool("update", false, "write the golden files anew")

// scrape returns the lines of kafka_connect_ metrics.
func scrape(t *testing.T, r *Registry) string {
	t.Helper()
	w := httptest.NewRecorder()
	r.Handler().ServeHTTP(w, httptest.NewRequest("GET", "/metrics", nil))
	if w.Code != 200 {
		t.Fatalf("status %d: %s", w.Code, w.Body)
	}
	var out strings.Builder
	for line := range strings.Lines(w.Body.String()) {
		if strings.Contains(line, "kafka_connect_") {
			out.WriteString(line)
		}
	}
	return out.String()
}

func filled() *Registry {
	r := NewRegistry()
	source := r.Task("carts", 0)
	source.SetKind(Source)
	source.SetState(Running)
	source.Polled.Add(10)
	source.Written.Add(8)
	source.Active.Add(2)
	Observe(&source.Commits, &source.CommitNanos, &source.CommitMaxNanos, int64(2*time.Millisecond))
	Observe(&source.Commits, &source.CommitNanos, &source.CommitMaxNanos, int64(4*time.Millisecond))
	sink := r.Task("print", 1)
	sink.SetKind(Sink)
	sink.SetState(Failed)
	sink.Lag.Store(7)
	sink.Errors.Add(3)
	return r
}

func TestScrape(t *testing.T) {
	got := scrape(t, filled())
	golden := filepath.Join("testdata", "scrape.txt")
	connecttest.Golden(t, golden, got, *update)
}

func TestRemove(t *testing.T) {
	r := filled()
	r.Remove("carts")
	if got := scrape(t, r); strings.Contains(got, "carts") || !strings.Contains(got, `connector="print"`) {
		t.Errorf("after the removal:\n%s", got)
	}
}

func TestTaskIsKeptOverRestarts(t *testing.T) {
	r := NewRegistry()
	r.Task("a", 0).Polled.Add(1)
	r.Task("a", 0).Polled.Add(1)
	if n := r.Task("a", 0).Polled.Load(); n != 2 {
		t.Errorf("polled is %d, want 2", n)
	}
	if s := r.Task("a", 0).State(); s != Unassigned {
		t.Errorf("the state is %q", s)
	}
}

func TestFiguresOfATaskAreShownWhileItRuns(t *testing.T) {
	r := NewRegistry()
	task := r.Task("orders", 0)
	task.SetFigures(func() []connect.Figure {
		return []connect.Figure{{Name: "slot_lag_bytes", Help: "How far.", Value: 42}, {Name: "not a name", Value: 1}}
	})
	w := httptest.NewRecorder()
	r.Handler().ServeHTTP(w, httptest.NewRequest("GET", "/metrics", nil))
	if want := `connectd_task_slot_lag_bytes{connector="orders",task="0"} 42`; w.Code != 200 || !strings.Contains(w.Body.String(), want) {
		t.Errorf("status %d, no line %q", w.Code, want)
	}
	task.SetFigures(nil)
	w = httptest.NewRecorder()
	r.Handler().ServeHTTP(w, httptest.NewRequest("GET", "/metrics", nil))
	if strings.Contains(w.Body.String(), "slot_lag_bytes") || task.Figures() != nil {
		t.Error("a task that has ended still shows figures")
	}
}
