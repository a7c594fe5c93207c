// SPDX-License-Identifier: Apache-2.0

package pgtest

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"sync"
	"syscall"
	"time"
)

// Mode is how a server is stopped; the names are those of pg_ctl.
type Mode string

const (
	// Fast ends all sessions and writes a checkpoint. It waits for walsenders whose
	// client has not confirmed everything that was sent.
	Fast Mode = "fast"
	// Immediate is a crash: nothing is written, the next start recovers from the WAL.
	Immediate Mode = "immediate"
)

// startLimit bounds a start, recovery included, where the context has no deadline.
const startLimit = 2 * time.Minute

// Server is a PostgreSQL server that this process has started, or one that it was
// told to use. Its methods may be called by several goroutines at once.
type Server struct {
	opts   Options
	dir    string
	made   *os.File // lock of a directory that Start made; Close removes that
	base   *url.URL // without database
	launch launcher // nil for a server that was not started here

	mu   sync.Mutex // of starts and stops
	proc *process   // nil if stopped
}

// Start starts a server of its own in directory dir and returns when it accepts
// connections. dir is made if missing; if it holds a cluster of an earlier Start,
// that is started again with its data. Without dir, a directory in the temporary
// directory is used, which Close removes. Programs are searched, and installed if
// missing, as the documentation of the package says.
//
// If ctx has no deadline, a start is given two minutes; installing is not counted.
func Start(ctx context.Context, dir string, opts Options) (*Server, error) {
	s := &Server{opts: opts.withDefaults(), dir: dir}
	bin, findErr := findOrInstall(ctx, s.opts.Bin)
	if err := s.makeDir(); err != nil {
		return nil, err
	}
	err := s.choose(ctx, bin, findErr)
	if err == nil {
		err = s.firstStart(ctx)
	}
	if err != nil {
		return nil, errors.Join(err, s.Close())
	}
	return s, nil
}

func (s *Server) makeDir() error {
	if s.dir == "" {
		dir, lock, err := privateDir()
		s.dir, s.made = dir, lock
		return err
	}
	abs, err := filepath.Abs(s.dir)
	if err != nil {
		return fmt.Errorf("make directory of the server: %w", err)
	}
	s.dir = abs
	if err := os.MkdirAll(abs, 0o755); err != nil {
		return fmt.Errorf("make directory of the server: %w", err)
	}
	return nil
}

// choose takes the programs of this machine, else a container.
func (s *Server) choose(ctx context.Context, bin string, findErr error) error {
	if findErr == nil {
		n, err := newNative(bin, s.dir, s.opts)
		if err == nil {
			s.launch = n
		}
		return err
	}
	if s.opts.Bin != "" || os.Getenv(EnvBin) != "" {
		return findErr
	}
	c := newContainer(ctx, s.opts)
	if c == nil {
		return findErr
	}
	s.launch = c
	return nil
}

// firstStart takes another free port if someone was faster in using the one found.
func (s *Server) firstStart(ctx context.Context) error {
	if err := s.launch.prepare(ctx); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for try := 1; ; try++ {
		port, err := s.takePort()
		if err != nil {
			return err
		}
		s.base = baseURL(s.opts.User, port)
		err = s.start(ctx)
		if err == nil || s.opts.Port != 0 || try == 5 || s.launch.refusal(s.logTail()) != portTaken {
			return err
		}
	}
}

func (s *Server) takePort() (int, error) {
	if s.opts.Port != 0 {
		return s.opts.Port, nil
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return 0, fmt.Errorf("find a free port: %w", err)
	}
	port := l.Addr().(*net.TCPAddr).Port
	if err := l.Close(); err != nil {
		return 0, fmt.Errorf("find a free port: %w", err)
	}
	return port, nil
}

// start runs the server and waits until it takes connections, trying again while
// processes of a killed one are still ending. s.mu is held.
func (s *Server) start(ctx context.Context) error {
	if _, ok := ctx.Deadline(); !ok {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, startLimit)
		defer cancel()
	}
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for {
		err := s.run(ctx)
		if err == nil || s.launch.refusal(s.logTail()) != stillEnding {
			return err
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return err
		}
	}
}

func (s *Server) run(ctx context.Context) error {
	log, err := os.Create(s.LogPath())
	if err != nil {
		return fmt.Errorf("make log of the server: %w", err)
	}
	defer log.Close() // the server has a descriptor of its own
	cmd := s.launch.command(s.Port())
	cmd.Stdout, cmd.Stderr = log, log
	proc, err := startProcess(cmd)
	if err != nil {
		return err
	}
	if err := s.awaitReady(ctx, proc); err != nil {
		return errors.Join(err, endNow(proc))
	}
	s.proc = proc
	return nil
}

func (s *Server) awaitReady(ctx context.Context, proc *process) error {
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	err := errors.New("no attempt")
	for {
		if s.launch.ready(proc.cmd.Process.Pid) {
			err = s.ping(ctx)
		}
		if err == nil {
			return nil
		}
		select {
		case <-tick.C:
		case <-proc.done:
			return fmt.Errorf("start server: it ended (%w) and said: %s", errOr(proc.err, errors.New("exit status 0")), s.logTail())
		case <-ctx.Done():
			return fmt.Errorf("start server: %w while connecting failed with %w; its log ends: %s", ctx.Err(), err, s.logTail())
		}
	}
}

func errOr(err, other error) error {
	if err != nil {
		return err
	}
	return other
}

func (s *Server) logTail() string {
	text, err := os.ReadFile(s.LogPath())
	if err != nil {
		return err.Error()
	}
	return lastLines(string(text), 8)
}

// Stop stops the server and returns when it has ended. A server that is stopped
// already, or has crashed, is no error. If ctx ends first, the server may still be
// stopping; Stop may be called again with another mode. The data stays; see Restart
// and Close.
func (s *Server) Stop(ctx context.Context, mode Mode) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.stop(ctx, mode)
}

func (s *Server) stop(ctx context.Context, mode Mode) error {
	if s.launch == nil {
		return errForeign
	}
	sig, ok := map[Mode]os.Signal{Fast: syscall.SIGINT, Immediate: syscall.SIGQUIT}[mode]
	if !ok {
		return fmt.Errorf("stop server: mode %q must be %q or %q", mode, Fast, Immediate)
	}
	if s.proc == nil {
		return nil
	}
	if err := s.proc.stop(ctx, sig); err != nil {
		return fmt.Errorf("stop server: %w", err)
	}
	s.proc = nil
	return nil
}

var errForeign = errors.New("control server: it is the one of " + Env + ", which was not started here")

// Restart stops the server in fast mode if it runs, and starts it on the same port
// with the same data. It returns when the server accepts connections.
func (s *Server) Restart(ctx context.Context) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.stop(ctx, Fast); err != nil {
		return err
	}
	return s.start(ctx)
}

// Close stops the server at once and removes what Start made: the directory if none
// was named, the container. It does nothing to a server that was not started here,
// and nothing the second time.
func (s *Server) Close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.launch == nil {
		return nil
	}
	var errs []error
	if s.proc != nil {
		errs = append(errs, endNow(s.proc))
		s.proc = nil
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	errs = append(errs, s.launch.remove(ctx))
	if s.made != nil {
		errs = append(errs, os.RemoveAll(s.dir), s.made.Close())
		s.made = nil
	}
	return errors.Join(errs...)
}

// endNow ends the server with an immediate shutdown, or kills it if it takes longer
// than that can.
func endNow(p *process) error {
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	err := p.stop(ctx, syscall.SIGQUIT)
	if err == nil {
		return nil
	}
	killCtx, cancelKill := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancelKill()
	return errors.Join(err, p.stop(killCtx, syscall.SIGKILL))
}
