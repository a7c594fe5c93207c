// SPDX-License-Identifier: Apache-2.0

package postgrescdc

import (
	"net"
	"syscall"
	"time"
)

// keepaliveProbes is how many probes of TCP may stay without an answer.
const keepaliveProbes = 4

// dialer opens connections that end by themselves when the other side has vanished without
// a word: idle ones by probes, and where the system can do that also those on which
// something was sent that nobody has confirmed. silence is how long either may take, at
// least some seconds; 0 leaves it to the system.
func dialer(silence time.Duration) *net.Dialer {
	d := &net.Dialer{}
	if silence <= 0 {
		return d
	}
	pause := max(silence/(2*keepaliveProbes), time.Second)
	d.KeepAliveConfig = net.KeepAliveConfig{Enable: true, Idle: max(silence/2, time.Second), Interval: pause, Count: keepaliveProbes}
	d.Control = func(network, _ string, c syscall.RawConn) error {
		if network != "tcp" && network != "tcp4" && network != "tcp6" {
			return nil
		}
		return boundUnconfirmed(c, max(silence, 5*time.Second))
	}
	return d
}
