// SPDX-License-Identifier: Apache-2.0

package pgtest

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// errNoPostgres tells how to get PostgreSQL; it follows what was tried.
var errNoPostgres = errors.New("find PostgreSQL: there is no initdb and postgres in the directory that pg_config names, " +
	"in the usual places or in PATH; install it (Debian: apt-get install postgresql; Alpine: apk add postgresql postgresql-contrib; " +
	"Fedora: dnf install postgresql-server postgresql-contrib; macOS: brew install postgresql@17), start docker or podman, " +
	"set " + EnvBin + " to the directory of the programs or " + Env + " to the URL of a server")

// EnvBin is the environment variable that names the directory of the programs that
// servers are made of, initdb and postgres, in place of what would be found: another
// major version, as test/peers/postgres.sh has it. Options.Bin wins over it.
const EnvBin = "CONNECTD_TEST_POSTGRES_BIN"

// places are where packages put the programs of the server, one directory for each
// version.
var places = []string{
	"/usr/lib/postgresql/*/bin",
	"/usr/pgsql-*/bin",
	"/usr/libexec/postgresql*",
	"/opt/homebrew/opt/postgresql*/bin",
	"/usr/local/opt/postgresql*/bin",
	"/home/linuxbrew/.linuxbrew/opt/postgresql*/bin",
	"/Applications/Postgres.app/Contents/Versions/*/bin",
}

// finder looks for the programs of the server.
type finder struct {
	named    string // by the user: nothing else is looked at
	root     string // before each place; empty but in tests
	bindir   func(context.Context) string
	lookPath func(string) (string, error)
}

func newFinder(named string) finder {
	if named == "" {
		named = os.Getenv(EnvBin)
	}
	return finder{named: named, bindir: pgConfigBindir, lookPath: exec.LookPath}
}

func pgConfigBindir(ctx context.Context) string {
	out, err := exec.CommandContext(ctx, "pg_config", "--bindir").Output()
	if err != nil {
		return ""
	}
	return strings.TrimSpace(string(out))
}

// find returns the directory of initdb and postgres, or "".
func (f finder) find(ctx context.Context) string {
	if dir := f.bindir(ctx); complete(dir) {
		return dir
	}
	var found []string
	for _, place := range places {
		dirs, err := filepath.Glob(f.root + place)
		if err == nil {
			found = append(found, dirs...)
		}
	}
	slices.SortStableFunc(found, func(a, b string) int {
		return cmp.Compare(version(strings.TrimPrefix(b, f.root)), version(strings.TrimPrefix(a, f.root)))
	})
	for _, dir := range found {
		if complete(dir) {
			return dir
		}
	}
	return f.inPath()
}

// take returns the directory that the user named, in full.
func (f finder) take() (string, error) {
	dir, err := filepath.Abs(f.named)
	if err != nil {
		return "", fmt.Errorf("find PostgreSQL: %w", err)
	}
	if !complete(dir) {
		return "", fmt.Errorf("find PostgreSQL: directory %s, named by %s or Options.Bin, must hold initdb and postgres", dir, EnvBin)
	}
	return dir, nil
}

func (f finder) inPath() string {
	path, err := f.lookPath("postgres")
	if err != nil {
		return ""
	}
	if real, err := filepath.EvalSymlinks(path); err == nil && complete(filepath.Dir(real)) {
		return filepath.Dir(real)
	}
	if complete(filepath.Dir(path)) {
		return filepath.Dir(path)
	}
	return ""
}

// complete reports whether a server can be made and run with what is in dir; client
// packages come without initdb.
func complete(dir string) bool {
	if dir == "" {
		return false
	}
	for _, name := range []string{"initdb", "postgres"} {
		if !executable(filepath.Join(dir, name)) {
			return false
		}
	}
	return true
}

func executable(path string) bool {
	info, err := os.Stat(path)
	return err == nil && !info.IsDir() && info.Mode()&0o111 != 0
}

var versionInPath = regexp.MustCompile(`\d+(\.\d+)?`)

// version returns the number in the path of a package, 0 if there is none.
func version(dir string) float64 {
	v, err := strconv.ParseFloat(versionInPath.FindString(dir), 64)
	if err != nil {
		return 0
	}
	return v
}

// findOrInstall returns the directory of the programs, installing them if need be
// and possible. named, or else the one that EnvBin names, is taken or refused.
func findOrInstall(ctx context.Context, named string) (string, error) {
	f := newFinder(named)
	if f.named != "" {
		return f.take()
	}
	if dir := f.find(ctx); dir != "" {
		return dir, nil
	}
	steps := installSteps(os.Geteuid() == 0, func(name string) bool {
		_, err := exec.LookPath(name)
		return err == nil
	})
	for _, step := range steps {
		cmd := exec.CommandContext(ctx, step[0], step[1:]...)
		cmd.Env = append(os.Environ(), "DEBIAN_FRONTEND=noninteractive")
		if out, err := cmd.CombinedOutput(); err != nil {
			return "", fmt.Errorf("%w; %s said: %w: %s", errNoPostgres, strings.Join(step, " "), err, lastLines(string(out), 5))
		}
	}
	if dir := f.find(ctx); dir != "" {
		return dir, nil
	}
	return "", errNoPostgres
}

// noCluster keeps the packages of Debian from making and starting a cluster on the
// default port.
const noCluster = `sed -i -E 's/^#?create_main_cluster.*/create_main_cluster = false/' /etc/postgresql-common/createcluster.conf`

// installSteps are the commands that install PostgreSQL with the package manager
// that is there; none if there is none that this user may use.
func installSteps(root bool, has func(string) bool) [][]string {
	apt := []string{"apt-get", "-q", "-y", "-o", "DPkg::Lock::Timeout=300"}
	switch {
	case root && has("apt-get"):
		return [][]string{
			append(slices.Clone(apt), "update"),
			append(slices.Clone(apt), "install", "--no-install-recommends", "postgresql-common"),
			{"sh", "-c", noCluster},
			append(slices.Clone(apt), "install", "--no-install-recommends", "postgresql"),
		}
	case root && has("apk"):
		return [][]string{{"apk", "add", "--no-cache", "postgresql", "postgresql-contrib"}}
	case root && has("dnf"):
		return [][]string{{"dnf", "install", "-y", "postgresql-server", "postgresql-contrib"}}
	case root && has("yum"):
		return [][]string{{"yum", "install", "-y", "postgresql-server", "postgresql-contrib"}}
	case !root && has("brew"):
		return [][]string{{"brew", "install", "postgresql@17"}}
	}
	return nil
}

func lastLines(text string, n int) string {
	lines := strings.Split(strings.TrimSpace(text), "\n")
	return strings.Join(lines[max(0, len(lines)-n):], "\n")
}
