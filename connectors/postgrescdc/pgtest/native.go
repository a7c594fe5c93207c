// SPDX-License-Identifier: Apache-2.0

package pgtest

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
)

// launcher is a way of running a server: from programs of this machine, or in a
// container.
type launcher interface {
	// prepare does what has to be done once before the first start.
	prepare(ctx context.Context) error
	// command returns the server as a process in the foreground that ends an
	// immediate shutdown on SIGQUIT and a fast one on SIGINT.
	command(port int) *exec.Cmd
	// remove undoes prepare, but for what is in the folder of the server.
	remove(ctx context.Context) error
	// ready reports whether the server takes connections; pid is that of command.
	ready(pid int) bool
	// refusal says what the log of a failed start means.
	refusal(log string) refusal
}

// refusal is why a server did not start, where something can be done about it.
type refusal int

const (
	otherRefusal refusal = iota
	portTaken            // by someone else
	stillEnding          // processes of a killed server use the cluster for a moment
)

// socketPathLimit is what fits into the address of a Unix socket everywhere, less
// the name of the socket file with five digits of port.
const socketPathLimit = 103 - len("/.s.PGSQL.65535")

// native runs the programs in bin.
type native struct {
	bin  string
	dir  string
	as   account
	opts Options
}

func newNative(bin, dir string, opts Options) (*native, error) {
	as, err := runAs()
	if err != nil {
		return nil, err
	}
	return &native{bin: bin, dir: dir, as: as, opts: opts}, nil
}

func (n *native) data() string { return filepath.Join(n.dir, "data") }

// sockets is the directory of the Unix socket, "" if its path would be too long.
func (n *native) sockets() string {
	dir := filepath.Join(n.dir, "run")
	if len(dir) > socketPathLimit {
		return ""
	}
	return dir
}

func (n *native) prepare(ctx context.Context) error {
	if err := n.as.canEnter(n.dir); err != nil {
		return err
	}
	for _, dir := range []string{n.data(), filepath.Join(n.dir, "run")} {
		if err := n.as.mkdir(dir); err != nil {
			return err
		}
	}
	_, err := os.Stat(filepath.Join(n.data(), "PG_VERSION"))
	if errors.Is(err, fs.ErrNotExist) {
		err = n.initdb(ctx)
	}
	if err != nil {
		return fmt.Errorf("make database cluster: %w", err)
	}
	return n.configure()
}

func (n *native) initdb(ctx context.Context) error {
	cmd := n.as.command(ctx, filepath.Join(n.bin, "initdb"), "-D", n.data(), "-U", n.opts.User,
		"--auth=trust", "--no-sync", "--encoding=UTF8", "--no-locale")
	if out, err := cmd.CombinedOutput(); err != nil {
		return errors.Join(fmt.Errorf("run initdb: %w: %s", err, lastLines(string(out), 5)), ctx.Err())
	}
	return appendLine(filepath.Join(n.data(), "postgresql.conf"), "include = 'connectd.conf'\n")
}

// configure writes the settings to a file that ALTER SYSTEM takes precedence over.
func (n *native) configure() error {
	path := filepath.Join(n.data(), "connectd.conf")
	if err := os.WriteFile(path, []byte(configFile(n.opts.settings())), 0o644); err != nil {
		return fmt.Errorf("write settings of the server: %w", err)
	}
	return nil
}

func (n *native) command(port int) *exec.Cmd {
	return n.as.command(context.Background(), filepath.Join(n.bin, "postgres"), "-D", n.data(),
		"-c", "listen_addresses=127.0.0.1",
		"-c", "port="+strconv.Itoa(port),
		"-c", "unix_socket_directories="+n.sockets())
}

func (n *native) remove(context.Context) error { return nil }

// ready reads postmaster.pid, whose first line is the process id and whose eighth is
// the state: "standby" is one that takes connections. Asking the port could mean the server of someone else.
func (n *native) ready(pid int) bool {
	text, err := os.ReadFile(filepath.Join(n.data(), "postmaster.pid"))
	if err != nil {
		return false
	}
	lines := strings.Split(string(text), "\n")
	if len(lines) < 8 || lines[0] != strconv.Itoa(pid) {
		return false
	}
	state := strings.TrimSpace(lines[7])
	return state == "ready" || state == "standby"
}

func (n *native) refusal(log string) refusal {
	switch {
	case strings.Contains(log, "Address already in use"):
		return portTaken
	case strings.Contains(log, "pre-existing shared memory block"):
		return stillEnding
	}
	return otherRefusal
}

func appendLine(path, line string) error {
	f, err := os.OpenFile(path, os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	_, err = f.WriteString(line)
	return errors.Join(err, f.Close())
}
