// SPDX-License-Identifier: Apache-2.0

package postgrescdc

import (
	"syscall"
	"time"
)

// tcpUserTimeout is TCP_USER_TIMEOUT, in milliseconds.
const tcpUserTimeout = 18

// boundUnconfirmed bounds how long what was sent may stay without confirmation.
func boundUnconfirmed(c syscall.RawConn, d time.Duration) error {
	var err error
	if failed := c.Control(func(fd uintptr) {
		err = syscall.SetsockoptInt(int(fd), syscall.IPPROTO_TCP, tcpUserTimeout, int(d.Milliseconds()))
	}); failed != nil {
		return failed
	}
	return err
}
