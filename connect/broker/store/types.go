// SPDX-License-Identifier: Apache-2.0

package store

import "time"

// TopicID is the unique id of a topic; a topic created again under the same
// name has another one.
type TopicID [16]byte

// Topic describes a topic. It is a copy: changing it changes nothing.
type Topic struct {
	ID         TopicID
	Name       string
	Partitions int32
	// Configs are the keys that were set; see ConfigKeys for the defaults.
	Configs map[string]string
}

// TopicPartition names a partition.
type TopicPartition struct {
	Topic     string
	Partition int32
}

// Isolation says which records a reader sees.
type Isolation int8

const (
	// ReadUncommitted sees everything that was appended.
	ReadUncommitted Isolation = 0
	// ReadCommitted sees what lies below the last stable offset and is told
	// which of it was aborted.
	ReadCommitted Isolation = 1
)

// Fetched is the answer of Log.Read.
type Fetched struct {
	// Bytes are whole batches in offset order, appended to the caller's buffer.
	// The first batch may begin below the wanted offset; there may be gaps.
	Bytes []byte
	// HighWatermark is the offset after the last batch, LastStable the first
	// offset of the earliest open transaction or the high watermark, LogStart
	// the first offset that may be read.
	HighWatermark, LastStable, LogStart int64
	// Aborted lists, by first offset, the aborted transactions with records in
	// Bytes; only for ReadCommitted.
	Aborted []AbortedTxn
}

// AbortedTxn is an aborted transaction in one partition: all transactional
// records of the producer from FirstOffset up to the abort marker at LastOffset
// are to be ignored.
type AbortedTxn struct {
	ProducerID  int64
	FirstOffset int64
	LastOffset  int64
}

// Producer identifies a producer session.
type Producer struct {
	ID    int64
	Epoch int16
}

// TxnState is the state of a transactional id, named as Kafka's
// DescribeTransactions names it.
type TxnState string

// The states of a transactional id.
const (
	TxnEmpty          TxnState = "Empty"
	TxnOngoing        TxnState = "Ongoing"
	TxnPrepareCommit  TxnState = "PrepareCommit"
	TxnPrepareAbort   TxnState = "PrepareAbort"
	TxnCompleteCommit TxnState = "CompleteCommit"
	TxnCompleteAbort  TxnState = "CompleteAbort"
)

// TxnInfo describes a transactional id.
type TxnInfo struct {
	TransactionalID string
	Producer        Producer
	State           TxnState
	Timeout         time.Duration
	// Started is zero when no transaction is open.
	Started time.Time
	// Partitions are those of the open transaction, sorted.
	Partitions []TopicPartition
}

// ProducerInfo describes a producer that has written to a partition.
type ProducerInfo struct {
	Producer Producer
	// LastSequence is -1 when nothing was written in this epoch.
	LastSequence int32
	// LastTimestamp is the clock at the last write, in ms.
	LastTimestamp int64
	// TxnStartOffset is the first offset of the open transaction, -1 if none.
	TxnStartOffset int64
}

// GroupOffset is a committed offset of a consumer group.
type GroupOffset struct {
	Topic     string
	Partition int32
	// Offset is -1 in answers when only Pending is to be told.
	Offset int64
	// LeaderEpoch is -1 when the client gave none.
	LeaderEpoch int32
	Metadata    string
	// Committed is the clock at the commit; set by the store.
	Committed time.Time
	// Pending says that an open transaction holds a newer offset, so that a
	// reader that requires stable offsets has to wait.
	Pending bool
}

// Stats are counters and sizes of a store at one moment.
type Stats struct {
	Segments   int
	DiskBytes  int64 // of all segments
	LiveBytes  int64 // of batches that may still be read
	Spans      int   // index entries in memory, 40 bytes each
	Topics     int
	Partitions int
	Producers  int // remembered sessions, summed over partitions
	Groups     int
	OpenTxns   int

	Syncs          int64 // since Open
	CleanedRecords int64 // records removed by cleaning since Open
	RemovedBytes   int64 // bytes of removed segments since Open
}
