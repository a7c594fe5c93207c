// SPDX-License-Identifier: Apache-2.0

package harness

import (
	"context"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/connectd/connectd/cmd/connectd/process"
)

// Patience is how long a condition may take to come true before a test fails. It
// is long because a loaded machine is slow, and costs nothing when all is well.
const Patience = 60 * time.Second

// Settings describe one daemon; the zero value is the usual one.
type Settings struct {
	// Properties are worker settings beside those that the harness sets.
	Properties map[string]string
	// Env is added to the environment, such as CONNECTD_CRASH_AT.
	Env []string
	// Args are further arguments of "run", such as connector files.
	Args []string
	// Within is a command that runs the daemon as its own process, with the daemon's
	// path and arguments behind it.
	Within []string
}

// Daemon is one data directory with, at times, a process on it. Its methods are
// for the goroutine of the test.
type Daemon struct {
	t        testing.TB
	Dir      string
	prefix   string
	settings Settings
	unset    []string

	process *process.Process // nil before the first start
	stderr  *process.Output

	REST  string // http://host:port
	Kafka string // host:port of the broker
	// Registry is the address of the schema registry, http://host:port.
	Registry string
}

// Start runs a daemon on a new data directory and waits until it is healthy. The
// test's end kills it.
func Start(t testing.TB, s Settings) *Daemon {
	t.Helper()
	d := New(t, s)
	d.Start()
	return d
}

// New prepares a daemon that is not started yet.
func New(t testing.TB, s Settings) *Daemon {
	t.Helper()
	d := &Daemon{t: t, Dir: t.TempDir(), settings: s, prefix: uniqueName(t)}
	t.Cleanup(func() {
		d.Kill()
		if t.Failed() && d.stderr != nil {
			t.Logf("log of the daemon:\n%s", tail(d.stderr.String(), 60))
		}
	})
	return d
}

// Name makes a name of a topic that is this daemon's own, so that tests can share
// a cluster.
func (d *Daemon) Name(topic string) string { return d.prefix + "-" + topic }

// Set changes a worker setting for the next start.
func (d *Daemon) Set(key, value string) {
	if d.settings.Properties == nil {
		d.settings.Properties = map[string]string{}
	}
	d.settings.Properties[key] = value
}

// Unset leaves a worker setting out that the harness would set.
func (d *Daemon) Unset(key string) { d.unset = append(d.unset, key) }

// SetWithin changes the command that runs the daemon.
func (d *Daemon) SetWithin(command ...string) { d.settings.Within = command }

// SetArgs replaces the further arguments of "run" for the next start.
func (d *Daemon) SetArgs(args ...string) { d.settings.Args = args }

// SetEnv replaces the additional environment for the next start.
func (d *Daemon) SetEnv(env ...string) { d.settings.Env = env }

// SetCrash has the process kill itself, from the next start on, when it passes the crash
// point for the nth time. It replaces the additional environment, and SetEnv() undoes it.
func (d *Daemon) SetCrash(point string, nth int) {
	d.SetEnv(fmt.Sprintf("CONNECTD_CRASH_AT=%s:%d", point, nth))
}

func (d *Daemon) properties() map[string]string {
	p := map[string]string{
		"data.dir":                          filepath.Join(d.Dir, "data"),
		"listeners":                         "http://127.0.0.1:0",
		"group.id":                          d.Name("group"),
		"config.storage.topic":              d.Name("configs"),
		"offset.storage.topic":              d.Name("offsets"),
		"status.storage.topic":              d.Name("status"),
		"config.storage.replication.factor": "1",
		"offset.storage.replication.factor": "1",
		"status.storage.replication.factor": "1",
		"offset.storage.partitions":         "3",
		"status.storage.partitions":         "1",
		"offset.flush.interval.ms":          "200",
		"embedded.registry.listener":        "127.0.0.1:0",
		"embedded.registry.topic":           d.Name("schemas"),
	}
	if kafka := os.Getenv("CONNECTD_TEST_KAFKA"); kafka != "" {
		p["bootstrap.servers"] = kafka
	} else {
		p["embedded.broker.listener"] = "127.0.0.1:0"
	}
	maps.Copy(p, d.settings.Properties)
	for _, key := range d.unset {
		delete(p, key)
	}
	return p
}

// Start starts the process and waits until REST says that it is healthy.
func (d *Daemon) Start() {
	d.t.Helper()
	d.Launch()
	d.WaitReady()
}

// Launch starts the process and returns at once.
func (d *Daemon) Launch() {
	d.t.Helper()
	if d.Running() {
		d.t.Fatal("the daemon is running already")
	}
	var text strings.Builder
	for k, v := range d.properties() {
		fmt.Fprintf(&text, "%s=%s\n", k, v)
	}
	file := filepath.Join(d.Dir, "worker.properties")
	if err := os.WriteFile(file, []byte(text.String()), 0o600); err != nil {
		d.t.Fatal(err)
	}
	d.stderr = &process.Output{}
	command := append(slices.Clone(d.settings.Within), Binary(d.t), "run", "-c", file)
	command = append(command, d.settings.Args...)
	cmd := exec.Command(command[0], command[1:]...)
	cmd.Stderr, cmd.Stdout = d.stderr, d.stderr
	cmd.Env = append(os.Environ(), d.settings.Env...)
	var err error
	if d.process, err = process.Start(cmd); err != nil {
		d.t.Fatal(err)
	}
}

// WaitReady waits for connectd.json of the process and then for GET /health.
func (d *Daemon) WaitReady() {
	d.t.Helper()
	d.Eventually("the daemon is healthy", func() error {
		if !d.Running() {
			d.t.Fatalf("the daemon ended with exit code %d:\n%s", d.process.ExitCode(), tail(d.Output(), 40))
		}
		if err := d.readAnnouncement(); err != nil {
			return err
		}
		status, body, err := d.Call("GET", "/health", nil)
		if err == nil && status != 200 {
			err = fmt.Errorf("GET /health: %d %s", status, body)
		}
		return err
	})
}

func (d *Daemon) readAnnouncement() error {
	at, err := d.process.Announced(filepath.Join(d.Dir, "data"))
	if err != nil {
		return err
	}
	d.REST, d.Kafka, d.Registry = at.REST, at.Kafka, at.Registry
	return nil
}

// Ready reports whether the process has announced its addresses.
func (d *Daemon) Ready() bool { return d.Running() && d.readAnnouncement() == nil }

// Running reports whether the process is there.
func (d *Daemon) Running() bool {
	if d.process == nil {
		return false
	}
	select {
	case <-d.process.Exited():
		return false
	default:
		return true
	}
}

// Kill ends the process with SIGKILL and waits for its end.
func (d *Daemon) Kill() {
	if !d.Running() {
		return
	}
	if err := d.process.Kill(); err != nil {
		d.t.Error(err)
	}
}

// Stop ends the process with SIGTERM; it must end with exit code 0.
func (d *Daemon) Stop() {
	d.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), Patience)
	defer cancel()
	if err := d.process.Stop(ctx); err != nil {
		d.t.Fatalf("%v:\n%s", err, tail(d.Output(), 40))
	}
}

// Signal sends a signal to the process.
func (d *Daemon) Signal(s syscall.Signal) {
	d.t.Helper()
	if err := d.process.Signal(s); err != nil {
		d.t.Fatal(err)
	}
}

// WaitExit waits for the end of the process and returns its exit code, -1 if a
// signal ended it.
func (d *Daemon) WaitExit() int {
	d.t.Helper()
	select {
	case <-d.process.Exited():
		return d.process.ExitCode()
	case <-time.After(Patience):
		d.t.Fatalf("the daemon does not end:\n%s", tail(d.Output(), 40))
		return 0
	}
}

// embedded reports whether the daemon's cluster is its own embedded broker.
func (d *Daemon) embedded() bool { return d.properties()["bootstrap.servers"] == "" }

// cancelAtExit calls cancel when the process ends, until the returned function has
// been called.
func (d *Daemon) cancelAtExit(cancel func()) (end func()) {
	over, done := make(chan struct{}), make(chan struct{})
	go func(exited <-chan struct{}) {
		defer close(done)
		select {
		case <-exited:
			cancel()
		case <-over:
		}
	}(d.process.Exited())
	return func() {
		close(over)
		<-done
	}
}

// PID is the process id.
func (d *Daemon) PID() int { return d.process.PID() }

// Output is what the process has written to its log so far.
func (d *Daemon) Output() string { return d.stderr.String() }

// Eventually waits until check returns nil; the last error is the test's failure.
func (d *Daemon) Eventually(what string, check func() error) {
	d.t.Helper()
	Eventually(d.t, what, check)
}

// Eventually waits until check returns nil; the last error is the test's failure.
func Eventually(t testing.TB, what string, check func() error) {
	t.Helper()
	deadline := time.Now().Add(Patience)
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for {
		err := check()
		if err == nil {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("waited %v until %s: %v", Patience, what, err)
		}
		<-tick.C
	}
}

func tail(s string, lines int) string {
	all := strings.Split(strings.TrimRight(s, "\n"), "\n")
	return strings.Join(all[max(0, len(all)-lines):], "\n")
}
