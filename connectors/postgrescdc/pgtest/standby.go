// SPDX-License-Identifier: Apache-2.0

package pgtest

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"strings"
)

// Standby starts a streaming standby of the server and returns when it accepts connections.
// It has the settings of the server and those given, a directory of its own that Close
// removes, and a port of its own. It reads a physical slot of the server, which StandbySlot
// names, so that the server keeps what it needs. Promote makes a server of its own of
// it. The server must have been started here from programs of this machine; no more of
// them than initdb and postgres is needed.
func (s *Server) Standby(ctx context.Context, settings map[string]string) (*Server, error) {
	n, ok := s.launch.(*native)
	if !ok {
		return nil, errors.New("make standby: the server does not run from programs of this machine")
	}
	c := &Server{opts: s.opts}
	if err := c.makeDir(); err != nil {
		return nil, err
	}
	if err := c.follow(ctx, s, n, settings); err != nil {
		return nil, errors.Join(fmt.Errorf("make standby: %w", err), c.Close())
	}
	return c, nil
}

// follow makes s a copy of the server p, whose programs are n, that goes on from there.
func (s *Server) follow(ctx context.Context, p *Server, n *native, settings map[string]string) error {
	slot := "standby_" + strings.TrimPrefix(filepath.Base(s.dir), dirPrefix)
	s.opts.Port = 0
	s.opts.Settings = maps.Clone(s.opts.Settings)
	if s.opts.Settings == nil {
		s.opts.Settings = map[string]string{}
	}
	s.opts.Settings["primary_slot_name"] = slot
	s.opts.Settings["primary_conninfo"] = fmt.Sprintf("host=127.0.0.1 port=%d user=%s dbname=postgres", p.Port(), s.opts.User)
	maps.Copy(s.opts.Settings, settings)
	if err := p.Exec(ctx, "postgres", "SELECT pg_create_physical_replication_slot('"+slot+"', true)"); err != nil {
		return err
	}
	made, err := newNative(n.bin, s.dir, s.opts)
	if err != nil {
		return err
	}
	s.launch = made
	if err := p.backup(ctx, n, made); err != nil {
		return err
	}
	if err := made.as.write(filepath.Join(made.data(), "standby.signal"), nil); err != nil {
		return err
	}
	return s.firstStart(ctx)
}

// StandbySlot is the name of the physical slot that a standby reads on its primary, for
// synchronized_standby_slots; "" for other servers.
func (s *Server) StandbySlot() string { return s.opts.Settings["primary_slot_name"] }

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
// a restore_command among the settings, which may find nothing. When it returns, the
// server takes connections, and may not have ended recovery yet.
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
