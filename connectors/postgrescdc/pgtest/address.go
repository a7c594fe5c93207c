// SPDX-License-Identifier: Apache-2.0

package pgtest

import (
	"errors"
	"fmt"
	"net"
	"net/url"
	"path/filepath"
	"strconv"
)

func baseURL(user string, port int) *url.URL {
	return &url.URL{
		Scheme:   "postgres",
		User:     url.User(user),
		Host:     net.JoinHostPort("127.0.0.1", strconv.Itoa(port)),
		RawQuery: "sslmode=disable",
	}
}

// Connect returns the server at a postgres:// URL. It starts nothing and does not
// connect; Stop, Restart, Pid and Bin fail, Close does nothing. The user of the URL
// must be a superuser.
func Connect(rawURL string) (*Server, error) {
	u, err := url.Parse(rawURL)
	if err != nil {
		return nil, fmt.Errorf("read URL of the server: %w", err)
	}
	if u.Scheme != "postgres" && u.Scheme != "postgresql" {
		return nil, fmt.Errorf("read URL of the server: scheme %q must be postgres", u.Scheme)
	}
	if u.Hostname() == "" || u.User.Username() == "" {
		return nil, errors.New("read URL of the server: it must name host and user, as in postgres://user@host:5432/postgres")
	}
	if u.Port() == "" {
		u.Host = net.JoinHostPort(u.Hostname(), "5432")
	}
	u.Path = ""
	return &Server{opts: Options{}.withDefaults(), base: u}, nil
}

// URL returns the URL of a database, with user, and password if there is one. It is
// understood by libpq and pgx; add replication=database for a replication
// connection.
func (s *Server) URL(database string) string {
	u := *s.base
	u.Path = "/" + database
	return u.String()
}

// Addr returns host and port of the server, joined by a colon. Restart keeps it.
func (s *Server) Addr() string { return s.base.Host }

// Host returns the host of the server, without port.
func (s *Server) Host() string { return s.base.Hostname() }

// Port returns the TCP port of the server.
func (s *Server) Port() int {
	port, err := strconv.Atoi(s.base.Port())
	if err != nil {
		return 0
	}
	return port
}

// User returns the name of the superuser that URL names.
func (s *Server) User() string { return s.base.User.Username() }

// SocketDir returns the directory of the Unix socket of the server, to be used as
// host by libpq and pgx; "" if there is no socket, because its path would be too
// long or the server is in a container or was not started here.
func (s *Server) SocketDir() string {
	if n, ok := s.launch.(*native); ok {
		return n.sockets()
	}
	return ""
}

// LogPath returns the file of what the server has logged since its last start. It
// does not exist for a server that was not started here.
func (s *Server) LogPath() string { return filepath.Join(s.dir, "postgres.log") }

// Bin returns the path of a program that came with the server, such as psql or
// pg_dump. It does not exist if only server packages are installed, the server runs
// in a container or was not started here: that is an error.
func (s *Server) Bin(name string) (string, error) {
	n, ok := s.launch.(*native)
	if !ok {
		return "", fmt.Errorf("find program %s: the programs of this server are not on this machine", name)
	}
	path := filepath.Join(n.bin, name)
	if !executable(path) {
		return "", fmt.Errorf("find program %s: there is none in %s", name, n.bin)
	}
	return path, nil
}

// Pid returns the process id of the server (the postmaster), 0 if it is stopped,
// runs in a container or was not started here.
func (s *Server) Pid() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, ok := s.launch.(*native); !ok || s.proc == nil || s.proc.ended() {
		return 0
	}
	return s.proc.cmd.Process.Pid
}
