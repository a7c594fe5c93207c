// SPDX-License-Identifier: Apache-2.0

package backoff

import (
	"context"
	"time"
)

// Wait returns true after d, or false as soon as ctx ends. With a d of zero or less it
// returns at once: true, or either if ctx has ended too.
func Wait(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-ctx.Done():
		return false
	}
}
