// SPDX-License-Identifier: Apache-2.0

package runtime

import (
	"context"
	"sync"
	"time"
)

// waker lets other goroutines interrupt the road where it waits, be it in a
// connector's Poll. A wake-up that comes while the road is busy is kept.
type waker struct {
	mu     sync.Mutex
	cancel context.CancelFunc
	set    bool
}

// wake interrupts the wait that is under way, or else the next one.
func (w *waker) wake() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.set = true
	if w.cancel != nil {
		w.cancel()
	}
}

// begin returns a context that ends with ctx, at the next wake, or after d; d < 0
// stands for never. end must be called when the wait is over.
func (w *waker) begin(ctx context.Context, d time.Duration) (wait context.Context, end func()) {
	var cancel context.CancelFunc
	if d >= 0 {
		wait, cancel = context.WithTimeout(ctx, d)
	} else {
		wait, cancel = context.WithCancel(ctx)
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.cancel = cancel
	if w.set {
		cancel()
	}
	return wait, func() {
		w.mu.Lock()
		defer w.mu.Unlock()
		w.cancel, w.set = nil, false
		cancel()
	}
}

// wait blocks until the next wake, the end of ctx, or d has passed.
func (w *waker) wait(ctx context.Context, d time.Duration) {
	wait, end := w.begin(ctx, d)
	defer end()
	<-wait.Done()
}
