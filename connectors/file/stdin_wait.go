// SPDX-License-Identifier: Apache-2.0

package file

import (
	"errors"
	"os"
	"time"

	"golang.org/x/sys/unix"
)

// readable waits until f has input, or has ended.
func readable(f *os.File, wait time.Duration) (bool, error) {
	fds := []unix.PollFd{{Fd: int32(f.Fd()), Events: unix.POLLIN}}
	n, err := unix.Poll(fds, int(wait.Milliseconds()))
	if errors.Is(err, unix.EINTR) {
		return false, nil
	}
	return n > 0, err
}
