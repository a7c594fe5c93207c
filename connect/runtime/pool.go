// SPDX-License-Identifier: Apache-2.0

package runtime

import "sync"

// units keeps batches and units for their next use. The committer gives batches
// back from its goroutine.
type units struct {
	mu      sync.Mutex
	batches []*held
	spare   []*unit
}

// pooled bounds what is kept: one batch being filled, one under way, one to spare.
const pooled = 4

// batch returns an empty batch, held by the caller, with the limits of a poll.
func (f *units) batch(w *WorkerSettings) *held {
	f.mu.Lock()
	defer f.mu.Unlock()
	var b *held
	if n := len(f.batches); n > 0 {
		b = f.batches[n-1]
		f.batches[n-1] = nil
		f.batches = f.batches[:n-1]
	} else {
		b = &held{}
	}
	b.MaxBytes, b.MaxRecords = w.BatchBytes, w.BatchRecords
	b.refs.Store(1)
	return b
}

// release gives up one hold of a batch, and keeps it for its next use after the last.
func (f *units) release(b *held) {
	if b.refs.Add(-1) > 0 {
		return
	}
	b.Reset()
	f.mu.Lock()
	defer f.mu.Unlock()
	if len(f.batches) < 2*pooled {
		f.batches = append(f.batches, b)
	}
}

// takeUnit returns an empty unit.
func (f *units) takeUnit() *unit {
	f.mu.Lock()
	defer f.mu.Unlock()
	if n := len(f.spare); n > 0 {
		u := f.spare[n-1]
		f.spare = f.spare[:n-1]
		return u
	}
	return &unit{}
}

// unit takes a unit back.
func (f *units) unit(u *unit) {
	u.reset()
	f.mu.Lock()
	defer f.mu.Unlock()
	if len(f.spare) < 2 {
		f.spare = append(f.spare, u)
	}
}

// drop gives all memory up.
func (f *units) drop() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.batches, f.spare = nil, nil
}
