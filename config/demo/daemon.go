// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"time"

	"github.com/connectd/connectd/cmd/connectd/process"
)

// daemon is the running connectd. Its standard output is shown, indented; its log
// is kept for the case that something goes wrong.
type daemon struct {
	binary, dir string
	out         io.Writer
	log         process.Output

	process *process.Process // nil before the first start
	rest    string
	// registry is the address of the embedded schema registry.
	registry string
	count    atomic.Int64
}

func (d *daemon) start(ctx context.Context) error {
	data := filepath.Join(d.dir, "data")
	cmd := process.Command(d.binary, data, "CONNECT_OFFSET_FLUSH_INTERVAL_MS=100")
	cmd.Dir = d.dir
	cmd.Stdout, cmd.Stderr = &printed{daemon: d}, &d.log
	var err error
	if d.process, err = process.Start(cmd); err != nil {
		return err
	}
	return d.waitUntil(ctx, "the daemon is ready", func(ctx context.Context) error {
		at, err := d.process.Ready(ctx, data)
		d.rest, d.registry = at.REST, at.Registry
		return err
	})
}

// printed shows and counts the lines that a process prints.
type printed struct {
	daemon *daemon
	rest   []byte // the beginning of a line
}

func (p *printed) Write(b []byte) (int, error) {
	p.rest = append(p.rest, b...)
	for {
		line, rest, whole := bytes.Cut(p.rest, []byte("\n"))
		if !whole {
			return len(b), nil
		}
		p.daemon.show(string(line))
		p.daemon.count.Add(1)
		p.rest = rest
	}
}

// show prints lines of the daemon, indented.
func (d *daemon) show(text string) {
	for _, line := range strings.Split(strings.TrimRight(text, "\n"), "\n") {
		fmt.Fprintln(d.out, "    "+line)
	}
}

func (d *daemon) lines() int { return int(d.count.Load()) }

func (d *daemon) kill() error {
	if d.process == nil {
		return nil
	}
	return d.process.Kill()
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
	return process.Call(ctx, method, d.rest+path, body, answer)
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
	return process.Until(ctx, d.process.Exited(), 10*time.Millisecond, what, check)
}

func firstLine(s string) string {
	line, _, _ := strings.Cut(s, "\n")
	return line
}
