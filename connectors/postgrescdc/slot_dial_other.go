// SPDX-License-Identifier: Apache-2.0

//go:build !linux

package postgrescdc

import (
	"syscall"
	"time"
)

// boundUnconfirmed leaves it to the system: there is no such bound here.
func boundUnconfirmed(syscall.RawConn, time.Duration) error { return nil }
