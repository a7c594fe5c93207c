// SPDX-License-Identifier: Apache-2.0

package postgrescdc

import (
	"context"
	"log/slog"
	"strings"
	"testing"

	"github.com/connectd/connectd/connect"
)

// endingContext ends when it has been asked some times whether it has.
type endingContext struct {
	context.Context
	left int
}

func (c *endingContext) Err() error {
	if c.left--; c.left < 0 {
		return context.Canceled
	}
	return nil
}

// TestRefusedMessageStaysRefused: a message that breaks a rule is not passed over because
// the poll that met it was interrupted at that moment.
func TestRefusedMessageStaysRefused(t *testing.T) {
	t.Parallel()
	s := mustParse(t)
	e := newEmitter(s, connect.SourceTaskContext{Log: slog.New(slog.DiscardHandler)}, nil, nil)
	task := &task{s: s, emitter: e, decoder: &decoder{e: e}, queue: newQueue(1 << 20), log: slog.New(slog.DiscardHandler)}
	c := task.queue.fresh()
	c.add(itemData, 0x10, []byte("?"))
	c.keepalive(0x20)
	task.queue.put(c)
	b := &connect.Batch{MaxRecords: 10, MaxBytes: 1 << 20}
	if err := task.Poll(&endingContext{t.Context(), 1}, b); err != nil {
		t.Fatalf("the interrupted poll: %v", err)
	}
	for range 2 {
		b.Reset()
		if err := task.Poll(t.Context(), b); err == nil || !strings.Contains(err.Error(), "0/10") || len(b.Progress) > 0 {
			t.Fatalf("behind the message at 0/10: error %v, positions %v", err, b.Progress)
		}
	}
}
