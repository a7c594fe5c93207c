// SPDX-License-Identifier: Apache-2.0

package rest

import (
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"
)

func TestHeadersOfAnswers(t *testing.T) {
	now := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	cases := []struct {
		config string
		want   map[string][]string
	}{
		{"", map[string][]string{}},
		{"set X-Frame-Options: DENY", map[string][]string{"X-Frame-Options": {"DENY"}}},
		{`add X:1, ADD X: 2 ,set Y:a:b`, map[string][]string{"X": {"1", "2"}, "Y": {"a:b"}}},
		{`add X:1,set X:2`, map[string][]string{"X": {"2"}}},
		{`"add Cache-Control: no-cache, no-store, must-revalidate",setDate Expires: -1000`, map[string][]string{
			"Cache-Control": {"no-cache, no-store, must-revalidate"}, "Expires": {"Fri, 02 Jan 2026 03:04:04 GMT"}}},
		{"addDate D:31540000000", map[string][]string{"D": {"Sat, 02 Jan 2027 04:10:45 GMT"}}},
	}
	for _, c := range cases {
		rules, err := ParseHeaders(c.config)
		if err != nil {
			t.Errorf("%s: %v", c.config, err)
		}
		h := http.Header{}
		for i := range rules {
			rules[i].apply(h, now)
		}
		for name, want := range c.want {
			if !slices.Equal(h[name], want) || len(h) != len(c.want) {
				t.Errorf("%s gives %v, want %v", c.config, h, c.want)
			}
		}
	}
	for config, says := range map[string]string{
		"X-Frame-Options: DENY": "the form", "set": "the form", "set X": "the form", "put X:1": "put is none of add",
		"set X Y:1": `"X Y"`, "set :1": "no name", "setDate D:soon": "milliseconds", "add X:1, set Y": `the rule "set Y"`, "set X:a\nb": "control",
	} {
		if _, err := ParseHeaders(config); err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("%q: %v, want %s", config, err, says)
		}
	}
}

func TestHeadersAreInEveryAnswer(t *testing.T) {
	s := server(&herder{})
	var err error
	s.o.Headers, err = ParseHeaders("set X-Frame-Options: DENY")
	must(t, err)
	for _, path := range []string{"/", "/connectors", "/nothing", "/metrics"} {
		if w := ask(s, "GET", path, ""); w.Header().Get("X-Frame-Options") != "DENY" {
			t.Errorf("%s has the headers %v", path, w.Header())
		}
	}
	if w := (surface{s: s, local: true}).ask("GET", "/", "", "Host", "evil.example"); w.Header().Get("X-Frame-Options") != "DENY" || w.Code != http.StatusForbidden {
		t.Errorf("a refused request has %d and the headers %v", w.Code, w.Header())
	}
}
