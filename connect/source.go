// SPDX-License-Identifier: Apache-2.0

package connect

import (
	"context"
	"log/slog"
)

// ConnectorContext is what the engine gives a connector (not a task) at Start.
type ConnectorContext struct {
	Name   string
	Config Config
	Log    *slog.Logger
	// Kafka are the client properties of the worker's own cluster.
	Kafka map[string]string
	// Reconfigure asks the engine to call Tasks again and to restart the tasks if
	// their configurations changed. It returns at once and may be called from any
	// goroutine, also while Start runs.
	Reconfigure func()
	// Fail marks the connector FAILED with this error. It returns at once.
	Fail func(error)
}

// Connector plans the tasks of one configured connector. Sources and sinks have
// the same planning side; the work is done by their tasks.
//
// The engine calls Start once, then Tasks any number of times, never two at once,
// then Stop once. A connector that watches something outside (new files, new
// topics) does so in goroutines of its own and calls Reconfigure.
type Connector interface {
	// Start checks what can only be checked against the world and begins to watch.
	// ctx ends the starting, not the life of the connector. An error makes the
	// connector FAILED; it gets no Tasks call, but Stop.
	Start(ctx context.Context, c ConnectorContext) error
	// Tasks returns one configuration a task, at most max of them. The order is
	// kept as the tasks' numbers; the same world must give the same answer.
	Tasks(ctx context.Context, max int) ([]map[string]string, error)
	// Stop ends the watching and returns when its goroutines have ended. It is
	// called also when Start failed, and may be called twice.
	Stop(ctx context.Context) error
}

// SourceTaskContext is what the engine gives a source task at Start.
type SourceTaskContext struct {
	Connector string
	Task      int
	Config    Config
	Log       *slog.Logger
	// Kafka are the client properties of the worker's own cluster.
	Kafka map[string]string
	// Offsets returns the committed offset of each of these source partitions, null
	// where there is none. Members are compared by meaning, not by order or bytes.
	Offsets func(ctx context.Context, partitions []Value) ([]Value, error)
	// AllOffsets returns every committed position of this connector, for sources
	// that must find a partition by something else than its map.
	AllOffsets func(ctx context.Context) ([]Position, error)
}

// SourceTask reads records from outside.
//
// Order of calls: Start once; then Poll again and again from one goroutine; Commit
// and Position from another goroutine, beside Poll; Stop once at the end, after the
// last Poll and Commit have returned. A task is never started twice: a restart makes
// a new one.
type SourceTask interface {
	// Start connects and seeks to the committed offsets. ctx ends with the task: what
	// it starts in the background must end in Stop. A RetriableError is repeated by
	// errors.retry.*; any other error fails the task.
	Start(ctx context.Context, t SourceTaskContext) error
	// Poll appends what is there to b until b.Full, and returns at once when it has
	// added something and there is no more. With nothing to add it waits until there
	// is something or ctx ends; it returns nil with an empty batch at the end of ctx.
	// A record that cannot be decoded is added with Record.Err set; an error from
	// Poll fails the task unless it is retriable, and b is thrown away.
	Poll(ctx context.Context, b *Batch) error
	// Position returns the position of b.Records[i]. It is asked only for what is
	// written, and must depend on b alone: Poll may be at work on another batch.
	Position(b *Batch, i int) Position
	// Commit says that everything up to these positions is known to have been
	// committed, newest per source partition; calls never go back and never overlap.
	// The place to move a replication slot. An error is logged, and the next Commit
	// carries newer positions; a task that cannot go on returns it from Poll.
	Commit(ctx context.Context, ps []Position) error
	// Stop releases everything; its goroutines have ended when it returns. Also
	// called after a failed Start.
	Stop(ctx context.Context) error
}

// StatePartitioned is implemented by source tasks whose records name other state
// partitions than 0.
type StatePartitioned interface {
	// StatePartitions returns the state partitions that this task reads and writes, and
	// the number that all tasks of the connector have together. It is asked after Start.
	StatePartitions() (own []int32, total int32)
}

// Figure is a number that a task shows of itself, beside what the engine counts.
type Figure struct {
	// Name is in the form of Prometheus, without a prefix, with its unit at the end:
	// "slot_lag_bytes". A task shows a name once.
	Name string
	// Help is one sentence, the same for all values of the name.
	Help  string
	Value float64
}

// Observer is implemented by source and sink tasks that have figures of their own to
// show, such as how far a replication slot is behind. Figures is called at any time
// between Start and Stop, from any goroutine, and must answer at once, from memory.
type Observer interface {
	Figures() []Figure
}
