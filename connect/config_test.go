// SPDX-License-Identifier: Apache-2.0

package connect

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"
	"time"
)

var every = Define(
	ConfigKey{Name: "name", Type: TypeConfigString, Required: true, Check: NoControl},
	ConfigKey{Name: "flag", Type: TypeConfigBoolean, Default: "true"},
	ConfigKey{Name: "int", Type: TypeConfigInt, Default: "5", Check: Between(1, 10)},
	ConfigKey{Name: "short", Type: TypeConfigShort, Default: "7"},
	ConfigKey{Name: "long.ms", Type: TypeConfigLong, Null: true},
	ConfigKey{Name: "double", Type: TypeConfigDouble, Default: "0.5"},
	ConfigKey{Name: "list", Type: TypeConfigList, Default: "a, b", Check: Unique},
	ConfigKey{Name: "class", Type: TypeConfigClass, Null: true},
	ConfigKey{Name: "password", Type: TypeConfigPassword, Null: true, Check: NonEmpty},
	ConfigKey{Name: "mode", Type: TypeConfigString, Default: "fast", Check: OneOf("fast", "safe")},
)

func TestParseDefaults(t *testing.T) {
	c, errs := every.Parse(map[string]string{"name": " n "})
	if errs != nil {
		t.Fatal(errs)
	}
	if c.String("name") != "n" || !c.Bool("flag") || c.Int("int") != 5 || c.Int("short") != 7 || c.Float("double") != 0.5 ||
		!slices.Equal(c.List("list"), []string{"a", "b"}) || c.String("mode") != "fast" {
		t.Errorf("got %+v", c)
	}
	if !c.IsNull("long.ms") || c.Int64("long.ms") != 0 || c.Millis("long.ms") != 0 || c.String("class") != "" || c.IsNull("int") {
		t.Error("null keys have values")
	}
	if !c.Has("name") || c.Has("int") {
		t.Error("Has does not tell what the user has set")
	}
}

func TestParseValues(t *testing.T) {
	c, errs := every.Parse(map[string]string{
		"name": "n", "flag": " FALSE ", "int": "+3", "short": "-32768", "long.ms": "1500", "double": "1e3", "list": "x,,y ", "class": " org.A ",
		"password": " secret ", "mode": "SAFE", "unknown": "kept",
	})
	if errs != nil {
		t.Fatal(errs)
	}
	if c.Bool("flag") || c.Int("int") != 3 || c.Int64("short") != -32768 || c.Millis("long.ms") != 1500*time.Millisecond || c.Float("double") != 1000 ||
		!slices.Equal(c.List("list"), []string{"x", "", "y"}) || c.String("class") != "org.A" || c.String("password") != " secret " || c.String("mode") != "SAFE" {
		t.Errorf("got %+v", c)
	}
	if c.Raw()["unknown"] != "kept" {
		t.Error("a key that is not declared is gone")
	}
}

func TestParseNamesEveryMistake(t *testing.T) {
	cases := []struct {
		key, value, want string
	}{
		{"name", "", "Invalid value  for configuration name: String must be non-empty"},
		{"name", "a\x07b", "Invalid value a\x07b for configuration name: String may not contain control sequences but had the character U+0007 at 1"},
		{"flag", "yes", "Invalid value yes for configuration flag: Expected value to be either true or false"},
		{"int", "x", "Invalid value x for configuration int: Not a number of type INT"},
		{"int", "2147483648", "Invalid value 2147483648 for configuration int: Not a number of type INT"},
		{"int", "0", "Invalid value 0 for configuration int: Value must be at least 1"},
		{"int", "11", "Invalid value 11 for configuration int: Value must be no more than 10"},
		{"short", "32768", "Invalid value 32768 for configuration short: Not a number of type SHORT"},
		{"long.ms", "1.5", "Invalid value 1.5 for configuration long.ms: Not a number of type LONG"},
		{"double", "", "Invalid value  for configuration double: Not a number of type DOUBLE"},
		{"list", "a,b,a", "Invalid value a,b,a for configuration list: Duplicate alias provided: a"},
		{"password", "", "Invalid value [hidden] for configuration password: String must be non-empty"},
		{"mode", "saf", "Invalid value saf for configuration mode: String must be one of: fast, safe (did you mean safe?)"},
	}
	for _, c := range cases {
		t.Run(c.key+"="+c.value, func(t *testing.T) {
			props := map[string]string{"name": "n"}
			props[c.key] = c.value
			_, errs := every.Parse(props)
			if len(errs) != 1 || errs[0].Key != c.key || errs.Error() != c.want {
				t.Errorf("got %v", errs)
			}
		})
	}
	_, errs := every.Parse(map[string]string{"int": "x", "flag": "x"})
	var keys []string
	for _, e := range errs {
		keys = append(keys, e.Key)
	}
	if !slices.Equal(keys, []string{"name", "flag", "int"}) || !strings.HasPrefix(errs.Error(), `Missing required configuration "name" which has no default value.`) {
		t.Errorf("all mistakes are %v", errs)
	}
	if errs.OrNil() == nil || ConfigErrors(nil).OrNil() != nil {
		t.Error("OrNil is wrong")
	}
}

func TestUnknownKeysHaveAHint(t *testing.T) {
	errs := every.Unknown(map[string]string{"nmae": "x", "zzzzzzzz": "1", "name": "n", "pre.x": "1"}, "pre.")
	want := "Unknown configuration \"nmae\" (did you mean name?)\nUnknown configuration \"zzzzzzzz\""
	if errs.Error() != want {
		t.Errorf("got %v", errs)
	}
	var none *ConfigDef
	if len(none.Unknown(map[string]string{"a": "1"})) != 1 || none.Keys() != nil || none.Key("a") != nil {
		t.Error("a nil declaration knows a key")
	}
}

func TestSecretsAreNotShown(t *testing.T) {
	def := Define(ConfigKey{Name: "p", Type: TypeConfigPassword, Check: func(any) (string, string) { return "is bad", "" }})
	_, errs := def.Parse(map[string]string{"p": "hunter2"})
	if strings.Contains(fmt.Sprintf("%v %+v", errs, errs), "hunter2") {
		t.Errorf("the secret is in %v", errs)
	}
}

func TestMistakesOfTheProgramPanic(t *testing.T) {
	panics := func(name string, f func()) {
		t.Helper()
		defer func() {
			if recover() == nil {
				t.Errorf("%s does not panic", name)
			}
		}()
		f()
	}
	c, _ := every.Parse(nil)
	panics("reading an undeclared key", func() { c.String("nmae") })
	panics("declaring a key twice", func() { every.And(ConfigKey{Name: "int", Type: TypeConfigInt}) })
}

func TestAndDoesNotChangeItsBase(t *testing.T) {
	more := every.And(ConfigKey{Name: "more", Type: TypeConfigString, Null: true})
	if every.Key("more") != nil || more.Key("more") == nil || len(more.Names()) != len(every.Names())+1 {
		t.Error("And changed the base, or lost a key")
	}
}

func TestWithPrefix(t *testing.T) {
	c, _ := every.Parse(map[string]string{"name": "n", "a.b": "1", "a.": "2", "ab": "3"})
	got := c.WithPrefix("a.")
	if len(got) != 2 || got["b"] != "1" || got[""] != "2" {
		t.Errorf("got %v", got)
	}
}

func TestChecks(t *testing.T) {
	cases := []struct {
		name  string
		check func(any) (string, string)
		value any
		good  bool
	}{
		{"between", Between(math.MinInt64, 5), int64(math.MinInt64), true},
		{"at least", AtLeast(0), int64(math.MaxInt64), true},
		{"at least", AtLeast(0), int64(-1), false},
		{"one of a list", OneOf("a", "b"), []string{"A", "b"}, true},
		{"one of a list", OneOf("a", "b"), []string{"a", "c"}, false},
		{"non-empty list", NonEmpty, []string(nil), false},
		{"non-empty", NonEmpty, "x", true},
		{"regex", IsRegex, "a(b|c)*", true},
		{"regex", IsRegex, "a(", false},
		{"look-ahead", IsRegex, "(?=a)", false},
		{"unique", Unique, []string{"a", "b"}, true},
		{"all", All(NonEmpty, OneOf("x")), "x", true},
		{"all", All(NonEmpty, OneOf("x")), "", false},
	}
	for _, c := range cases {
		if rule, _ := c.check(c.value); (rule == "") != c.good {
			t.Errorf("%s of %v: %q", c.name, c.value, rule)
		}
	}
}

func TestNearest(t *testing.T) {
	names := []string{"errors.tolerance", "errors.retry.timeout", "topics", "file"}
	for name, want := range map[string]string{
		"error.tolerance": "errors.tolerance", "topic": "topics", "Files": "file", "something.else": "", "": "", "errors.retry.timeout.ms": "errors.retry.timeout",
	} {
		if got := Nearest(name, names); got != want {
			t.Errorf("%q: got %q, want %q", name, got, want)
		}
	}
}

func FuzzParse(f *testing.F) {
	f.Add("int", "5")
	f.Add("list", "a,,b")
	f.Add("double", "0x1p-2")
	f.Add("password", "\xff")
	f.Fuzz(func(t *testing.T, key, value string) {
		props := map[string]string{"name": "n"}
		props[key] = value
		c, errs := every.Parse(props)
		for _, e := range errs {
			if e.Key != key || e.Error() == "" {
				t.Fatalf("the mistake of %s is told of %s", key, e.Key)
			}
		}
		for _, k := range every.Keys() {
			again, errs := every.Parse(map[string]string{"name": c.String("name"), k.Name: value})
			if errs == nil && again.IsNull(k.Name) {
				t.Fatalf("%s=%q is accepted and null", k.Name, value)
			}
		}
		every.Unknown(props)
	})
}
