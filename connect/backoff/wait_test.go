// SPDX-License-Identifier: Apache-2.0

package backoff_test

import (
	"context"
	"testing"
	"time"

	"github.com/connectd/connectd/connect/backoff"
)

func TestWait(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	const d = 10 * time.Millisecond
	start := time.Now()
	if !backoff.Wait(ctx, d) || time.Since(start) < d {
		t.Errorf("waited for %s of %s", time.Since(start), d)
	}
	if !backoff.Wait(ctx, -time.Hour) {
		t.Error("a time that has passed is no end of the context")
	}
	time.AfterFunc(d, cancel)
	if backoff.Wait(ctx, time.Hour) {
		t.Error("the end of the context is not told")
	}
	if backoff.Wait(ctx, time.Hour) {
		t.Error("a context that has ended is waited for")
	}
}
