// SPDX-License-Identifier: Apache-2.0

package connect

import (
	"context"
	"log/slog"
)

// SinkTaskContext is what the engine gives a sink task at Start.
type SinkTaskContext struct {
	Connector string
	Task      int
	Config    Config
	Log       *slog.Logger
	// Kafka are the client properties of the worker's own cluster.
	Kafka map[string]string
	// Report sends record i of the batch that Put is working on to the error road,
	// by errors.tolerance: nil means that the record is taken care of and Put goes
	// on with the next; an error means that Put must return it. Only within Put.
	Report func(ctx context.Context, i int, err error) error
	// Rewind asks to continue a partition at another offset; it takes effect before
	// the next Put. Only within Open and Put.
	Rewind func(offsets []TopicOffset)
}

// SinkTask writes records outside.
//
// All methods are called from one goroutine: Start, then Open with the first
// partitions, then Put and Flush in any order, Close and Open when partitions move,
// Stop at the end.
type SinkTask interface {
	// Start connects. ctx ends with the task. Errors as for SourceTask.Start.
	Start(ctx context.Context, t SinkTaskContext) error
	// Open adds partitions, with the committed offset (-1 if there is none) and the
	// metadata that Flush returned for it. It is called before their first record.
	Open(ctx context.Context, at []TopicOffset) error
	// Put takes a batch, in order within each partition. A RetriableError leads to
	// the same batch again after a pause; any other error fails the task. The batch
	// may not be kept: what is buffered must be copied.
	Put(ctx context.Context, b *Batch) error
	// Flush makes everything that Put took durable and returns the offsets that may
	// be committed: usually those given, with metadata of its own. Returning fewer, or
	// smaller ones, is allowed. An error fails the task before anything is committed.
	Flush(ctx context.Context, offsets []TopicOffset) ([]TopicOffset, error)
	// Close takes partitions away; they have been flushed and committed if the task
	// still owned them.
	Close(ctx context.Context, ps []TopicPartition) error
	// Stop releases everything. Also called after a failed Start.
	Stop(ctx context.Context) error
}
