// SPDX-License-Identifier: Apache-2.0

package pgtest

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// install makes programs of the given names that can be run.
func install(t *testing.T, dir string, names ...string) string {
	t.Helper()
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	for _, name := range names {
		if err := os.WriteFile(filepath.Join(dir, name), nil, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func TestFind(t *testing.T) {
	type machine struct {
		root, bindir, postgres string
	}
	server := []string{"initdb", "postgres"}
	tests := []struct {
		name  string
		setup func(t *testing.T, m *machine) (want string)
	}{
		{"nothing", func(*testing.T, *machine) string { return "" }},
		{"pg_config wins", func(t *testing.T, m *machine) string {
			install(t, m.root+"/usr/lib/postgresql/17/bin", server...)
			m.bindir = install(t, m.root+"/custom/bin", server...)
			return m.bindir
		}},
		{"pg_config of a client package", func(t *testing.T, m *machine) string {
			m.bindir = install(t, m.root+"/usr/bin", "psql")
			return install(t, m.root+"/usr/lib/postgresql/15/bin", server...)
		}},
		{"newest version by number", func(t *testing.T, m *machine) string {
			install(t, m.root+"/usr/lib/postgresql/9.6/bin", server...)
			install(t, m.root+"/usr/lib/postgresql/13/bin", server...)
			return install(t, m.root+"/usr/pgsql-16/bin", server...)
		}},
		{"newest has no server", func(t *testing.T, m *machine) string {
			install(t, m.root+"/usr/lib/postgresql/18/bin", "psql")
			return install(t, m.root+"/usr/lib/postgresql/14/bin", server...)
		}},
		{"Homebrew", func(t *testing.T, m *machine) string {
			install(t, m.root+"/opt/homebrew/opt/postgresql@14/bin", server...)
			return install(t, m.root+"/opt/homebrew/opt/postgresql@17/bin", server...)
		}},
		{"a link in PATH", func(t *testing.T, m *machine) string {
			dir := install(t, m.root+"/nix/store/bin", server...)
			m.postgres = filepath.Join(install(t, m.root+"/usr/local/bin"), "postgres")
			if err := os.Symlink(filepath.Join(dir, "postgres"), m.postgres); err != nil {
				t.Fatal(err)
			}
			return dir
		}},
		{"PATH with links to both", func(t *testing.T, m *machine) string {
			install(t, m.root+"/store/pg", "postgres")
			dir := install(t, m.root+"/profile/bin", "initdb")
			m.postgres = filepath.Join(dir, "postgres")
			if err := os.Symlink(m.root+"/store/pg/postgres", m.postgres); err != nil {
				t.Fatal(err)
			}
			return dir
		}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			m := machine{root: t.TempDir()}
			want := tt.setup(t, &m)
			f := finder{
				root:   m.root,
				bindir: func(context.Context) string { return m.bindir },
				lookPath: func(string) (string, error) {
					if m.postgres == "" {
						return "", errors.New("not found")
					}
					return m.postgres, nil
				},
			}
			if got := f.find(t.Context()); got != want {
				t.Errorf("found %q, want %q", got, want)
			}
		})
	}
}

// TestFindNamed: who names a version gets that one or an error, never another.
func TestFindNamed(t *testing.T) {
	full := install(t, t.TempDir(), "initdb", "postgres")
	half := install(t, t.TempDir(), "postgres")
	tests := []struct {
		name, option, env, want string
		fails                   bool
	}{
		{name: "environment", env: full, want: full},
		{name: "option", option: full, want: full},
		{name: "option wins", option: full, env: half, want: full},
		{name: "incomplete", env: half, fails: true},
		{name: "missing", option: filepath.Join(half, "none"), env: full, fails: true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Setenv(EnvBin, tt.env)
			got, err := findOrInstall(t.Context(), tt.option)
			if got != tt.want || (err != nil) != tt.fails {
				t.Errorf("found %q, %v; want %q", got, err, tt.want)
			}
			if err != nil && !strings.Contains(err.Error(), EnvBin) {
				t.Errorf("error %v does not name %s", err, EnvBin)
			}
		})
	}
}

func TestInstallSteps(t *testing.T) {
	tests := []struct {
		name string
		root bool
		has  []string
		want string // the last step
	}{
		{"Debian", true, []string{"apt-get"}, "apt-get -q -y -o DPkg::Lock::Timeout=300 install --no-install-recommends postgresql"},
		{"Debian without root", false, []string{"apt-get"}, ""},
		{"Alpine", true, []string{"apk"}, "apk add --no-cache postgresql postgresql-contrib"},
		{"Fedora", true, []string{"yum", "dnf"}, "dnf install -y postgresql-server postgresql-contrib"},
		{"CentOS", true, []string{"yum"}, "yum install -y postgresql-server postgresql-contrib"},
		{"macOS", false, []string{"brew"}, "brew install postgresql@17"},
		{"macOS as root", true, []string{"brew"}, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			steps := installSteps(tt.root, func(name string) bool { return slices.Contains(tt.has, name) })
			var got string
			if len(steps) > 0 {
				got = strings.Join(steps[len(steps)-1], " ")
			}
			if got != tt.want {
				t.Errorf("last step %q, want %q", got, tt.want)
			}
		})
	}
}

// TestDebianMakesNoCluster: the package would start a server on the default port.
func TestDebianMakesNoCluster(t *testing.T) {
	steps := installSteps(true, func(name string) bool { return name == "apt-get" })
	index := func(what string) int {
		return slices.IndexFunc(steps, func(s []string) bool { return s[len(s)-1] == what })
	}
	common, off, server := index("postgresql-common"), index(noCluster), index("postgresql")
	if common < 0 || off < common || server < off {
		t.Errorf("steps %d, %d and %d in %q", common, off, server, steps)
	}
}

func TestContainerArgs(t *testing.T) {
	c := &container{tool: "docker", name: "pg", opts: Options{User: "me", Image: "postgres:16", Settings: map[string]string{"fsync": "on"}}}
	first := strings.Join(c.command(4711).Args, " ")
	for _, want := range []string{
		"docker run --name pg --publish 127.0.0.1:4711:5432 ",
		" --env POSTGRES_USER=me ",
		" postgres:16 -c ",
		" -c fsync=on ",
		" -c wal_level=logical",
	} {
		if !strings.Contains(first, want) {
			t.Errorf("%q is missing in %s", want, first)
		}
	}
	if got := strings.Join(c.command(4711).Args, " "); got != "docker start --attach pg" {
		t.Errorf("second start: %s", got)
	}
}

func TestConfigFile(t *testing.T) {
	got := configFile(map[string]string{"b": "it's", "a": "1"})
	if want := "a = '1'\nb = 'it''s'\n"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
	for timeout, want := range map[time.Duration]string{-1: "0ms", 0: "", 1999999: "1ms", time.Minute: "60000ms"} {
		if got := (Options{WalSenderTimeout: timeout}).settings()["wal_sender_timeout"]; got != want {
			t.Errorf("timeout of %s is %q, want %q", timeout, got, want)
		}
	}
}

func TestCanEnter(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "sub")
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	other := account{name: "someone", uid: 1 << 30, gid: 1 << 30, other: true}
	err := other.canEnter(dir)
	if err == nil || !strings.Contains(err.Error(), "user someone") || !strings.Contains(err.Error(), "may not enter "+dir+" (mode -rwx------)") {
		t.Errorf("error %v", err)
	}
	owner := account{uid: os.Geteuid(), gid: os.Getegid(), other: true}
	if err := owner.canEnter(dir); err != nil {
		t.Errorf("owner: %v", err)
	}
	if err := other.canEnter("/"); err != nil {
		t.Errorf("root directory: %v", err)
	}
}
