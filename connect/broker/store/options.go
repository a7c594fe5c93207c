// SPDX-License-Identifier: Apache-2.0

package store

import (
	"errors"
	"log/slog"
	"time"
)

// Options configure a store. Only Dir is required.
type Options struct {
	// Dir is created when it is missing. One process may have it open.
	Dir string
	// Now is the clock of retention, transaction time-outs and expiry; time.Now
	// when nil.
	Now func() time.Time
	// Log receives warnings of recovery and maintenance; discarded when nil.
	Log *slog.Logger
	// FS is the file layer; the operating system's when nil.
	FS FS
	// Crash, when set, is called at the named points of CrashPoints with the
	// point's name, so that a test can kill the process there.
	Crash func(point string)

	// SegmentBytes is the size at which a segment is sealed; default 64 MiB.
	SegmentBytes int64
	// MaxBatchBytes bounds a batch for topics without max.message.bytes; default
	// 1 MiB and 12 bytes, as Kafka. No topic may ask for more than 100 MiB.
	MaxBatchBytes int32
	// CheckRecords has all records of a batch that is appended verified, compressed ones
	// too, as Kafka does. Otherwise it is so for topics that are compacted, and the first
	// of an uncompressed batch for others.
	CheckRecords bool
	// Retention and RetentionBytes are the defaults of retention.ms (7 days)
	// and retention.bytes (1 GiB per partition); negative means no bound.
	Retention      time.Duration
	RetentionBytes int64
	// DeleteRetention is the default of delete.retention.ms (24 h).
	DeleteRetention time.Duration
	// ProducerExpiry is the idle time after which producers and transactional
	// ids are forgotten; default 7 days.
	ProducerExpiry time.Duration
	// MaxTxnTimeout bounds the time-out a transactional producer may ask for;
	// default 15 minutes.
	MaxTxnTimeout time.Duration

	// Tick is the pause between looks at transaction time-outs; default 500 ms.
	// Negative: no background work at all; Tick and Clean are then called by
	// the owner.
	TickEvery time.Duration
	// CleanEvery is the pause between rounds of retention and cleaning; default
	// 15 s.
	CleanEvery time.Duration
	// CleanBytesPerSecond bounds what background cleaning reads and writes;
	// default 32 MiB. Clean itself is not bounded.
	CleanBytesPerSecond int64
	// CleanKeys bounds the keys that one cleaning pass of a partition holds in
	// memory, about 50 bytes each; default 1,000,000. A partition with more
	// keys is cleaned in several passes.
	CleanKeys int

	// MaxPartitions (default 10,000), MaxProducers (default 20,000; ids that
	// are remembered per partition, and transactional ids), MaxGroups (default
	// 10,000) and MaxGroupOffsets (default 100,000 in all groups) bound the
	// memory that clients can claim.
	MaxPartitions   int
	MaxProducers    int
	MaxGroups       int
	MaxGroupOffsets int
}

func (o Options) withDefaults() (Options, error) {
	if o.Dir == "" {
		return o, errors.New("open store: Options.Dir is empty")
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.FS == nil {
		o.FS = osFS{}
	}
	if o.Crash == nil {
		o.Crash = func(string) {}
	}
	setDefault(&o.SegmentBytes, 64<<20)
	setDefault(&o.MaxBatchBytes, 1<<20+12)
	setDefault(&o.Retention, 7*24*time.Hour)
	setDefault(&o.RetentionBytes, 1<<30)
	setDefault(&o.DeleteRetention, 24*time.Hour)
	setDefault(&o.ProducerExpiry, 7*24*time.Hour)
	setDefault(&o.MaxTxnTimeout, 15*time.Minute)
	setDefault(&o.TickEvery, 500*time.Millisecond)
	setDefault(&o.CleanEvery, 15*time.Second)
	setDefault(&o.CleanBytesPerSecond, 32<<20)
	setDefault(&o.CleanKeys, 1_000_000)
	setDefault(&o.MaxPartitions, 10_000)
	setDefault(&o.MaxProducers, 20_000)
	setDefault(&o.MaxGroups, 10_000)
	setDefault(&o.MaxGroupOffsets, 100_000)
	return o, nil
}

func setDefault[T int | int32 | int64 | time.Duration](v *T, d T) {
	if *v == 0 {
		*v = d
	}
}

// CrashPoints lists the names that Options.Crash is called with, in the order
// of a batch's life.
var CrashPoints = []string{
	crashEndBeforeWrite, crashEndBeforeSync, crashEndAfterSync,
	crashRollBeforeCreate, crashRollBeforeSync, crashRollAfterSync,
	crashCleanBeforeCopy, crashCleanBeforeSync, crashCleanBeforeDrop, crashCleanBeforeRemove, crashCleanAfterRemove,
	crashRecoverBeforeCut, crashRecoverBeforeAbort, crashRecoverBeforeSync,
}

const (
	crashEndBeforeWrite     = "end-before-write"
	crashEndBeforeSync      = "end-before-sync"
	crashEndAfterSync       = "end-after-sync"
	crashRollBeforeCreate   = "roll-before-create"
	crashRollBeforeSync     = "roll-before-sync"
	crashRollAfterSync      = "roll-after-sync"
	crashCleanBeforeCopy    = "clean-before-copy"
	crashCleanBeforeSync    = "clean-before-sync"
	crashCleanBeforeDrop    = "clean-before-drop"
	crashCleanBeforeRemove  = "clean-before-remove"
	crashCleanAfterRemove   = "clean-after-remove"
	crashRecoverBeforeCut   = "recover-before-cut"
	crashRecoverBeforeAbort = "recover-before-abort"
	crashRecoverBeforeSync  = "recover-before-sync"
)
