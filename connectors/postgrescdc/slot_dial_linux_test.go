// SPDX-License-Identifier: Apache-2.0

package postgrescdc

import (
	"net"
	"syscall"
	"testing"
	"time"

	"github.com/connectd/connectd/connectors/postgrescdc/pgtest"
)

// TestConnectionsAreProbed: the system knows how long a peer may be silent.
func TestConnectionsAreProbed(t *testing.T) {
	t.Parallel()
	srv := pgtest.Shared(t)
	for _, c := range []struct {
		silence             time.Duration
		idle, pause, probes int
		unconfirmed         int // milliseconds
	}{
		{silence: 0, idle: 15, pause: 15, probes: 9, unconfirmed: 0},
		{silence: 100 * time.Millisecond, idle: 1, pause: 1, probes: 4, unconfirmed: 5000},
		{silence: time.Minute, idle: 30, pause: 8, probes: 4, unconfirmed: 60_000},
	} {
		conn, err := dialer(c.silence).DialContext(t.Context(), "tcp", srv.Addr())
		if err != nil {
			t.Fatal(err)
		}
		for option, want := range map[int]int{syscall.TCP_KEEPIDLE: c.idle, syscall.TCP_KEEPINTVL: c.pause, syscall.TCP_KEEPCNT: c.probes, tcpUserTimeout: c.unconfirmed} {
			if got := socketOption(t, conn, option); got != want {
				t.Errorf("silence %s: option %d is %d, want %d", c.silence, option, got, want)
			}
		}
		if err := conn.Close(); err != nil {
			t.Error(err)
		}
	}
}

func socketOption(t *testing.T, conn net.Conn, option int) int {
	t.Helper()
	raw, err := conn.(*net.TCPConn).SyscallConn()
	if err != nil {
		t.Fatal(err)
	}
	got := 0
	if failed := raw.Control(func(fd uintptr) { got, err = syscall.GetsockoptInt(int(fd), syscall.IPPROTO_TCP, option) }); failed != nil || err != nil {
		t.Fatal(failed, err)
	}
	return got
}
