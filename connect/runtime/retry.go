// SPDX-License-Identifier: Apache-2.0

package runtime

import (
	"context"
	"errors"
	"math/rand/v2"
	"time"

	"github.com/connectd/connectd/connect"
	"github.com/connectd/connectd/connect/backoff"
)

// firstRetryDelay is the original's: it doubles with each attempt.
const firstRetryDelay = 300 * time.Millisecond

// retry decides how often and when an operation is repeated, by errors.retry.*.
type retry struct {
	timeout time.Duration // negative for ever
	most    time.Duration
	now     func() time.Time
	// sleep waits, and reports false when ctx ended first.
	sleep func(ctx context.Context, d time.Duration) bool
	// random returns a number from 0 to below n.
	random func(n int64) int64
}

func newRetry(c connect.Config, now func() time.Time) retry {
	timeout := c.Millis(keyRetryTimeout)
	return retry{timeout: timeout, most: c.Millis(keyRetryDelayMax), now: now, sleep: backoff.Wait, random: rand.Int64N}
}

// delay returns the pause before attempt number n (from 1) of an operation that
// began at start and failed with err, and false if it is not to be repeated.
func (r *retry) delay(err error, n int, start time.Time) (time.Duration, bool) {
	if !connect.IsRetriable(err) || r.timeout == 0 {
		return 0, false
	}
	d := firstRetryDelay << min(n-1, 30)
	if d > r.most && r.most > 0 {
		d = time.Duration(r.random(int64(r.most)))
	}
	var asked *connect.RetriableError
	if errors.As(err, &asked) && asked.After > 0 {
		d = asked.After
	}
	if r.timeout < 0 {
		return d, true
	}
	left := r.timeout - r.now().Sub(start)
	if left <= 0 {
		return 0, false
	}
	return min(d, left), true
}

// do repeats an operation outside of the road of records, such as a plugin's Start.
// before is called before each pause.
func (r *retry) do(ctx context.Context, before func(err error, d time.Duration), op func() error) error {
	start := r.now()
	for n := 1; ; n++ {
		err := op()
		if err == nil {
			return nil
		}
		d, again := r.delay(err, n, start)
		if !again {
			return err
		}
		before(err, d)
		if !r.sleep(ctx, d) {
			return err
		}
	}
}
