// SPDX-License-Identifier: Apache-2.0

package transforms

import (
	"strings"
	"testing"

	"github.com/connectd/connectd/connect"
	"github.com/connectd/connectd/connect/connecttest"
)

func TestTranslateScript(t *testing.T) {
	cases := []struct{ in, want string }{
		{`value.op == 'u' && value.before.id == 2`, `value.op == 'u' && value.before.id == 2`},
		{` value.op  ==  'u'; `, `value.op  ==  'u'`},
		{`value.op === "u" || value.op !== "d"`, `value . op == "u" || value . op != "d"`},
		{`value.op == 'u' ? 'updates' : null`, `value . op == 'u' ? 'updates' : nil`},
		{`value.null == 1`, `value.null == 1`},
		{`'null' == "==="`, `'null' == "==="`},
		{`value.get('after').getString("name")`, `value [ 'after' ] [ "name" ]`},
		{`value.after.name.startsWith('a')`, `( value . after . name startsWith ( 'a' ) )`},
		{`!value?.after?.name.contains('a' + "b")`, `! ( value ?. after ?. name contains ( 'a' + "b" ) )`},
		{`1 == 1 && topic.endsWith("x")`, `1 == 1 && ( topic endsWith ( "x" ) )`},
		{`value['a b'].equals(key.id)`, `( value [ 'a b' ] == ( key . id ) )`},
		{`lower(value.name).startsWith('a')`, `( lower ( value . name ) startsWith ( 'a' ) )`},
		{`'x' in value.tags.get(0)`, `'x' in value . tags [ 0 ]`},
		{`value.name.trim().toLowerCase() == 'a'`, `lower ( trim ( value . name ) ) == 'a'`},
		{`['c', 'u'].contains(value.op)`, `( value . op in [ 'c' , 'u' ] )`},
		{`value.items.size() > 2`, `len ( value . items ) > 2`},
		{`topic ==~ /srv\..*\/x"/`, `topic matches "^(?:srv\\..*/x\")$"`},
		{`topic ==~ 'a|b'`, `topic matches '^(?:a|b)$'`},
		{`topic.matches('a|b') && true`, `( topic matches '^(?:a|b)$' ) && true`},
	}
	for _, c := range cases {
		got, err := translateScript(c.in)
		if err != nil || got != c.want {
			t.Errorf("%s\nbecomes %s (%v)\nwant    %s", c.in, got, err, c.want)
		}
		if _, err := compileScript(c.in, false); err != nil {
			t.Errorf("%s does not compile: %v", c.in, err)
		}
	}
}

func TestTranslateScriptMistakes(t *testing.T) {
	for in, want := range map[string]string{
		`"a-${value.op}"`: "values in texts", "`a-${value.op}`": "values in texts", `'a`: "a quote is not closed", `topic ==~ /a`: "a slash is not closed",
		`topic ==~ key`: "want the text of a regular expression", `topic.matches(key)`: "needs the text of a regular expression",
		`(value.op`: ") is missing", `topic.startsWith()`: "another number of arguments", `topic.trim('x')`: "another number of arguments",
		`.trim()`: "nothing stands before", `value.op.frobnicate()`: "unknown method frobnicate",
	} {
		if _, err := compileScript(in, false); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %s", in, err, want)
		}
	}
}

func TestDebeziumFilter(t *testing.T) {
	update, deleted := change("u", userRow(2, "ann"), userRow(2, "bob")), change("d", userRow(2, "ann"), connect.Null())
	cases := []struct {
		name, condition string
		r               connect.Record
		keep            bool
	}{
		{"as documented", `value.op == 'u' && value.before.id == 2`, update, true},
		{"not true", `value.op == 'u' && value.before.id == 2`, deleted, false},
		{"null in between", `value.after.id == 2`, deleted, false},
		{"methods", `value.before.name.startsWith("an") && value.source.table.matches('u.*s')`, update, true},
		{"JavaScript", `value.op !== 'd' && value.after !== null`, update, true},
		{"schema", `valueSchema.name.endsWith('Envelope') && keySchema.type == 'STRUCT'`, update, true},
		{"header", `header.h.value == 1 && header['g'].value == nil`, update, true},
		{"no header", `header.x.value == 1`, update, false},
		{"tombstones pass", `false`, tombstone(), true},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			step := connecttest.NewStep(mustBuild(t, "io.debezium.transforms.Filter", props{"language": "jsr223.groovy", "condition": c.condition}))
			for range 2 {
				c.r.Headers = []connect.Header{{Key: "h", Value: connect.Int32(7)}, {Key: "g"}, {Key: "h", Value: connect.Int32(1)}}
				out, err := step.Apply(c.r)
				if err != nil || (len(out) == 1) != c.keep {
					t.Errorf("%d records, %v; want to keep it: %v", len(out), err, c.keep)
				}
			}
		})
	}
}

func TestDebeziumFilterSelects(t *testing.T) {
	cases := []struct {
		name string
		p    props
		r    connect.Record
		want int
	}{
		{"dropped nulls", props{"null.handling.mode": "drop"}, tombstone(), 0},
		{"judged nulls", props{"null.handling.mode": "evaluate"}, tombstone(), 0},
		{"kept nulls", props{}, tombstone(), 1},
		{"other topics pass", props{"topic.regex": "srv"}, change("u", connect.Null(), userRow(1, "a")), 1},
		{"this topic", props{"topic.regex": "srv.*"}, change("u", connect.Null(), userRow(1, "a")), 0},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			c.p["language"], c.p["condition"] = "jsr223.groovy", "value != null && value.op == 'x'"
			out, err := connecttest.NewStep(mustBuild(t, "io.debezium.transforms.Filter", c.p)).Apply(c.r)
			if err != nil || len(out) != c.want {
				t.Errorf("%d records, %v; want %d", len(out), err, c.want)
			}
		})
	}
}

func TestContentBasedRouter(t *testing.T) {
	for expression, want := range map[string]string{
		`value.op == 'u' ? 'updates' : null`:                     "updates",
		`value.op == 'd' ? 'deletes' : null`:                     "srv.public.users",
		`topic + '.' + value.after.name`:                         "srv.public.users.bob",
		`value.source.get("db") === 'shop' && 1 ==1 ? "s" : "t"`: "s",
		`value.after.id`:                                         `error: route by content: the expression gives no topic, but int64 ""`,
		`''`:                                                     `error: route by content: the expression gives no topic, but string ""`,
	} {
		step := connecttest.NewStep(mustBuild(t, "ContentBasedRouter", props{"language": "jsr223.graal.js", "topic.expression": expression}))
		out, err := step.Apply(change("u", connect.Null(), userRow(2, "bob")))
		got := ""
		if err != nil {
			got = "error: " + err.Error()
		} else if len(out) == 1 {
			got = out[0].Topic
		}
		if got != want {
			t.Errorf("%s: %s, want %s", expression, got, want)
		}
	}
}

// TestScriptsRecorded compares with what Groovy 4 made of the same expressions, with
// the names that Debezium gives them. Where Groovy fails, a null may do here: a member
// of null is null.
func TestScriptsRecorded(t *testing.T) {
	r := readRecording(t, "debezium-script-recorded.jsonl")
	if len(r.cases) < 50 || len(r.inputs) < 5 {
		t.Fatalf("%d cases with %d records", len(r.cases), len(r.inputs))
	}
	for i := range r.cases {
		c := &r.cases[i]
		step := connecttest.NewStep(mustBuild(t, c.Class, c.Config))
		for name, want := range c.Want {
			if want != nil && *want == "error" {
				continue
			}
			c.In = name
			out, err := step.Apply(r.record(t, &step.Arena, c))
			switch {
			case err != nil:
				t.Errorf("%v on %s: %v", c.Config, name, err)
			case want == nil && len(out) != 0, want != nil && (len(out) != 1 || out[0].Topic != *want):
				t.Errorf("%v on %s: %d records; want %v", c.Config, name, len(out), want)
			}
		}
	}
}

func TestScriptMistakes(t *testing.T) {
	for want, p := range map[string]props{
		"must begin with jsr223.":                    {"language": "groovy", "condition": "true"},
		`Missing required configuration "language"`:  {"condition": "true"},
		`Missing required configuration "condition"`: {"language": "jsr223.groovy"},
		"values in texts":                            {"language": "jsr223.groovy", "condition": `"${a}" == 'b'`},
		"must be one of: keep, drop, evaluate":       {"language": "jsr223.groovy", "condition": "true", "null.handling.mode": "x"},
		"for configuration condition":                {"language": "jsr223.groovy", "condition": "1 + 2"},
	} {
		if got := mistakes("io.debezium.transforms.Filter", p); !strings.Contains(got, want) {
			t.Errorf("%v: %q, want %q", p, got, want)
		}
	}
	list := connect.Plugins{Transforms: Plugins()}
	if got := list.Transform("Filter").Class; got != "org.apache.kafka.connect.transforms.Filter" {
		t.Errorf("Filter without a package is %s", got)
	}
}

// FuzzTranslateScript: no text leads out of the tokens, and what is untouched stays.
func FuzzTranslateScript(f *testing.F) {
	for _, seed := range []string{`a.b.startsWith(c[0].get("x"))`, `).trim()`, `x ==~ /a/`, `{"a": [1, {"b": f(1).size()}]}`, `''.equals('')`, `a?.get(b.get(c))`} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		out, err := translateScript(text)
		if err == nil && out != strings.TrimSuffix(strings.TrimSpace(text), ";") {
			if _, err := scriptTokens(out); err != nil {
				t.Fatalf("%s becomes %s, which has no tokens: %v", text, out, err)
			}
		}
	})
}

func BenchmarkDebeziumFilter(b *testing.B) {
	tr := mustBuild(b, "io.debezium.transforms.Filter", props{"language": "jsr223.groovy", "condition": `value.op == 'u' && value.before.id == 2`})
	r := change("u", userRow(2, "a"), userRow(2, "b"))
	var arena connect.Arena
	c, n := &connect.Context{Arena: &arena}, 0
	emit := func(*connect.Record) { n++ }
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		if i%1000 == 0 {
			arena.Reset()
		}
		if err := tr.Apply(c, &r, emit); err != nil {
			b.Fatal(err)
		}
	}
}
