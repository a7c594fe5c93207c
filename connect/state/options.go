// SPDX-License-Identifier: Apache-2.0

package state

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"time"

	"github.com/connectd/connectd/connect"
)

// Kind is a kind of committed store, as the configuration names it.
type Kind string

// The kinds of store.
const (
	// Memory keeps everything in memory and a snapshot of it in a local file.
	Memory Kind = "memory"
	// Disk keeps everything in a local database, for state larger than memory.
	Disk Kind = "disk"
)

// Crash points of this package; see Options.Crash.
const (
	// CrashInApply is passed after a part of a committed unit has reached its store.
	CrashInApply = "in-apply"
	// CrashDuringRestore is passed for each record that is read from a changelog.
	CrashDuringRestore = "during-restore"
)

// Step is one stateful step of a chain.
type Step struct {
	// Alias is the name of the step in the connector's configuration.
	Alias string
	// Name is its state.name; empty means the alias. It names the changelog.
	Name string
	// Spec is what the transform declared.
	Spec connect.StateSpec
	// AllowEmpty starts the step with empty state although its connector has
	// committed offsets: the user said that the step is new, or that its state may go.
	AllowEmpty bool
}

// Changelog is read access to the changelog topics. They exist, with a partition
// for each state partition, before Open is called; see TopicName and TopicConfig.
// Its methods are called from the goroutine that opens the tables.
type Changelog interface {
	// Bounds returns the offset of the oldest record that is still there, or end if
	// there is none, and the end that a reader of uncommitted records would see.
	Bounds(ctx context.Context, topic string, partition int32) (start, end int64, err error)
	// Replay calls fn with each committed record from offset from up to the end that
	// a reader of uncommitted records would see at the time of the call, in order, and
	// returns that end. A nil value is a tombstone, an empty one is not. The bytes are
	// valid during the call of fn. An error of fn ends the replay and is returned as it is.
	Replay(ctx context.Context, topic string, partition int32, from int64,
		fn func(offset int64, key, value []byte) error) (end int64, err error)
}

// Options say whose state is opened, and from where.
type Options struct {
	// Group and Connector own the state; with the step's name they make the topic.
	Group, Connector string
	// Steps are the stateful steps of the task, in the order of the chain.
	Steps []Step
	// Partitions are the state partitions that the task owns.
	Partitions []int32
	// Changelog reads the changelog topics.
	Changelog Changelog
	// HasOffsets reports whether the connector has committed an offset in a state
	// partition. Where it has, state that is missing or shorter than it was is refused.
	// Nil means no.
	HasOffsets func(partition int32) bool

	// Kind is the kind of store; empty means Memory.
	Kind Kind
	// Dir is a directory of the connector's own, which is made if missing. Its files
	// are named by topic and state partition, so that a partition that moves to another
	// task of the same worker finds them. Only one open Tables may own a partition.
	// Empty means no snapshot files, and is refused for Disk.
	Dir string
	// SnapshotBytes is how many changed bytes make a snapshot worth writing; it is
	// written when at least as much has changed as the table holds, too. Zero means 16 MiB.
	SnapshotBytes int64
	// SnapshotEvery is the time after which a snapshot is written with fewer changes.
	// Zero means five minutes.
	SnapshotEvery time.Duration
	// MaxAge is the age from which a local copy is not trusted, because tombstones of
	// the changelog may be gone by then. Zero means six days, one less than the
	// delete.retention.ms of TopicConfig.
	MaxAge time.Duration
	// CacheBytes bounds the block cache of Disk. Zero means 32 MiB.
	CacheBytes int64

	// Rand draws the number that tells one beginning of a changelog from another; nil
	// means crypto/rand.
	Rand io.Reader
	// Now is the clock; nil means time.Now.
	Now func() time.Time
	// Log gets warnings about local copies that are not used; nil means slog.Default.
	Log *slog.Logger
	// Crash is called at the named crash points; nil means none. It may be called from
	// any goroutine that works for the tables.
	Crash func(point string)
}

// withDefaults fills in what the options leave out.
func (o Options) withDefaults() Options {
	if o.Kind == "" {
		o.Kind = Memory
	}
	if o.SnapshotBytes == 0 {
		o.SnapshotBytes = 16 << 20
	}
	if o.SnapshotEvery == 0 {
		o.SnapshotEvery = 5 * time.Minute
	}
	if o.MaxAge == 0 {
		o.MaxAge = 6 * 24 * time.Hour
	}
	if o.CacheBytes == 0 {
		o.CacheBytes = 32 << 20
	}
	if o.HasOffsets == nil {
		o.HasOffsets = func(int32) bool { return false }
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Log == nil {
		o.Log = slog.Default()
	}
	if o.Rand == nil {
		o.Rand = rand.Reader
	}
	return o
}

func (o Options) check() error {
	if o.Kind != Memory && o.Kind != Disk {
		return fmt.Errorf("open state: the kind of store %q is neither %q nor %q", o.Kind, Memory, Disk)
	}
	if o.Kind == Disk && o.Dir == "" {
		return errors.New("open state: a store on disk needs a directory")
	}
	return nil
}

// stateName is the name of the step's state.
func (s Step) stateName() string {
	if s.Name != "" {
		return s.Name
	}
	return s.Alias
}
