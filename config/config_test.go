// SPDX-License-Identifier: Apache-2.0

package config

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/connectd/connectd/connect"
)

func TestParseProperties(t *testing.T) {
	cases := []struct{ name, in, key, want string }{
		{"equals", "a=b", "a", "b"},
		{"colon and blanks", "  a : b ", "a", "b "},
		{"blank separates", "a b c", "a", "b c"},
		{"comment and empty lines", "# x\n! y\n\na=b", "a", "b"},
		{"continued line", "a=b,\\\n   c", "a", "b,c"},
		{"two backslashes do not continue", "a=b\\\\\nc=d", "a", `b\`},
		{"escaped separator in key", `a\=b=c`, "a=b", "c"},
		{"unicode", `a=\u00e9\t!`, "a", "é\t!"},
		{"no value", "a", "a", ""},
		{"last wins", "a=1\na=2", "a", "2"},
		{"carriage returns", "a=1\r\nb=2\rc=3", "c", "3"},
		{"value with equals", "a=b=c", "a", "b=c"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			got, err := ParseProperties(c.in)
			if err != nil {
				t.Fatal(err)
			}
			if v, ok := got[c.key]; !ok || v != c.want {
				t.Errorf("%q has %q = %q, want %q", c.in, c.key, v, c.want)
			}
		})
	}
	if _, err := ParseProperties("ok=1\nbad=\\u12"); err == nil || !strings.Contains(err.Error(), "line 2") {
		t.Errorf("a malformed escape gives %v, want an error that names line 2", err)
	}
}

func FuzzParseProperties(f *testing.F) {
	f.Add("a=b\\\n c\n#x\n\\u0041:1")
	f.Fuzz(func(t *testing.T, in string) {
		if _, err := ParseProperties(in); err != nil && !strings.Contains(err.Error(), "line ") {
			t.Errorf("error without a line: %v", err)
		}
	})
}

func write(t *testing.T, name, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestLoadOrderOfSources(t *testing.T) {
	path := write(t, "w.properties", "group.id=file\noffset.storage.topic=file-offsets\nstatus.storage.topic=file-status\n")
	s, warn, err := Load(Sources{
		File:  path,
		Env:   []string{"CONNECT_GROUP_ID=env", "CONNECT_STATUS_STORAGE_TOPIC=env-status", "PATH=/bin"},
		Flags: map[string]string{"group.id": "flag"},
	})
	if err != nil || len(warn) != 0 {
		t.Fatalf("load: %v, warnings %v", err, warn)
	}
	for key, want := range map[string]string{
		"group.id": "flag", "status.storage.topic": "env-status", "offset.storage.topic": "file-offsets", "config.storage.topic": "connect-configs",
	} {
		if got := s.String(key); got != want {
			t.Errorf("%s = %q, want %q", key, got, want)
		}
	}
}

func TestLoadListsEveryMistake(t *testing.T) {
	path := write(t, "w.properties", "offset.flush.interval.ms=soon\nlisteners=ftp://x\nlog.level=LOUD\nrest.extension.classes=x.Y\n")
	_, _, err := Load(Sources{File: path})
	var errs connect.ConfigErrors
	if !errors.As(err, &errs) {
		t.Fatalf("load gives %v, want ConfigErrors", err)
	}
	keys := map[string]bool{}
	for _, e := range errs {
		keys[e.Key] = true
	}
	for _, k := range []string{"offset.flush.interval.ms", "listeners", "log.level", "rest.extension.classes"} {
		if !keys[k] {
			t.Errorf("no mistake is reported for %s in %v", k, errs)
		}
	}
}

func TestUnknownKeyNamesTheNearest(t *testing.T) {
	path := write(t, "w.properties", "ofset.storage.topic=x\n")
	_, warn, err := Load(Sources{File: path})
	if err != nil {
		t.Fatal(err)
	}
	if len(warn) != 1 || !strings.Contains(warn[0].Error(), "did you mean offset.storage.topic?") {
		t.Errorf("warnings are %v, want one that names offset.storage.topic", warn)
	}
	if _, _, err = Load(Sources{File: path, Strict: true}); err == nil {
		t.Error("strict loading accepts an unknown key")
	}
}

func TestYAMLNestedAndDotted(t *testing.T) {
	path := write(t, "w.yaml", "group:\n  id: g\noffset.storage.topic: o\nbootstrap:\n  servers: [a:1, b:2]\n")
	s, warn, err := Load(Sources{File: path})
	if err != nil || len(warn) != 0 {
		t.Fatalf("load: %v, warnings %v", err, warn)
	}
	if got := s.String("group.id") + " " + s.String("offset.storage.topic"); got != "g o" {
		t.Errorf("got %q", got)
	}
	if diff := cmp.Diff([]string{"a:1", "b:2"}, s.List("bootstrap.servers")); diff != "" {
		t.Error(diff)
	}
}

func TestOriginalWorkerFilesAreAccepted(t *testing.T) {
	for _, name := range []string{"connect-standalone.properties", "connect-distributed.properties"} {
		t.Run(name, func(t *testing.T) {
			_, warn, err := Load(Sources{File: filepath.Join("testdata", name), Strict: true})
			if err != nil || len(warn) != 0 {
				t.Errorf("load: %v, warnings %v", err, warn)
			}
		})
	}
}

func TestDefaultFileSaysTheDefaults(t *testing.T) {
	text, err := os.ReadFile("connectd.properties")
	if err != nil {
		t.Fatal(err)
	}
	seen := map[string]string{}
	for _, line := range strings.Split(string(text), "\n") {
		if kv, ok := strings.CutPrefix(line, "#"); ok && !strings.HasPrefix(kv, " ") && strings.Contains(kv, "=") {
			k, v, _ := strings.Cut(kv, "=")
			seen[k] = v
		}
	}
	for _, k := range Keys.Keys() {
		v, ok := seen[k.Name]
		if !ok || v != k.Default {
			t.Errorf("connectd.properties says %q for %s (there: %v), the default is %q", v, k.Name, ok, k.Default)
		}
		delete(seen, k.Name)
	}
	for k := range seen {
		t.Errorf("connectd.properties names %s, which is not declared", k)
	}
}

func TestEnvironmentNames(t *testing.T) {
	got := fromEnv([]string{"CONNECT_A_B=1", "CONNECT_A__B=2", "CONNECT_A___B=3", "OTHER=4", "CONNECT_=5"})
	if diff := cmp.Diff(map[string]string{"a.b": "1", "a_b": "2", "a-b": "3"}, got); diff != "" {
		t.Error(diff)
	}
}

func TestListenAddress(t *testing.T) {
	for in, want := range map[string]string{
		"http://:8083": "127.0.0.1:8083", "http://0.0.0.0:1/": "0.0.0.0:1", "HTTP://[::1]:8083": "[::1]:8083",
	} {
		if got, err := ListenAddress(in); err != nil || got != want {
			t.Errorf("%s gives %q, %v, want %q", in, got, err, want)
		}
	}
	for _, in := range []string{"https://x:1", "x:1", "http://x", "http://x:y"} {
		if got, err := ListenAddress(in); err == nil {
			t.Errorf("%s gives %q, want an error", in, got)
		}
	}
}

func TestClientPropsRoleOverrides(t *testing.T) {
	s, _, err := Load(Sources{Flags: map[string]string{
		"bootstrap.servers": "a:1", "ssl.protocol": "TLS", "consumer.ssl.protocol": "TLSv1.3", "producer.linger.ms": "5", "group.id": "g",
	}})
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]string{"bootstrap.servers": "a:1", "ssl.protocol": "TLSv1.3"}
	if diff := cmp.Diff(want, s.ClientProps("consumer")); diff != "" {
		t.Error(diff)
	}
}

func TestReadConnector(t *testing.T) {
	cases := []struct {
		name, file, text string
		want             map[string]string
		fails            string
	}{
		{"bare JSON", "a.json", `{"name":"c","tasks.max":1,"x":true}`, map[string]string{"name": "c", "tasks.max": "1", "x": "true"}, ""},
		{"request", "a.json", `{"name":"c","config":{"x":"y"}}`, map[string]string{"name": "c", "x": "y"}, ""},
		{"properties", "a.properties", "name=c\nx=y", map[string]string{"name": "c", "x": "y"}, ""},
		{"no name", "a.json", `{"x":"y"}`, nil, "no name"},
		{"two names", "a.json", `{"name":"a","config":{"name":"b"}}`, nil, `"b"`},
		{"nested value", "a.json", `{"name":"a","x":{}}`, nil, `"x"`},
		{"unknown member", "a.json", `{"name":"a","config":{},"y":1}`, nil, `"y"`},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			got, err := ReadConnector(write(t, c.file, c.text))
			if c.fails != "" {
				if err == nil || !strings.Contains(err.Error(), c.fails) {
					t.Fatalf("error %v, want one with %q", err, c.fails)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(c.want, got.Config); diff != "" {
				t.Error(diff)
			}
		})
	}
}
