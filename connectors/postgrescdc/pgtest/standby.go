// SPDX-License-Identifier: Apache-2.0

package pgtest

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// Standby starts a streaming standby of the server, made by pg_basebackup, and returns when
// it accepts connections. It has the settings of the server, a directory of its own that
// Close removes, and a port of its own. Promote makes a server of its own of it. The server
// must have been started here from programs of this machine.
func (s *Server) Standby(ctx context.Context) (*Server, error) {
	n, ok := s.launch.(*native)
	if !ok {
		return nil, errors.New("make standby: the server does not run from programs of this machine")
	}
	opts := s.opts
	opts.Port = 0
	c := &Server{opts: opts}
	if err := c.makeDir(); err != nil {
		return nil, err
	}
	copied, err := newNative(n.bin, c.dir, opts)
	if err == nil {
		c.launch = copied
		err = copied.follow(ctx, s.Port())
	}
	if err == nil {
		err = c.firstStart(ctx)
	}
	if err != nil {
		return nil, errors.Join(err, c.Close())
	}
	return c, nil
}

// follow copies the data of a server and the way to it.
func (n *native) follow(ctx context.Context, port int) error {
	if err := n.as.canEnter(n.dir); err != nil {
		return err
	}
	if err := n.as.mkdir(n.data()); err != nil {
		return err
	}
	cmd := n.as.command(ctx, filepath.Join(n.bin, "pg_basebackup"), "-D", n.data(), "-R", "-X", "stream", "-c", "fast", "--no-sync",
		"-d", fmt.Sprintf("host=127.0.0.1 port=%d user=%s", port, n.opts.User))
	if out, err := cmd.CombinedOutput(); err != nil {
		return errors.Join(fmt.Errorf("run pg_basebackup: %w: %s", err, lastLines(string(out), 5)), ctx.Err())
	}
	return nil
}

// Promote ends recovery on a standby and returns when it takes writes, on a timeline of
// its own.
func (s *Server) Promote(ctx context.Context) error {
	rows, err := s.Query(ctx, "postgres", "SELECT pg_promote(true, 60)")
	if err != nil {
		return fmt.Errorf("promote standby: %w", err)
	}
	if len(rows) != 1 || strings.Join(rows[0], "") != "t" {
		return fmt.Errorf("promote standby: the server answers %v", rows)
	}
	return nil
}

// Recover stops the server and lets it come up by way of archive recovery, as a restored
// one does: its data, and its slots, are the same, and its timeline is a new one. It needs
// a restore_command among the settings, which may find nothing.
func (s *Server) Recover(ctx context.Context) error {
	n, ok := s.launch.(*native)
	if !ok {
		return errors.New("recover server: it does not run from programs of this machine")
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.stop(ctx, Fast); err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(n.data(), "recovery.signal"), nil, 0o666); err != nil {
		return fmt.Errorf("recover server: %w", err)
	}
	return s.start(ctx)
}
