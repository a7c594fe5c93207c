// SPDX-License-Identifier: Apache-2.0

package process

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"syscall"
	"time"
)

// Command runs a binary on a data directory, with all addresses on free ports of this
// machine; env is added to the environment.
func Command(binary, dataDir string, env ...string) *exec.Cmd {
	cmd := exec.Command(binary, "run", "--data-dir", dataDir)
	cmd.Env = append(os.Environ(), "CONNECT_LISTENERS=http://127.0.0.1:0", "CONNECT_EMBEDDED_BROKER_LISTENER=127.0.0.1:0",
		"CONNECT_EMBEDDED_REGISTRY_LISTENER=127.0.0.1:0")
	cmd.Env = append(cmd.Env, env...)
	return cmd
}

// Process is a daemon that was started. Its methods may be called by several goroutines.
type Process struct {
	cmd    *exec.Cmd
	exited chan struct{}
}

// Start starts the command and returns at once.
func Start(cmd *exec.Cmd) (*Process, error) {
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("start connectd: %w", err)
	}
	p := &Process{cmd: cmd, exited: make(chan struct{})}
	go func() {
		defer close(p.exited)
		// How it ended is asked for by who ended it.
		_ = cmd.Wait()
	}()
	return p, nil
}

// PID is the process id.
func (p *Process) PID() int { return p.cmd.Process.Pid }

// Exited is closed when the process has ended and all that it printed has been written.
func (p *Process) Exited() <-chan struct{} { return p.exited }

// ExitCode is the exit code of a process that has exited, -1 if a signal ended it.
func (p *Process) ExitCode() int { return p.cmd.ProcessState.ExitCode() }

// Signal sends a signal; os.ErrProcessDone says that there is no process any more.
func (p *Process) Signal(s os.Signal) error { return p.cmd.Process.Signal(s) }

// Kill ends the process with SIGKILL and waits for its end. One that has ended already is
// no error.
func (p *Process) Kill() error {
	if err := p.cmd.Process.Kill(); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return fmt.Errorf("kill connectd: %w", err)
	}
	<-p.exited
	return nil
}

// Stop ends the process with SIGTERM and waits for its end as long as the context lasts.
// An exit code other than 0 is an error.
func (p *Process) Stop(ctx context.Context) error {
	if err := p.Signal(syscall.SIGTERM); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return fmt.Errorf("stop connectd: %w", err)
	}
	select {
	case <-p.exited:
	case <-ctx.Done():
		return fmt.Errorf("the daemon does not stop: %w", ctx.Err())
	}
	if code := p.ExitCode(); code != 0 {
		return fmt.Errorf("the daemon ended with exit code %d", code)
	}
	return nil
}

// Until looks at a condition at this interval until it returns nil. It fails with the
// condition's last error when the context ends, or when exited, which may be nil, is closed.
func Until(ctx context.Context, exited <-chan struct{}, every time.Duration, what string, check func(context.Context) error) error {
	clock := time.NewTicker(every)
	defer clock.Stop()
	for {
		err := check(ctx)
		if err == nil {
			return nil
		}
		select {
		case <-exited:
			return fmt.Errorf("wait until %s: the daemon has ended (%w)", what, err)
		case <-ctx.Done():
			return fmt.Errorf("wait until %s: %w", what, err)
		case <-clock.C:
		}
	}
}
