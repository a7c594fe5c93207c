// SPDX-License-Identifier: Apache-2.0

package connect

// NoTimestamp and NoPartition stand for "none given": the road then takes the
// wall clock and the partition of the key.
const (
	NoTimestamp int64 = -1
	NoPartition int32 = -1
)

// TimestampType says who set a record's timestamp on the topics side.
type TimestampType uint8

// The timestamp types, with the names that the original prints.
const (
	CreateTime TimestampType = iota
	LogAppendTime
	NoTimestampType
)

// String returns CreateTime, LogAppendTime or NoTimestampType.
func (t TimestampType) String() string {
	switch t {
	case CreateTime:
		return "CreateTime"
	case LogAppendTime:
		return "LogAppendTime"
	default:
		return "NoTimestampType"
	}
}

// Header is one header of a record. Several headers may have one key; their
// order is kept. A nil Schema means schemaless.
type Header struct {
	Key    string
	Schema *Schema
	Value  Value
}

// Record is one record on its way. It belongs to a Batch: the Record and all that
// it aliases are valid until the batch has been committed. Values, structs, maps
// and headers are never changed in place: a transform that changes something sets
// a new value in the Record. The road relies on that: a value that is still the
// one that was decoded goes out with its raw bytes.
type Record struct {
	// Topic is where the record goes (sources) or came from (topics).
	Topic string
	// Partition is the partition of Topic; NoPartition leaves it to the key.
	Partition int32

	// Source is the connector's own number of the source partition; it is small,
	// and stable while the task runs. Unused on the topics side.
	Source int32
	// StatePartition is the partition of state that this record reads and writes.
	StatePartition int32

	TimestampType TimestampType
	// Timestamp is in milliseconds since the epoch; NoTimestamp for none.
	Timestamp int64

	KeySchema, ValueSchema *Schema
	Key, Value             Value
	Headers                []Header

	// Offset is the offset in Topic and Partition, on the topics side.
	Offset int64
	// Pos is the position of the record in the numbers of its connector; only
	// the connector reads it, in SourceTask.Position.
	Pos [3]int64

	// RawKey and RawValue are the bytes that key and value were made of, if the
	// input supplied them; nil otherwise. The error road prefers them.
	RawKey, RawValue []byte
	// Err is set by a source for a record that it could not decode: the road sends
	// it to the error road with stage TASK_POLL, or fails the task.
	Err error
}

// Position is what is stored of a source: which partition of it, and how far.
// Both are maps with string keys and values that are strings, numbers, booleans
// or null. The record that the offset was made of is done: a restart begins
// behind it.
type Position struct {
	Partition, Offset Value
	// Group, if its Topic is set, is committed to the group connect-<name> in the
	// same transaction, so that lag shows in the tools of Kafka.
	Group TopicOffset
}

// TopicPartition names one partition of a topic.
type TopicPartition struct {
	Topic     string
	Partition int32
}

// TopicOffset is a position in a partition: the offset of the next record.
type TopicOffset struct {
	TopicPartition
	Offset int64
	// Metadata is a short text that is kept with a committed offset.
	Metadata string
}

// Batch is what flows along the road: records in the order of their input, and
// the arena that they live in. The engine owns batches and uses them again after
// their commit; who fills or reads one must not keep any part of it.
type Batch struct {
	Records []Record
	Arena   Arena

	// Progress holds positions that were reached without a record, such as the
	// end of filtered-out traffic. They are committed after the records.
	Progress []Position
	// EndsTransaction says that the connector's own transaction ends with this
	// batch; it is read when transaction.boundary is "connector". One that lasts longer
	// than half of transaction.timeout.ms is committed in parts, at the positions of
	// its records.
	EndsTransaction bool
	// Tag belongs to the connector that filled the batch.
	Tag any

	// MaxRecords and MaxBytes are what the engine wants at most; Full tells.
	MaxRecords, MaxBytes int

	bytes int
}

// Add appends a record and returns it for filling: partition by key, no
// timestamp, everything else zero. The pointer is valid until the next Add.
// size is the record's share of the byte budget.
func (b *Batch) Add(size int) *Record {
	if len(b.Records) < cap(b.Records) {
		b.Records = b.Records[:len(b.Records)+1]
	} else {
		b.Records = append(b.Records, Record{})
	}
	r := &b.Records[len(b.Records)-1]
	*r = Record{Partition: NoPartition, Timestamp: NoTimestamp}
	b.bytes += size
	return r
}

// Full reports whether the engine wants no more records in this batch. A batch
// may exceed its limits by the record that reached them.
func (b *Batch) Full() bool {
	return len(b.Records) >= b.MaxRecords || b.bytes >= b.MaxBytes
}

// Bytes is the sum of the sizes given to Add.
func (b *Batch) Bytes() int { return b.bytes }

// Empty reports whether the batch holds neither records nor progress.
func (b *Batch) Empty() bool { return len(b.Records) == 0 && len(b.Progress) == 0 }

// Reset empties the batch for its next use; limits stay.
func (b *Batch) Reset() {
	clear(b.Records)
	b.Records, b.Progress = b.Records[:0], b.Progress[:0]
	b.EndsTransaction, b.Tag, b.bytes = false, nil, 0
	b.Arena.Reset()
}
