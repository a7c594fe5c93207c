// SPDX-License-Identifier: Apache-2.0

package test

import (
	"encoding/json"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/connectd/connectd/test/harness"
)

// run runs a command of the binary to its end.
func run(t *testing.T, args ...string) (code int, output string) {
	t.Helper()
	out, err := exec.Command(harness.Binary(t), args...).CombinedOutput()
	var exit *exec.ExitError
	switch {
	case err == nil:
		return 0, string(out)
	case asExit(err, &exit):
		return exit.ExitCode(), string(out)
	default:
		t.Fatal(err)
		return 0, ""
	}
}

func asExit(err error, target **exec.ExitError) bool {
	e, ok := err.(*exec.ExitError)
	*target = e
	return ok
}

func lastLine(s string) string {
	lines := strings.Split(strings.TrimSpace(s), "\n")
	return lines[len(lines)-1]
}

// TestStartFailures: the environment's faults end with exit code 3 and one clear
// line, mistakes in the settings with exit code 2.
func TestStartFailures(t *testing.T) {
	busy, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer busy.Close()
	readOnly := filepath.Join(t.TempDir(), "file")
	writeFile(t, readOnly, "a file, not a directory")
	cases := []struct {
		name  string
		props map[string]string
		code  int
		says  []string
	}{
		{"REST port taken", map[string]string{"listeners": "http://" + busy.Addr().String()}, 3, []string{busy.Addr().String()}},
		{"broker port taken", map[string]string{"bootstrap.servers": "", "embedded.broker.listener": busy.Addr().String()}, 3, []string{busy.Addr().String()}},
		{"directory not writable", map[string]string{"data.dir": filepath.Join(readOnly, "data")}, 3, []string{"data.dir", readOnly}},
		{"broker unreachable", map[string]string{"bootstrap.servers": unusedAddress(t)}, 3, []string{"bootstrap.servers"}},
		{"bad value", map[string]string{"offset.flush.interval.ms": "soon"}, 2, []string{"offset.flush.interval.ms", "soon"}},
		{"two bad values", map[string]string{"offset.flush.interval.ms": "soon", "log.level": "LOUD"}, 2, []string{"offset.flush.interval.ms", "log.level"}},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			d := harness.New(t, harness.Settings{Properties: c.props})
			if v, ok := c.props["bootstrap.servers"]; ok && v == "" {
				d.Unset("bootstrap.servers")
			}
			d.Launch()
			if code := d.WaitExit(); code != c.code {
				t.Errorf("exit code %d, want %d:\n%s", code, c.code, d.Output())
			}
			for _, want := range c.says {
				if !strings.Contains(d.Output(), want) {
					t.Errorf("the output does not name %s:\n%s", want, d.Output())
				}
			}
			if c.code == 3 && !strings.HasPrefix(lastLine(d.Output()), "connectd: ") {
				t.Errorf("the last line is not the error:\n%s", d.Output())
			}
		})
	}
}

// unusedAddress is a loopback address that nothing listens on.
func unusedAddress(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

func TestSecondDaemonOnSameDirectory(t *testing.T) {
	d := harness.Start(t, harness.Settings{})
	data := filepath.Join(d.Dir, "data")
	second := harness.New(t, harness.Settings{Properties: map[string]string{"data.dir": data}})
	second.Launch()
	if code := second.WaitExit(); code != 3 {
		t.Errorf("exit code %d, want 3", code)
	}
	if want := fmt.Sprintf("process id %d", d.PID()); !strings.Contains(second.Output(), want) {
		t.Errorf("the output does not say %q:\n%s", want, second.Output())
	}
	d.Must(200, "GET", "/health", nil)
}

func TestStartLinesAndAnnouncement(t *testing.T) {
	d := harness.Start(t, harness.Settings{})
	text, err := os.ReadFile(filepath.Join(d.Dir, "data", "connectd.json"))
	if err != nil {
		t.Fatal(err)
	}
	var a map[string]any
	if err := json.Unmarshal(text, &a); err != nil {
		t.Fatal(err)
	}
	if int(a["pid"].(float64)) != d.PID() {
		t.Errorf("connectd.json names process %v, it is %d", a["pid"], d.PID())
	}
	for _, want := range []string{strings.TrimPrefix(d.REST, "http://"), d.Kafka} {
		if !strings.Contains(d.Output(), want) {
			t.Errorf("the start lines do not name %s:\n%s", want, d.Output())
		}
	}
	if os.Getenv("CONNECTD_TEST_KAFKA") == "" && !strings.Contains(d.Output(), "not replicated") {
		t.Errorf("the start lines do not say that the embedded broker is not replicated:\n%s", d.Output())
	}
	d.Stop()
	if _, err := os.Stat(filepath.Join(d.Dir, "data", "connectd.json")); !os.IsNotExist(err) {
		t.Errorf("connectd.json is still there after the end: %v", err)
	}
}

func TestSecondSignalEndsAtOnce(t *testing.T) {
	d := harness.Start(t, harness.Settings{})
	d.Signal(syscall.SIGINT)
	// The process may be gone already, which is fine too.
	_ = syscall.Kill(d.PID(), syscall.SIGINT)
	d.WaitExit()
}

func TestConnectorFilesOnTheCommandLine(t *testing.T) {
	d := harness.New(t, harness.Settings{})
	in, topic := filepath.Join(d.Dir, "in.txt"), d.Name("lines")
	writeFile(t, in, "one\ntwo\n")
	text := "connector.class=FileStreamSource\nfile=" + in + "\ntopic=" + topic +
		"\nvalue.converter=org.apache.kafka.connect.storage.StringConverter\n"
	properties := filepath.Join(d.Dir, "lines.properties")
	writeFile(t, properties, "name="+d.Name("lines")+"\n"+text)
	d.SetArgs(properties)
	d.Start()
	d.WaitCount(topic, 2)
	d.Stop()
	d.Start() // an update with the same configuration changes nothing
	d.WaitTasks(d.Name("lines"), 1, "RUNNING")
	appendFile(t, in, "three\n")
	d.WaitCount(topic, 3)
}

func TestCommands(t *testing.T) {
	dir := t.TempDir()
	good, bad := filepath.Join(dir, "good.json"), filepath.Join(dir, "bad.json")
	writeFile(t, good, `{"name":"x","config":{"connector.class":"FileStreamSource","file":"f","topic":"t"}}`)
	writeFile(t, bad, `{"name":"x","config":{"connector.class":"FileStreamSorce","file":"f","topic":"t"}}`)
	worker := filepath.Join(dir, "worker.properties")
	writeFile(t, worker, "group.idd=x\n")
	cases := []struct {
		name string
		args []string
		code int
		says string
	}{
		{"no command prints the quick start", nil, 0, "Quick start"},
		{"version", []string{"version"}, 0, "connectd "},
		{"plugins", []string{"plugins"}, 0, "CartJoin"},
		{"one plugin", []string{"plugins", "FileStreamSource"}, 0, "topic"},
		{"unknown plugin names the nearest", []string{"plugins", "FileStreamSorce"}, 2, "FileStreamSource"},
		{"valid connector", []string{"validate", good}, 0, "good.json"},
		{"invalid connector names the nearest class", []string{"validate", bad}, 2, "FileStreamSource"},
		{"worker file with a slip", []string{"run", "--strict", "-c", worker}, 2, "group.id"},
		{"unknown command", []string{"rnu"}, 2, "run"},
		{"unknown flag", []string{"run", "--date-dir", "x"}, 2, "--date-dir"},
		{"missing file", []string{"validate", filepath.Join(dir, "nope.json")}, 2, "nope.json"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			code, out := run(t, c.args...)
			if code != c.code || !strings.Contains(out, c.says) {
				t.Errorf("exit code %d (want %d), output without %q:\n%s", code, c.code, c.says, out)
			}
		})
	}
}
