// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"syscall"
	"time"

	"github.com/connectd/connectd/cmd/connectd/process"
	"github.com/connectd/connectd/connect/kafka"
)

const (
	stringConverter = "org.apache.kafka.connect.storage.StringConverter"
	jsonConverter   = "org.apache.kafka.connect.json.JsonConverter"

	// patience bounds every wait: what takes longer does not work.
	patience = 5 * time.Minute
	// tick is how often a condition is looked at; it is the error of a rate that is
	// measured over seconds.
	tick = 5 * time.Millisecond
)

// daemon is a running connectd with its embedded broker.
type daemon struct {
	dir     string
	env     []string // beside what launch sets
	profile string
	began   time.Time // before exec

	process *process.Process // nil for a worker that was started by others
	exited  <-chan struct{}
	rest    string
	kafka   string
	cluster *kafka.Cluster
}

// start runs a daemon on a new directory, and connects to its broker.
func (s *session) start(ctx context.Context, name string, env ...string) (*daemon, error) {
	d := &daemon{dir: filepath.Join(s.dir, name), env: env}
	if s.profile != "" {
		d.profile = filepath.Join(s.profile, name+".pprof")
	}
	if err := os.MkdirAll(d.dir, 0o755); err != nil {
		return nil, err
	}
	if err := d.launch(ctx, s.binary, time.Millisecond); err != nil {
		return nil, err
	}
	if err := d.open(ctx); err != nil {
		return nil, errors.Join(err, d.stop())
	}
	return d, nil
}

// open connects to the broker.
func (d *daemon) open(ctx context.Context) error {
	settings, errs := kafka.ParseSettings(map[string]string{"bootstrap.servers": d.kafka})
	if errs != nil {
		return errs
	}
	var err error
	d.cluster, err = kafka.Open(ctx, settings)
	return err
}

// launch starts the process and returns when GET /health is answered.
func (d *daemon) launch(ctx context.Context, binary string, every time.Duration) error {
	log, err := os.OpenFile(filepath.Join(d.dir, "log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	defer log.Close()
	stdout, err := os.OpenFile(d.stdout(), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	defer stdout.Close()
	cmd := process.Command(binary, d.data(), append([]string{profileEnv + "=" + d.profile}, d.env...)...)
	cmd.Stdout, cmd.Stderr = stdout, log
	d.began = time.Now()
	if d.process, err = process.Start(cmd); err != nil {
		return err
	}
	d.exited = d.process.Exited()
	if err := d.until(ctx, every, "the daemon is ready", d.ready); err != nil {
		return errors.Join(err, d.stop())
	}
	return nil
}

func (d *daemon) data() string { return filepath.Join(d.dir, "data") }

func (d *daemon) stdout() string { return filepath.Join(d.dir, "stdout") }

func (d *daemon) ready(ctx context.Context) error {
	at, err := d.process.Ready(ctx, d.data())
	d.rest, d.kafka = at.REST, at.Kafka
	return err
}

// stop ends the daemon in order, and with force when that takes too long.
func (d *daemon) stop() error {
	if d.cluster != nil {
		// Nothing is under way any more that an error could tell about.
		_ = d.cluster.Close()
		d.cluster = nil
	}
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	err := d.process.Stop(ctx)
	if err == nil {
		return nil
	}
	log, _ := os.ReadFile(filepath.Join(d.dir, "log"))
	return errors.Join(fmt.Errorf("%w:\n%s", err, log), d.process.Kill())
}

// post creates a connector.
func (d *daemon) post(ctx context.Context, name string, config map[string]string) error {
	body, err := json.Marshal(map[string]any{"name": name, "config": config})
	if err != nil {
		return err
	}
	return d.call(ctx, "POST", "/connectors", body, nil)
}

func (d *daemon) remove(ctx context.Context, name string) error {
	return d.call(ctx, "DELETE", "/connectors/"+name, nil, nil)
}

// waitPosition waits until a file source has committed this position. A task that
// has failed ends the wait.
func (d *daemon) waitPosition(ctx context.Context, name string, position int64) error {
	return d.until(ctx, tick, name+" has committed its file", func(ctx context.Context) error {
		var answer struct {
			Offsets []struct{ Offset struct{ Position int64 } }
		}
		if err := d.call(ctx, "GET", "/connectors/"+name+"/offsets", nil, &answer); err != nil {
			return err
		}
		if len(answer.Offsets) != 1 || answer.Offsets[0].Offset.Position != position {
			return fmt.Errorf("offsets %v, want %d", answer.Offsets, position)
		}
		return nil
	})
}

// call makes one REST call; answer may be nil.
func (d *daemon) call(ctx context.Context, method, path string, body []byte, answer any) error {
	return process.Call(ctx, method, d.rest+path, body, answer)
}

// until waits for a condition, looking at it at this interval.
func (d *daemon) until(ctx context.Context, every time.Duration, what string, check func(context.Context) error) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	return process.Until(ctx, d.exited, every, what, check)
}

// profiled runs what is measured, under a CPU profile if one is wanted. A daemon
// writes one profile in its life: of the first thing that is measured on it.
func (d *daemon) profiled(ctx context.Context, f func() error) error {
	if d.profile == "" {
		return f()
	}
	path := d.profile
	d.profile = ""
	if err := d.process.Signal(syscall.SIGUSR1); err != nil {
		return err
	}
	if err := f(); err != nil {
		return err
	}
	if err := d.process.Signal(syscall.SIGUSR1); err != nil {
		return err
	}
	return d.until(ctx, tick, "the profile is written", func(context.Context) error {
		return os.Remove(path + ".done")
	})
}
