// SPDX-License-Identifier: Apache-2.0

package transforms

import (
	"strings"
	"testing"

	"github.com/connectd/connectd/connect"
	"github.com/connectd/connectd/connect/connecttest"
)

func TestRegexRouter(t *testing.T) {
	cases := []struct{ name, regex, replacement, topic, want string }{
		{"as the original's documentation", `(.*)-(\d\d\d\d\d\d\d\d)`, `$1`, "foo-20160101", "foo"},
		{"no match keeps the topic", `orig`, `new`, "original", "original"},
		{"whole match", `orig`, `new`, "orig", "new"},
		{"prefix", `.*`, `$0-copy`, "a", "a-copy"},
		{"swap", `(.*)-(.*)`, `$2-$1`, "a-b", "b-a"},
		{"named group", `(?<db>[^.]+)\.(?<table>.+)`, `${table}_${db}`, "shop.orders", "orders_shop"},
		{"second digit only if there is such a group", `(a)(.*)`, `$12`, "ab", "a2"},
		{"escaped", `a`, `\$1\\x`, "a", `$1\x`},
		{"group that took no part", `(x)?a`, `[$1]`, "a", "[]"},
		{"the first match is replaced, not the whole", `a|ab`, `X`, "ab", "Xb"},
		{"anchors of the user", `^abc$`, `x`, "abc", "x"},
		{"alternatives are one pattern", `a|b`, `c`, "b", "c"},
		{"a trailing line end is no match", `abc`, `x`, "abc\n", "abc\n"},
		{"server.schema.table", `([^.]+)\.([^.]+)\.([^.]+)`, `$3`, "srv.public.users", "users"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			step := connecttest.NewStep(mustBuild(t, "RegexRouter", props{"regex": c.regex, "replacement": c.replacement}))
			for range 2 { // the second time by what is kept
				r := rec(t, `null`, `1`)
				r.Topic = c.topic
				out, err := step.Apply(r)
				if err != nil || len(out) != 1 {
					t.Fatal(err)
				}
				if out[0].Topic != c.want || out[0].Partition != 1 {
					t.Errorf("%s becomes %s-%d, want %s", c.topic, out[0].Topic, out[0].Partition, c.want)
				}
			}
		})
	}
}

func TestRegexRouterMistakes(t *testing.T) {
	for want, p := range map[string]props{
		`Missing required configuration "replacement"`: {"regex": "a"},
		`Invalid regex: missing closing )`:             {"regex": "(", "replacement": "a"},
		`the regex has no group 2`:                     {"regex": "(a)", "replacement": "$2"},
		`the regex has no group named "x"`:             {"regex": "(a)", "replacement": "${x}"},
		`$ needs the number or the {name} of a group`:  {"regex": "(a)", "replacement": "a$"},
		`${ is not closed`:                             {"regex": "(a)", "replacement": "${a"},
		`a character is missing after the backslash`:   {"regex": "(a)", "replacement": `a\`},
	} {
		if got := mistakes("RegexRouter", p); !strings.Contains(got, want) {
			t.Errorf("%v: %q, want %q", p, got, want)
		}
	}
	step := connecttest.NewStep(mustBuild(t, "RegexRouter", props{"regex": "in", "replacement": ""}))
	if got := apply(step, rec(t, `null`, `1`)); got != `error: route by regex: the replacement makes an empty topic of "in"` {
		t.Error(got)
	}
}

func predicate(t *testing.T, name string, p props) connect.Predicate {
	t.Helper()
	list := connect.Plugins{Predicates: Predicates()}
	plugin := list.Predicate(name)
	if plugin == nil {
		t.Fatalf("no predicate %s", name)
	}
	c, errs := plugin.Config.Parse(p)
	if err := errs.OrNil(); err != nil {
		t.Fatal(err)
	}
	made, err := plugin.New(connect.TransformContext{Config: c})
	if err != nil {
		t.Fatal(err)
	}
	return made
}

func TestPredicates(t *testing.T) {
	cases := []struct {
		name  string
		p     props
		topic string
		value string
		want  bool
	}{
		{"TopicNameMatches", props{"pattern": "my-.*"}, "my-topic", `1`, true},
		{"org.apache.kafka.connect.transforms.predicates.TopicNameMatches", props{"pattern": "my-"}, "my-topic", `1`, false},
		{"TopicNameMatches", props{"pattern": "a|b"}, "ab", `1`, false},
		{"HasHeaderKey", props{"name": "h"}, "t", `1`, true},
		{"org.apache.kafka.connect.transforms.predicates.HasHeaderKey", props{"name": "H"}, "t", `1`, false},
		{"RecordIsTombstone", nil, "t", `null`, true},
		{"org.apache.kafka.connect.transforms.predicates.RecordIsTombstone", nil, "t", `""`, false},
	}
	for _, c := range cases {
		p := predicate(t, c.name, c.p)
		r := rec(t, `null`, c.value)
		r.Topic, r.Headers = c.topic, []connect.Header{{Key: "x"}, {Key: "h"}}
		for range 2 {
			if got, err := p.Test(&connect.Context{}, &r); got != c.want || err != nil {
				t.Errorf("%s on %s: %v, %v", c.name, c.topic, got, err)
			}
		}
	}
}
