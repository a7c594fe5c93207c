// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"
	"time"
)

func TestMakeLines(t *testing.T) {
	lines := split(makeLines(500))
	if len(lines) != 500 {
		t.Fatalf("got %d lines, want 500", len(lines))
	}
	for i, l := range lines {
		if len(l) != lineLength || bytes.ContainsAny(l, "\r\n") {
			t.Fatalf("line %d has %d bytes: %q", i, len(l), l)
		}
	}
	if bytes.Equal(lines[0][13:], lines[1][13:]) {
		t.Error("lines repeat, which a compressor would turn into a better rate")
	}
}

// A payment is always of an order of the same user that is not paid yet, and five of
// eight events are orders.
func TestMakeCarts(t *testing.T) {
	const n, users = 40_000, 4_000
	unpaid := map[string]map[int]bool{}
	orders := 0
	for i, line := range split(makeCarts(n, users)) {
		var e struct {
			User string `json:"user_id"`
			Type string `json:"type"`
			ID   int    `json:"order_id"`
		}
		if err := json.Unmarshal(line, &e); err != nil {
			t.Fatalf("event %d: %v", i, err)
		}
		if unpaid[e.User] == nil {
			unpaid[e.User] = map[int]bool{}
		}
		if e.Type == "order" {
			unpaid[e.User][e.ID] = true
			orders++
			continue
		}
		if e.Type != "payment" || !unpaid[e.User][e.ID] {
			t.Fatalf("event %d is no payment of an unpaid order: %s", i, line)
		}
		delete(unpaid[e.User], e.ID)
	}
	if share := float64(orders) / n; share < 0.60 || share > 0.65 {
		t.Errorf("%.3f of the events are orders, want about 5/8", share)
	}
	if len(unpaid) < users*95/100 {
		t.Errorf("only %d of %d users have events", len(unpaid), users)
	}
}

func TestQuantile(t *testing.T) {
	d := durations{5, 1, 4, 2, 3}
	for _, tc := range []struct {
		share float64
		want  time.Duration
	}{{0, 1}, {0.2, 1}, {0.5, 3}, {0.8, 4}, {0.99, 5}, {1, 5}} {
		if got := d.quantile(tc.share); got != tc.want {
			t.Errorf("quantile %.2f is %d, want %d", tc.share, got, tc.want)
		}
	}
}

func TestReport(t *testing.T) {
	var out strings.Builder
	r := &report{out: &out}
	var a, b rates
	for _, seconds := range []time.Duration{4, 1, 2} {
		a.add(4_000_000, seconds*time.Second)
		b.add(1_000_000, seconds*time.Second)
	}
	r.rate("a", a, "lines/s", 1_000_000, "note")
	r.rate("one", b[:1], "lines/s", 0, "")
	r.ratio("a : b", a, b)
	for _, want := range []string{"2,000,000 lines/s (best 4,000,000)", "note, aim ≥ 1,000,000 |", "250,000 lines/s ", "4.00 (best : best 4.00)"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("the report has no %q:\n%s", want, out.String())
		}
	}
}

func TestThousands(t *testing.T) {
	for f, want := range map[float64]string{0: "0", 999: "999", 1000: "1,000", 1234567.4: "1,234,567"} {
		if got := thousands(f); got != want {
			t.Errorf("%f is written %q, want %q", f, got, want)
		}
	}
}

func TestParseStatus(t *testing.T) {
	m := parseStatus([]byte("Name:\tconnectd\nVmHWM:\t   61440 kB\nVmRSS:\t   35840 kB\n"))
	if got, want := m.String(), "35 MiB (peak 60)"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	if m := parseStatus([]byte("Name:\tconnectd\nVmRSS:\t1 kB\n")); m.known {
		t.Errorf("half a status is known: %+v", m)
	}
}

func TestChoose(t *testing.T) {
	all, err := choose(scenarios, "")
	if err != nil || len(all) != len(scenarios) {
		t.Errorf("no name chooses %d scenarios, %v", len(all), err)
	}
	one, err := choose(scenarios, "cart")
	if err != nil || len(one) != 1 || one[0].name != "cart" {
		t.Errorf("cart chooses %v, %v", one, err)
	}
	two, err := choose(scenarios, "cart,start")
	if err != nil || names(two) != "start, cart" {
		t.Errorf("cart,start chooses %v, %v", two, err)
	}
	if _, err := choose(scenarios, "cart,carts"); err == nil || !strings.Contains(err.Error(), "start, file, sinks, cart, latency") {
		t.Errorf("an unknown name: %v", err)
	}
}
