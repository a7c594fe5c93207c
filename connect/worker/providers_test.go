// SPDX-License-Identifier: Apache-2.0

package worker

import (
	"errors"
	"maps"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// lines reads key=value lines; the real parser of properties is somebody else's.
func lines(text string) (map[string]string, error) {
	out := map[string]string{}
	for _, l := range strings.Split(strings.TrimSpace(text), "\n") {
		k, v, ok := strings.Cut(l, "=")
		if !ok {
			return nil, errors.New("no key")
		}
		out[k] = v
	}
	return out, nil
}

func write(t *testing.T, path, text string) string {
	t.Helper()
	must(t, os.MkdirAll(filepath.Dir(path), 0o700))
	must(t, os.WriteFile(path, []byte(text), 0o600))
	return path
}

func TestProviders(t *testing.T) {
	dir := t.TempDir()
	file := write(t, filepath.Join(dir, "in", "a.properties"), "user=joe\npass=p:w}x")
	outside := write(t, filepath.Join(dir, "inside-not", "b.properties"), "pass=no")
	write(t, filepath.Join(dir, "in", "secret"), "two\nlines")
	broken := write(t, filepath.Join(dir, "in", "broken"), "nothing")
	t.Setenv("CONNECTD_A", "from the environment")
	t.Setenv("OTHER", "not allowed")
	props := map[string]string{"config.providers.file.param.allowed.paths": filepath.Join(dir, "in"), "config.providers.directory.param.allowed.paths": filepath.Join(dir, "in"), "config.providers.env.param.allowlist.pattern": "CONNECTD_.*"}
	for name, class := range map[string]string{"file": "FileConfigProvider", "env": "EnvVarConfigProvider", "directory": "DirectoryConfigProvider"} {
		props["config.providers."+name+".class"] = "org.apache.kafka.common.config.provider." + class
	}
	p, errs := NewProviders([]string{"file", "env", "directory"}, props, lines)
	must(t, errs.OrNil())
	cases := map[string]string{
		"${file:" + file + ":user}":                              "joe",
		"x${file:" + file + ":user}y${file:" + file + ":pass}":   "xjoeyp:w}x",
		"${file:" + file + ":nobody}":                            "${file:" + file + ":nobody}",
		"${file:" + outside + ":pass}":                           "${file:" + outside + ":pass}",
		"${file:" + dir + "/in/../inside-not/b.properties:pass}": "${file:" + dir + "/in/../inside-not/b.properties:pass}",
		"${env:CONNECTD_A}":                                      "from the environment",
		"${env:OTHER}":                                           "${env:OTHER}",
		"${env:CONNECTD_NOT_THERE}":                              "${env:CONNECTD_NOT_THERE}",
		"${directory:" + dir + "/in:secret}":                     "two\nlines",
		"${directory:" + dir + "/in:nothing}":                    "${directory:" + dir + "/in:nothing}",
		"${directory:" + dir + "/in:../inside-not/b.properties}": "${directory:" + dir + "/in:../inside-not/b.properties}",
		"${vault:a:b}":                                           "${vault:a:b}",
		"$1 and ${topic} and {}":                                 "$1 and ${topic} and {}",
	}
	for in, want := range cases {
		got, err := p.Resolve(map[string]string{"k": in})
		if err != nil || got["k"] != want {
			t.Errorf("%s became %q, %v; want %q", in, got["k"], err, want)
		}
	}
	for _, in := range []string{"${file:" + broken + ":a}", "${file:" + dir + "/in/missing:a}"} {
		if _, err := p.Resolve(map[string]string{"the.key": in}); err == nil || !strings.Contains(err.Error(), "the.key") {
			t.Errorf("%s: %v", in, err)
		}
	}
}

// What a provider returns is a value, even if it looks like a placeholder.
func TestValuesAreNotResolvedAgain(t *testing.T) {
	p := Providers{"p": func(_, key string) (string, bool, error) { return "${p:" + key + key + "}", true, nil }}
	if got, err := p.Resolve(map[string]string{"k": "${p:a}"}); err != nil || got["k"] != "${p:aa}" {
		t.Errorf("it became %q, %v", got["k"], err)
	}
}

func TestProvidersThatAreRefused(t *testing.T) {
	_, errs := NewProviders([]string{"a", "b"}, map[string]string{
		"config.providers.a.class": "org.x.FileConfigProvidr", "config.providers.b.class": "EnvVarConfigProvider", "config.providers.b.param.allowlist.pattern": "(",
	}, lines)
	if len(errs) != 2 || errs[0].Key != "config.providers.a.class" || !strings.Contains(errs[0].Hint, "FileConfigProvider") || errs[1].Key != "config.providers.b.param.allowlist.pattern" {
		t.Errorf("the mistakes are %v", errs)
	}
}

func TestUnresolve(t *testing.T) {
	written := map[string]string{"a": "${p:a}", "b": "plain", "c": "${p:c}", "gone": "${p:x}"}
	resolved := map[string]string{"a": "1", "b": "plain", "c": "3", "gone": "9"}
	task := map[string]string{"a": "1", "b": "plain", "c": "changed by the connector", "own": "1"}
	want := map[string]string{"a": "${p:a}", "b": "plain", "c": "changed by the connector", "own": "1"}
	if got := (Providers{}).Unresolve(task, written, resolved); !maps.Equal(got, want) {
		t.Errorf("it is %v, want %v", got, want)
	}
	if task["a"] != "1" {
		t.Error("the task's own configuration was changed")
	}
}

func FuzzPlaceholders(f *testing.F) {
	for _, s := range []string{"${p:a}", "${p:a:b}${p:c}", "${p:", "${}", "${:}", "$${p:x}}", "${p:a:b:c}"} {
		f.Add(s)
	}
	p := Providers{"p": func(string, string) (string, bool, error) { return "", false, nil }}
	f.Fuzz(func(t *testing.T, s string) {
		if got, err := p.Resolve(map[string]string{"k": s}); err != nil || got["k"] != s {
			t.Fatalf("%q became %q, %v though nothing is known", s, got["k"], err)
		}
	})
}
