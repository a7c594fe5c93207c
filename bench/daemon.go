// SPDX-License-Identifier: Apache-2.0

package main

import (
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
	"syscall"
	"time"

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

	cmd     *exec.Cmd
	exited  chan struct{}
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
	cmd := exec.Command(binary, "run", "--data-dir", filepath.Join(d.dir, "data"))
	cmd.Env = append(os.Environ(), "CONNECT_LISTENERS=http://127.0.0.1:0", "CONNECT_EMBEDDED_BROKER_LISTENER=127.0.0.1:0",
		"CONNECT_EMBEDDED_REGISTRY_LISTENER=127.0.0.1:0", profileEnv+"="+d.profile)
	cmd.Env = append(cmd.Env, d.env...)
	cmd.Stdout, cmd.Stderr = stdout, log
	d.began = time.Now()
	if err := cmd.Start(); err != nil {
		return fmt.Errorf("start connectd: %w", err)
	}
	exited := make(chan struct{})
	d.cmd, d.exited = cmd, exited
	go func() {
		defer close(exited)
		// How it ended is asked for by stop.
		_ = cmd.Wait()
	}()
	if err := d.until(ctx, every, "the daemon is ready", d.ready); err != nil {
		return errors.Join(err, d.stop())
	}
	return nil
}

func (d *daemon) stdout() string { return filepath.Join(d.dir, "stdout") }

func (d *daemon) ready(ctx context.Context) error {
	text, err := os.ReadFile(filepath.Join(d.dir, "data", "connectd.json"))
	if err != nil {
		return err
	}
	var at struct {
		PID   int    `json:"pid"`
		REST  string `json:"rest"`
		Kafka string `json:"bootstrap.servers"`
	}
	if err := json.Unmarshal(text, &at); err != nil {
		return err
	}
	if at.PID != d.cmd.Process.Pid {
		return errors.New("connectd.json is of another process")
	}
	d.rest, d.kafka = at.REST, at.Kafka
	return d.call(ctx, "GET", "/health", nil, nil)
}

// stop ends the daemon in order, and with force when that takes too long.
func (d *daemon) stop() error {
	if d.cluster != nil {
		// Nothing is under way any more that an error could tell about.
		_ = d.cluster.Close()
		d.cluster = nil
	}
	if err := d.cmd.Process.Signal(syscall.SIGTERM); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return err
	}
	select {
	case <-d.exited:
	case <-time.After(30 * time.Second):
		_ = d.cmd.Process.Kill()
		<-d.exited
	}
	if code := d.cmd.ProcessState.ExitCode(); code != 0 {
		log, _ := os.ReadFile(filepath.Join(d.dir, "log"))
		return fmt.Errorf("the daemon ended with exit code %d:\n%s", code, log)
	}
	return nil
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

// until waits for a condition, looking at it at this interval.
func (d *daemon) until(ctx context.Context, every time.Duration, what string, check func(context.Context) error) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	clock := time.NewTicker(every)
	defer clock.Stop()
	for {
		err := check(ctx)
		if err == nil {
			return nil
		}
		select {
		case <-d.exited:
			return fmt.Errorf("wait until %s: the daemon has ended (%w)", what, err)
		case <-ctx.Done():
			return fmt.Errorf("wait until %s: %w", what, err)
		case <-clock.C:
		}
	}
}

// profiled runs what is measured, under a CPU profile if one is wanted. A daemon
// writes one profile in its life: of the first thing that is measured on it.
func (d *daemon) profiled(ctx context.Context, f func() error) error {
	if d.profile == "" {
		return f()
	}
	path := d.profile
	d.profile = ""
	if err := d.cmd.Process.Signal(syscall.SIGUSR1); err != nil {
		return err
	}
	if err := f(); err != nil {
		return err
	}
	if err := d.cmd.Process.Signal(syscall.SIGUSR1); err != nil {
		return err
	}
	return d.until(ctx, tick, "the profile is written", func(context.Context) error {
		return os.Remove(path + ".done")
	})
}
