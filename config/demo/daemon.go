// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
)

// daemon is the running connectd. Its standard output is shown, indented; its log
// is kept for the case that something goes wrong.
type daemon struct {
	binary, dir string
	out         io.Writer
	log         lockedBuffer

	cmd    *exec.Cmd
	exited chan struct{}
	rest   string
	// registry is the address of the embedded schema registry.
	registry string
	count    atomic.Int64
}

func (d *daemon) start(ctx context.Context) error {
	d.cmd = exec.Command(d.binary, "run", "--data-dir", filepath.Join(d.dir, "data"))
	d.cmd.Dir = d.dir
	d.cmd.Env = append(os.Environ(), "CONNECT_LISTENERS=http://127.0.0.1:0", "CONNECT_EMBEDDED_BROKER_LISTENER=127.0.0.1:0",
		"CONNECT_EMBEDDED_REGISTRY_LISTENER=127.0.0.1:0",
		"CONNECT_OFFSET_FLUSH_INTERVAL_MS=100")
	d.cmd.Stderr = &d.log
	stdout, err := d.cmd.StdoutPipe()
	if err != nil {
		return err
	}
	if err := d.cmd.Start(); err != nil {
		return err
	}
	d.exited = make(chan struct{})
	go d.watch(d.cmd, stdout, d.exited)
	return d.waitUntil(ctx, "the daemon is ready", d.ready)
}

// watch shows what the process prints until it ends.
func (d *daemon) watch(cmd *exec.Cmd, stdout io.Reader, exited chan struct{}) {
	defer close(exited)
	lines := bufio.NewScanner(stdout)
	for lines.Scan() {
		d.show(lines.Text())
		d.count.Add(1)
	}
	// How it ended is asked for by who ended it.
	_ = cmd.Wait()
}

func (d *daemon) ready(ctx context.Context) error {
	text, err := os.ReadFile(filepath.Join(d.dir, "data", "connectd.json"))
	if err != nil {
		return err
	}
	var at struct {
		PID      int    `json:"pid"`
		REST     string `json:"rest"`
		Registry string `json:"registry"`
	}
	if err := json.Unmarshal(text, &at); err != nil {
		return err
	}
	if at.PID != d.cmd.Process.Pid {
		return errors.New("the file is of another process")
	}
	d.rest, d.registry = at.REST, at.Registry
	return d.call(ctx, "GET", "/health", nil, nil)
}

// show prints lines of the daemon, indented.
func (d *daemon) show(text string) {
	for _, line := range strings.Split(strings.TrimRight(text, "\n"), "\n") {
		fmt.Fprintln(d.out, "    "+line)
	}
}

func (d *daemon) lines() int { return int(d.count.Load()) }

func (d *daemon) kill() {
	if d.cmd == nil || d.cmd.Process == nil {
		return
	}
	// An error means that it has ended already.
	_ = d.cmd.Process.Kill()
	<-d.exited
}

func (d *daemon) stop(ctx context.Context) error {
	if err := d.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		return err
	}
	select {
	case <-d.exited:
	case <-ctx.Done():
		return fmt.Errorf("the daemon does not stop: %w", ctx.Err())
	}
	if code := d.cmd.ProcessState.ExitCode(); code != 0 {
		return fmt.Errorf("the daemon ended with exit code %d", code)
	}
	return nil
}

func (d *daemon) post(ctx context.Context, path string) error {
	text, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	return d.call(ctx, "POST", "/connectors", text, nil)
}

// call makes one REST call; answer may be nil.
func (d *daemon) call(ctx context.Context, method, path string, body []byte, answer any) error {
	req, err := http.NewRequestWithContext(ctx, method, d.rest+path, bytes.NewReader(body))
	if err != nil {
		return err
	}
	req.Header.Set("Content-Type", "application/json")
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		return err
	}
	if resp.StatusCode >= 300 {
		return fmt.Errorf("%s %s: %s: %s", method, path, resp.Status, text)
	}
	if answer == nil {
		return nil
	}
	return json.Unmarshal(text, answer)
}

func (d *daemon) waitLines(ctx context.Context, n int) error {
	return d.waitUntil(ctx, fmt.Sprintf("%d records are printed", n), func(context.Context) error {
		if got := d.lines(); got < n {
			return fmt.Errorf("there are %d", got)
		}
		return nil
	})
}

// waitFailed waits until the connector's task has failed and returns its trace.
func (d *daemon) waitFailed(ctx context.Context, name string) (trace string, err error) {
	err = d.waitUntil(ctx, name+" has failed", func(ctx context.Context) error {
		var status struct {
			Tasks []struct{ State, Trace string }
		}
		if err := d.call(ctx, "GET", "/connectors/"+name+"/status", nil, &status); err != nil {
			return err
		}
		if len(status.Tasks) != 1 || status.Tasks[0].State != "FAILED" {
			return fmt.Errorf("status: %+v", status)
		}
		trace = status.Tasks[0].Trace
		return nil
	})
	return trace, err
}

// waitOffset waits until a sink has committed this offset.
func (d *daemon) waitOffset(ctx context.Context, name string, offset int64) error {
	return d.waitUntil(ctx, name+" has committed", func(ctx context.Context) error {
		var answer struct {
			Offsets []struct {
				Offset struct {
					At int64 `json:"kafka_offset"`
				}
			}
		}
		if err := d.call(ctx, "GET", "/connectors/"+name+"/offsets", nil, &answer); err != nil {
			return err
		}
		if len(answer.Offsets) == 0 || answer.Offsets[0].Offset.At < offset {
			return fmt.Errorf("it has committed %v", answer.Offsets)
		}
		return nil
	})
}

func (d *daemon) waitUntil(ctx context.Context, what string, check func(context.Context) error) error {
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for {
		err := check(ctx)
		if err == nil {
			return nil
		}
		select {
		case <-d.exited:
			return fmt.Errorf("wait until %s: the daemon has ended", what)
		case <-ctx.Done():
			return fmt.Errorf("wait until %s: %w", what, err)
		case <-tick.C:
		}
	}
}

func firstLine(s string) string {
	line, _, _ := strings.Cut(s, "\n")
	return line
}

type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lockedBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lockedBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}
