// SPDX-License-Identifier: Apache-2.0

package kafka

import "github.com/connectd/connectd/connect"

// Header is one header of a record; a nil Value is null.
type Header struct {
	Key   string
	Value []byte
}

// Record is one record as it stands in a partition. Nil key and value are null.
type Record struct {
	Key, Value []byte
	Headers    []Header
	// Timestamp is in milliseconds since the epoch.
	Timestamp int64
	// Offset is set by what reads; what writes leaves it.
	Offset int64
	// LogAppendTime says that the broker set the timestamp.
	LogAppendTime bool
}

// Size is about what the record takes in a batch.
func (r *Record) Size() int {
	n := len(r.Key) + len(r.Value) + recordOverhead
	for i := range r.Headers {
		n += len(r.Headers[i].Key) + len(r.Headers[i].Value) + 8
	}
	return n
}

// recordOverhead bounds the lengths, deltas and attributes of one record.
const recordOverhead = 21

// Isolation is the isolation level of reads.
type Isolation int8

// The isolation levels. ReadCommitted is the default of this package.
const (
	ReadCommitted Isolation = iota
	ReadUncommitted
)

// TopicPartition names a partition.
type TopicPartition = connect.TopicPartition

// TopicOffset is an offset in a partition, with the metadata of a commit.
type TopicOffset = connect.TopicOffset
